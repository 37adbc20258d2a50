"""The page on tuning is held to the code where both name the same things."""

import ast
import dataclasses
import importlib
import importlib.util
import json
import math
import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from regimekit.evaluation import loss_settings, losses, order, overfitting, resampling, stability
from regimekit.evaluation.stress import SCENARIOS
from tests.engine.bot import ROOT
from tests.test_docs import name, names, rows
from tuning.execution import cluster, execute, shelf
from tuning.model import Mode, Trials
from tuning.weighing import degradation, reasons, verdict

sys.path.insert(0, str(ROOT / "scripts"))
import walk_forward

PAGE = (ROOT / "docs" / "tuning.md").read_text()
NUMBERS = {3: "three", 4: "four", 5: "five", 10: "ten", 20: "twenty"}


def section(heading):
    """Return the text from a heading to the next of its level or above, in one line a paragraph."""
    level = heading.partition(" ")[0]
    text = PAGE.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"^#{{2,{len(level)}}} ", text, maxsplit=1, flags=re.MULTILINE)[0]


def words(heading):
    return " ".join(section(heading).split())


def test_headings_are_each_there_once():
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    assert len(headings) == len(set(headings))


def shown(value):
    """Return a default as the table of options shows it."""
    if isinstance(value, timedelta):
        return f"{value.days}d"
    if isinstance(value, list):
        return " ".join(map(str, value))
    text = str(value).removeprefix(f"{ROOT}/")
    return f"`{text}`" if "/" in text else text


def test_options_are_those_of_the_command_with_their_defaults():
    told = {
        option.removeprefix("--").replace("-", "_"): default
        for cell, _, defaults in rows(section("## Walk-forward"), 3)
        for option, default in zip(
            names(cell),
            (defaults.split(", ") + [""] * 9)[: len(names(cell))],
            strict=True,
        )
    }
    real = vars(walk_forward._arguments([]))
    assert told.keys() == real.keys()
    own = {"workers"}  # as many as there are cores
    fixed = {key for key, value in real.items() if value not in (None, [], "{}", False)} - own
    assert {key: told[key] for key in fixed} == {key: shown(real[key]) for key in fixed}


def test_modes_are_those_that_exist():
    told = [name(row[0]) for row in rows(section("## How time is divided"), 3)]
    assert told == [mode.value for mode in Mode]


@pytest.mark.parametrize(
    ("groups", "held_out", "searches"), [(6, 2, "15 for 6 and 2"), (10, 5, "252 for 10 and 5")]
)
def test_searches_of_cpcv_are_counted_right(groups, held_out, searches):
    assert searches in section("## How time is divided")
    assert searches.startswith(f"{math.comb(groups, held_out)} ")


def test_loss_settings_stand_with_range_and_default():
    fields = {item.name: item for item in dataclasses.fields(loss_settings.LossSettings)}
    table = [row for row in rows(section("### What they share"), 5) if name(row[0]) != "closed"]
    assert [name(row[0]) for row in table] == list(fields)
    for cell, _, limits, default, used_by in table:
        item = fields[name(cell)]
        assert float(default) == item.default
        bounds = re.findall(r"10⁹|\d[\d,.]*", limits.replace(",", ""))
        low, high = (float(bound.replace("10⁹", "1e9")) for bound in bounds[:2])
        assert (low, high) == (item.metadata["low"], item.metadata["high"])
        assert used_by == "all" or (ROOT / "hyperopts" / f"{name(used_by)}.py").exists()


def test_the_example_of_settings_is_accepted():
    (example,) = re.findall(r'^    (\{"loss".+)$', section("### What they share"), re.MULTILINE)
    assert loss_settings.loss_config_from(json.loads(example)["loss"]).settings.folds == 4


def test_losses_are_those_of_the_folder():
    told = {name(row[0]) for row in rows(section("## Losses for hyperopt"), 3)}
    assert told == {path.stem for path in (ROOT / "hyperopts").glob("[!_]*.py")}
    for loss in told:
        assert f"\n### {loss}\n" in PAGE


def test_numbers_of_the_losses_are_those_of_the_code():
    text = words("### What they share")
    idle = tuple(f"{unit:g}" for unit in (losses.IDLE_SHARPE, losses.IDLE_R, losses.IDLE_Z))
    assert "is {} (a Sharpe ratio of a year), {} (R) and {} (standard errors)".format(*idle) in text
    assert f"gives {shelf.NO_TRADES:,.0f} to epochs" in text
    assert f"limited to ±{losses.LIMIT:g}" in text
    assert f"√{losses.DAYS_A_YEAR}" in text
    assert f"a part has {losses.LEAST_FOLD_DAYS} days or more" in words("### RobustSharpe")


def test_levels_of_the_verdict_stand_in_the_order_in_which_they_are_decided():
    table = dict(rows(section("### The verdict"), 2))
    ordered = ("REFUSED", "NOTHING", "AGAINST", "SUPPORTED", "WEAK")
    assert list(table) == [verdict.Level[it].value for it in ordered]
    assert len(ordered) == len(verdict.Level)
    assert verdict.MOST_MISSING == 1 / 4
    limits = f"fewer than {verdict.LEAST_DAYS} days or {verdict.LEAST_TRADES} trades out of sample"
    told = table[verdict.Level.NOTHING.value]
    assert f"{limits}, more than a quarter of the test days missing" in told


def test_reasons_stand_in_order_with_their_limits():
    source = Path(reasons.__file__).read_text()
    asked = re.findall(r"\b_(\w+)\(evidence(?:, trials)?\)", source.split("def _result")[0])
    table = {row[0]: row[1:] for row in rows(section("### The verdict"), 3)}
    assert [found.removesuffix(" (cpcv)") for found in table] == asked
    assert f"at least {reasons.SURE:.0%}".replace("%", " %") in table["luck"][0]
    assert f"at most {reasons.LITTLE_OVERFIT * 100:.0f} %" in table["overfitting"][0]
    assert f"at least {reasons.OVERFIT * 100:.0f} %" in table["overfitting"][1]
    assert f"at least {NUMBERS[reasons.LEAST_FOLDS]} folds" in table["folds"][0]


