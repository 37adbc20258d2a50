"""Secrets are random, long enough, and texts; what is there is never overwritten."""

import re
import stat
import subprocess
from pathlib import Path

import pytest
from freqtrade.configuration.environment_vars import _get_var_typed
from hypothesis import given
from hypothesis import strategies as st

from doctor.secrets import LEAST_JWT, LEAST_PASSWORD, LEAST_WS_TOKEN
from scripts import new_env
from scripts.locked import UnlockedError, locked
from scripts.locked import main as print_locked
from scripts.new_env import BYTES, FOLDERS, filled, fresh, main
from tests.deployment.container import ROOT, services

EXAMPLE = (ROOT / ".env.example").read_text()
LEAST = {"_PASSWORD": LEAST_PASSWORD, "_JWT_SECRET": LEAST_JWT, "_WS_TOKEN": LEAST_WS_TOKEN}


@given(st.sampled_from(sorted(BYTES)), st.binary(min_size=48, max_size=48))
def test_a_secret_is_a_text_for_freqtrade_whatever_its_letters_are(ending, noise):
    """Digits would become a number, ``f`` a falsehood, a bracket a list: hence the first letter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("secrets.token_bytes", lambda count: noise[:count])
        secret = fresh(f"X{ending}")
    assert _get_var_typed(secret) == secret
    assert isinstance(_get_var_typed(secret), str)
    assert len(secret) >= LEAST[ending]
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]+", secret)  # nothing that Compose would interpolate


def test_every_secret_differs_and_nothing_else_changes():
    first, second = filled(EXAMPLE).splitlines(), filled(EXAMPLE).splitlines()
    secrets = []
    for before, one, other in zip(EXAMPLE.splitlines(), first, second, strict=True):
        if before.endswith("=change-me"):
            secrets += [one.partition("=")[2], other.partition("=")[2]]
        else:
            assert before == one == other
    assert len(secrets) == len(set(secrets)) == 12


@pytest.mark.parametrize(
    ("example", "why"),
    [
        ("A=1\n", "has no change-me"),
        ("A_KEY=change-me\n", "A_KEY is none of"),
        ("A_PASSWORD=change-me\nlower=change-me\n", "is no line of NAME=change-me"),
    ],
)
def test_an_example_that_cannot_be_filled_in_is_refused(example, why):
    with pytest.raises(ValueError, match=why):
        filled(example)


@pytest.fixture
def checkout(tmp_path) -> Path:
    (tmp_path / ".env.example").write_text(EXAMPLE)
    return tmp_path


def test_the_file_is_private_and_the_folders_of_every_service_are_there(checkout, capsys):
    assert main(["--root", str(checkout)]) == 0
    assert stat.S_IMODE((checkout / ".env").stat().st_mode) == 0o600
    assert "=change-me" not in (checkout / ".env").read_text()
    for service in services().values():
        for volume in service["volumes"]:
            if volume["source"] != "./config":  # comes with the checkout
                assert (checkout / volume["source"]).is_dir()
                inside = volume["target"].partition("/freqtrade/user_data/")[2]
                if inside:  # a mount point in another volume, which Docker would make as root
                    assert all((checkout / folder).is_dir() for folder in FOLDERS)
    said = capsys.readouterr().out
    assert not any(line.partition("=")[2] in said for line in _secrets(checkout))


def _secrets(checkout: Path) -> list[str]:
    return [line for line in (checkout / ".env").read_text().splitlines() if "=s" in line]


def test_a_file_that_is_there_stays(checkout, capsys):
    (checkout / ".env").write_text("mine")
    assert main(["--root", str(checkout)]) == 1
    assert (checkout / ".env").read_text() == "mine"
    assert "stays as it is" in capsys.readouterr().err


def test_a_link_that_leads_elsewhere_is_not_followed(checkout):
    (checkout / ".env").symlink_to(checkout / "elsewhere")
    assert main(["--root", str(checkout)]) == 1
    assert not (checkout / "elsewhere").exists()


def test_without_an_example_it_says_so(tmp_path, capsys):
    assert main(["--root", str(tmp_path)]) == 2
    assert ".env.example" in capsys.readouterr().err


def test_another_user_is_told_whose_the_folders_must_be(checkout, capsys, monkeypatch):
    monkeypatch.setattr(new_env.os, "geteuid", lambda: 1234)
    assert main(["--root", str(checkout)]) == 0
    assert f"sudo chown -R 1000:1000 {FOLDERS[0]}" in capsys.readouterr().out


def test_git_and_docker_ignore_the_secrets():
    told = subprocess.run(
        ["git", "check-ignore", ".env", "user_data/bots/bot/trades.live.sqlite"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode == 128:
        pytest.skip("needs git and its checkout")
    assert told.stdout.split() == [".env", "user_data/bots/bot/trades.live.sqlite"]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "**/.env" in ignored
    assert "!.env" not in ignored


# --- what the image takes from the lock file

LOCK = """\
one-two==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via
    #   other
three==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:cc
three==3.0 ; python_full_version >= '3.12' \\
    --hash=sha256:dd
bare==4.0
    # via three
"""


def test_an_entry_is_printed_with_its_hashes_and_without_comments():
    assert locked(LOCK, ["One.Two"]) == [
        "one-two==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb"
    ]


def test_a_package_that_depends_on_the_python_has_all_its_entries():
    assert [entry.split()[0] for entry in locked(LOCK, ["three"])] == ["three==2.0", "three==3.0"]


@pytest.mark.parametrize(
    ("packages", "why"),
    [(["bare"], "bare has no hash"), (["one-two", "four"], "four: not in the lock file")],
)
def test_what_is_not_locked_is_refused(packages, why):
    with pytest.raises(UnlockedError, match=why):
        locked(LOCK, packages)


def test_the_command_ends_with_2_where_it_cannot(tmp_path, capsys):
    lock = tmp_path / "requirements.lock"
    lock.write_text(LOCK)
    assert print_locked(["three", "--lock", str(lock)]) == 0
    assert capsys.readouterr().out.count("--hash") == 2
    assert print_locked(["bare", "--lock", str(lock)]) == 2
    assert print_locked(["x", "--lock", str(tmp_path / "none")]) == 2
