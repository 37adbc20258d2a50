"""A defect that is put into one side comes out unexplained: no cause covers it by being wide.

Each side of `sound` differs from the other as a bot does from a backtest (later, a tick away, under
another name), for causes that are proved. Whatever else is wrong has to stand out from that.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from providers.storage.journal import decisions_frame
from rehearsal.causes import Cause
from rehearsal.parity import Parity, pauses
from rehearsal.records import ORDERS, Record, heartbeats
from tests.rehearsal.sides import (
    BTC,
    ETH,
    STEP,
    TOLERANCES,
    above,
    candle,
    decision,
    decisions,
    down,
    flat,
    parity,
    record,
    refusal,
    trade,
    typed,
)

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
STOPPED = trade()["closed_at"]
# A loop about once a minute, as Freqtrade logs it.
BEATS = tuple(candle(-1) + 10 * SECOND + number * 62 * SECOND for number in range(520))
# As in a rehearsal at 120 times the real speed: an analysis is eight minutes of market.
FAST = replace(
    TOLERANCES,
    analysis=timedelta(minutes=8),
    late=timedelta(minutes=8),
    order=timedelta(minutes=1),
)


def bought(**changes: Any) -> dict[str, Any]:
    """The bot's trade: a tick dearer, its stop an order on the exchange, noticed a loop later."""
    own = {
        "opened_at": candle(4) + 130 * SECOND,
        "open_rate": 100.1,
        "initial_stop": 80.1,
        "stop": 98.1,
        "close_rate": 98.1,
        "closed_at": STOPPED + 75 * SECOND,
        "exit_reason": "stoploss_on_exchange",
    }
    return trade(**(own | changes))


def compared(live: Record, backtest: Record | None = None, **options: Any) -> Parity:
    """Compare under a fast clock, in minutes that leave a day's range and not more."""
    minutes = {BTC: above(98.5, candle(4), STOPPED), ETH: flat()}
    theirs = record(trade()) if backtest is None else backtest
    return parity(live, theirs, **({"tolerances": FAST, "minutes": minutes} | options))


def bot(*rows: dict[str, Any], **changes: Any) -> Record:
    return record(*rows, **({"beats": BEATS} | changes))


def codes(found: Parity) -> dict[str, str]:
    """What differs of BTC, and the cause of each."""
    return {
        f"{one.finding.what}{'' if one.finding.live is None else ' by the bot'}"
        if one.finding.what == "missing"
        else one.finding.what: one.verdict.code
        for one in found.differences
        if one.finding.pair == BTC
    }


def test_what_a_bot_does_otherwise_by_nature_is_explained():
    assert codes(compared(bot(bought()))) == {
        "price": "STOP_IN_CANDLE",  # of the exit; that of the entry comes before
        "initial stop": "FILL_PRICE",
        "reason": "STOP_ON_EXCHANGE",
        "time": "THROTTLE",
    }
    assert compared(bot(bought())).ok


