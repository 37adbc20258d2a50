"""A market, trades on it, and their export."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pandas as pd
import pytest

from regimekit.reports.study import Study, study
from regimekit.schema import ROUTES, Regime, entry_tag
from tests.reports.builders import (
    OTHER_PAIR,
    PAIR,
    STEP,
    record,
    run_of,
    series_of_pair,
    statistics,
)


@pytest.fixture(scope="session")
def market() -> dict[str, dict[str, pd.DataFrame]]:
    return {PAIR: series_of_pair(1), OTHER_PAIR: series_of_pair(2)}


@pytest.fixture(scope="session")
def trades(market: dict[str, dict[str, pd.DataFrame]]) -> list[dict[str, Any]]:
    """Twelve trades whose tags agree with what the market's candles decide, and a foreign one."""
    frames = study(run_of([]), market).frames
    records = []
    for number in range(12):
        pair = (PAIR, OTHER_PAIR)[number % 2]
        signal = 100 + 60 * number
        frame = frames[pair]
        entry, regime = frame["close"][signal], Regime(int(frame["regime"][signal]))
        after = frame.iloc[signal + 1 : signal + 21]
        records.append(
            record(
                pair=pair,
                is_short=number % 3 == 0,
                enter_tag=entry_tag(regime, ROUTES[regime]),
                exit_reason=("stop_loss", "trailing_stop_loss", "force_exit")[number % 3],
                opened=frame["date"][signal] + STEP,
                open_rate=float(entry),
                close_rate=float(after["close"].iloc[-1]),
                min_rate=float(after["low"].min()),
                max_rate=float(after["high"].max()),
            )
        )
    return [*records, record(enter_tag="", exit_reason="exit_signal")]


@pytest.fixture(scope="session")
def example(market: dict[str, dict[str, pd.DataFrame]], trades: list[dict[str, Any]]) -> Study:
    return study(run_of(trades), market)


@pytest.fixture
def export(tmp_path: Path, trades: list[dict[str, Any]]) -> Callable[..., Path]:
    """Write an export as Freqtrade does and return its path."""

    def write(
        strategies: Mapping[str, Any] | None = None, extra: Mapping[str, str] | None = None
    ) -> Path:
        stem = "backtest-result-2026-01-20_00-00-00"
        stats = strategies or {"RegimeRouter": statistics(trades)}
        path = tmp_path / f"{stem}.zip"
        with ZipFile(path, "w") as archive:
            archive.writestr(f"{stem}.json", json.dumps({"strategy": stats}))
            archive.writestr(f"{stem}_config.json", json.dumps({"exchange": {"name": "nowhere"}}))
            for name, content in (extra or {}).items():
                archive.writestr(f"{stem}_{name}", content)
        (tmp_path / ".last_result.json").write_text(json.dumps({"latest_backtest": path.name}))
        return path

    return write
