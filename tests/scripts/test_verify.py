"""The command line of the longer proofs: its own help, everything else is for pytest."""

import pytest

from scripts import verify


@pytest.fixture
def handed(monkeypatch):
    """Return what pytest would have been given, call by call."""
    calls = []
    monkeypatch.setattr(verify.os, "chdir", lambda _: None)
    monkeypatch.setattr(verify.pytest, "main", lambda given: calls.append(given) or 1)
    return calls


def test_help_is_its_own(handed, capsys):
    with pytest.raises(SystemExit) as left:
        verify.main(["--help"])
    assert left.value.code == 0
    assert handed == []
    shown = capsys.readouterr().out
    assert "examples:" in shown
    assert len(shown.splitlines()) < 30


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ([], ["tests"]),
        (["tests/rehearsal/test_restart.py", "-k", "killed"], None),
        (["tests", "--durations=20"], None),
    ],
)
def test_everything_else_goes_to_pytest_in_order(handed, given, asked):
    assert verify.main(given) == 1
    assert handed == [["-m", "verify", "-rs", "-s", *(asked or given)]]
