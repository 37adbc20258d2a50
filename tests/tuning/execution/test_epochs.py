"""Freqtrade's lines become epochs: which trades count, on which days, and with which numbers."""

import json
from dataclasses import replace

import pytest

from tests.tuning.execution.test_execute import COMMON, SEARCH
from tuning.execution.epochs import read_epochs
from tuning.model import TuningError

FOUR_DAYS = replace(SEARCH, common=replace(COMMON, timerange="20260101-20260105"), closed=())


def trade(opened: str, ended: str, profit: float) -> dict[str, object]:
    stamps = {"open_date": f"2026-01-{opened}:00+00:00", "close_date": f"2026-01-{ended}:00+00:00"}
    return {**stamps, "profit_abs": profit, "pair": "BTC/USDT:USDT"}


def line(
    *trades: dict[str, object], number: int = 1, loss: float = -1.0, balance: int = 1000
) -> str:
    document = {
        "current_epoch": number,
        "loss": loss,
        "params_details": {"buy": {"adx": 20 + number}},
        "results_metrics": {"trades": trades, "starting_balance": balance},
    }
    return json.dumps(document)


def read(*lines: str, search=FOUR_DAYS):
    return read_epochs("\n".join(lines).encode() + b"\n", search)


def test_a_day_earns_what_closed_on_it_over_the_wallet_before():
    (epoch,) = read(
        line(
            trade("03 10:00", "03 12:00", -110.0),  # in no order: Freqtrade goes pair by pair
            trade("01 00:00", "01 23:59", 60.0),
            trade("01 04:00", "01 08:00", 40.0),
        )
    )
    assert epoch.returns == pytest.approx((0.1, 0.0, -0.1, 0.0))
    assert (epoch.number, epoch.trades, epoch.loss) == (1, 3, -1.0)
    assert epoch.parameters == {"buy": {"adx": 21}}


def test_a_trade_that_is_closed_at_the_end_belongs_to_the_last_day():
    (epoch,) = read(line(trade("04 10:00", "05 00:00", 50.0)))
    assert epoch.returns == (0.0, 0.0, 0.0, 0.05)


def test_closed_spans_take_their_trades_and_days_along():
    closed = (("2026-01-02T00:00:00+00:00", "2026-01-03T00:00:00+00:00"),)
    (epoch,) = read(
        line(
            trade("01 01:00", "01 02:00", 100.0),
            trade("01 23:00", "02 01:00", 500.0),  # reaches in
            trade("02 05:00", "02 06:00", 500.0),  # inside
            trade("02 23:00", "03 04:00", 500.0),  # reaches out
            trade("03 05:00", "03 06:00", 110.0),
        ),
        search=replace(FOUR_DAYS, closed=closed),
    )
    assert epoch.returns == pytest.approx((0.1, 0.1, 0.0))
    assert epoch.trades == 2


def test_epochs_without_a_trade_have_as_many_days_as_the_others():
    idle, busy = read(
        line(number=1, loss=100_000), line(trade("01 01:00", "01 02:00", 1.0), number=2)
    )
    assert len(idle.returns) == len(busy.returns) == 4
    assert (idle.trades, set(idle.returns), idle.loss) == (0, {0.0}, 100_000.0)


def test_epochs_are_in_order_of_number():
    assert [it.number for it in read(line(number=3), "", line(number=1))] == [1, 3]


def test_instants_may_have_fractions_of_a_second():
    odd = trade("01 01:00", "01 02:00", 10.0) | {"close_date": "2026-01-01 02:00:00.250000+00:00"}
    assert read(line(odd, trade("01 03:00", "01 04:00", 10.0)))[0].trades == 2


@pytest.mark.parametrize(
    "wrong",
    [
        "{",
        "[]",
        "{}",
        line().replace('"loss"', '"lost"'),
        line().replace('"trades"', '"traders"'),
        line(trade("01 01:00", "xx", 1.0)),
        line(trade("07 01:00", "09 01:00", 1.0)),  # outside of the search
        line(balance=0),
    ],
)
def test_what_is_no_epoch_is_refused(wrong):
    with pytest.raises(TuningError, match="epochs are not readable"):
        read(line(), wrong)
