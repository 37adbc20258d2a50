"""Who keeps a ledger of refusals, what is in it, and that nothing about it disturbs trading."""

import errno
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from freqtrade.enums import RunMode

from providers.storage import lines as storage
from providers.storage.vetoes import find_ledger, read_ledger
from regimekit.hooks import vetoes as hook
from regimekit.hooks.vetoes import VetoLedger
from regimekit.schema import Gate, Side
from tests.regimekit.hooks.fakes import CANDLE, OPENED, PAIR, Silent, table

OTHER = "ETH/USDT:USDT"
DATABASE = "sqlite:///tradesv3.sqlite"


class Vetoing(Silent, VetoLedger):
    """Records refusals and decides nothing."""


class Another(Vetoing):
    """A second strategy of the same run."""


def strategy(folder, runmode=RunMode.BACKTEST, kind=Vetoing, vetoes=(), **config):
    config = {"runmode": runmode, "user_data_dir": folder, "timerange": "20260101-"} | config
    vetoing = kind(config | {"regimekit": {"vetoes": dict(vetoes)}})
    vetoing.bot_start()
    return vetoing


def veto(vetoing, gate=Gate.COOLDOWN, reason="too soon", **changes):
    facts = {"pair": PAIR, "side": Side.LONG, "moment": OPENED, "rate": 100.5}
    facts |= {"decision": table().at(OPENED)}
    vetoing.record_veto(gate, reason, **facts | changes)


def files(folder):
    return sorted((folder / "vetoes").glob("*")) if (folder / "vetoes").exists() else []


def rows(folder) -> pd.DataFrame:
    (path,) = files(folder)
    return read_ledger(path).rows


def test_a_row_says_what_was_refused_when_and_why(tmp_path):
    veto(strategy(tmp_path), moment=OPENED + timedelta(minutes=7))
    assert rows(tmp_path).iloc[0].to_dict() == {
        "at": pd.Timestamp(OPENED),
        "pair": PAIR,
        "side": "long",
        "gate": "cooldown",
        "reason": "too soon",
        "regime": "trending",
        "sub_strategy": "momentum",
        "confidence": 0.9,
        "rate": 100.5,
        "stop_distance": 2.0,
        "target_rr": 2.0,
    }


def test_the_confidence_is_that_of_the_side(tmp_path):
    veto(strategy(tmp_path), side=Side.SHORT)
    assert rows(tmp_path)["confidence"].tolist() == [0.1]


def test_what_is_not_known_is_blank(tmp_path):
    veto(strategy(tmp_path), gate=Gate.ANALYSIS, decision=None, rate=float("nan"))
    row = rows(tmp_path).iloc[0]
    assert row[["regime", "sub_strategy"]].tolist() == [None, None]
    assert row[["confidence", "rate", "stop_distance", "target_rr"]].isna().all()


def test_a_candle_has_one_row_per_pair_side_and_gate(tmp_path):
    vetoing = strategy(tmp_path)
    for second in range(0, 900, 5):
        veto(vetoing, moment=OPENED + timedelta(seconds=second), reason=f"{second}")
    veto(vetoing, side=Side.SHORT)
    veto(vetoing, pair=OTHER)
    veto(vetoing, gate=Gate.NEWS)
    assert len(files(tmp_path)[0].read_bytes().splitlines()) == 1 + 4
    veto(vetoing, moment=OPENED + CANDLE)
    assert len(rows(tmp_path)) == 5
    assert rows(tmp_path)["reason"].iloc[0] == "0"


def test_what_is_remembered_does_not_grow_with_time(tmp_path):
    vetoing = strategy(tmp_path)
    for number in range(200):
        veto(vetoing, moment=OPENED + number * CANDLE)
        veto(vetoing, moment=OPENED + number * CANDLE, pair=OTHER)
        assert len(vetoing._noted) == 2
    assert len(rows(tmp_path)) == 400


@pytest.mark.parametrize("runmode", [mode for mode in RunMode if mode not in hook.WRITTEN])
def test_what_trades_nothing_or_tries_thousands_of_times_keeps_none(runmode, tmp_path):
    veto(strategy(tmp_path, runmode))
    assert not files(tmp_path)


@pytest.mark.parametrize(
    "changes", [{"vetoes": {"ledger": False}}, {"user_data_dir": None}, {"runmode": None}]
)
def test_without_the_switch_or_a_folder_there_is_none(changes, tmp_path):
    veto(strategy(tmp_path, **changes))
    assert not files(tmp_path)


def test_hyperopt_and_analyses_are_among_those_without():
    assert set(hook.WRITTEN) == {RunMode.LIVE, RunMode.DRY_RUN, RunMode.BACKTEST}


