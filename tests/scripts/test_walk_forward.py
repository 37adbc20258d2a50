"""The walk-forward's command line: what it lists, and what it says when something is wrong."""

import json
import re
import sys
from datetime import timedelta

import pytest
from rich.console import Console

from experiments.chain import Chain
from tests.engine.bot import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import walk_forward


def run(capsys, *arguments):
    code = walk_forward.main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def refused(capsys, *arguments):
    """Return what argparse says of arguments that it does not take."""
    with pytest.raises(SystemExit) as ended:
        walk_forward.main(list(arguments))
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"), [("180d", 180), ("26w", 182), ("1d", 1), (" 30d ", 30), ("0d", 0)]
)
def test_lengths_of_time_are_days_or_weeks(text, expected):
    assert walk_forward.days(text) == timedelta(days=expected)


@pytest.mark.parametrize("text", ["180", "d", "-3d", "1.5d", "6m", "12h", ""])
def test_other_lengths_of_time_are_refused_with_an_example(capsys, text):
    said = refused(capsys, f"--train={text}")
    assert "write 180d or 26w" in said
    assert repr(text) in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--mode", "sideways"], "sideways"),
        (["--epochs", "0"], "'0' is no whole number of at least 1"),
        (["--workers", "two"], "'two' is no whole number of at least 1"),
        (["--also-tried", "-1"], "--also-tried is -1, expected 0 or more"),
        (["--fee", "5"], "--fee is 5.0, expected a fraction of one side"),
        (["--dry-run", "--verify-ledger"], "not allowed with"),
    ],
)
def test_wrong_arguments_are_named(capsys, arguments, expected):
    assert expected in refused(capsys, *arguments)


def test_purge_and_embargo_may_be_given_without_a_number():
    options = walk_forward._arguments(["--purge", "--embargo"])
    assert (options.purge, options.embargo) == (timedelta(days=2), timedelta(days=5))
    assert walk_forward._arguments(["--purge", "7d"]).purge == timedelta(days=7)


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as ended:
        walk_forward.main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for option in ("--mode", "--purge", "--embargo", "--scheduler", "--also-tried", "--export"):
        assert option in said


def test_a_missing_data_folder_is_one_line(capsys, tmp_path):
    code, _, said = run(capsys, "--datadir", tmp_path / "nowhere", "--results", tmp_path)
    assert code == 2
    assert said.startswith("walk_forward: ")
    assert "nowhere" in said
    assert "Traceback" not in said


def test_a_walk_that_nobody_made_is_one_line(capsys, tmp_path):
    code, _, said = run(capsys, "--report", "abc", "--results", tmp_path)
    assert (code, said) == (2, f"walk_forward: no walk abc in {tmp_path}; there are: none\n")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [("{", "--settings is not JSON"), ("[1]", "expected configuration by name")],
)
def test_settings_that_are_none_are_named(tmp_path, settings, expected):
    path = tmp_path / "settings.json"
    path.write_text(settings)
    with pytest.raises(walk_forward.TuningError, match=re.escape(expected)):
        walk_forward._settings(str(path))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--mode", "cpcv", "--loss", "SharpeHyperOptLoss"], "does not know what cpcv holds out"),
        (["--strategy", "Unheard"], "Unheard"),
    ],
)
def test_a_plan_that_cannot_work_is_refused_before_anything_runs(arguments, expected, tmp_path):
    options = walk_forward._arguments(arguments)
    with pytest.raises(walk_forward.TuningError, match=expected):
        walk_forward._plan(options, tmp_path, Console())


def test_settings_may_be_given_as_text():
    assert walk_forward._settings('{"max_open_trades": 4}') == {"max_open_trades": 4}


def test_a_configuration_outside_of_the_repository_is_refused(tmp_path):
    assert walk_forward._inside(ROOT / "config" / "base.json") == "config/base.json"
    with pytest.raises(walk_forward.TuningError, match="workers get nothing from there"):
        walk_forward._inside(tmp_path / "mine.json")


def test_the_ledger_is_verified_on_request(capsys, tmp_path):
    chain = Chain(tmp_path / "ledger.jsonl")
    chain.append([{"what": "trial", "strategy": name} for name in "abc"])
    code, _, said = run(capsys, "--verify-ledger", "--results", tmp_path)
    assert code == 0
    assert "3 lines, unbroken" in said

    lines = chain.path.read_text().splitlines()
    forged = json.loads(lines[1]) | {"strategy": "z"}
    chain.path.write_text("\n".join([lines[0], json.dumps(forged), lines[2]]) + "\n")
    code, _, said = run(capsys, "--verify-ledger", "--results", tmp_path)
    assert code == 1
    assert "line 2" in said or "line 3" in said


def test_two_walks_do_not_share_a_folder_at_the_same_time(tmp_path):
    with (
        walk_forward._only_one(tmp_path),
        pytest.raises(walk_forward.TuningError, match="another walk-forward is running"),
        walk_forward._only_one(tmp_path),
    ):
        pass
