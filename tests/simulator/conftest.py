from datetime import UTC, datetime

import pytest

from replay.simulator import Market, MarketSpec, simulate

START = datetime(2026, 1, 1, tzinfo=UTC)
# One pair of each kind: two with 8h funding, one with 4h, one that changes its interval.
PAIRS = ("BTC/USDT:USDT", "SOL/USDT:USDT", "AVAX/USDT:USDT", "LINK/USDT:USDT")


@pytest.fixture(scope="session")
def small_spec() -> MarketSpec:
    return MarketSpec(pairs=PAIRS, start=START, days=8, seed=3, warmup_days=4)


@pytest.fixture(scope="session")
def small(small_spec: MarketSpec) -> Market:
    return simulate(small_spec)


@pytest.fixture(scope="session", params=[7, 11, 2024])
def market(request) -> Market:
    """Half a year of four pairs, for several seeds: facts must not depend on one."""
    return simulate(MarketSpec(pairs=PAIRS, start=START, days=180, seed=request.param))