def test_a_strategy_that_was_never_started_records_nothing(tmp_path):
    vetoing = Vetoing({"runmode": RunMode.BACKTEST, "user_data_dir": tmp_path})
    veto(vetoing)
    assert not files(tmp_path)


def test_each_backtest_of_a_process_has_its_own_ledger_which_is_whole_at_once(tmp_path):
    vetoing = strategy(tmp_path)
    veto(vetoing)
    (first,) = files(tmp_path)
    assert len(read_ledger(first).rows) == 1
    vetoing.bot_start()
    veto(vetoing, reason="the same candle again")
    (second,) = set(files(tmp_path)) - {first}
    assert read_ledger(first).rows["reason"].tolist() == ["too soon"]
    assert read_ledger(second).rows["reason"].tolist() == ["the same candle again"]


def test_a_backtest_is_found_by_when_it_began(tmp_path):
    began = datetime.now(UTC).replace(microsecond=0)
    strategy(tmp_path, kind=Another)
    strategy(tmp_path)
    path = find_ledger(tmp_path / "vetoes", "Vetoing", began, timerange="20260101-")
    run = read_ledger(path).run
    assert (run["strategy"], run["run_mode"], run["timerange"]) == (
        "Vetoing", "backtest", "20260101-",
    )  # fmt: skip
    assert began <= datetime.fromisoformat(run["started_at"])


def test_two_strategies_keep_apart(tmp_path):
    one, other = strategy(tmp_path), strategy(tmp_path, kind=Another)
    veto(one)
    veto(other, gate=Gate.HOUR)
    gates = {
        read_ledger(path).run["strategy"]: read_ledger(path).rows["gate"].tolist()
        for path in files(tmp_path)
    }
    assert gates == {"Vetoing": ["cooldown"], "Another": ["hour"]}


@pytest.mark.parametrize("runmode", [RunMode.DRY_RUN, RunMode.LIVE])
def test_a_bot_goes_on_with_its_ledger_after_a_restart(runmode, tmp_path):
    for number in range(3):
        bot = strategy(tmp_path, runmode, db_url=DATABASE, bot_name="one")
        veto(bot, moment=OPENED + number * CANDLE)
        veto(bot, moment=OPENED + number * CANDLE)
    assert len(rows(tmp_path)) == 3


def test_a_restart_within_a_candle_is_read_once(tmp_path):
    for _ in range(2):
        veto(strategy(tmp_path, RunMode.LIVE, db_url=DATABASE))
    assert len(rows(tmp_path)) == 1


BOTS = [
    {"db_url": DATABASE},
    {"db_url": DATABASE, "bot_name": "бот"},
    {"db_url": DATABASE, "bot_name": "ботик"},
    {"db_url": "sqlite:///other.sqlite"},
    {"db_url": DATABASE, "runmode": RunMode.DRY_RUN},
    {"db_url": DATABASE, "kind": Another},
    {},
]


def test_bots_keep_apart(tmp_path):
    for bot in BOTS:
        veto(strategy(tmp_path, **({"runmode": RunMode.LIVE} | bot)))
    assert len(files(tmp_path)) == len(BOTS)


def test_a_password_is_in_no_name_and_no_line(tmp_path):
    addresses = [f"postgresql://user:{word}@host/trades" for word in ("hunter2", "changed")]
    for address in addresses:
        strategy(tmp_path, RunMode.LIVE, db_url=address)
    (path,) = files(tmp_path)
    assert "hunter2" not in path.name
    assert b"hunter2" not in path.read_bytes()


def test_the_bounds_are_settings(tmp_path):
    for _ in range(4):
        vetoing = strategy(tmp_path, vetoes={"most_rows": 100, "keep_files": 2})
        for number in range(130):
            veto(vetoing, moment=OPENED + number * CANDLE)
    assert len(files(tmp_path)) == 2
    assert len(read_ledger(files(tmp_path)[0]).rows) <= 110


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("step", ["replace_file", "_append"])
def test_a_full_disk_is_told_once_and_disturbs_nothing(step, tmp_path, monkeypatch, caplog):
    with monkeypatch.context() as patched:
        patched.setattr(storage, step, full)
        vetoing = strategy(tmp_path)
        for number in range(5):
            veto(vetoing, moment=OPENED + number * CANDLE)
    assert len(caplog.records) == 1
    assert "No space left" in caplog.text
    veto(vetoing, moment=OPENED + 9 * CANDLE)
    assert len(rows(tmp_path)) == 1, "there is room again"


def test_a_folder_that_cannot_be_made_disturbs_nothing(tmp_path, caplog):
    (tmp_path / "vetoes").write_text("a file where the folder should be")
    vetoing = strategy(tmp_path)
    for number in range(3):
        veto(vetoing, moment=OPENED + number * CANDLE)
    assert len(caplog.records) == 1
