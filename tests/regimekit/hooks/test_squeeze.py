"""One message when a squeeze risk begins, one when it ends, and never many."""

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace

import pandas as pd
import pytest
from freqtrade.enums import RunMode
from hypothesis import given
from hypothesis import strategies as st

from regimekit.hooks.base import PackStrategy
from regimekit.hooks.squeeze import QUIET, News, SqueezeMessages, Told
from tests.regimekit.hooks.fakes import PAIR, Silent

GRACE = timedelta(seconds=90)
START = datetime(2026, 1, 5, 8, 0, 20, tzinfo=UTC)
CANDLE = timedelta(minutes=15)
NAN = math.nan
L, S, U, END = News.LONGS_CROWDED, News.SHORTS_CROWDED, News.UNSEEN, News.OVER

risks = st.lists(st.sampled_from([0.0, 1.0, -1.0, NAN]), max_size=60)


def follow(values, told=None, start=START):
    """What is told at the close of each candle."""
    told, heard = told or Told(), []
    for bar, risk in enumerate(values):
        now = start + bar * CANDLE
        news = told.news(risk, now)
        if news:
            told.remember(news, now)
            heard.append((now, news))
    return heard


def kinds(values):
    return [news for _, news in follow(values)]


def stays(*values):
    """Each value for longer than the quiet time."""
    return [value for value in values for _ in range(QUIET // CANDLE + 1)]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([0.0, NAN, 0.0, NAN], []),
        (stays(0.0, 1.0, 0.0), [L, END]),
        (stays(0.0, -1.0, 0.0), [S, END]),
        (stays(1.0, -1.0, 0.0), [L, S, END]),
        (stays(1.0, 0.0, 1.0, 0.0), [L, END, L, END]),
        (stays(1.0, NAN, 0.0), [L, U, END]),
        (stays(1.0, NAN, 1.0), [L, U, L]),
        (stays(1.0, NAN, -1.0), [L, U, S]),
        (stays(NAN, -1.0, NAN), [S, U]),
    ],
)
def test_each_change_is_told_once(values, told):
    assert kinds(values) == told


