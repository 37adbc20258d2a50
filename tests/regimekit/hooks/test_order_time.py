"""What the order book and the news say about an order, from rows that were known by then."""

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.datasets import news, order_book
from providers.live.snapshots import Snapshots
from providers.storage.history import append_recording
from regimekit.hooks import order_time as module
from regimekit.hooks.feed import LiveRows
from regimekit.hooks.order_time import OrderTimeFilters
from regimekit.hooks.rows import StoreRows
from regimekit.schema import Gate, Side
from tests.regimekit.hooks.fakes import OPENED, PAIR, Silent

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
OTHER_PAIR = "ETH/USDT:USDT"


class Asking(Silent, OrderTimeFilters):
    """Asks and decides nothing."""


class Rows:
    """A row source in memory."""

    def __init__(self, **frames: pd.DataFrame):
        self.frames = frames

    def rows(self, dataset, pair):
        return self.frames.get(dataset, pd.DataFrame()) if pair == PAIR else pd.DataFrame()


def stamped(dates, known_at, **values) -> pd.DataFrame:
    dates, known = (
        pd.Series(pd.DatetimeIndex(list(moments), tz="UTC")).dt.as_unit("ms")
        for moments in (dates, known_at)
    )
    return pd.DataFrame({"date": dates} | values | {"known_at": known}).assign(quality=0)


def book(*snapshots: tuple[float, float, float]) -> pd.DataFrame:
    """Rows of the dataset from (seconds after OPENED, volume of bids, of asks)."""
    at = [OPENED + second * SECOND for second, _, _ in snapshots]
    bids, asks = ([row[side] for row in snapshots] for side in (1, 2))
    volumes = {f"{side}_volume_{depth}": of for side, of in (("bid", bids), ("ask", asks))
               for depth in (10, 50)}  # fmt: skip
    return stamped(at, at, best_bid=99.0, best_ask=100.0, **volumes).astype({"best_bid": float})


def headlines(*rows: tuple[str, float, float, float, float]) -> pd.DataFrame:
    """Rows from (url, hours after OPENED published, and known, positive, negative votes)."""
    frame = stamped(
        [OPENED + row[1] * HOUR for row in rows],
        [OPENED + row[2] * HOUR for row in rows],
        **dict.fromkeys(news.DATASET.values, 0.0),
        title="a title",
        url=[row[0] for row in rows],
        currencies="BTC",
    )
    return frame.assign(
        votes_positive=[float(row[3]) for row in rows],
        votes_negative=[float(row[4]) for row in rows],
    )


def strategy(source=None, **filters) -> Asking:
    asking = Asking({"regimekit": {"filters": filters}})
    asking.datasets = source or Rows()
    return asking


def said(asking, side=Side.LONG, moment=OPENED, pair=PAIR):
    return {it.gate: it for it in asking.order_time_verdicts(pair, side, moment)}


def test_book_and_news_are_asked_in_this_order():
    asking = strategy(Rows(order_book=book((-5, 30, 10)), news=headlines(("a", -2, -1, 2, 18))))
    verdicts = asking.order_time_verdicts(PAIR, Side.LONG, OPENED)
    assert [(it.gate, it.allows, it.bonus, it.available) for it in verdicts] == [
        (Gate.ORDER_BOOK, True, 0.08, True),
        (Gate.NEWS, True, -0.15, True),
    ]
    assert [it.bonus for it in asking.order_time_verdicts(PAIR, Side.SHORT, OPENED)] == [
        -0.10, 0.05,
    ]  # fmt: skip


@settings(max_examples=20)
@given(st.floats(0.1, 100), st.floats(0.1, 100))
def test_the_sides_are_mirror_images(bids, asks):
    one, mirrored = (
        strategy(Rows(order_book=book((-5, bids, asks)))),
        strategy(Rows(order_book=book((-5, asks, bids)))),
    )
    for side, other in ((Side.LONG, Side.SHORT), (Side.SHORT, Side.LONG)):
        assert said(one, side) == said(mirrored, other)


@settings(max_examples=25)
@given(st.lists(st.integers(-90, 90), min_size=1, max_size=8, unique=True), st.integers(-60, 60))
def test_the_future_cannot_change_a_verdict(seconds, at):
    whole = book(*[(second, 1 + second % 5, 3) for second in seconds])
    moment = OPENED + at * SECOND
    known = whole[whole["known_at"] <= moment]
    assert said(strategy(Rows(order_book=whole)), moment=moment) == said(
        strategy(Rows(order_book=known)), moment=moment
    )