# Defects of the trade that the bot made, and the difference in which each has to show.
DEFECTS: dict[str, tuple[dict[str, Any], str]] = {
    "stake a third too large": ({"stake": 390.0}, "stake"),
    "stake two percent too large": ({"stake": 306.0}, "stake"),
    "leverage lower": ({"leverage": 2.0}, "leverage"),
    "tag of another regime": ({"enter_tag": "ranging:mean_reversion"}, "tag"),
    "first stop a percent off": ({"initial_stop": 79.3}, "initial stop"),
    "plan with a wider stop": ({"plan_risk": 2.1}, "risk"),
    "stop a percent too low": ({"stop": 97.1}, "reason"),
    "stop a percent too high": ({"stop": 99.1}, "reason"),
    "stop and fill half a percent off": ({"stop": 98.6, "close_rate": 98.6}, "reason"),
    "stop off, and another best price": ({"stop": 97.1, "best": 100.5}, "reason"),
    "exit three candles late": ({"closed_at": STOPPED + 3 * STEP}, "time"),
    "exit five minutes late": ({"closed_at": STOPPED + 5 * MINUTE}, "time"),
    "late, and another best price": (
        {"closed_at": STOPPED + 3 * STEP, "best": 100.5},
        "time",
    ),
    "exit a candle early": ({"closed_at": STOPPED - STEP}, "time"),
    "exit for another reason": ({"exit_reason": "momentum_decay"}, "reason"),
    "entry a percent dearer": ({"open_rate": 101.1}, "price"),
    "entry ten minutes after the close": ({"opened_at": candle(4) + 10 * MINUTE}, "time"),
    "still open": ({"closed_at": pd.NaT, "close_rate": math.nan, "exit_reason": ""}, "state"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_of_a_trade_is_unexplained(name):
    changes, what = DEFECTS[name]
    found = compared(bot(bought(**changes)))
    assert Cause.UNEXPLAINED in {
        one.verdict.cause for one in found.differences if one.finding.what == what
    }


def test_the_price_of_an_exit_that_nobody_can_explain_is_not_explained_either():
    late = bought(closed_at=STOPPED + 3 * STEP, close_rate=99.0)
    prices = [one for one in compared(bot(late)).differences if one.finding.what == "price"]
    assert [one.verdict.cause for one in prices] == [Cause.FILL_PRICE, Cause.UNEXPLAINED]


FIRST = trade(0, closed_at=candle(2))
EARLIER = FIRST | {"stake": 310.0}  # so that an earlier difference exists
LIVES: dict[str, tuple[Callable[[], Record], Callable[[], Record]]] = {
    "wrong side": (lambda: bot(EARLIER, bought(side="short")), lambda: record(FIRST, trade())),
    "a candle later": (
        lambda: bot(bought(opened_at=candle(5) + 130 * SECOND)),
        lambda: record(trade()),
    ),
    "missing": (lambda: bot(EARLIER), lambda: record(FIRST, trade())),
    "extra": (lambda: bot(EARLIER, bought()), lambda: record(FIRST)),
    "extra while both hold the pair": (
        lambda: bot(EARLIER, bought(), bought(opened_at=candle(5) + 130 * SECOND)),
        lambda: record(FIRST, trade()),
    ),
    "extra without a decision, where the other had no place": (
        lambda: bot(EARLIER, bought(), signals=decisions({(3, BTC): {"entry": 0}})),
        lambda: record(
            *(trade(number, ETH, closed_at=candle(9)) for number in (0, 1, 2)),
            signals=decisions({(3, BTC): {"entry": 0}}),
        ),
    ),
}


@pytest.mark.parametrize("name", LIVES)
def test_a_trade_too_many_or_too_few_is_unexplained(name):
    live, backtest = (make() for make in LIVES[name])
    for found in (compared(live, backtest), compared(backtest, live)):
        missing = [d for d in found.differences if d.finding.what == "missing"]
        assert any(not d.explained for d in missing if d.finding.pair == BTC)


def test_opposite_sides_are_not_each_others_excuse():
    live, backtest = (make() for make in LIVES["wrong side"])
    found = compared(live, backtest)
    assert [d.verdict.cause for d in found.differences if d.finding.what == "missing"] == [
        Cause.UNEXPLAINED
    ] * 2


@pytest.mark.parametrize(
    ("live", "files"),
    [
        ({"entry": -1}, {}),
        ({"entry": -1, "state_4h": 1}, {}),  # an input that is late turns nothing round
        ({"entry": 1, "state_4h": 1}, {"entry": 0}),  # nor does it make an entry
        ({"entry": -1, "funding_age_hours": 9.0}, {}),
        ({"entry": 0}, {}),
        ({"close": 100.1, "state_1h": 1, "entry": 0}, {}),
    ],
)
def test_a_decision_that_no_input_gives_is_unexplained(live, files):
    sides = (record(signals=decisions({(3, BTC): row})) for row in (live, files))
    assert [d.verdict.cause for d in compared(*sides).differences] == [Cause.UNEXPLAINED]


def test_a_trade_against_its_own_decision_is_unexplained_whatever_a_ledger_says():
    quiet = decisions({(3, BTC): {"entry": 0}})
    found = compared(
        bot(bought(), signals=quiet),
        record(signals=quiet, refusals=refusal("reward")),
    )
    assert codes(found)["missing by the bot"] == "UNEXPLAINED"


def test_a_reward_gate_needs_another_price():
    said = refusal("reward").assign(rate=100.0)
    assert codes(compared(bot(refusals=said))) == {"missing": "UNEXPLAINED"}
    said = refusal("reward").assign(rate=100.4)
    assert codes(compared(bot(refusals=said))) == {"missing": "GATE_REWARD"}


@pytest.mark.parametrize("gate", ["hour", "day", "cooldown", "same_direction"])
def test_a_gate_that_counts_trades_does_not_follow_from_a_stake(gate):
    live = bot(EARLIER, refusals=refusal(gate))
    assert codes(compared(live, record(FIRST, trade())))["missing"] == "UNEXPLAINED"


# When the bot looked


@pytest.mark.parametrize(("seconds", "noticed"), [(80, True), (300, False)])
def test_the_log_tells_how_long_a_loop_took(seconds, noticed):
    """Under a fast clock an analysis may take eight minutes; here no candle closed."""
    late = bot(bought(closed_at=STOPPED + seconds * SECOND))
    assert codes(compared(late))["time"] == ("THROTTLE" if noticed else "UNEXPLAINED")


def test_a_loop_that_hung_is_seen_in_the_log_up_to_what_an_analysis_may_take():
    hung = tuple(beat for beat in BEATS if not STOPPED < beat < STOPPED + 6 * MINUTE)
    late = bot(bought(closed_at=STOPPED + 5 * MINUTE), beats=hung)
    assert codes(compared(late))["time"] == "THROTTLE"
    hung = tuple(beat for beat in BEATS if not STOPPED < beat < STOPPED + 30 * MINUTE)
    late = bot(bought(closed_at=STOPPED + 29 * MINUTE), beats=hung)
    assert codes(compared(late))["time"] == "UNEXPLAINED"


@pytest.mark.parametrize(("minute", "noticed"), [(1, True), (9, False)])
def test_without_a_log_only_a_close_gives_time_for_an_analysis(minute, noticed):
    began = candle(12) + minute * MINUTE
    theirs = trade(closed_at=began)
    ours = bought(closed_at=began + 5 * MINUTE)
    found = compared(bot(ours, beats=()), record(theirs), minutes={BTC: flat(), ETH: flat()})
    assert codes(found)["time"] == ("THROTTLE" if noticed else "UNEXPLAINED")


def test_heartbeats_are_read_from_the_log(tmp_path):
    log = tmp_path / "bot.log"
    log.write_text(
        "2026-01-05 00:01:02,500 - freqtrade.worker - INFO - Bot heartbeat. PID=1\n"
        "2026-01-05 00:01:09,000 - freqtrade.wallets - INFO - Wallets synced.\n"
        "torn Bot heartbeat\n"
    )
    assert heartbeats(log) == (candle(0) + 62.5 * SECOND,)
    assert heartbeats(tmp_path / "none.log") == ()


def test_a_pause_begins_with_the_last_sign_of_life():
    started = candle(9) + 7 * MINUTE
    beats = tuple(beat for beat in BEATS if beat < started - 2 * MINUTE)
    (pause,) = pauses(record(starts=(candle(-4), started), beats=beats))
    assert started - pause.begin < 4 * MINUTE


# When the bot could not act


def test_a_bot_that_analyzed_in_time_and_stayed_up_is_not_excused_by_a_restart_later():
    before = down(4, 0, "killed")
    later = replace(before, begin=candle(4) + 6 * MINUTE, end=candle(4) + 7 * MINUTE)
    assert codes(compared(bot(), down=(later,))) == {"missing": "UNEXPLAINED"}
    at_once = replace(later, begin=candle(4) + 8 * SECOND)
    assert codes(compared(bot(), down=(at_once,))) == {"missing": "DOWN"}


def test_a_pair_that_was_late_alone_does_not_excuse_one_that_had_its_turn():
    slow = {(3, ETH): {"at": (candle(4) + 10 * MINUTE).isoformat()}}
    other = "SOL/USDT:USDT"
    rows = [decision(number, other) for number in range(-1, 32)]
    signals = pd.concat([decisions(slow), decisions_frame(rows)], ignore_index=True)
    third = trade(4, other, opened_at=candle(4) + 40 * SECOND)
    live = bot(third, signals=signals)
    theirs = record(trade(), third, signals=signals)
    assert codes(compared(live, theirs)) == {"missing": "UNEXPLAINED"}
    assert codes(compared(bot(signals=signals), theirs)) == {"missing": "LATE_ANALYSIS"}


def test_an_order_after_our_turn_is_no_excuse():
    """ETH is analyzed after BTC, so it is ordered after it."""
    behind = {(3, ETH): {"at": (candle(4) + 9 * SECOND).isoformat()}}
    other = trade(4, ETH, opened_at=candle(4) + 470 * SECOND)
    signals = decisions(behind)
    found = compared(
        bot(other, signals=signals), record(trade(), trade(4, ETH), signals=decisions(behind))
    )
    assert codes(found) == {"missing": "UNEXPLAINED"}


def test_the_price_of_an_entry_is_that_of_its_order():
    """It was traded in this candle, but long before the bot ordered."""
    minutes = flat().copy()
    minutes.loc[minutes["date"] >= candle(4) + 3 * MINUTE, "low"] = 100.6
    priced = bot(bought(opened_at=candle(4) + 7 * MINUTE))
    found = compared(priced, minutes={BTC: minutes, ETH: flat()})
    entry, *_ = (d for d in found.differences if d.finding.what == "price")
    assert entry.verdict.cause is Cause.UNEXPLAINED
    order = dict.fromkeys(ORDERS) | {
        "trade_id": 4, "pair": BTC, "side": "buy", "kind": "limit", "status": "closed",
        "amount": 9.0, "filled": 9.0, "rate": 100.1,
        "ordered_at": candle(4) + 2 * MINUTE, "filled_at": candle(4) + 7 * MINUTE,
    }  # fmt: skip
    resting = replace(priced, orders=typed([order], ORDERS))
    found = compared(resting, minutes={BTC: minutes, ETH: flat()})
    entry, *_ = (d for d in found.differences if d.finding.what == "price")
    assert entry.verdict.cause is Cause.FILL_PRICE
