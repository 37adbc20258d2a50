"""What is kept: whole or not at all, never replaced, and read back as it was."""

import dataclasses
import errno
import gzip
import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from experiments.outcome import Outcome
from providers.coverage import Period
from tuning.execution.epochs import pack_epochs, unpack_epochs
from tuning.execution.shelf import EPOCHS, OUTCOME, RECORD, TRADES, Shelf, best_of
from tuning.execution.trades import COLUMNS, pack_trades, unpack_trades
from tuning.model import Epoch, TuningError

PERIOD = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))
OUTCOME_MADE = Outcome("2026-01-01", (1000.0, 1010.0, 990.0), True, -0.02, 2, 0.001, -0.0, 0.3)
EPOCH = Epoch(1, {"buy": {"adx": 25.0, "mode": "fast"}, "sell": {}}, -1.5, 3, (0.0, -0.01))
TRADES_MADE = pd.DataFrame(
    {
        "pair": ["BTC/USDT:USDT", "ETH/USDT:USDT"],
        "is_short": [False, True],
        "opened_at": pd.to_datetime(["2026-01-01 00:15", "2026-01-01 04:00"], utc=True),
        "closed_at": pd.to_datetime(["2026-01-01 12:00", "2026-01-03 00:00"], utc=True),
        "open_rate": [70_000.1, 0.1 + 0.2],
        "close_rate": [71_000.0, 0.31],
        "amount": [0.001, 300.0],
        "stake_amount": [23.3, 30.0],
        "leverage": [3.0, 3.0],
        "fee_open": [0.0005, 0.0005],
        "fee_close": [0.0005, 0.0002],
        "funding_fees": [-0.01, 0.0],
        "profit_abs": [10.0, -20.0],
        "enter_tag": ["trending:momentum", ""],
        "exit_reason": ["stop_loss", "force_exit"],
        "delayed_open_rate": [70_001.0, 0.3],
        "delayed_close_rate": [71_002.0, math.nan],
    }
).astype(COLUMNS)
SEARCHED = {EPOCHS: pack_epochs([EPOCH]), RECORD: b'{"seconds": 12.5}'}
BACKTESTED = {
    OUTCOME: json.dumps(OUTCOME_MADE.document()).encode(),
    TRADES: pack_trades(TRADES_MADE, 1000.0),
    RECORD: b'{"seconds": 2}',
}


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "runs")


def test_a_search_is_read_back_as_it_was(shelf):
    shelf.keep("k", SEARCHED)
    assert shelf.epochs("k") == (EPOCH,)
    assert shelf.seconds("k") == 12.5


def test_a_backtest_is_read_back_as_it_was(shelf):
    shelf.keep("k", BACKTESTED)
    tested = shelf.tested("k", PERIOD)
    assert (tested.period, tested.outcome, tested.balance) == (PERIOD, OUTCOME_MADE, 1000.0)
    assert_frame_equal(tested.trades, TRADES_MADE, check_exact=True)


def test_no_trade_at_all_is_a_table_with_the_same_columns():
    none = TRADES_MADE.iloc[:0]
    trades, balance = unpack_trades(pack_trades(none, 500.0))
    assert_frame_equal(trades, none)
    assert balance == 500.0


def test_equal_contents_are_equal_bytes():
    assert pack_epochs([EPOCH]) == SEARCHED[EPOCHS]
    assert pack_trades(TRADES_MADE, 1000.0) == BACKTESTED[TRADES]


finite = st.floats(allow_nan=False, allow_infinity=False)
epochs = st.builds(
    Epoch,
    number=st.integers(1, 999),
    parameters=st.dictionaries(
        st.sampled_from(["buy", "sell"]),
        st.dictionaries(st.text(max_size=3), finite | st.booleans() | st.integers() | st.text()),
    ),
    loss=finite,
    trades=st.integers(0, 99),
    returns=st.lists(finite, max_size=4).map(tuple),
)


@given(st.lists(epochs, max_size=3))
def test_epochs_survive_to_the_last_bit(made):
    assert unpack_epochs(pack_epochs(made)) == tuple(made)


