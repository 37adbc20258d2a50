"""A ledger of refusals survives whatever ends the process, and never outgrows its bound."""

import errno
import json
import os
import resource
import signal
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import CorruptDataError, DataMissingError
from providers.storage import lines
from providers.storage.vetoes import (
    ROW,
    LedgerFile,
    find_ledger,
    ledger_path,
    prune_backtests,
    read_ledger,
)

BEGAN = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
FULL = f"{os.strerror(errno.ENOSPC)}|{os.strerror(errno.EFBIG)}"
CANDLE = timedelta(minutes=15)
RUN = {"strategy": "RegimeRouter", "run_mode": "backtest", "timerange": "20260101-20260201"}


def row(number: int = 0, **changes) -> dict:
    refused = {
        "at": (BEGAN + number * CANDLE).isoformat(),
        "pair": "BTC/USDT:USDT",
        "side": "long",
        "gate": "cooldown",
        "reason": "too soon after the pair's last trade",
        "regime": "trending",
        "sub_strategy": "momentum",
        "confidence": 0.8,
        "rate": 100.5 + number,
        "stop_distance": 2.0,
        "target_rr": 2.0,
    }
    return refused | changes


def ledger(folder, most=100, name="one", **run) -> LedgerFile:
    return LedgerFile(ledger_path(folder, "RegimeRouter", "backtest", name), RUN | run, most)


def rates(file: LedgerFile) -> list[float]:
    return read_ledger(file.path).rows["rate"].tolist()


texts = st.text(max_size=20)
numbers = st.none() | st.floats()


@settings(max_examples=30)
@given(st.lists(st.tuples(texts, texts, numbers, numbers), max_size=5))
def test_what_was_written_is_read(tmp_path_factory, refusals):
    file = ledger(tmp_path_factory.mktemp("vetoes"))
    file.begin()
    rows = [
        row(number, reason=reason, regime=regime, confidence=confidence, rate=rate)
        for number, (reason, regime, confidence, rate) in enumerate(refusals)
    ]
    file.append(rows)
    found = read_ledger(file.path)
    assert found.run == RUN
    assert list(found.rows.columns) == list(ROW)
    for written, read in zip(rows, found.rows.to_dict("records"), strict=True):
        assert read["at"] == datetime.fromisoformat(written["at"])
        for name in ("pair", "side", "gate", "reason", "regime", "sub_strategy"):
            assert read[name] == written[name]
        for name in ("confidence", "rate"):
            known = written[name] is not None and np.isfinite(written[name])
            np.testing.assert_equal(read[name], written[name] if known else np.nan)


def test_every_line_is_json_that_any_tool_reads(tmp_path):
    file = ledger(tmp_path)
    file.append([row(rate=float("nan"), confidence=float("inf"), regime=None)])
    first, second = map(json.loads, file.path.read_text("ascii").splitlines())
    assert first == {"run": RUN}
    assert list(second) == list(ROW)
    assert [second[name] for name in ("rate", "confidence", "regime")] == [None, None, None]


def test_a_ledger_without_refusals_has_none(tmp_path):
    file = ledger(tmp_path)
    file.begin()
    found = read_ledger(file.path)
    assert found.rows.empty
    assert str(found.rows["at"].dtype) == "datetime64[ms, UTC]"
    assert found.rows["rate"].dtype == "float64"


def test_a_restart_goes_on_and_keeps_the_first_line(tmp_path):
    ledger(tmp_path, started_at="first").append([row(0)])
    ledger(tmp_path, started_at="second").append([row(1)])
    again = ledger(tmp_path, started_at="third")
    again.begin()
    assert read_ledger(again.path).run["started_at"] == "first"
    assert rates(again) == [100.5, 101.5]


def test_a_refusal_that_is_repeated_is_read_once(tmp_path):
    ledger(tmp_path).append([row(1), row(0)])
    file = ledger(tmp_path)
    file.append([row(0, rate=7.0), row(0, side="short", rate=8.0)])
    assert rates(file) == [100.5, 8.0, 101.5]


