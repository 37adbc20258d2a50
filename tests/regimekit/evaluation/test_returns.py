"""Daily returns from trades: sums by hand, laws of days and closed spans, wrong arguments."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regimekit.evaluation.returns import counted, counted_days, daily_returns, days_between

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2026-03-01", tz="UTC")
SPAN_DAYS = 20
END = START + SPAN_DAYS * DAY

few = settings(max_examples=15)  # building frames is what takes time
minutes = st.integers(0, SPAN_DAYS * 24 * 60 - 1)


@st.composite
def trades(draw):
    """Trades within the span: opened, closed, profit."""
    rows = draw(st.lists(st.tuples(minutes, minutes, st.integers(-300, 300)), max_size=20))
    opened = [START + pd.Timedelta(minutes=min(first, last)) for first, last, _ in rows]
    ended = [START + pd.Timedelta(minutes=max(first, last)) for first, last, _ in rows]
    columns = {"opened_at": opened, "closed_at": ended}
    frame = pd.DataFrame(columns, dtype="datetime64[ms, UTC]")
    return frame.assign(profit_abs=[float(profit) for *_, profit in rows])


@st.composite
def spans(draw):
    """Closed spans within the time, of whole days or not."""
    edges = draw(st.lists(st.tuples(minutes, minutes), max_size=3))
    stamps = [sorted(edge) for edge in edges]
    return [
        (START + pd.Timedelta(minutes=first), START + pd.Timedelta(minutes=last + 1))
        for first, last in stamps
    ]


def returns_of(frame, *, closed=(), start=START, end=END):
    own = frame[counted(frame["opened_at"], frame["closed_at"], closed)]
    return daily_returns(
        own["closed_at"], own["profit_abs"], start=start, end=end, balance=10_000.0, closed=closed
    )


def at(text):
    return pd.Timestamp(text, tz="UTC")


def test_a_week_by_hand():
    closed_at = [at("2026-03-02 23:59"), at("2026-03-01 00:00"), at("2026-03-02 00:00")]
    returns = daily_returns(
        pd.DatetimeIndex(closed_at),
        [-50.0, 100.0, 252.0],
        start=START,
        end=START + 4 * DAY,
        balance=1_000.0,
    )
    assert returns == pytest.approx([0.1, 202 / 1_100, 0.0, 0.0])


@few
@given(trades())
def test_returns_compound_to_the_final_wallet(frame):
    wallet = 10_000.0 * np.prod(1 + returns_of(frame))
    assert wallet == pytest.approx(max(0.0, 10_000 + frame["profit_abs"].sum()))


@few
@given(trades(), st.randoms())
def test_the_order_of_trades_does_not_matter(frame, random):
    places = list(range(len(frame)))
    random.shuffle(places)
    assert returns_of(frame.iloc[places]) == pytest.approx(returns_of(frame))


@few
@given(trades(), spans())
def test_the_definition_day_by_day(frame, closed):
    wallet, expected = 10_000.0, []
    for number in range(SPAN_DAYS):
        day = START + number * DAY
        if any(first < day + DAY and last > day for first, last in closed):
            continue
        made = 0.0
        for trade in frame.itertuples():
            clear = all(
                trade.opened_at > last.ceil("D") or trade.closed_at < first.floor("D")
                for first, last in closed
            )
            made += trade.profit_abs if clear and trade.closed_at.floor("D") == day else 0.0
        expected.append(made / wallet)
        wallet += made
    assert returns_of(frame, closed=closed) == pytest.approx(expected)


@few
@given(trades(), spans())
def test_nothing_in_a_closed_span_makes_a_difference(frame, closed):
    clear = counted(frame["opened_at"], frame["closed_at"], closed)
    other = frame.assign(profit_abs=frame["profit_abs"].where(clear, 9e9))
    assert returns_of(other, closed=closed) == pytest.approx(returns_of(frame, closed=closed))


@few
@given(trades(), st.integers(1, SPAN_DAYS))
def test_later_days_do_not_change_earlier_ones(frame, days):
    end = START + days * DAY
    earlier = returns_of(frame[frame["closed_at"] < end], end=end)
    assert returns_of(frame)[:days] == pytest.approx(earlier)


@few
@given(trades(), st.integers(1, 1_000))
def test_returns_have_no_unit(frame, factor):
    scaled = daily_returns(
        frame["closed_at"],
        factor * frame["profit_abs"],
        start=START,
        end=END,
        balance=factor * 10_000.0,
    )
    assert scaled == pytest.approx(returns_of(frame))


@pytest.mark.parametrize(
    ("opened", "ended", "counts"),
    [
        ("2026-03-02 10:00", "2026-03-04 23:59", True),
        ("2026-03-02 10:00", "2026-03-05 00:00", False),
        ("2026-03-05 10:00", "2026-03-05 11:00", False),
        ("2026-03-02 10:00", "2026-03-12 11:00", False),
        ("2026-03-07 23:00", "2026-03-12 11:00", False),
        ("2026-03-08 00:00", "2026-03-12 11:00", False),
        ("2026-03-08 00:15", "2026-03-12 11:00", True),
    ],
)
@pytest.mark.parametrize(
    "span", [("2026-03-05", "2026-03-08"), ("2026-03-05 09:00", "2026-03-07 01:00")]
)
def test_a_trade_counts_unless_it_touches_a_day_of_the_span(opened, ended, counts, span):
    closed = [(at(span[0]), at(span[1]))]
    marks = counted(pd.DatetimeIndex([at(opened)]), pd.DatetimeIndex([at(ended)]), closed)
    assert marks.tolist() == [counts]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_unit_of_time_stamps_does_not_matter(unit):
    closed_at = pd.DatetimeIndex([at("2026-03-02 05:00")]).as_unit(unit)
    returns = daily_returns(closed_at, [10.0], start=START, end=START + 2 * DAY, balance=100.0)
    assert returns == pytest.approx([0.0, 0.1])


@pytest.mark.parametrize(
    ("end", "days"),
    [("2026-03-01", 1), ("2026-03-01 23:45", 1), ("2026-03-02", 1), ("2026-03-02 00:15", 2)],
)
def test_a_day_counts_once_it_has_begun_before_the_end(end, days):
    assert len(days_between(START, at(end))) == days


def test_the_first_day_counts_from_midnight():
    assert days_between(START + DAY / 2, END)[0] == START


def test_what_closes_on_the_last_candle_belongs_to_the_last_day():
    closed_at = pd.DatetimeIndex([END, END + pd.Timedelta(minutes=10)])
    returns = daily_returns(closed_at, [1.0, 2.0], start=START, end=END, balance=100.0)
    assert returns == pytest.approx([0.0] * (SPAN_DAYS - 1) + [0.03])


def test_a_ruined_wallet_stays_at_nothing():
    closed_at = pd.DatetimeIndex([START, START + DAY, START + 2 * DAY])
    end = START + 3 * DAY
    returns = daily_returns(closed_at, [50.0, -300.0, -5.0], start=START, end=end, balance=100.0)
    assert returns.tolist() == [0.5, -1.0, 0.0]


def test_without_trades_nothing_moves():
    nothing = pd.Series([], dtype=object)
    assert counted(nothing, nothing, [(START, END)]).tolist() == []
    assert daily_returns(nothing, [], start=START, end=END, balance=1.0).tolist() == [0.0] * 20


def test_days_that_are_closed_are_left_out():
    closed = [(START, START + DAY), (START + 3 * DAY + DAY / 2, START + 4 * DAY)]
    assert counted_days(START, START + 5 * DAY, closed).day.tolist() == [2, 3, 5]


@pytest.mark.parametrize(
    ("closed_at", "told"),
    [
        (START - pd.Timedelta(minutes=1), "2026-02-28 23:59:00\\+00:00, outside of 2026-03-01"),
        (END + DAY, "2026-03-22 00:00:00\\+00:00, outside of"),
        (START + 2 * DAY, "2026-03-03 00:00:00\\+00:00, in a closed span; leave out"),
    ],
)
def test_a_trade_without_a_day_is_an_error(closed_at, told):
    closed = [(START + 2 * DAY, START + 3 * DAY)]
    with pytest.raises(ValueError, match=told):
        daily_returns(
            pd.DatetimeIndex([closed_at]), [1.0], start=START, end=END, balance=1.0, closed=closed
        )


@pytest.mark.parametrize("balance", [0.0, -1.0, float("nan")])
def test_a_wallet_must_hold_something(balance):
    with pytest.raises(ValueError, match="balance must be above 0, was"):
        daily_returns(pd.DatetimeIndex([]), [], start=START, end=END, balance=balance)


def test_time_does_not_run_backward():
    with pytest.raises(ValueError, match="end must not be before start, was 2026-02-28"):
        days_between(START, START - DAY)