@pytest.mark.parametrize(("policy", "allowed"), [("block", False), ("abstain", True)])
def test_what_is_missing_follows_the_policy_and_is_told_once(policy, allowed, caplog):
    caplog.set_level("INFO")
    asking = strategy(book_outage=policy, news_outage=policy)
    for moment in (OPENED, OPENED + HOUR):
        for verdict in said(asking, moment=moment).values():
            assert (verdict.allows, verdict.bonus, verdict.available) == (allowed, 0.0, False)
    assert len(caplog.records) == 2
    assert ("abstains" if allowed else "refuses the order") in caplog.text
    assert "order_book filter" in caplog.text
    assert "news filter" in caplog.text


def test_a_stale_book_is_missing():
    asking = strategy(Rows(order_book=book((-31, 30, 10))))
    assert not said(asking)[Gate.ORDER_BOOK].available
    assert said(asking, moment=OPENED - SECOND)[Gate.ORDER_BOOK].bonus == 0.08


def test_the_limits_are_settings():
    rows = Rows(order_book=book((-50, 30, 10)), news=headlines(("a", -30, -29, 3, 1)))
    asking = strategy(
        rows, book_max_age_seconds=60, news_max_age_hours=48, news_least_votes=4,
        book_bonus=0.2, news_sentiment=0.6,
    )  # fmt: skip
    found = said(asking)
    assert (found[Gate.ORDER_BOOK].bonus, found[Gate.NEWS].available) == (0.2, True)
    assert found[Gate.NEWS].bonus == 0.0


@pytest.mark.parametrize(
    ("switches", "gates"),
    [
        ({"order_book": False}, {Gate.NEWS}),
        ({"news": False}, {Gate.ORDER_BOOK}),
        ({"order_book": False, "news": False}, set()),
    ],
)
def test_what_is_switched_off_says_nothing(switches, gates, caplog):
    caplog.set_level("INFO")
    assert said(strategy(**switches)).keys() == gates
    assert len(caplog.records) == len(gates)


def test_rows_are_prepared_once_until_there_are_others(monkeypatch):
    prepared = []
    monkeypatch.setattr(
        module, "Books", lambda rows, make=module.Books: prepared.append(len(rows)) or make(rows)
    )
    source = Rows(order_book=book((-5, 30, 10)))
    asking = strategy(source, news=False)
    for _ in range(3):
        assert said(asking)[Gate.ORDER_BOOK].bonus == 0.08
    source.frames["order_book"] = book((-5, 30, 10), (-1, 10, 30))
    assert said(asking)[Gate.ORDER_BOOK].bonus == -0.10
    assert prepared == [1, 2]


def test_pairs_do_not_share_a_book():
    asking = strategy(Rows(order_book=book((-5, 30, 10))))
    assert said(asking)[Gate.ORDER_BOOK].available
    assert not said(asking, pair=OTHER_PAIR)[Gate.ORDER_BOOK].available


def test_a_backtest_reads_what_was_recorded_and_abstains_elsewhere(tmp_path):
    append_recording(tmp_path, order_book.DATASET, PAIR, book((-86_410, 10, 30), (-10, 30, 10)))
    append_recording(tmp_path, news.DATASET, PAIR, headlines(("a", -9, -8, 30, 0)))
    asking = strategy(StoreRows(tmp_path, "15m"))
    found = said(asking)
    assert (found[Gate.ORDER_BOOK].bonus, found[Gate.NEWS].bonus) == (0.08, 0.05)
    yesterday = said(asking, moment=OPENED - 86_400 * SECOND)
    assert yesterday[Gate.ORDER_BOOK].bonus == -0.10
    assert not yesterday[Gate.NEWS].available
    assert not said(asking, moment=OPENED - HOUR)[Gate.ORDER_BOOK].available


def test_a_live_bot_and_a_backtest_say_the_same(tmp_path):
    snapshots = Snapshots({"order_book": 30 * SECOND})
    bids = [30, 10, 20, 11, 30]
    for number, volume in enumerate(bids):
        row = book((15 * number, volume, 20))
        append_recording(tmp_path, order_book.DATASET, PAIR, row)
    recorded = strategy(StoreRows(tmp_path, "15m"), news=False)
    live = strategy(LiveRows(snapshots, Rows()), news=False)
    for number, volume in enumerate(bids):
        row, received = book((15 * number, volume, 20)), OPENED + 15 * number * SECOND
        snapshots.accept(order_book.DATASET, PAIR, row, pd.Timestamp(received))
        for second in (0, 7, 14):
            moment = received + second * SECOND
            assert said(live, moment=moment) == said(recorded, moment=moment)
    assert said(live, moment=received)[Gate.ORDER_BOOK].bonus == 0.08
