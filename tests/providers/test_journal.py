"""A journal of decisions reads as it was written, each candle once, whatever ended the process."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import CorruptDataError, DataMissingError
from providers.storage.journal import (
    NUMBERS,
    SAME,
    JournalFile,
    find_journals,
    is_input,
    journal_path,
    read_journal,
)

BEGAN = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
CANDLE = timedelta(minutes=15)
RUN = {"strategy": "RegimeRouter", "run_mode": "dry_run", "bot": "one-0"}
PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT")


def journal(folder, most=100, bot="one-0") -> JournalFile:
    return JournalFile(journal_path(folder, "RegimeRouter", bot), RUN | {"bot": bot}, most)


def note(file, number=0, pair=PAIRS[0], seconds=20.0, **values) -> None:
    candle = BEGAN + number * CANDLE
    file.note(candle + CANDLE + timedelta(seconds=seconds), candle, pair, values)


values = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(NUMBERS, st.none() | st.floats(allow_nan=False, allow_infinity=False)),
        "enter_tag": st.none() | st.text(max_size=10),
        "state_1h": st.integers(0, 2),
        "funding_age_hours": st.floats(0, 100),
    },
)


@settings(max_examples=30)
@given(st.lists(values, max_size=5))
def test_what_was_written_is_read(tmp_path_factory, written):
    file = journal(tmp_path_factory.mktemp("journal"))
    file.begin()
    for number, row in enumerate(written):
        note(file, number, **row)
    found = read_journal(file.path)
    assert found.run == RUN
    assert found.starts == ()
    assert found.rows["candle"].tolist() == [BEGAN + n * CANDLE for n in range(len(written))]
    for row, read in zip(written, found.rows.to_dict("records"), strict=True):
        assert read["at"] == read["candle"] + CANDLE + timedelta(seconds=20)
        assert read["enter_tag"] == row.get("enter_tag")
        for name in (*NUMBERS, "state_1h", "funding_age_hours"):
            known = row.get(name)
            np.testing.assert_equal(read.get(name, np.nan), np.nan if known is None else known)


def test_a_candle_that_was_analyzed_again_is_read_as_it_was_first(tmp_path):
    note(journal(tmp_path), entry=0, state_1h=0)
    restarted = journal(tmp_path)
    note(restarted, seconds=90.0, entry=1, state_1h=2)
    note(restarted, pair=PAIRS[1], entry=-1, state_1h=2)
    rows = read_journal(restarted.path).rows
    assert rows["entry"].tolist() == [0, -1]
    assert rows["state_1h"].tolist() == [0, 2]
    assert not rows.duplicated(SAME).any()


def test_starts_are_told_apart_from_decisions(tmp_path):
    file = journal(tmp_path)
    file.note_start(BEGAN)
    note(file, 0)
    journal(tmp_path).note_start(BEGAN + CANDLE)
    found = read_journal(file.path)
    assert found.starts == (BEGAN, BEGAN + CANDLE)
    assert len(found.rows) == 1


@pytest.mark.parametrize(
    "junk",
    [
        b"\0" * 50,
        b"\xff\xfe\n",
        b"[1, 2]\n",
        b'{"at": 5}\n',
        b'{"at": "soon", "candle": "2026-10-01T12:00:00+00:00", "pair": "X"}\n',
        b'{"at": "2026-10-01T12:00:00+00:00", "candle": "then", "pair": "X"}\n',
        b'{"at": "2026-10-01T12:00:00+00:00", "candle": "2026-10-01T12:00:00+00:00"}\n',
        b'{"at": "never", "start": true}\n',
    ],
)
def test_damage_between_lines_is_passed_over(junk, tmp_path):
    file = journal(tmp_path)
    note(file, 0, entry=1)
    file.path.write_bytes(file.path.read_bytes() + junk)
    note(file, 1, entry=-1)
    found = read_journal(file.path)
    assert found.rows["entry"].tolist() == [1, -1]
    assert found.starts == ()


def test_a_torn_last_line_is_lost_alone(tmp_path):
    file = journal(tmp_path)
    note(file, 0, entry=1)
    note(file, 1, entry=-1)
    content = file.path.read_bytes()
    file.path.write_bytes(content[:-9])
    assert read_journal(file.path).rows["entry"].tolist() == [1]
    note(journal(tmp_path), 2, entry=0)
    assert read_journal(file.path).rows["entry"].tolist() == [1, 0]


def test_a_bounded_file_keeps_the_newest(tmp_path):
    file = journal(tmp_path, most=100)
    for number in range(250):
        note(file, number, close=float(number))
    closes = read_journal(file.path).rows["close"].tolist()
    assert 100 <= len(closes) <= 110
    assert closes == [float(number) for number in range(250 - len(closes), 250)]


def test_an_empty_journal_has_typed_columns(tmp_path):
    file = journal(tmp_path)
    file.begin()
    rows = read_journal(file.path).rows
    assert rows.empty
    assert str(rows["candle"].dtype) == "datetime64[ms, UTC]"
    assert rows["close"].dtype == "float64"


def test_rows_of_different_versions_live_in_one_file(tmp_path):
    file = journal(tmp_path)
    note(file, 0, entry=1)
    note(file, 1, entry=1, new_state=2)
    rows = read_journal(file.path).rows
    assert rows["new_state"].isna().tolist() == [True, False]


def test_every_line_is_json_that_any_tool_reads(tmp_path):
    file = journal(tmp_path)
    note(file, atr=float("nan"), close=float("inf"), entry=0)
    first, second = map(json.loads, file.path.read_text("ascii").splitlines())
    assert first == {"run": RUN}
    assert (second["atr"], second["close"], second["entry"]) == (None, None, 0)


def test_the_journals_of_a_strategy_are_found(tmp_path):
    for bot in ("two-1", "one-0"):
        journal(tmp_path, bot=bot).begin()
    JournalFile(journal_path(tmp_path, "RegimeRouterX", "one-0"), RUN, 100).begin()
    names = [path.name for path in find_journals(tmp_path, "RegimeRouter")]
    assert names == ["RegimeRouter-one_0.jsonl", "RegimeRouter-two_1.jsonl"]
    assert find_journals(tmp_path / "none", "RegimeRouter") == ()


def test_input_columns_are_known_by_their_names():
    assert all(map(is_input, ("state_1h", "funding_state", "oi_age_hours", "squeeze_state")))
    assert not any(map(is_input, ("regime_age", "regime", "rsi", "inputs_ok")))


def test_what_is_no_journal_says_so(tmp_path):
    with pytest.raises(DataMissingError, match=r"journal\.enabled"):
        read_journal(tmp_path / "none.jsonl")
    path = tmp_path / "other.jsonl"
    path.write_bytes(b'{"at": 1}\n')
    with pytest.raises(CorruptDataError, match="names no run"):
        read_journal(path)


def test_dates_are_in_utc_whatever_the_offset(tmp_path):
    file = journal(tmp_path)
    file.append(
        [{"at": "2026-10-01T14:15:20+02:00", "candle": "2026-10-01T14:00:00+02:00", "pair": "X"}]
    )
    (row,) = read_journal(file.path).rows.to_dict("records")
    assert row["candle"] == pd.Timestamp(BEGAN)
