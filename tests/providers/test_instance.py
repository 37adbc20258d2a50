"""One bot per database: the second is told who the first is, and the dead hold nothing."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from providers.storage import instance
from providers.storage.instance import (
    InstanceError,
    Owner,
    database_of,
    hold,
    lock_of,
    owner_of,
)

HOLDER = """
import sys, time
from pathlib import Path
from providers.storage.instance import hold
hold(Path(sys.argv[1]), "first")
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    """What a test holds is released with it."""
    held = {}
    monkeypatch.setattr(instance, "_HELD", held)
    yield held
    for one in held.values():
        one.release()


@pytest.fixture
def lock(tmp_path):
    return lock_of(f"sqlite:///{tmp_path}/trades.sqlite", tmp_path)


@pytest.fixture
def holder(lock, repository):
    """Another process that holds the database."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)],
        cwd=repository,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_bot_is_refused_and_told_who_the_first_is(holder, lock, tmp_path):
    with pytest.raises(InstanceError) as refusal:
        hold(lock, "second")
    assert re.fullmatch(
        rf"The database {tmp_path}/trades\.sqlite is used by the bot of process {holder.pid} on "
        rf"\S+ since \S+; two bots .* stop it with `kill {holder.pid}`, .* --db-url",
        str(refusal.value),
    )
    assert owner_of(lock).pid == holder.pid
    assert owner_of(lock).bot == "first"


def test_a_process_of_another_computer_is_not_offered_to_be_killed_here(holder, lock):
    note = lock.with_name("trades.sqlite.bot.json")
    note.write_text(json.dumps({**json.loads(note.read_text()), "host": "elsewhere"}))
    with pytest.raises(
        InstanceError, match=r"on elsewhere since \S+; .* stop it there, or"
    ) as refusal:
        hold(lock, "second")
    assert "kill" not in str(refusal.value)


def test_a_killed_bot_holds_nothing(holder, lock):
    holder.kill()
    holder.wait()
    assert owner_of(lock) is None
    hold(lock, "second")
    assert owner_of(lock).pid == os.getpid()


def test_an_owner_that_cannot_be_read_is_an_owner(holder, lock):
    note = lock.with_name("trades.sqlite.bot.json")
    for text in ("", "{", "[]", '{"pid": "x"}', "null"):
        note.write_text(text)
        assert owner_of(lock) == Owner(0, "", "", "")
        with pytest.raises(InstanceError, match="used by another bot"):
            hold(lock, "second")
    note.unlink()
    assert owner_of(lock).pid == 0


def test_the_same_process_may_ask_again_as_a_reload_of_the_configuration_does(lock):
    assert hold(lock, "one") is hold(lock, "renamed")


def test_nobody_holds_what_was_never_locked(lock):
    assert owner_of(lock) is None
    assert not lock.exists(), "to ask leaves nothing behind"


def test_a_lock_file_that_was_deleted_is_taken_anew(lock):
    held = hold(lock, "one")
    assert held.intact()
    lock.unlink()
    assert held.intact()
    assert owner_of(lock).pid == os.getpid()


def test_a_lock_file_that_somebody_else_took_is_told_and_taken_back_when_free(lock):
    held = hold(lock, "one")
    lock.unlink()
    other = FileLock(lock, timeout=0)
    other.acquire()
    assert not held.intact()
    assert not held.intact()
    other.release()
    assert held.intact()


def test_a_reload_does_not_pass_over_a_lock_that_was_taken(lock, own_registry):
    hold(lock, "one")
    lock.unlink()
    other = FileLock(lock, timeout=0)
    other.acquire()
    with pytest.raises(InstanceError, match="is used by"):
        hold(lock, "one")
    other.release()


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(instance, "replace_file", full)
    lock = tmp_path / "trades.sqlite.bot.lock"
    with pytest.raises(InstanceError, match=r"cannot be told.*No space left on device.*free space"):
        hold(lock, "one")
    assert owner_of(lock) is None, "a start that failed holds nothing"


def test_the_folder_of_a_database_is_not_made_because_its_name_may_be_mistyped(tmp_path):
    folder = tmp_path / "mistyped"
    with pytest.raises(InstanceError, match=r"No such file or directory\); its folder must exist"):
        hold(lock_of(f"sqlite:///{folder}/trades.sqlite", tmp_path), "one")
    assert not folder.exists()


def test_the_folder_for_locks_of_databases_on_servers_is_made(tmp_path):
    lock = lock_of("postgresql://me@host/trades", tmp_path / "user_data")
    hold(lock, "one")
    assert owner_of(lock).pid == os.getpid()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////data/trades.sqlite", Path("/data/trades.sqlite")),
        ("sqlite:////data/trades.sqlite?timeout=5", Path("/data/trades.sqlite")),
        ("sqlite+pysqlite:////data/t.sqlite", Path("/data/t.sqlite")),
        ("sqlite:///file:/data/t.sqlite?uri=true", Path("/data/t.sqlite")),
        ("sqlite:///trades.sqlite", Path.cwd() / "trades.sqlite"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("sqlite:///file::memory:?uri=true", None),
        ("sqlite:///file:x?mode=memory&uri=true", None),
        ("postgresql://me:secret@host/trades", None),
        ("None", None),
        ("", None),
    ],
)
def test_the_file_of_a_database(url, expected):
    assert database_of(url) == expected


def test_links_to_one_database_share_its_lock(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "alias.sqlite").symlink_to(tmp_path / "real" / "a.sqlite")
    locks = {
        lock_of(f"sqlite:///{tmp_path}/{name}", tmp_path)
        for name in ("real/a.sqlite", "link/a.sqlite", "alias.sqlite")
    }
    assert locks == {tmp_path / "real" / "a.sqlite.bot.lock"}


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "None", "nonsense"])
def test_what_nobody_else_can_open_has_no_lock(url, tmp_path):
    assert lock_of(url, tmp_path) is None


@given(st.text("abc", min_size=1), st.text("abc", min_size=1))
def test_a_database_on_a_server_is_told_apart_without_its_password(one, other):
    folder = Path("user_data")
    first = lock_of(f"postgresql://me:{one}@host/{one}", folder)
    assert first == lock_of(f"postgresql://me:{other}@host/{one}", folder)
    assert (first == lock_of(f"postgresql://me:x@host/{other}", folder)) is (one == other)
    assert first.parent == folder / "locks"


def test_the_note_holds_no_more_than_it_says(lock):
    hold(lock, "one")
    note = json.loads(lock.with_name("trades.sqlite.bot.json").read_text())
    assert note.keys() == {"pid", "host", "since", "bot"}