def test_a_batch_is_one_write(tmp_path, monkeypatch):
    file, sizes = ledger(tmp_path), []
    file.begin()
    before = file.path.stat().st_size
    append = lines._append
    monkeypatch.setattr(
        lines, "_append", lambda path, content: sizes.append(len(content)) or append(path, content)
    )
    file.append([row(number) for number in range(5)])
    assert sizes == [file.path.stat().st_size - before]


def test_every_cut_loses_the_torn_line_alone_and_the_next_line_is_whole(tmp_path):
    file = ledger(tmp_path)
    file.append([row(0), row(1)])
    content = file.path.read_bytes()
    starts = [len(line) for line in content.splitlines(keepends=True)]
    header = starts[0]
    edges = (header, header + starts[1], len(content))
    near = {edge + step for edge in edges for step in (-2, -1, 0, 1, 2)}
    for cut in sorted(near | set(range(header, len(content), 61))):
        if not header <= cut <= len(content):
            continue
        whole = [100.5, 101.5][: (cut >= header + starts[1] - 1) + (cut >= len(content) - 1)]
        file.path.write_bytes(content[:cut])
        assert rates(file) == whole
        ledger(tmp_path).append([row(9)])
        assert rates(file) == [*whole, 109.5]


@pytest.mark.parametrize(
    "junk", [b"\0" * 50, b"\xff\xfe\n", b"[1, 2]\n", b"7\n", b'{"at": 5}\n', b"{}\n"]
)
def test_damage_between_lines_is_passed_over(junk, tmp_path):
    file = ledger(tmp_path)
    file.append([row(0)])
    file.path.write_bytes(file.path.read_bytes() + junk)
    file.append([row(1)])
    assert rates(file) == [100.5, 101.5]


