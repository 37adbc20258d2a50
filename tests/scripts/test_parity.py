"""The command line of parity: what it refuses before anything is compared."""

import pytest

from scripts import parity


@pytest.fixture
def needed(tmp_path):
    """Return the options that are needed, with a data folder that exists."""
    (tmp_path / "data").mkdir()
    return {
        "--db": str(tmp_path / "bot.sqlite"),
        "--result": str(tmp_path / "result.zip"),
        "--datadir": str(tmp_path / "data"),
    }


def words(options):
    return [word for pair in options.items() for word in pair]


@pytest.mark.parametrize("option", ["--datadir", "--log"])
def test_a_file_that_was_named_and_is_not_there_is_no_missing_evidence(needed, option, capsys):
    assert parity.main(words(needed | {option: "nowhere"})) == 2
    assert f"{option} is nowhere, which is no" in capsys.readouterr().err


def test_what_is_compared_must_be_there(needed, capsys):
    assert parity.main(words(needed)) == 2
    told = capsys.readouterr().err
    assert told.startswith("parity: ")
    assert needed["--result"] in told or needed["--db"] in told


@pytest.mark.parametrize(
    ("option", "given"),
    [("--speed", "0.5"), ("--speed", "fast"), ("--late", "-1"), ("--spread", "nan")],
)
def test_a_tolerance_is_a_number_in_its_range(needed, option, given, capsys):
    with pytest.raises(SystemExit) as left:
        parity.main([*words(needed), option, given])
    assert left.value.code == 2
    assert f"{option}: {given!r}, expected a number from" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["2026", "2026-03-01..soon", "2026-03-08..2026-03-01"])
def test_a_window_has_two_ends_in_order(needed, given, capsys):
    with pytest.raises(SystemExit) as left:
        parity.main([*words(needed), "--window", given])
    assert left.value.code == 2
    assert given in capsys.readouterr().err
