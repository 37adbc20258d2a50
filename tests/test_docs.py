"""Documentation is held to the code where both name the same things."""

import re
from datetime import timedelta

import pandas as pd

from regimekit.pipeline import analyze
from regimekit.settings import Settings
from tests.engine.bot import ROOT

STRATEGY = (ROOT / "docs" / "strategy.md").read_text()


def test_strategy_page_names_exactly_the_columns_that_exist():
    section = STRATEGY[STRATEGY.index("## Columns") : STRATEGY.index("## Settings")]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}
    candles = pd.DataFrame(
        {
            "date": pd.date_range("2026-01-01", periods=60, freq="15min", tz="UTC"),
            **dict.fromkeys(("open", "high", "low", "close", "volume"), 100.0),
        }
    )
    none = candles.iloc[:0]
    funding = pd.DataFrame({"date": none["date"], "funding_rate": []})
    frame = analyze(
        candles, {"1h": none, "4h": none}, funding, Settings(), timeframe=timedelta(minutes=15)
    )
    assert documented == set(frame.columns) - set(candles.columns)


def test_readme_points_at_files_that_exist():
    readme = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
    for script in re.findall(r"python (scripts/\w+\.py)", readme):
        assert (ROOT / script).exists(), script


def test_readme_names_make_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(
        r"(?:^|`)make ([\w-]+)", (ROOT / "README.md").read_text(), re.MULTILINE
    ):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_offline_overlay_points_where_make_serve_listens():
    ports = set(re.findall(r"--port (\d+)", (ROOT / "Makefile").read_text()))
    asked = set(re.findall(r"127\.0\.0\.1:(\d+)", (ROOT / "config" / "offline.json").read_text()))
    assert len(ports) == 1
    assert asked == ports


def test_no_configuration_file_holds_a_secret_or_trades_for_real():
    for path in (ROOT / "config").rglob("*.json"):
        text = path.read_text()
        for name in ("key", "secret", "password", "token", "chat_id"):
            for value in re.findall(rf'"{name}"\s*:\s*"([^"]*)"', text):
                assert value == "", f"{path.name}: {name}"
        assert not re.search(r'"dry_run"\s*:\s*false', text), path.name
