"""What a reader of a table must find, in every form of it."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from experiments.comparison import Comparison, nothing_better, rows_of
from experiments.ledger import Tries
from experiments.outcome import Outcome
from experiments.periods import Sample
from experiments.tables import COLUMNS, document, html, markdown, notes, sections, terminal_table
from experiments.variants import Group
from providers.coverage import Period
from regimekit.reports.text import MINUS

DAYS = 200
PERIOD = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 20, tzinfo=UTC))
MARKET = np.random.default_rng(1).normal(0, 0.01, DAYS)


def outcome(returns, **changes):
    wallet = 1000.0 * np.concatenate([[1.0], np.cumprod(1 + returns)])
    base = Outcome("2026-01-01", tuple(wallet), True, -0.1, 30, 0.02, 0.005, 0.4)
    return replace(base, **changes)


def shaken(seed, gain=0.0):
    return MARKET + np.random.default_rng(seed).normal(gain, 0.001, DAYS)


@pytest.fixture(scope="module")
def comparison():
    few = MARKET.copy()
    few[5] += 0.01
    rows = rows_of(
        [
            ("default", "default", Group.DEFAULT, outcome(MARKET)),
            ("exits.break_even", "exits.break_even off", Group.EXIT, outcome(shaken(2, -0.002))),
            ("exits.decay", "exits.decay <off>", Group.EXIT, outcome(MARKET)),
            ("squeeze.enabled", "squeeze.enabled off", Group.FILTER, outcome(shaken(3))),
            ("regime.confirm", "regime.confirm off", Group.FILTER, outcome(few)),
            ("gates.exit_candle", "gates.exit_candle off", Group.BIAS, outcome(shaken(4, 0.002))),
            ("hold", "buy and hold", Group.BASELINE, outcome(-MARKET, marked=False)),
        ]
    )
    return Comparison(
        sample=Sample("check", Path("data"), PERIOD, reserved=True),
        pairs=("BTC/USDT:USDT", "ETH/USDT:USDT"),
        rows=rows,
        failures={"adaptive.enabled off": "exit code 2"},
        tries=Tries(40, 30, 3),
        better=nothing_better(rows),
        fee=0.0005,
        base={"exits": {"trail_atr": 4}},
    )


def verdicts(comparison):
    return {row.name: row.verdict for row in comparison.rows}


def test_verdicts(comparison):
    assert verdicts(comparison) == {
        "default": "",
        "exits.break_even": "worse (Sharpe and return)",
        "exits.decay": "same trades",
        "squeeze.enabled": "no",
        "regime.confirm": "too few days",
        "gates.exit_candle": "better (Sharpe and return)",
        "hold": "no",
    }


def test_bias_is_apart_and_chosen_by_nobody(comparison):
    titles = [title for title, _ in sections(comparison)]
    assert titles[0] == "Default"
    assert titles[-1] == "Bias, not a choice"
    # The biased variant alone is better than the default
    assert comparison.better > 0.1
    unbiased = [row for row in comparison.rows if row.group is not Group.BIAS]
    assert nothing_better(unbiased) == comparison.better


def test_every_row_is_in_one_section(comparison):
    listed = [row.name for _, rows in sections(comparison) for row in rows]
    assert sorted(listed) == sorted(row.name for row in comparison.rows)


def test_days_that_only_one_has_are_left_out_of_the_difference():
    longer = outcome(np.concatenate([shaken(2), [0.5] * 3]))
    shorter, whole = (
        rows_of([("d", "d", Group.DEFAULT, outcome(MARKET)), ("v", "v", Group.EXIT, it)])[1]
        for it in (outcome(shaken(2)), longer)
    )
    assert whole.against.yearly.value == pytest.approx(shorter.against.yearly.value)


def test_notes_say_what_must_be_known(comparison):
    text = "\n".join(notes(comparison))
    assert '{"exits": {"trail_atr": 4}}' in text
    assert "days without trades included, open positions marked" in text
    assert "Closed trades only: buy and hold" in text
    assert "stationary block bootstrap of daily returns, 2,000 resamples" in text
    assert "3 variants are compared with the default: about 0.2 would differ" in text
    assert "40 backtests of check so far, 30 with results of their own" in text
    assert "look number 3, and each look spends it" in text
    assert "FAILED adaptive.enabled off: exit code 2" in text


def test_free_periods_are_not_called_spent(comparison):
    free = replace(comparison, sample=replace(comparison.sample, name="choose", reserved=False))
    assert not any("spends" in note for note in notes(free))


def printed(comparison, width, **options):
    console = Console(file=io.StringIO(), width=width)
    console.print(terminal_table(comparison, **options))
    return console.file.getvalue()


def test_terminal_shows_every_row_and_interval(comparison):
    text = printed(comparison, 220)
    assert "check: 2026-01-01 to 2026-07-20, 200 days, BTC, ETH" in text
    for row in comparison.rows:
        (line,) = [it for it in text.splitlines() if f" {row.label} " in it]
        assert f"{MINUS}10.0\u00a0%" in line
        assert line.count("[") == (2 if row.against is None or row.same else 4 if
                                   row.against.sharpe.interval.known else 2)  # fmt: skip


def test_narrow_terminal_cuts_nothing(comparison):
    text = printed(comparison, 150, narrow=True)
    assert "…" not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 150
    assert printed(comparison, 220).count("[") == text.count("[")


def test_markdown_is_one_table_a_period(comparison):
    text = markdown([comparison, comparison])
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {len(COLUMNS) + 2}
    assert text.count("## check: ") == 2
    assert "- 40 backtests of check so far" in text


def test_html_escapes_and_holds_every_row(comparison):
    page = html([comparison])
    assert "exits.decay &lt;off&gt;" in page
    for row in comparison.rows:
        assert row.label.replace("<", "&lt;").replace(">", "&gt;") in page
    assert "http" not in page


def test_json_holds_every_number_unrounded(comparison):
    (content,) = json.loads(document([comparison]))
    rows = {row["name"]: row for row in content["rows"]}
    assert rows["default"]["against"] is None
    found = rows["exits.break_even"]
    assert found["against"]["sharpe"]["value"] == comparison.rows[1].against.sharpe.value
    assert found["group"] == "exit"
    assert rows["regime.confirm"]["against"]["sharpe"]["interval"]["low"] is None
    assert content["tries"] == {"backtests": 40, "distinct": 30, "looks": 3}
    assert content["failures"] == {"adaptive.enabled off": "exit code 2"}
