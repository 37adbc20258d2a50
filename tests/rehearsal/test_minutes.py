"""Made-up minutes: every candle that is built from them is the recorded one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.minutes import LONGEST_HOLD, MINUTES, minutes_of
from replay.filters import fewest_decimals

COLUMNS = ["open", "high", "low", "close", "volume"]
START = pd.Timestamp("2026-01-05", tz="UTC")


def frame(rows: list[tuple[float, ...]]) -> pd.DataFrame:
    dates = pd.date_range(START, periods=len(rows), freq="15min", name="date")
    return pd.DataFrame(rows, columns=COLUMNS, index=dates).reset_index()


@st.composite
def candles(draw: st.DrawFn) -> pd.DataFrame:
    ticks = draw(
        st.lists(
            st.tuples(*[st.integers(1_000, 2_000) for _ in range(4)], st.floats(0, 1e6)),
            min_size=1,
            max_size=5,
        )
    )
    tick = draw(st.sampled_from([0.0001, 0.01, 1.0]))
    rows = []
    for first, second, third, fourth, volume in ticks:
        low, *between, high = sorted([first, second, third, fourth])
        begin, end = between if draw(st.booleans()) else between[::-1]
        rows.append((*(round(n * tick, 4) for n in (begin, high, low, end)), volume))
    return frame(rows)


holds = st.integers(0, LONGEST_HOLD)


@given(candles(), holds)
def test_fifteen_of_them_make_the_candle_again(recorded, hold):
    grouped = (
        minutes_of(recorded, hold)
        .resample("15min", on="date")
        .agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    )
    prices = ["open", "high", "low", "close"]
    assert (grouped[prices].to_numpy() == recorded[prices].to_numpy()).all(), "to the last bit"
    assert grouped["volume"].to_numpy() == pytest.approx(recorded["volume"].to_numpy())
    assert list(grouped.index) == list(recorded["date"])


@given(candles(), holds)
def test_the_price_never_jumps_within_a_candle_and_turns_only_at_ends_of_minutes(recorded, hold):
    path = minutes_of(recorded, hold)
    begins = path["open"].to_numpy().reshape(-1, MINUTES)
    ends = path["close"].to_numpy().reshape(-1, MINUTES)
    assert (begins[:, 1:] == ends[:, :-1]).all()
    assert (path["high"] == np.maximum(path["open"], path["close"])).all()
    assert (path["low"] == np.minimum(path["open"], path["close"])).all()


@given(candles(), st.integers(1, LONGEST_HOLD))
def test_it_holds_the_open_as_long_as_asked(recorded, hold):
    ends = minutes_of(recorded, hold)["close"].to_numpy().reshape(-1, MINUTES)
    assert (ends[:, :hold] == recorded["open"].to_numpy()[:, None]).all()


@given(candles(), holds)
def test_a_market_upside_down_takes_the_mirrored_path(recorded, hold):
    around = 10_000.0
    upside_down = recorded.assign(
        open=around - recorded["open"],
        high=around - recorded["low"],
        low=around - recorded["high"],
        close=around - recorded["close"],
    )
    moved = recorded["close"] != recorded["open"]  # a candle that ends where it began has no side
    path = minutes_of(recorded[moved], hold)["close"]
    mirrored = minutes_of(upside_down[moved], hold)["close"]
    prices = recorded[["open", "high", "low", "close"]].to_numpy().ravel()
    tick = 10.0 ** -fewest_decimals(prices, 8)  # a half may be rounded either way
    assert (around - mirrored).to_numpy() == pytest.approx(path.to_numpy(), abs=1.01 * tick)


def test_a_rising_candle_visits_its_low_first():
    path = minutes_of(frame([(10.0, 16.0, 4.0, 13.0, 15.0)]), hold=6)
    assert path["close"].tolist() == [10.0] * 6 + [8, 6, 4] + [8, 12, 16] + [15, 14, 13]
    assert path["volume"].tolist() == [1.0] * MINUTES
    assert path["date"].iloc[-1] == START + pd.Timedelta(minutes=14)
    assert str(path["date"].dtype) == "datetime64[ms, UTC]"


def test_prices_keep_the_decimals_of_the_candle():
    path = minutes_of(frame([(1.1, 1.7, 1.0, 1.2, 1.0)]), hold=5)
    assert (path["close"] == path["close"].round(1)).all()


@pytest.mark.parametrize("hold", [-1, 10])
def test_a_hold_that_leaves_no_room_is_refused(hold):
    with pytest.raises(ValueError, match=f"hold is {hold}, expected 0 to 9 minutes"):
        minutes_of(frame([(1.0, 1.0, 1.0, 1.0, 1.0)]), hold)