def test_a_risk_that_comes_and_goes_is_told_once_an_hour():
    heard = follow([1.0, 0.0] * 6)
    assert [(now - START) // CANDLE for now, _ in heard] == [0, 1, 4, 5, 8, 9]
    assert [news for _, news in heard] == [L, END] * 3


@given(risks)
def test_the_same_news_waits(values):
    heard = follow(values)
    for kind in News:
        times = [now for now, news in heard if news is kind]
        assert all(later - earlier >= QUIET for earlier, later in pairwise(times))


@given(risks, st.sampled_from([0.0, 1.0, -1.0, NAN]))
def test_the_trader_knows_what_has_lasted_longer_than_the_quiet_time(values, last):
    told = Told()
    follow(values, told)
    heard = follow(stays(last), told, start=START + len(values) * CANDLE)
    if math.isnan(last):
        assert told.unseen or not told.side
    else:
        assert (told.side, told.unseen) == (last, False)
    assert len(heard) <= 1


@given(risks)
def test_news_is_news(values):
    """Nothing is told twice in a row, and only what was on can be unseen or over."""
    heard = [news for _, news in follow(values)]
    assert all(one is not other for one, other in pairwise(heard))
    assert heard[:1] in ([], [L], [S])
    assert all(one is not END or other is not U for one, other in pairwise(heard))


@given(risks)
def test_sides_are_told_alike(values):
    mirrored = {L: S, S: L, U: U, END: END}
    assert [mirrored[news] for news in kinds(values)] == kinds([-value for value in values])


class Inner(PackStrategy):
    """Another mixin with a loop of its own."""

    loops = 0

    def bot_loop_start(self, current_time, **kwargs):
        self.loops += 1


class Messages(Silent, SqueezeMessages, Inner):
    """The mixin alone, with a record of what it sends."""

    def __init__(self, runmode=RunMode.DRY_RUN, **settings):
        super().__init__({"regimekit": settings})
        self.sent = []
        self.frame = pd.DataFrame([{"funding_z": 2.44, "oi_z": NAN, "oi_change": 0.061}])
        self.dp = SimpleNamespace(
            runmode=runmode,
            current_whitelist=lambda: [PAIR],
            send_msg=self.sent.append,
            get_analyzed_dataframe=lambda pair, timeframe: (self.frame, None),
        )

    def see(self, *values, start=START):
        """Loop over candles that were decided with these values; None was not analyzed."""
        for bar, value in enumerate(values):
            decision = None if value is None else SimpleNamespace(squeeze_risk=value)
            self.decisions = {PAIR: SimpleNamespace(at=lambda moment, seen=decision: seen)}
            for seconds in (0, 5, 600):
                self.bot_loop_start(start + bar * CANDLE + timedelta(seconds=seconds))


def test_a_begin_says_who_is_crowded_how_much_and_what_is_done():
    messages = Messages()
    messages.see(0.0, 1.0, 1.0)
    (message,) = messages.sent
    assert message == (
        f"{PAIR} squeeze risk: longs are crowded (funding z 2.4, open interest +6.1 % in 2 h). "
        "Long entries are refused, open longs are trailed at 6.0 ATR."
    )


def test_an_end_says_what_is_possible_again():
    messages = Messages()
    messages.see(-1.0, 0.0)
    _, message = messages.sent
    assert message == (
        f"{PAIR} squeeze risk is over: shorts are no longer crowded. "
        "Short entries are possible again."
    )


def test_the_crowd_may_change_sides_in_one_message():
    messages = Messages()
    messages.see(1.0, -1.0)
    assert messages.sent[1].startswith(f"{PAIR} squeeze risk: shorts are crowded")


@pytest.mark.parametrize(
    ("outage", "then"),
    [
        ("abstain", "Short entries are not refused for it meanwhile."),
        ("block", "Entries of both sides are refused until they are back."),
    ],
)
@pytest.mark.parametrize("unseen", [NAN, None])
def test_an_outage_says_what_it_means(outage, then, unseen):
    messages = Messages(squeeze={"outage": outage})
    messages.see(-1.0, unseen, unseen)
    _, message = messages.sent
    assert message == (
        f"{PAIR} squeeze risk: that shorts are crowded cannot be seen any more, because its inputs "
        f"are missing or stale. {then}"
    )


def test_without_a_tighter_trail_none_is_promised():
    messages = Messages(squeeze={"tighten": False})
    messages.see(1.0)
    assert messages.sent[0].endswith("Long entries are refused.")


@pytest.mark.parametrize(
    "frame",
    [pd.DataFrame(), pd.DataFrame([{"close": 1.0}]), pd.DataFrame([{"oi_z": NAN}])],
)
def test_numbers_that_are_not_known_are_left_out(frame):
    messages = Messages()
    messages.frame = frame
    messages.see(1.0)
    assert messages.sent[0].startswith(f"{PAIR} squeeze risk: longs are crowded. Long")


def test_the_window_of_open_interest_is_that_of_the_settings():
    messages = Messages(inputs={"open_interest_change_bars": 3})
    messages.see(1.0)
    assert "open interest +6.1 % in 45 min" in messages.sent[0]


def test_messages_hold_nothing_that_telegram_takes_for_formatting():
    messages = Messages()
    messages.see(*stays(1.0, NAN, -1.0, 0.0))
    assert len(messages.sent) == 4
    assert not set("_*`[") & set("".join(messages.sent))


def test_a_candle_that_is_not_analyzed_yet_is_no_outage():
    """Right after a candle closed, its decision is some seconds away."""
    messages = Messages()
    messages.see(1.0)
    opened, decided = START + CANDLE - timedelta(seconds=20), SimpleNamespace(squeeze_risk=1.0)
    messages.decisions = {
        PAIR: SimpleNamespace(at=lambda moment: decided if moment < opened else None)
    }
    messages.bot_loop_start(opened + timedelta(seconds=5))
    assert len(messages.sent) == 1
    messages.bot_loop_start(opened + GRACE)
    assert len(messages.sent) == 2
    assert "cannot be seen" in messages.sent[1]


def test_a_restart_under_way_says_it_once():
    first = Messages()
    first.see(1.0, 1.0)
    again = Messages()
    again.decisions = {}
    again.bot_loop_start(START + 2 * CANDLE)
    again.see(1.0, 1.0, start=START + 2 * CANDLE)
    assert again.sent == first.sent
    assert len(again.sent) == 1


@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.HYPEROPT, RunMode.WEBSERVER])
def test_nothing_is_sent_where_nobody_trades(runmode):
    messages = Messages(runmode)
    messages.see(1.0, 0.0)
    assert not messages.sent


def test_nothing_is_sent_of_a_risk_that_changes_nothing():
    messages = Messages(squeeze={"enabled": False})
    messages.see(1.0, 0.0)
    assert not messages.sent


def test_the_loops_of_other_mixins_go_on():
    messages = Messages()
    messages.see(1.0)
    assert messages.loops == 3


def test_a_message_that_cannot_be_made_does_not_silence_other_pairs():
    messages = Messages()
    other = "ETH/USDT:USDT"
    messages.dp.current_whitelist = lambda: [PAIR, other]
    messages.dp.get_analyzed_dataframe = lambda pair, timeframe: (
        (None, None) if pair == PAIR else (messages.frame, None)
    )
    risky = SimpleNamespace(at=lambda moment: SimpleNamespace(squeeze_risk=1.0))
    messages.decisions = {PAIR: risky, other: risky}
    messages.bot_loop_start(START)
    messages.bot_loop_start(START + timedelta(seconds=5))
    assert [message.partition(" ")[0] for message in messages.sent] == [other]
