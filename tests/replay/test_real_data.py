"""Real candles: tick and step read off them, where no exchangeInfo of the time is recorded."""

from pathlib import Path

import pytest

from replay.asof import Exchange
from replay.clock import FrozenClock, parse_instant
from replay.data import Datadir

DATA = Path(__file__).parents[3] / "shared" / "data"
# Tick and quantity step, checked by hand against the prices and volumes in the files
EXPECTED = {
    ("binance", "2026-01-10"): {
        "ADA": (1e-4, 1),
        "BNB": (1e-2, 1e-2),
        "BTC": (1e-1, 1e-3),
        "ETH": (1e-2, 1e-3),
        "XRP": (1e-4, 1e-1),
    },
    ("binance_2022_2025", "2024-01-10"): {
        "1000PEPE": (1e-7, 1),
        "BTC": (1e-1, 1e-3),
        "LTC": (1e-2, 1e-3),
        "SUI": (1e-4, 1e-1),
    },
}


@pytest.mark.realdata
@pytest.mark.parametrize(("folder", "day"), EXPECTED)
def test_tick_and_step_of_real_contracts(folder, day):
    if not (DATA / folder).is_dir():
        pytest.skip(f"no recorded candles in {folder}; they are not part of this repository")
    datadir = Datadir.scan(DATA / folder)
    market = Exchange(datadir, FrozenClock(parse_instant(day))).now()
    rules = {pair.base: market.rules(pair) for pair in market.pairs()}
    for base, (tick, step) in EXPECTED[folder, day].items():
        assert rules[base].tick == pytest.approx(tick), base
        assert rules[base].step == pytest.approx(step), base