def test_nothing_is_kept_before_it_is(shelf):
    assert not shelf.has("k")
    shelf.sweep()  # of a folder that is not there
    shelf.keep("k", SEARCHED)
    assert shelf.has("k")
    assert not shelf.has("other")


def test_what_is_kept_stays_as_it_is(shelf):
    shelf.keep("k", SEARCHED)
    shelf.keep("k", {EPOCHS: pack_epochs([]), RECORD: b"{}"})
    assert shelf.epochs("k") == (EPOCH,)


def test_what_has_lost_its_record_is_done_again(shelf):
    (shelf.folder / "k").mkdir(parents=True)
    (shelf.folder / "k" / EPOCHS).write_bytes(b"half")
    assert not shelf.has("k")
    shelf.keep("k", SEARCHED)
    assert shelf.epochs("k") == (EPOCH,)


def test_of_two_at_once_the_first_stays(shelf, monkeypatch):
    real = Path.rename

    def overtaken(path, target):
        monkeypatch.setattr(Path, "rename", real)
        shelf.keep("k", SEARCHED)
        return real(path, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    shelf.keep("k", {EPOCHS: pack_epochs([]), RECORD: b"{}"})
    assert shelf.epochs("k") == (EPOCH,)
    assert [it.name for it in shelf.folder.iterdir()] == ["k"]


def test_a_full_disk_is_an_error_and_leaves_nothing(shelf, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        shelf.keep("k", SEARCHED)
    assert list(shelf.folder.iterdir()) == []


def test_what_cannot_be_put_in_its_place_is_an_error(shelf, monkeypatch):
    def refused(path, target):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OSError, match="Permission denied"):
        shelf.keep("k", SEARCHED)


def test_sweeping_removes_only_what_was_left_half_done(shelf):
    shelf.keep("k", SEARCHED)
    (shelf.folder / ".keep-abc" / "k").mkdir(parents=True)
    shelf.sweep()
    assert [it.name for it in shelf.folder.iterdir()] == ["k"]


READERS = {
    EPOCHS: lambda shelf: shelf.epochs("k"),
    OUTCOME: lambda shelf: shelf.tested("k", PERIOD),
    TRADES: lambda shelf: shelf.tested("k", PERIOD),
    RECORD: lambda shelf: shelf.seconds("k"),
}
DAMAGES = {
    "missing": None,
    "empty": b"",
    "torn": gzip.compress(b'[{"number": 1, "para')[:-6],
    "noise": b"\x1f\x8b\x08" + bytes(range(40)),
    "text": b"{",
    "something else": b"[]",
    "zipped, something else": gzip.compress(b'[{"number": 1}]'),
    "zipped, of another type": gzip.compress(b"7"),
    "no text": b"\xff\xfe",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_names_its_folder_and_the_way_out(shelf, name, damage):
    shelf.keep("k", SEARCHED | BACKTESTED)
    (shelf.folder / "k" / name).unlink()
    if damage is not None:
        (shelf.folder / "k" / name).write_bytes(damage)
    with pytest.raises(TuningError, match=rf"{shelf.folder / 'k'} cannot be read .*delete the"):
        READERS[name](shelf)


def losses(*values: float) -> list[Epoch]:
    return [dataclasses.replace(EPOCH, number=n + 1, loss=it) for n, it in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "number"),
    [
        ((1.0, -2.0, 3.0), 2),
        ((5.0, 1.0, 1.0), 2),
        ((100_000.0, 99_999.0), 2),
        ((math.nan, 4.0, 5.0), 2),
    ],
)
def test_the_best_is_the_first_of_least_loss(values, number):
    assert best_of(losses(*values)).number == number
    assert best_of(losses(*values)[::-1]).number == number


@pytest.mark.parametrize("values", [(), (100_000.0, 100_000.0), (math.nan,)])
def test_without_a_trade_there_is_no_best(values):
    with pytest.raises(TuningError, match=f"no trial of {len(values)} had a trade"):
        best_of(losses(*values))
