"""Snapshots that nobody can disturb."""

import threading
from datetime import timedelta

import pandas as pd

from providers.live.memory import Memory
from providers.storage.history import empty
from tests.providers.scripted import DATASET, DAY, HOUR, PAIR, START, rows

LATER = START + 400 * HOUR


def test_a_reader_cannot_change_what_others_read():
    memory = Memory()
    memory.accept(DATASET, PAIR, rows([0, 1], [1, 2]), LATER)
    mine = memory.rows("hourly", PAIR)
    mine["value"] = 0.0
    mine.loc[0, "known_at"] = LATER
    mine.loc[2] = mine.loc[1]
    theirs = memory.rows("hourly", PAIR)
    pd.testing.assert_frame_equal(theirs, rows([0, 1], [1, 2]))


def test_what_was_known_first_stays_and_snapshots_stand_still():
    memory = Memory()
    memory.accept(DATASET, PAIR, rows([0, 1], [1, 2]), LATER)
    before = memory.rows("hourly", PAIR)
    memory.accept(DATASET, PAIR, rows([1, 2], [9, 3]), LATER)
    assert before["value"].tolist() == [1, 2]
    assert memory.rows("hourly", PAIR)["value"].tolist() == [1, 2, 3]


def test_keeps_what_lies_within_keep_of_the_newest_row():
    memory = Memory(keep=timedelta(hours=3))
    memory.accept(DATASET, PAIR, rows(range(6), range(6)), LATER)
    assert memory.rows("hourly", PAIR)["value"].tolist() == [2, 3, 4, 5]


def test_rows_of_the_future_are_no_rows():
    memory = Memory()
    memory.accept(DATASET, PAIR, rows([0, 1, 2], [1, 2, 3]), START + HOUR)
    assert memory.rows("hourly", PAIR)["value"].tolist() == [1, 2]


def test_the_seed_is_asked_once_and_shown_with_the_first_fresh_rows():
    asked = []

    def seed(dataset, pair):
        asked.append((dataset, pair))
        return rows([0, 1], [1, 2])

    memory = Memory(seed=seed)
    assert memory.rows("hourly", PAIR) is None
    assert memory.newest(DATASET, PAIR) == START + HOUR
    assert memory.newest(DATASET, PAIR) == START + HOUR
    assert memory.rows("hourly", PAIR) is None
    memory.accept(DATASET, PAIR, rows([2], [3]), LATER)
    assert memory.rows("hourly", PAIR)["value"].tolist() == [1, 2, 3]
    assert asked == [("hourly", PAIR)]


def test_nothing_is_none():
    memory = Memory()
    memory.accept(DATASET, PAIR, empty(DATASET), LATER)
    assert memory.rows("hourly", PAIR) is None
    assert memory.newest(DATASET, PAIR) is None


def test_forgets_what_is_not_wanted_any_more():
    memory = Memory()
    memory.accept(DATASET, PAIR, rows([0], [1]), LATER)
    memory.accept(DATASET, "ETH/USDT:USDT", rows([0], [1]), LATER)
    memory.retain({("hourly", PAIR)})
    assert memory.rows("hourly", PAIR) is not None
    assert memory.rows("hourly", "ETH/USDT:USDT") is None


def test_readers_see_whole_snapshots_while_a_writer_writes():
    memory = Memory(keep=DAY)
    seen, done = [], threading.Event()

    def read():
        while not done.wait(0.001):
            frame = memory.rows("hourly", PAIR)
            if frame is not None:
                steps = frame["date"].diff().dropna()
                seen.append(bool((steps == HOUR).all()) and len(frame) <= 25)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for hour in range(60):
        memory.accept(DATASET, PAIR, rows([hour, hour + 1], [hour, hour + 1]), LATER)
    done.set()
    for reader in readers:
        reader.join()
    assert seen
    assert all(seen)
    assert memory.rows("hourly", PAIR)["value"].iloc[-1] == 60
