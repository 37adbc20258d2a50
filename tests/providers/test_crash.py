"""Killed at any moment, out of space at any step: a store file is old or new, and never torn."""

import errno
import itertools
import os
import random
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from providers.contract import Span
from providers.errors import CorruptDataError
from providers.storage.history import History
from providers.storage.lease import lease
from providers.storage.ledger import Answered, Ledger
from providers.storage.store import read_frame, replace_file, restated_path, write_frame
from tests.forks import FORKS
from tests.providers import crash_writer
from tests.providers.scripted import DATASET, HOUR, NOW, PAIR, START, rows

KILLS = 50
READS = 2000


@contextmanager
def running(target, folder: Path):
    ours, theirs = FORKS.Pipe()
    process = FORKS.Process(target=target, args=(str(folder), theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield process, ours
    finally:
        process.kill()
        process.join()
        ours.close()


def last_told(connection) -> int:
    told = 0
    try:
        while connection.poll():
            told = connection.recv()
    except EOFError:
        pass
    return told


def test_a_writer_that_is_killed_fifty_times_loses_at_most_what_it_was_writing(tmp_path):
    history, chance = History(tmp_path, DATASET, PAIR), random.Random(7)
    committed, took = 0, 0.01
    for _ in range(KILLS):
        with running(crash_writer.write_for_ever, tmp_path) as (process, connection):
            for _ in range(2):  # it has begun, and written once
                assert connection.poll(30)
                committed = connection.recv()
                begun = time.monotonic()
            process.join(chance.uniform(0.0, 1.5) * took)
            process.kill()
            process.join()
            later = last_told(connection)
            if later > committed:
                took = time.monotonic() - begun
            committed = max(committed, later)
        frame = history.read()  # raises on a digest that does not agree
        assert committed <= len(frame) <= committed + crash_writer.BATCH
        assert frame["value"].tolist() == list(range(len(frame)))
    assert committed >= crash_writer.BATCH * KILLS
    with lease(tmp_path, DATASET.name):
        left = {path.name for path in history.path.parent.iterdir() if path.suffix != ".lock"}
    assert left <= {history.path.name, f"{history.path.name}.sha256", ".writer.json"}


def test_a_reader_beside_a_busy_writer_never_sees_half_a_file(tmp_path):
    history, seen = History(tmp_path, DATASET, PAIR), 0
    with running(crash_writer.rewrite_for_ever, tmp_path) as (process, connection):
        assert connection.poll(30)
        reads = 0
        while reads < READS or seen <= 10:
            count = len(read_frame(history.path))
            assert count >= seen
            seen, reads = count, reads + 1
            assert process.is_alive()


def test_a_file_that_the_system_cuts_off_leaves_the_old_one(tmp_path):
    history = History(tmp_path, DATASET, PAIR)
    history.add(rows(range(10), range(10)), NOW)
    before = history.path.read_bytes()
    with running(crash_writer.write_into_little_space, tmp_path) as (_, connection):
        assert connection.poll(30)
        assert connection.recv() == "EFBIG"
    assert history.path.read_bytes() == before
    assert len(history.read()) == 10


class Failing:
    """Lets call number `at` to the operating system fail."""

    def __init__(self, monkeypatch, at: int, error: BaseException) -> None:
        self.calls, self.at, self.error = 0, at, error
        for owner, name in ((os, "open"), (os, "fsync"), (Path, "replace"), (Path, "chmod")):
            monkeypatch.setattr(owner, name, self.counted(getattr(owner, name)))
        monkeypatch.setattr(os, "fdopen", self.file(os.fdopen))

    def count(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise self.error

    def counted(self, original):
        def call(*args, **kwargs):
            self.count()
            return original(*args, **kwargs)

        return call

    def file(self, original):
        @contextmanager
        def opened(*args, **kwargs):
            with original(*args, **kwargs) as file:
                yield Written(file, self)

        return opened


class Written:
    """A file whose `write` leaves half and fails."""

    def __init__(self, file, failing: Failing) -> None:
        self.file, self.failing = file, failing
        self.flush, self.fileno = file.flush, file.fileno

    def write(self, content: bytes) -> int:
        self.file.write(content[: len(content) // 2])
        self.failing.count()
        return self.file.write(content[len(content) // 2 :])


ERRORS = {
    **{
        name: OSError(getattr(errno, name), name)
        for name in ("ENOSPC", "EIO", "EROFS", "EACCES", "EXDEV")
    },
    "Ctrl-C": KeyboardInterrupt(),
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_whatever_step_fails_the_store_is_old_or_new_and_the_next_try_succeeds(
    error, tmp_path, monkeypatch
):
    old, fresh = rows(range(10), range(10)), rows([3, 10, 11], [99, 10, 11])
    for step in itertools.count(1):
        history = History(tmp_path / str(step), DATASET, PAIR)
        history.add(old, NOW)
        with monkeypatch.context() as patched:
            failing = Failing(patched, step, error)
            try:
                history.add(fresh, NOW)
            except (OSError, KeyboardInterrupt) as raised:
                assert raised is error  # noqa: PT017 - told as it was
        assert len(history.read()) in {10, 12}
        for file in history.path.parent.glob("*.feather"):
            read_frame(file)
        assert not [path for path in history.path.parent.iterdir() if path.name[0] == "."]
        history.add(fresh, NOW)
        assert history.read()["value"].tolist() == list(range(12))
        assert read_frame(restated_path(history.path))["value"].tolist() == [99]
        if failing.calls < step:
            break
    assert step > 20  # two files with two checksums each, each opened, written, flushed, renamed


@pytest.mark.parametrize("suffix", ["", ".sha256"])
def test_a_flipped_bit_in_any_byte_is_caught(suffix, tmp_path):
    history = History(tmp_path, DATASET, PAIR)
    history.add(rows(range(20), range(20)), NOW)
    path = history.path.with_name(f"{history.path.name}{suffix}")
    content = path.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(CorruptDataError):
            history.read()
    path.write_bytes(content)
    assert len(history.read()) == 20


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_truncated_file_is_caught_set_aside_and_fetched_anew(kept, tmp_path):
    history = History(tmp_path, DATASET, PAIR)
    history.add(rows(range(20), range(20)), NOW)
    history.path.write_bytes(history.path.read_bytes()[:kept])
    assert history.heal() is not None
    history.add(rows(range(5), range(5)), NOW)
    assert len(history.read()) == 5


def test_a_crash_while_a_damaged_file_is_replaced_does_not_vouch_for_it(tmp_path, monkeypatch):
    path = tmp_path / "data.feather"
    write_frame(rows([0], [0]), path, checksum=True)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with monkeypatch.context() as patched:
        names = []

        def only_the_first(path, content):
            names.append(path.name)
            if len(names) == 2:
                raise OSError(errno.ENOSPC, "full")
            replace_file(path, content)

        patched.setattr("providers.storage.store.replace_file", only_the_first)
        with pytest.raises(OSError, match="full"):
            write_frame(rows([0], [1]), path, checksum=True)
    assert names == ["data.feather.sha256", "data.feather"]
    with pytest.raises(CorruptDataError, match="differs from its checksum"):
        read_frame(path)


def test_a_crash_while_a_file_without_a_checksum_is_replaced_leaves_it_readable(
    tmp_path, monkeypatch
):
    path = tmp_path / "data.feather"
    write_frame(rows([0], [0]), path)
    for step in (1, 2, 3):
        with monkeypatch.context() as patched:
            done = itertools.count(1)

            def failing(path, content, step=step, done=done):
                if next(done) == step:
                    raise OSError(errno.ENOSPC, "full")
                replace_file(path, content)

            patched.setattr("providers.storage.store.replace_file", failing)
            with pytest.raises(OSError, match="full"):
                write_frame(rows([0], [step]), path, checksum=True)
        assert len(read_frame(path)) == 1


def test_a_ledger_that_could_not_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    history = History(tmp_path, DATASET, PAIR)
    history.add(rows([0], [0]), NOW)
    ledger = Ledger.of(history, 1)
    answered = Answered(Span(START, START + HOUR), HOUR)
    answered.good(START, START)
    ledger.add("rest", answered.spans())
    ledger.save(1)
    with monkeypatch.context() as patched:
        Failing(patched, 2, OSError(errno.ENOSPC, "full"))
        ledger.add("archive", [Span(START, NOW)])
        with pytest.raises(OSError, match="full"):
            ledger.save(1)
    assert Ledger.of(history, 1).answered == {"rest": [Span(START, START + HOUR)]}
