"""Terminal, Markdown and JSON: the same cells everywhere, nothing that is not known as a number."""

import dataclasses
import io
import json
import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from regimekit.reports.text import UNKNOWN
from tests.tuning import made
from tests.tuning.made import weighed
from tuning.report.document import document, plain
from tuning.report.facts import facts, title
from tuning.report.fold_sheets import MOST_COLUMNS, parameters_sheet
from tuning.report.sheet import p_value
from tuning.report.sheets import sheets
from tuning.report.tables import markdown, terminal
from tuning.weighing.evidence import weigh
from tuning.weighing.verdict import Level, judge

pytestmark = pytest.mark.xdist_group("walks")

ALWAYS = [
    "Out of sample",
    "In sample and out of sample",
    "Parameters",
    "Higher costs",
    "Trials",
]
JUDGED = ["What decided", "Luck and overfitting", "Order of trades", "Chance of a drawdown"]


def told(kind, **changes):
    """Walk, evidence and verdict of a kind, the walk changed."""
    evidence, walk = weighed(kind)
    walk = dataclasses.replace(walk, **changes)
    return walk, evidence, judge(evidence, walk)


def titles(kind, **changes):
    return [sheet.title for sheet in sheets(*told(kind, **changes))]


def sheet(name, kind, **changes):
    return next(it for it in sheets(*told(kind, **changes)) if it.title == name)


def printed(*args, width=160):
    console = Console(file=io.StringIO(), width=width)
    console.print(terminal(*args))
    return console.file.getvalue()


@pytest.mark.parametrize("kind", made.KINDS)
def test_each_row_has_a_cell_for_each_head(kind):
    for it in sheets(*told(kind)):
        assert {len(row) for row in it.rows} == {len(it.heads)}, it.title
        assert max(it.words, default=0) < len(it.heads)


def test_a_walk_that_is_judged_shows_everything():
    assert set(titles("good")) == {*ALWAYS, *JUDGED}
    assert set(titles("cpcv")) == {*ALWAYS, *JUDGED, "Paths"}


@pytest.mark.parametrize("changes", [{"simulated": True}, {"trials": made.Trials(0, 0, 0, 0, "")}])
def test_without_a_verdict_nothing_is_shown_that_reads_like_one(changes):
    assert set(titles("good", **changes)) == set(ALWAYS)
    text = markdown(*told("good", **changes))
    for word in ("[+", "interval", "deflated", "PSR"):
        assert word not in text
    rows = sheet("In sample and out of sample", "good", **changes).rows
    assert {row[-2:] for row in rows} == {(UNKNOWN, UNKNOWN)}


def test_how_little_single_folds_say_stands_below_them():
    """Thirty days: the root of 365 / 30; four folds: one over the root of three."""
    caption = sheet("In sample and out of sample", "good").caption.replace("\u00a0", " ")
    assert "A Sharpe ratio over 30 days has a standard error of about 3.5" in caption
    assert "2 times as long as trades of the tests were open" in caption
    assert "0.4 days on average" in caption
    withheld = sheet("In sample and out of sample", "good", simulated=True).caption
    assert "standard error of about 3.5" in withheld
    assert "PBO" not in withheld
    rows = {row[0]: row for row in sheet("Luck and overfitting", "good").rows}
    assert "± 0.58 by luck" in rows["Rank correlation of the two over folds"][2]


def test_without_a_ledger_no_number_of_trials_is_shown():
    assert "Trials" not in titles("good", trials=None)


def test_failures_are_told():
    failed = {2: "out of memory", 1: "no epoch had a trade"}
    rows = sheet("Failures", "good", failures=failed).rows
    assert rows == (("Fold 1", "no epoch had a trade"), ("Fold 2", "out of memory"))
    assert "Failures" not in titles("good")


def test_the_trials_add_up():
    trials = dataclasses.replace(made.TRIALS, epochs=1234, unrecorded=66, walks=3)
    found = sheet("Trials", "good", trials=trials)
    assert [row[1] for row in found.rows] == ["1,234", "10", "66", "1,310", "3"]
    assert made.TRIALS.head in found.caption


def test_the_folds_are_told_with_their_days():
    first = sheet("In sample and out of sample", "good").rows[0]
    assert first[:4] == ("1", "2024-01-01 to 2024-02-29", "2024-03-02 to 2024-03-31", "12")
    both = sheet("In sample and out of sample", "cpcv").rows[0][2]
    assert both == "2024-01-01 to 2024-02-29, 2024-03-01 to 2024-04-29"


def test_one_path_is_marked_as_the_one_that_is_shown():
    marks = [row[-1] for row in sheet("Paths", "cpcv").rows]
    assert sorted(marks) == ["", "", "the median, shown elsewhere"]


def test_costs_say_whether_anything_is_left():
    assert {row[3] for row in sheet("Higher costs", "good").rows} == {"yes"}
    assert {row[3] for row in sheet("Higher costs", "losing").rows} == {"no"}


def test_a_p_value_is_never_zero():
    assert [p_value(it) for it in (0.0, 0.001, 0.5, math.nan)] == [
        "< 0.001", "0.001", "0.500", UNKNOWN,
    ]  # fmt: skip


