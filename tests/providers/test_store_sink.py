"""Where a recorder's rows go, and how often."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from providers.errors import ProviderError
from providers.live.store_sink import GATHER, StoreSink
from providers.storage.history import History, RestatedError
from providers.storage.store import recording_folder
from tests.providers.scripted import DATASET, HOUR, PAIR, START, Clock, rows

LATER = START + 400 * HOUR
FINE = replace(DATASET, name="fine", step=timedelta(minutes=5))
MINUTES = timedelta(minutes=1)


def sink(tmp_path, clock: Clock, *recorded: str) -> StoreSink:
    return StoreSink(tmp_path, frozenset(recorded), clock.now)


def fine(*numbers: int) -> pd.DataFrame:
    return rows([START + number * 5 * MINUTES for number in numbers], numbers)


def test_coarse_rows_are_written_at_once(tmp_path):
    it = sink(tmp_path, Clock(LATER))
    it.accept(DATASET, PAIR, rows([0, 1], [1, 2]), LATER)
    assert History(tmp_path, DATASET, PAIR).read()["value"].tolist() == [1, 2]
    assert it.newest(DATASET, PAIR) == START + HOUR


def test_fine_rows_are_gathered_and_written_together(tmp_path, monkeypatch):
    written = []
    add = History.add
    monkeypatch.setattr(
        History, "add", lambda self, fresh, at: written.append(len(fresh)) or add(self, fresh, at)
    )
    clock = Clock(LATER)
    it = sink(tmp_path, clock)
    for number in range(4):
        it.accept(FINE, PAIR, fine(number, number + 1), clock.time)
        assert it.newest(FINE, PAIR) == START + (number + 1) * 5 * MINUTES
        clock.time += GATHER / 3
    assert written == [5]
    it.accept(FINE, PAIR, fine(4, 5), clock.time)
    assert len(History(tmp_path, FINE, PAIR).read()) == 5
    it.flush()
    assert History(tmp_path, FINE, PAIR).read()["value"].tolist() == [0, 1, 2, 3, 4, 5]
    assert written == [5, 2]


def test_the_file_is_read_once(tmp_path, monkeypatch):
    History(tmp_path, DATASET, PAIR).add(rows([0, 1], [1, 2]), LATER)
    reads = []
    read = History.read
    monkeypatch.setattr(History, "read", lambda self: reads.append(1) or read(self))
    it = sink(tmp_path, Clock(LATER))
    for _ in range(3):
        assert it.newest(DATASET, PAIR) == START + HOUR
    it.accept(DATASET, PAIR, rows([2], [3]), LATER)
    assert it.newest(DATASET, PAIR) == START + 2 * HOUR
    assert len(reads) == 1


def test_a_damaged_file_is_set_aside_and_begun_anew(tmp_path, caplog):
    history = History(tmp_path, DATASET, PAIR)
    history.add(rows([0, 1], [1, 2]), LATER)
    content = bytearray(history.path.read_bytes())
    content[len(content) // 2] ^= 1
    history.path.write_bytes(content)
    it = sink(tmp_path, Clock(LATER))
    assert it.newest(DATASET, PAIR) is None
    assert "kept as" in caplog.text
    it.accept(DATASET, PAIR, rows([0, 1], [1, 2]), LATER)
    assert len(history.read()) == 2


def test_what_contradicts_the_store_is_refused_and_asked_again_from_what_is_stored(tmp_path):
    history = History(tmp_path, DATASET, PAIR)
    history.add(rows(range(20), range(20)), LATER)
    it = sink(tmp_path, Clock(LATER))
    it.newest(DATASET, PAIR)
    with pytest.raises(RestatedError):
        it.accept(DATASET, PAIR, rows(range(25), [n + 100 for n in range(25)]), LATER)
    assert it.newest(DATASET, PAIR) == START + 19 * HOUR
    it.accept(DATASET, PAIR, rows([20], [20]), LATER)
    assert history.read()["value"].tolist() == list(range(21))


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), ProviderError("no")])
def test_flush_tells_what_it_could_not_write(tmp_path, monkeypatch, caplog, trouble):
    it = sink(tmp_path, Clock(LATER))
    it.accept(FINE, PAIR, fine(0), LATER)

    def fail(*_):
        raise trouble

    with monkeypatch.context() as broken:
        broken.setattr(History, "add", fail)
        assert it.flush() == [("fine", PAIR)]
    assert "was not written" in caplog.text
    kept = isinstance(trouble, OSError)
    assert it.newest(FINE, PAIR) == (START if kept else None), "what is lost is asked for again"
    assert it.flush() == []
    assert len(History(tmp_path, FINE, PAIR).read()) == (1 if kept else 0)


def test_recordings_go_to_files_per_day(tmp_path):
    it = sink(tmp_path, Clock(LATER), "hourly")
    it.accept(DATASET, PAIR, rows([23, 24], [1, 2]), LATER)
    folder = recording_folder(tmp_path, "hourly", PAIR)
    assert sorted(path.name for path in folder.glob("*.feather")) == [
        "2026-01-01.feather",
        "2026-01-02.feather",
    ]
    assert it.newest(DATASET, PAIR) is None
