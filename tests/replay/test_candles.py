"""Laws of candles: grouping, the forming candle, windows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.candles import (
    DAY,
    HIGH,
    HOUR,
    INTERVALS,
    LOW,
    MINUTE,
    OPEN,
    TAKER_BUY_VOLUME,
    VOLUME,
    WEEK,
    Candles,
    Window,
    floor,
)

QUARTER = 15 * MINUTE
SLOWER = [interval for interval in INTERVALS.values() if interval > QUARTER]


@st.composite
def candle_series(draw, *, gaps: bool = False) -> Candles:
    """15m candles from some quarter hour on, on whole numbers so that sums are exact."""
    size = draw(st.integers(1, 300))
    first = draw(st.integers(0, 700)) * QUARTER
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    prices = rng.integers(100, 200, (size, 4))
    table = np.column_stack(
        [
            prices[:, 0],
            prices.max(axis=1),
            prices.min(axis=1),
            prices[:, 1],
            rng.integers(0, 1000, (size, 4)),
        ]
    ).astype(float)
    candles = Candles(QUARTER, first + QUARTER * np.arange(size), table)
    if gaps and size > 1:
        kept = rng.random(size) < 0.9
        kept[0] = True
        return candles[kept]
    return candles


def by_definition(candles: Candles, interval: int) -> dict[int, list[float]]:
    """Group in a loop: what `Candles.grouped` must equal."""
    groups: dict[int, list[np.ndarray]] = {}
    for opens_at, row in zip(candles.opens_at, candles.table, strict=True):
        groups.setdefault(int(floor(np.array([opens_at]), interval)[0]), []).append(row)
    return {
        begin: [
            rows[0][0],
            max(row[1] for row in rows),
            min(row[2] for row in rows),
            rows[-1][3],
            *(sum(row[column] for row in rows) for column in range(4, 8)),
        ]
        for begin, rows in groups.items()
        if len(rows) == interval // candles.interval
    }


@given(candle_series(gaps=True), st.sampled_from(SLOWER))
def test_grouping_matches_the_loop(candles, interval):
    grouped = candles.grouped(interval)
    assert dict(
        zip(grouped.opens_at.tolist(), grouped.table.tolist(), strict=True)
    ) == by_definition(candles, interval)


@given(candle_series())
def test_grouping_twice_is_grouping_once(candles):
    once, twice = candles.grouped(4 * HOUR), candles.grouped(HOUR).grouped(4 * HOUR)
    np.testing.assert_array_equal(once.opens_at, twice.opens_at)
    np.testing.assert_array_equal(once.table, twice.table)


@given(candle_series(), st.sampled_from([QUARTER, *SLOWER]), st.data())
def test_the_forming_candle_grows_into_the_final_one(candles, interval, data):
    final = candles.grouped(interval)
    if not len(final):
        return
    row = data.draw(st.integers(0, len(final) - 1))
    opens_at = int(final.opens_at[row])
    early, late = sorted(data.draw(st.integers(0, interval - 1)) for _ in range(2))
    [earlier] = candles.forming(interval, opens_at + early).table
    [later] = candles.forming(interval, opens_at + late).table
    for partial, whole in ((earlier, later), (later, final.table[row])):
        assert partial[OPEN] == whole[OPEN]
        assert partial[HIGH] <= whole[HIGH]
        assert partial[LOW] >= whole[LOW]
        assert (partial[VOLUME:] <= whole[VOLUME:]).all()


@given(candle_series(), st.integers(-DAY, 20 * DAY))
def test_closed_and_forming_never_overlap(candles, now):
    closed, forming = candles.closed(now), candles.forming(QUARTER, now)
    assert (closed.opens_at + QUARTER <= now).all()
    assert ((forming.opens_at <= now) & (now < forming.opens_at + QUARTER)).all()


@given(candle_series(), st.integers(0, 20 * DAY))
def test_the_latest_price_is_an_open_until_the_close(candles, now):
    latest = candles.latest_price(now)
    seen = [row for row in range(len(candles)) if candles.opens_at[row] <= now]
    if not seen:
        assert latest is None
        return
    opens_at, row = int(candles.opens_at[seen[-1]]), candles.table[seen[-1]]
    expected = (opens_at, row[0]) if now < opens_at + QUARTER else (opens_at + QUARTER, row[3])
    assert latest == expected


stamp_lists = st.lists(st.integers(0, 50), unique=True, max_size=30).map(sorted)
bounds = st.none() | st.integers(-5, 55)


@given(stamp_lists, bounds, bounds, st.integers(1, 20))
def test_a_window_is_the_first_rows_after_a_start_and_else_the_last(stamps, start, end, limit):
    inside = [
        stamp
        for stamp in stamps
        if (start is None or stamp >= start) and (end is None or stamp <= end)
    ]
    expected = inside[-limit:] if start is None else inside[:limit]
    array = np.array(stamps, dtype=np.int64)
    assert array[Window(start, end, limit).of(array)].tolist() == expected


def test_weeks_begin_on_monday():
    monday = 1_767_571_200_000  # 2026-01-05
    stamps = np.array([monday - 1, monday, monday + WEEK - 1, monday + WEEK])
    assert (floor(stamps, WEEK) - monday).tolist() == [-WEEK, 0, 0, WEEK]


def test_a_candle_with_a_hole_is_not_complete():
    candles = Candles(QUARTER, QUARTER * np.arange(3), np.ones((3, 8)))
    candles.table[1, HIGH] = np.nan
    candles.table[2, TAKER_BUY_VOLUME] = np.nan  # taker flow may be unknown
    assert candles.complete().opens_at.tolist() == [0, 2 * QUARTER]


@pytest.mark.parametrize("missing", [slice(0, 1), slice(1, 2), slice(3, 4)])
def test_a_forming_candle_needs_both_ends(missing):
    candles = Candles(QUARTER, QUARTER * np.arange(4), np.ones((4, 8)))
    kept = np.ones(4, dtype=bool)
    kept[missing] = False
    forming = candles[kept].forming(HOUR, 50 * MINUTE)
    assert len(forming) == (1 if missing.start == 1 else 0)