@pytest.mark.parametrize("kind", made.KINDS)
def test_all_that_is_printed_is_a_number_or_a_word(kind):
    walk, evidence, verdict = told(kind)
    for text in (markdown(walk, evidence, verdict), printed(walk, evidence, verdict)):
        words = text.replace("|", " ").replace("[", " ").split()
        assert not {"nan", "NaN", "inf", "-inf", "None"} & set(words)
        assert verdict.headline[:40] in " ".join(text.split())


def test_the_terminal_holds_every_cell_and_every_limit():
    args = told("good")
    text = " ".join(printed(*args, width=400).split())
    for it in sheets(*args):
        for row in it.rows:
            assert all(" ".join(cell.split()) in text for cell in row)
    assert all(limit in text for limit in args[2].limits)


def test_markup_in_names_is_shown_and_not_obeyed():
    text = printed(*told("good", failures={1: "[red]no[/red] file"}))
    assert "[red]no[/red] file" in text


def test_markdown_is_a_table_for_each_sheet():
    args = told("good")
    lines = markdown(*args).splitlines()
    rules = [line for line in lines if line.startswith("|---")]
    assert len(rules) == len(sheets(*args))
    assert lines[0] == f"# {title(args[0])}"
    assert all(line.count("|") >= 3 for line in lines if line.startswith("|"))


def test_markdown_cells_break_neither_the_row_nor_the_page():
    text = markdown(*told("good", failures={1: "a|b\n<script>"}))
    assert "| Fold 1 | a\\|b &lt;script> |" in text


def test_the_document_holds_everything_and_is_json():
    walk, evidence, verdict = told("good")
    found = json.loads(document(walk, evidence, verdict))
    assert found["verdict"]["level"] == Level.SUPPORTED.value
    assert found["trials"]["total"] == 58
    assert found["evidence"]["luck"]["deflated"] == evidence.luck.deflated
    assert found["evidence"]["tuned"]["performance"]["sharpe"]["interval"]["low"] == (
        evidence.tuned.performance.sharpe.interval.low
    )
    assert len(found["evidence"]["paths"][found["evidence"]["path"]]["days"]) == 120
    assert found["evidence"]["stability"]["sell.trail_atr"]["verdict"] == "stable"
    assert len(found["evidence"]["folds"][0]["overfitting"]["logits"]) > 100
    assert found["plan"]["mode"] == "rolling"
    assert set(found["evidence"]) == {it.name for it in dataclasses.fields(evidence)}


@pytest.mark.parametrize("kind", made.KINDS)
def test_the_document_knows_no_number_that_is_not_finite(kind):
    text = document(*told(kind))
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_the_document_says_why_trials_are_not_known():
    walk = made.good(trials=None, trials_unknown="line 3 was edited", failed=(1, 2, 3, 4))
    found = weigh(walk, resamples=50)
    content = json.loads(document(walk, found, judge(found, walk)))
    assert content["trials"] == {"total": None, "why": "line 3 was edited"}
    assert content["failures"]["1"] == "Freqtrade ran out of memory"
    assert content["evidence"]["tuned"]["performance"]["profit"]["value"] is None


def test_plain_values():
    mixed = {
        1: (np.float64(0.5), np.int64(3), math.inf, math.nan, True),
        "x": pd.Series({"a": 1.5}),
        "when": made.START,
        "mode": Level.WEAK,
    }
    assert plain(mixed) == {
        "1": [0.5, 3, None, None, True],
        "x": {"a": 1.5},
        "when": "2024-01-01T00:00:00+00:00",
        "mode": "weak evidence",
    }


def test_facts_name_what_the_result_depends_on():
    walk, _, _ = told("good")
    found = facts(walk)
    assert found["Division"] == "rolling: trained on 60 days, purge 1 day, tested on 30 days"
    assert found["Pairs"] == "BTC/USDT:USDT, ETH/USDT:USDT"
    assert found["Fee"].replace("\u00a0", " ") == "0.050 % a side"
    assert (found["Source"], found["Data"]) == (walk.source, walk.data)
    assert found["Folds"] == "4 finished, 0 not"
    assert "48 made" in found["Search"]
    assert found["Settings over it"] == ""
    settings = dataclasses.replace(walk.plan, settings={"regimekit": {"exits": {"trail_atr": 4}}})
    over = facts(dataclasses.replace(walk, plan=settings, simulated=True))
    assert over["Settings over it"] == '{"regimekit": {"exits": {"trail_atr": 4}}}'
    assert over["Market"] == "simulated"
    assert found["Market"] == "recorded"


def test_facts_of_the_other_modes():
    anchored = made.plan(mode=made.Mode.ANCHORED)
    found = facts(dataclasses.replace(weighed("good")[1], plan=anchored))
    assert "60 days, growing from the start" in found["Division"]
    assert facts(weighed("cpcv")[1])["Division"] == (
        "cpcv: 4 groups, 2 held out at a time, purge 1 day, embargo 2 days"
    )


def test_parameters_of_many_folds_are_told_without_a_column_each():
    evidence, _ = weighed("good")
    few = parameters_sheet(evidence)
    assert "Fold 1" in few.heads
    many = parameters_sheet(dataclasses.replace(evidence, folds=evidence.folds * MOST_COLUMNS))
    assert not [head for head in many.heads if head.startswith("Fold")]
    assert {len(row) for row in many.rows} == {len(many.heads)}
    assert "in the JSON" in many.caption
    assert "in the JSON" not in few.caption