def test_a_killed_writer_loses_at_most_the_line_in_hand(tmp_path):
    file = ledger(tmp_path, most=100_000)
    for _ in range(5):
        file.begin()
        begun = len(rates(file))
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                for number in range(begun, 100_000):
                    file.append([row(number)])
                    os.write(writing, b".")
            finally:
                os._exit(1)
        os.close(writing)
        told = 0
        while told < 50:
            told += len(os.read(reading, 1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while more := os.read(reading, 4096):
            told += len(more)
        os.close(reading)
        found = rates(file)
        assert begun + told <= len(found) <= begun + told + 1
        assert found == [100.5 + number for number in range(len(found))]


@contextmanager
def no_file_may_grow_beyond(size: int):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_full_disk_leaves_what_was_there_and_later_room_is_used(room, tmp_path):
    file = ledger(tmp_path, most=20_000)
    file.append([row(number) for number in range(2000)])  # larger than what else may be written now
    before = file.path.read_bytes()
    with no_file_may_grow_beyond(len(before) + room), pytest.raises(OSError, match=FULL):
        file.append([row(2000)])
    assert file.path.read_bytes() == before
    file.append([row(2001)])
    assert rates(file)[-2:] == [2099.5, 2101.5]


def test_a_bounded_file_keeps_the_newest(tmp_path):
    file = ledger(tmp_path, most=100)
    for number in range(350):
        file.append([row(number)])
        assert len(file.path.read_bytes().splitlines()) <= 1 + 110
    found = rates(file)
    assert 100 <= len(found) <= 110
    assert found == [100.5 + number for number in range(350 - len(found), 350)]
    assert read_ledger(file.path).run == RUN
    restarted = ledger(tmp_path, most=100)
    restarted.append([row(number) for number in range(350, 370)])
    assert rates(file) == [100.5 + number for number in range(270, 370)]


def test_a_rewrite_that_fails_leaves_the_file_and_is_not_tried_for_every_row(tmp_path, monkeypatch):
    file, tried = ledger(tmp_path, most=100), []

    def full(path, content):
        tried.append(1)
        raise OSError(errno.ENOSPC, "full")

    file.append([row(number) for number in range(110)])
    monkeypatch.setattr(lines, "replace_file", full)
    with pytest.raises(OSError, match="full"):
        file.append([row(110)])
    assert len(rates(file)) == 111
    for number in range(111, 150):
        file.append([row(number)])
    assert len(tried) == 1
    assert len(rates(file)) == 150


@pytest.mark.parametrize("content", [b"", b"\n", b"not ours", b'{"at": 1}\n', b'{"run": 1}\n'])
def test_a_file_that_names_no_run_is_set_aside(content, tmp_path):
    file = ledger(tmp_path)
    file.path.write_bytes(content)
    with pytest.raises(CorruptDataError, match="names no run"):
        read_ledger(file.path)
    file.append([row()])
    assert rates(file) == [100.5]
    assert (tmp_path / f"{file.path.name}.damaged-1").read_bytes() == content


def test_a_file_that_was_cleared_away_is_begun_anew(tmp_path):
    file = ledger(tmp_path / "new" / "folder")
    file.append([row(0)])
    file.path.unlink()
    file.append([row(1)])
    assert rates(file) == [101.5]


def test_a_missing_ledger_says_so(tmp_path):
    with pytest.raises(DataMissingError, match="does not exist"):
        read_ledger(tmp_path / "none.jsonl")
    assert find_ledger(tmp_path / "none", "RegimeRouter", BEGAN) is None


def test_the_ledger_of_a_run_is_found_among_others(tmp_path):
    def begin(name, seconds, **run):
        started = (BEGAN + timedelta(seconds=seconds)).isoformat()
        file = ledger(tmp_path, name=name, **{"started_at": started} | run)
        file.begin()
        return file.path

    begin("before", -0.001)
    mine = begin("mine", 0.7)
    begin("next", 5)
    begin("other", 0.1, strategy="SqueezeFlow")
    begin("undated", 0.1, started_at="yesterday")
    short = begin("short", 0.2, timerange="20260101-20260102")
    (tmp_path / "RegimeRouter-backtest-broken.jsonl").write_bytes(b"{")
    LedgerFile(
        ledger_path(tmp_path, "RegimeRouter", "dry_run", "bot"),
        RUN | {"started_at": BEGAN.isoformat()},
        100,
    ).begin()
    assert find_ledger(tmp_path, "RegimeRouter", BEGAN, timerange=RUN["timerange"]) == mine
    assert find_ledger(tmp_path, "RegimeRouter", BEGAN) == short
    assert find_ledger(tmp_path, "RegimeRouter", BEGAN, timerange="2020-2021") is None
    assert find_ledger(tmp_path, "RegimeRouter", BEGAN + timedelta(minutes=1)) is None
    assert find_ledger(tmp_path, "RegimeRouter", BEGAN - timedelta(minutes=2)) is None


def test_old_backtests_are_pruned_and_bots_are_not(tmp_path):
    bot = LedgerFile(ledger_path(tmp_path, "RegimeRouter", "live", "a-backtest-b"), RUN, 100)
    bot.begin()
    os.utime(bot.path, (0, 0))
    paths = []
    for number in range(6):
        file = LedgerFile(
            ledger_path(tmp_path, "AB"[number % 2], "backtest", f"{number}"), RUN, 100
        )
        file.begin()
        os.utime(file.path, (number, number))
        paths.append(file.path)
    prune_backtests(tmp_path, 4)
    assert {path for path in paths if path.exists()} == set(paths[2:])
    prune_backtests(tmp_path, 4)
    assert len(list(tmp_path.iterdir())) == 5
    assert bot.path.exists()


def test_names_cannot_leave_the_folder(tmp_path):
    path = ledger_path(tmp_path, "../../Strategy", "live", "a bot/../é-1")
    assert path.parent == tmp_path
    assert path.name == "_Strategy-live-a_bot_1.jsonl"
