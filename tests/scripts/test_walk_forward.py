"""The walk-forward's command line: what it lists, and what it says when something is wrong."""

import json
import re
import sys
from datetime import timedelta

import pytest
from rich.console import Console

from experiments.chain import Chain
from tests.engine.bot import ROOT
from tests.tuning import made
from tests.tuning.test_walk import Answering, Noting
from tuning.walk import Prepared, WalkForward

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


@pytest.mark.parametrize("text", ["36501d", "5215w", "999999999999d"])
def test_more_time_than_a_calendar_has_is_refused(capsys, text):
    assert f"{text!r} is more than 36,500 days" in refused(capsys, "--train", text)


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
        (["--export", "choice.txt"], "--export is choice.txt, expected a name that ends in .json"),
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


def test_a_name_that_was_left_empty_does_not_begin_a_walk(capsys, tmp_path):
    """As of a shell variable that is not set."""
    code, _, said = run(capsys, "--report", "", "--results", tmp_path)
    assert (code, said) == (2, f"walk_forward: no walk  in {tmp_path}; there are: none\n")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("{", "--settings is not JSON"),
        ("[1]", "expected configuration by name"),
        ('{"fee": NaN}', "--settings is not JSON (NaN is no number"),
        ('{"add_config_files": ["a.json"]}', "--settings has add_config_files, whose files may"),
    ],
)
def test_settings_that_are_none_are_named(tmp_path, settings, expected):
    path = tmp_path / "settings.json"
    path.write_text(settings)
    for given in (settings, str(path)):
        with pytest.raises(walk_forward.TuningError, match=re.escape(expected)):
            walk_forward._settings(given)


@pytest.mark.parametrize("text", ["", "nowhere.json"])
def test_settings_that_cannot_be_read_are_named(text):
    with pytest.raises(walk_forward.TuningError, match=rf"--settings '{text}' cannot be read"):
        walk_forward._settings(text)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--mode", "cpcv", "--loss", "SharpeHyperOptLoss"], "does not know what cpcv holds out"),
        (["--mode", "cpcv", "--loss", "_pack_path"], "does not know what cpcv holds out"),
        (["--strategy", "Unheard"], "Unheard"),
        (["--settings", '{"loss": {"folds": 99}}'], r"loss\.folds is 99"),
        (["--strategy", "Bot", "--strategy-folder", "tests/engine"], r"bot\.py is not part"),
    ],
)
def test_a_plan_that_cannot_work_is_refused_before_anything_runs(arguments, expected, tmp_path):
    options = walk_forward._arguments(arguments)
    with pytest.raises((walk_forward.TuningError, ValueError), match=expected):
        walk_forward._plan(options, tmp_path, Console())


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ('{"exchange": {"name": "binance", "secret": "s", "key": "k"}}', "key, secret"),
        ('{"telegram": {"token": "t"}}', "telegram"),
    ],
)
def test_settings_that_would_carry_secrets_are_refused(settings, named):
    with pytest.raises(walk_forward.TuningError, match=f"--settings has {named}") as refused:
        walk_forward._settings(settings)
    assert '"' not in str(refused.value)


def test_settings_may_be_given_as_text():
    assert walk_forward._settings('{"max_open_trades": 4}') == {"max_open_trades": 4}


def test_a_configuration_outside_of_the_repository_is_refused(tmp_path):
    assert walk_forward._inside(ROOT / "config" / "base.json") == "config/base.json"
    with pytest.raises(walk_forward.TuningError, match="workers get nothing from there"):
        walk_forward._inside(tmp_path / "mine.json")


@pytest.mark.parametrize("name", ["config/unheard.json", "config/local.json", "README.md"])
def test_a_configuration_that_is_not_carried_is_refused(name):
    with pytest.raises(walk_forward.TuningError, match=rf"{name} is missing, private or no conf"):
        walk_forward._inside(ROOT / name)


def test_a_strategy_that_is_not_carried_is_refused(tmp_path):
    """Its results would be kept although no key knows its source."""
    (tmp_path / "Mine.py").write_text("class Mine:\n    pass\n")
    with pytest.raises(walk_forward.TuningError, match=r"Mine\.py is not part of the source"):
        walk_forward._strategy_folder(str(tmp_path), "Mine")