def test_sections_of_the_report_are_those_of_the_page():
    told = re.findall(r"^\*\*(.+?)\.\*\*", section("### What the sections show"), re.MULTILINE)
    sheets = {
        node.args[0].value
        for path in (ROOT / "tuning" / "report").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "Sheet"
        and isinstance(node.args[0], ast.Constant)
    }
    page = (ROOT / "tuning" / "report" / "page.py").read_text()
    assert set(told) == sheets | set(re.findall(r'sections\["(.+?)"\]', page))


def test_functions_that_answer_the_questions_exist():
    found = [name(row[1]) for row in rows(section("## What each number says"), 3)]
    for path in found:
        module, function = path.split(".")
        assert callable(
            getattr(importlib.import_module(f"regimekit.evaluation.{module}"), function)
        )


def test_counts_of_overfitting_reality_and_order_are_those_of_the_code():
    text = words("### Probability of backtest overfitting")
    assert f"({overfitting.BLOCKS} by default)" in text
    assert f"{math.comb(overfitting.BLOCKS, overfitting.BLOCKS // 2):,} pairs" in text
    text = words("### Reality check")
    assert f"one in as many resamples ({resampling.RESAMPLES:,})" in text
    assert f"below {NUMBERS[resampling.LEAST_DAYS]} days" in text
    text = words("### Order of trades")
    assert f"({resampling.RESAMPLES:,} times in a report)" in text
    assert f"Nothing below {NUMBERS[order.LEAST_TRADES]} trades" in text
    depths = [f"{depth * 100:.0f}" for depth in order.DEPTHS]
    assert f"at least {', '.join(depths[:-1])} and {depths[-1]} %" in text
    folds = NUMBERS[degradation.LEAST_PAIRS]
    assert f"{folds} folds or more" in words("### What the sections show")


def test_cost_scenarios_are_those_that_are_stressed():
    table = dict(rows(section("### Cost stress"), 2))
    assert [name(cell) for cell in table] == [scenario.name for scenario in SCENARIOS]
    (slipped,) = (it.slippage for it in SCENARIOS if it.name == "slippage")
    assert f"{slipped * 10_000:g} basis points worse ({slipped:g})" in table["`slippage`"]
    (fees,) = (it.fees for it in SCENARIOS if it.name == "fees")
    (funding,) = (it.funding for it in SCENARIOS if it.name == "funding")
    assert fees == funding == 2


def test_verdicts_on_parameters_are_those_that_are_given():
    table = {name(row[0]): row[1] for row in rows(section("### Stability of parameters"), 2)
             if len(names(row[0])) == 1}  # fmt: skip
    given = {it.value for it in stability.Stability}
    assert given <= table.keys()
    assert f"≤ {stability.SIGNIFICANT}" in table["stable"]
    assert f"below {NUMBERS[stability.LEAST_FOLDS]}" in table["too few folds"]
    told = {found for cell, _ in rows(section("### Stability of parameters"), 2)
            for found in names(cell)}  # fmt: skip
    assert told - given == set(stability.COLUMNS) - {"folds", "verdict"}
    assert set(re.findall(r"\*([a-z ]+)\*", words("### What the sections show"))) >= given


def test_parts_of_the_count_are_those_of_the_ledger():
    told = [row[0] for row in rows(section("### What is counted"), 2)]
    assert told == [it.name for it in dataclasses.fields(Trials) if it.name != "head"]


def test_files_that_are_kept_are_those_of_the_shelf():
    table = {name(row[0]): row[1] for row in rows(section("### What is kept"), 3)}
    assert table == {
        shelf.RECORD: "both",
        **dict.fromkeys((shelf.EPOCHS, shelf.RAW_EPOCHS), "search"),
        **dict.fromkeys((shelf.RESULT, shelf.OUTCOME, shelf.TRADES), "backtest"),
    }


def test_patience_is_that_of_the_code():
    text = words("## Workers")
    assert f"takes {NUMBERS[cluster.MOST_DEATHS]} workers with it" in text
    assert f"no worker for {NUMBERS[cluster.PATIENCE_SECONDS / 60]} minutes" in text
    assert cluster.CONNECT_SECONDS == 30
    assert "within half a minute" in text
    text = words("### What one job does")
    assert execute.MOST_SECONDS == 3600
    assert "nothing was finished for an hour" in text
    assert f"the last {execute.TAIL_LINES} lines of the log" in text
    assert f"the loss {shelf.NO_TRADES:,.0f}" in text


def exists(dotted):
    """Tell whether a dotted name is a module, or something in one."""
    module, _, attribute = dotted.rpartition(".")
    if importlib.util.find_spec(dotted.partition(".")[0]) is None:
        return False
    try:
        return importlib.util.find_spec(dotted) is not None
    except ModuleNotFoundError:
        return hasattr(importlib.import_module(module), attribute)


def test_modules_that_are_named_exist():
    packages = "tuning|regimekit|experiments|replay|hyperopts"
    found = set(re.findall(rf"\b(?:{packages})(?:\.\w+)+", PAGE))
    assert len(found) >= 5
    for dotted in found:
        assert exists(dotted), dotted
    for place in re.findall(rf"`((?:{packages})/[\w/]*)`", PAGE):
        assert (ROOT / place).exists(), place


def test_the_example_in_python_imports_what_exists():
    (code,) = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            assert all(hasattr(module, it.name) for it in node.names)
