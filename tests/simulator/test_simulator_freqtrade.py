"""The real Freqtrade reads what we write; listing data needs no exchange."""

import json

import pytest

from replay.simulator import Market, write_market
from tests.engine.warm import run_warm


@pytest.mark.freqtrade
def test_freqtrade_lists_every_native_file(small: Market, tmp_path):
    datadir, userdir = tmp_path / "data", tmp_path / "user_data"
    userdir.mkdir()
    write_market(small, datadir)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"exchange": {"name": "binance"}, "stake_currency": "USDT"}))
    command = ["list-data", "--show-timerange", "--no-color"]
    where = [f"--datadir={datadir}", f"--userdir={userdir}", f"--config={config}"]

    def listed(*mode: str) -> str:
        done = run_warm([*command, *where, *mode], cwd=tmp_path, timeout=120)
        assert done.returncode == 0, done.log
        return done.output + done.log

    perpetual = listed("--trading-mode", "futures")
    for pair in small.pairs:
        assert perpetual.count(f" {pair} ") == 9, perpetual
    for candle_type in ("futures", "mark", "funding_rate", "open_interest"):
        assert candle_type in perpetual
    assert str(small.spec.first.date()) in perpetual
    assert "BTC/USDT" in listed("--trading-mode", "spot")
