"""The laws of the derived columns on rows that the market wrote, with its gaps and its noise."""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from regimekit.derivatives.flow import cvd, divergence_events
from regimekit.derivatives.funding import funding_z
from regimekit.derivatives.open_interest import open_interest_events
from regimekit.derivatives.windows import last_bars, on_grid
from regimekit.filters.funding import funding_events

pytestmark = pytest.mark.realdata

QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
BARS = 24
CUTS = (0.2, 0.5, 0.83, 0.99)


class Recorded(NamedTuple):
    """Rows of a source, what is derived from them by ``date``, and how many rows that looks back.

    `sizes` are columns whose unit is a matter of taste.
    """

    rows: pd.DataFrame
    derive: Callable[[pd.DataFrame], pd.DataFrame]
    reach: int
    sizes: tuple[str, ...]


def of_open_interest(rows: pd.DataFrame) -> pd.DataFrame:
    """Score, change and who acted; a row brings the price of its time along."""
    price = pd.Series(rows["price"].to_numpy(), index=rows["date"].dt.round(QUARTER))
    events = open_interest_events(rows, price, z_bars=96, change_bars=8)
    return events.set_index("date")[["oi_z", "oi_change", "price_oi_quadrant"]]


def of_funding(rows: pd.DataFrame) -> pd.DataFrame:
    events = funding_events(rows, timedelta(minutes=1))
    score = funding_z(events, timedelta(days=10))
    return score.set_axis(events["known_at"]).to_frame("funding_z")


def of_flow(rows: pd.DataFrame) -> pd.DataFrame:
    """CVD of two markets and what lies between them, in hours as they were recorded."""
    kept = on_grid(rows, HOUR)
    windows = last_bars(kept["date"], BARS, HOUR)
    one, other = (
        pd.DataFrame(
            {
                "date": kept["date"],
                "known_at": kept["date"] + HOUR,
                "cvd": cvd(
                    kept[f"taker_buy_volume{market}"].to_numpy(),
                    kept[f"volume{market}"].to_numpy(),
                    windows,
                ),
            }
        )
        for market in ("", "_spot")
    )
    apart = divergence_events(one, other).set_index("date")["cvd_divergence"]
    return one.set_index("date")[["cvd"]].assign(cvd_divergence=apart)


@pytest.fixture(
    scope="module", params=["open interest", "funding", "flow"], ids=lambda name: name.split()[0]
)
def recorded(request, shared_data) -> Recorded:
    folder = shared_data / "binance" / "futures"
    if request.param == "open interest":
        rows = pd.read_feather(folder / "BTC_USDT_USDT-15m-open_interest.feather")
        candles = pd.read_feather(folder / "BTC_USDT_USDT-15m-futures.feather")
        closes = candles.set_index(candles["date"] + QUARTER)["close"]
        rows = rows.assign(price=closes.reindex(rows["date"]).to_numpy())
        return Recorded(rows, of_open_interest, 96, ("open_interest_amount", "price"))
    if request.param == "funding":
        rows = pd.read_feather(folder / "BTC_USDT_USDT-1h-funding_rate.feather")
        return Recorded(rows, of_funding, 31, ("funding_rate",))
    flow = pd.read_parquet(shared_data / "derivatives" / "futures_taker_flow_1h.parquet")
    flow = flow[["date", "symbol", "volume", "taker_buy_volume"]]
    one, other = (
        flow[flow["symbol"] == symbol].drop(columns="symbol")[:3000]
        for symbol in ("BTCUSDT", "ETHUSDT")
    )
    rows = one.merge(other, on="date", suffixes=("", "_spot"))
    return Recorded(rows, of_flow, BARS, ("volume", "taker_buy_volume"))


@pytest.fixture(scope="module")
def whole(recorded) -> pd.DataFrame:
    derived = recorded.derive(recorded.rows)
    assert derived.iloc[recorded.reach :].notna().mean().min() > 0.5  # else the laws are empty
    assert derived.iloc[recorded.reach :].nunique().min() >= 4
    return derived


def test_a_shorter_record_says_the_same_about_its_time(recorded, whole):
    for cut in CUTS:
        count = int(cut * len(recorded.rows))
        short = recorded.derive(recorded.rows.iloc[:count])
        pd.testing.assert_frame_equal(short, whole.iloc[: len(short)], check_exact=True)
        assert len(short) > 0.9 * count


@pytest.mark.parametrize("poison", ["NaN", "a thousand times", "minus", "shuffled"])
def test_what_comes_later_changes_nothing(recorded, whole, poison):
    values = [name for name in recorded.rows if name != "date"]
    for cut in CUTS:
        count = int(cut * len(recorded.rows))
        before, after = recorded.rows.iloc[:count], recorded.rows.iloc[count:].copy()
        if poison == "shuffled":
            after[values] = after[values].sample(frac=1, random_state=7).to_numpy()
        else:
            after[values] *= {"NaN": np.nan, "a thousand times": 1e3, "minus": -1.0}[poison]
        derived = recorded.derive(pd.concat([before, after], ignore_index=True))
        kept = len(recorded.derive(before))
        pd.testing.assert_frame_equal(derived.iloc[:kept], whole.iloc[:kept], check_exact=True)


def test_a_later_start_says_the_same_once_its_windows_are_full(recorded, whole):
    for cut in CUTS[:3]:
        late = recorded.derive(recorded.rows.iloc[int(cut * len(recorded.rows)) :])
        settled = late.iloc[recorded.reach :]
        pd.testing.assert_frame_equal(settled, whole.loc[settled.index], check_exact=True)


@pytest.mark.parametrize("unit", [1e-3, 1e3, 7.0])
def test_units_do_not_matter(recorded, whole, unit):
    for name in recorded.sizes:
        paired = [it for it in recorded.sizes if it.endswith("volume")] or [name]
        other = recorded.rows.assign(**{it: unit * recorded.rows[it] for it in paired})
        pd.testing.assert_frame_equal(recorded.derive(other), whole, rtol=1e-7, atol=1e-9)


def test_jitter_order_and_repetition_do_not_matter(recorded, whole):
    rng = np.random.default_rng(3)
    late = pd.to_timedelta(rng.integers(0, 45, len(recorded.rows)), unit="ms")
    rows = recorded.rows.assign(date=recorded.rows["date"] + late)
    again = pd.concat([rows, rows.sample(frac=0.1, random_state=3)])
    derived = recorded.derive(again.sample(frac=1, random_state=4).reset_index(drop=True))
    pd.testing.assert_frame_equal(derived, whole, rtol=1e-9)