@pytest.mark.parametrize(
    "named",
    ["user_data/strategies", "user_data/strategies/", str(ROOT / "user_data" / "strategies")],
)
def test_a_strategy_is_taken_from_the_source_however_its_folder_is_named(named):
    """An absolute path would lead workers past the source that they were given."""
    assert walk_forward._strategy_folder(named, "RegimeRouter") == "user_data/strategies"


def test_the_ledger_is_verified_on_request(capsys, tmp_path):
    chain = Chain(tmp_path / "ledger.jsonl")
    chain.append([{"what": "trial", "strategy": name} for name in "abc"])
    code, _, said = run(capsys, "--verify-ledger", "--results", tmp_path)
    assert code == 0
    assert "3 lines, unbroken" in said

    code, _, said = run(capsys, "--verify-ledger", "--results", tmp_path / "misspelled")
    assert (code, "there is no ledger" in said) == (2, True)

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


@pytest.fixture
def walks(tmp_path):
    return WalkForward(tmp_path / "tuning")


@pytest.fixture
def walk(walks):
    """The name of a walk that is done."""
    prepared = Prepared(made.plan(folds=2, epochs=3), "source", "data", simulated=False)
    walks.run(prepared, Answering(), Noting())
    return prepared.digest


@pytest.fixture
def outline(monkeypatch, walks):
    """Reports are one word; returns what the ledger held when they were begun."""
    held = []
    monkeypatch.setattr(
        walk_forward,
        "weigh",
        lambda _: held.extend(it["what"] for it in walks.ledger.chain.entries()),
    )
    monkeypatch.setattr(walk_forward, "judge", lambda *_: None)
    for name in ("document", "markdown", "terminal"):
        monkeypatch.setattr(walk_forward, name, lambda *_, name=name: name)
    monkeypatch.setattr(walk_forward, "write_page", lambda *them: them[-1].write_text("page"))
    return held


@pytest.mark.parametrize("more", [(), ("--html", "page.html"), ("--export", "choice.json")])
def test_a_look_is_counted_before_anything_is_weighed(
    capsys, monkeypatch, tmp_path, walks, walk, outline, more
):
    monkeypatch.chdir(tmp_path)
    code, shown, _ = run(capsys, "--report", walk, "--results", walks.results, *more)
    assert (code, shown) == (0, "terminal\n")
    assert outline.count("walk") == 1
    assert all((tmp_path / name).is_file() for name in more[1:])


@pytest.mark.usefixtures("outline")
def test_what_cannot_be_counted_is_not_shown(capsys, walks, walk):
    walks.ledger.path.unlink()
    walks.ledger.path.mkdir()
    code, shown, said = run(capsys, "--report", walk, "--results", walks.results)
    assert (code, shown) == (2, "")
    assert "cannot be written" in said
    assert not list(walks.results.glob("walks/*/report.*"))


@pytest.mark.usefixtures("outline")
def test_what_a_new_ledger_does_not_know_leaves_no_count(monkeypatch, capsys, walks, walk):
    seen = []
    monkeypatch.setattr(walk_forward, "judge", lambda _, walk: seen.append(walk))
    for path in (walks.ledger.path, walks.ledger.note):
        path.unlink()
    code, _, _ = run(capsys, "--report", walk, "--results", walks.results)
    assert (code, seen[0].trials) == (0, None)
    assert "does not know 2 of the searches" in seen[0].trials_unknown


@pytest.mark.usefixtures("outline")
def test_a_report_is_kept_although_nobody_reads_the_terminal(capsys, monkeypatch, walks, walk):
    def closed(*_):
        raise BrokenPipeError

    monkeypatch.setattr(walk_forward, "terminal", closed)
    run(capsys, "--report", walk, "--results", walks.results)
    kept = {path.suffix for path in walks.results.glob(f"walks/{walk}/report.*")}
    assert kept == {".json", ".md", ".html"}


@pytest.mark.usefixtures("outline")
def test_a_damaged_result_is_reported_as_missing(capsys, walks, walk):
    (damaged, *_) = walks.results.glob("runs/*/outcome.json")
    damaged.write_text("{")
    code, shown, _ = run(capsys, "--report", walk, "--results", walks.results)
    assert (code, shown) == (1, "terminal\n")
