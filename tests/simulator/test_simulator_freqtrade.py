"""The real Freqtrade reads what we write; listing data needs no exchange."""

import json
import os
import subprocess
import sys

import pytest

from replay.simulator import Market, write_market


@pytest.mark.freqtrade
def test_freqtrade_lists_every_native_file(small: Market, tmp_path):
    datadir, userdir = tmp_path / "data", tmp_path / "user_data"
    userdir.mkdir()
    write_market(small, datadir)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"exchange": {"name": "binance"}, "stake_currency": "USDT"}))
    command = [sys.executable, "-m", "freqtrade", "list-data", "--show-timerange", "--no-color"]
    where = ["--datadir", datadir, "--userdir", userdir, "-c", config]

    def listed(*mode: str) -> str:
        done = subprocess.run(
            [*command, *where, *mode],
            env={**os.environ, "COLUMNS": "200"},  # a narrow table abbreviates pair names
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    perpetual = listed("--trading-mode", "futures")
    for pair in small.pairs:
        assert perpetual.count(f" {pair} ") == 9, perpetual
    for candle_type in ("futures", "mark", "funding_rate", "open_interest"):
        assert candle_type in perpetual
    assert str(small.spec.first.date()) in perpetual
    assert "BTC/USDT" in listed("--trading-mode", "spot")
