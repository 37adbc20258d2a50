"""A simulated market that goes on past now, and one of its pairs with crowded shorts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from providers.storage.store import native_path, read_frame, write_frame
from replay.simulator.market import simulate
from replay.simulator.spec import MarketSpec
from replay.simulator.write import write_market

CALM, CROWDED, UNFUNDED = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"
PAIRS = (CALM, CROWDED, UNFUNDED)
PAID_BY_SHORTS = -0.002  # of the notional per settlement, twenty times the usual
BUILD_UP = 0.05  # by which open interest grows in an hour
CLOSED_BEFORE = timedelta(hours=4)  # positions, before the last of them pays
LONG_AGO = timedelta(hours=10)  # so that there was a settlement since


def write_live_market(datadir: Path, *, seed: int = 3) -> Path:
    """Write a market from 75 days ago to the day after tomorrow.

    The shorts of `CROWDED` have paid a lot for ten hours while open interest grew; `UNFUNDED` has
    no funding at all.
    """
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    write_market(simulate(MarketSpec(PAIRS, today, 2, seed, warmup_days=75)), datadir)
    next((datadir / "futures").glob("SOL_*-funding_rate.feather")).unlink()
    crowd_shorts(datadir, CROWDED, datetime.now(UTC) - LONG_AGO)
    return datadir


def crowd_shorts(datadir: Path, pair: str, since: datetime, until: datetime | None = None) -> None:
    """Let the shorts of `pair` pay from `since` on, and open interest grow for half a day.

    Both are over before `until`, where that is given.
    """
    path = native_path(datadir, pair, "1h", "funding_rate")
    funding = read_frame(path)
    funding.loc[_within(funding["date"], since, until), "funding_rate"] = PAID_BY_SHORTS
    write_frame(funding, path)
    path = native_path(datadir, pair, "15m", "open_interest")
    frame = read_frame(path)
    hours = (frame["date"] - since).dt.total_seconds() / 3600
    grown = 1 + BUILD_UP * np.clip(hours, 0, 12)
    built_up = _within(frame["date"], since, until and until - CLOSED_BEFORE)
    for name in ("open_interest_amount", "open_interest_value"):
        frame[name] *= np.where(built_up, grown, 1.0)
    write_frame(frame, path)


def _within(dates: pd.Series, since: datetime, until: datetime | None) -> pd.Series:
    return (dates >= since) & (dates < until if until else True)
