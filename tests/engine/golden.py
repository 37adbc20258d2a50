"""The golden backtest: what it consists of, and how to record it anew.

``python -m tests.engine.golden`` simulates the market, backtests the shipped defaults and the
described settings on it and rewrites the golden file.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from replay.client import running
from replay.simulator.market import simulate
from replay.simulator.write import VERSION, write_market
from tests.described import DESCRIBED
from tests.engine.bot import SPEC, TIMERANGE, Bot

GOLDEN = Path(__file__).parent / "golden.json"
# The described settings trade more, in every regime, and stay when the defaults change.
RUNS: dict[str, dict[str, Any] | None] = {"shipped": None, "described": {"regimekit": DESCRIBED}}


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """Return what a trader would call the same trades: counts, and a hash of each one."""
    trades = result["trades"]
    return {
        "trades": len(trades),
        "by_tag": _count(trades, "enter_tag"),
        "by_exit": _count(trades, "exit_reason"),
        "fingerprint": _fingerprint(trades),
    }


def _count(trades: list[dict[str, Any]], key: str) -> dict[str, int]:
    values = [trade[key] for trade in trades]
    return {value: values.count(value) for value in sorted(set(values))}


def _fingerprint(trades: list[dict[str, Any]]) -> str:
    """Hash pair, side, times, prices and reasons of each trade."""
    keys = ("pair", "is_short", "open_date", "close_date", "enter_tag", "exit_reason")
    rows = [
        [*(trade[key] for key in keys), f"{trade['open_rate']:.8g}", f"{trade['close_rate']:.8g}"]
        for trade in trades
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def record() -> None:
    """Write the golden file with its pedigree."""
    expected = {}
    with tempfile.TemporaryDirectory() as folder:
        datadir = Path(folder) / "market"
        write_market(simulate(SPEC), datadir)
        with running(datadir) as url:
            for name, settings in RUNS.items():
                run, result = Bot(url, datadir, Path(folder)).backtest(settings=settings)
                if not run.ok:
                    raise SystemExit(run.explain())
                expected[name] = summary(result)
    document = {
        "source": f"replay.simulator version {VERSION}, shipped and described settings",
        "record": "python -m tests.engine.golden",
        "spec": SPEC.as_json(),
        "timerange": TIMERANGE,
        "expected": expected,
    }
    GOLDEN.write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(GOLDEN.read_text())


if __name__ == "__main__":
    record()
