"""What is read of a bot's database and ledger, and what is judged of a bot that came back."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from providers.storage.vetoes import FOLDER, LedgerFile
from rehearsal.faults.criteria import Verdict
from rehearsal.faults.observed import (
    Reason,
    Trade,
    integrity,
    read_reasons,
    read_stops,
    read_trades,
)
from rehearsal.faults.process import ORDEALS, _closed, _kept, _no_double_entry
from rehearsal.faults.run import _script, _spans_an_hour
from rehearsal.faults.scenarios import ACTS, Criterion, pairs_of

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def at(hour, minute=0):
    return datetime(2026, 1, 8, hour, minute, tzinfo=UTC)


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "trades.sqlite"
    with closing(sqlite3.connect(path)) as made, made:
        made.execute(
            "create table trades (id, pair, open_date, close_date, exit_reason, close_profit_abs,"
            " stop_loss, is_open)"
        )
        made.execute("create table pairlocks (id, pair, lock_time, reason)")
        made.executemany(
            "insert into trades values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (1, BTC, "2026-01-08 06:02:00.5", "2026-01-08 06:11:00", "roi", 1.5, 9.0, 0),
                (2, ETH, "2026-01-08 06:17:00", None, None, None, 42.0, 1),
            ],
        )
        made.execute(
            "insert into pairlocks values (1, ?, '2026-01-08 06:24:00', ?)",
            (ETH, f"{ETH}: a required input is missing or stale"),
        )
    return path


def test_trades_stops_and_reasons_are_read_in_utc(database, tmp_path):
    first, second = read_trades(database)
    assert first == Trade(
        1, BTC, at(6, 2) + timedelta(seconds=0.5), at(6, 11), exit_reason="roi", profit=1.5
    )
    assert second == Trade(2, ETH, at(6, 17), None, "", None)
    assert read_stops(database) == {2: 42.0}
    assert integrity(database) == "ok"
    ledger = LedgerFile(tmp_path / FOLDER / "a.jsonl", {"strategy": "X"}, 100)
    ledger.append([{"at": at(6, 15).isoformat(), "pair": BTC, "gate": "inputs", "side": "long"}])
    assert read_reasons(database, tmp_path) == (
        Reason(ETH, at(6, 24), "a required input is missing or stale"),
        Reason(BTC, at(6, 15), "gate inputs"),
    )


def test_a_bot_that_never_made_a_database_has_no_trades(tmp_path):
    assert read_trades(tmp_path / "none.sqlite") == ()


def test_what_a_restart_must_keep(database):
    bot = SimpleNamespace(database=database)
    trades = read_trades(database)
    assert _kept(bot, trades, trades, {2: 42.0}).verdict is Verdict.PASS
    assert _kept(bot, trades, trades, {2: 41.0}).verdict is Verdict.PASS, "it was tightened"
    assert _kept(bot, trades, trades, {2: 43.0}).verdict is Verdict.FAIL, "it is looser now"
    assert _kept(bot, trades, trades[:1], {}).verdict is Verdict.FAIL, "one is lost"
    other = (Trade(1, BTC, at(6, 2), at(6, 11), "roi", 9.9), trades[1])
    assert _kept(bot, trades, other, {}).verdict is Verdict.FAIL, "a closed one changed"


def test_what_was_open_has_to_be_closed_and_nothing_entered_twice():
    open_one = Trade(2, ETH, at(6, 17), None, "", None)
    closed = Trade(2, ETH, at(6, 17), at(6, 40), "roi", 1.0)
    assert _closed([open_one], (closed,)).verdict is Verdict.PASS
    assert _closed([open_one], (open_one,)).verdict is Verdict.FAIL
    assert _closed([], (closed,)).verdict is Verdict.UNSEEN
    again = Trade(3, ETH, at(6, 20), None, "", None)
    later = Trade(4, ETH, at(6, 32), None, "", None)
    assert _no_double_entry((closed, later)).verdict is Verdict.PASS
    assert _no_double_entry((closed, again)).verdict is Verdict.FAIL


def test_a_script_befalls_the_pairs_of_its_scenarios_and_ends():
    for act in ACTS:
        own = pairs_of(act, [f"P{n}/USDT:USDT" for n in range(8)])
        planned = _script(act, own, at(6, 8), at(6, 25))
        assert {(entry.begins, entry.ends) for entry in planned} == {(at(6, 8), at(6, 25))}
        symbols = [entry.rule["symbol"] for entry in planned if "symbol" in entry.rule]
        told = [pair for s in act.scenarios if not s.market for pair in own[s.name]]
        assert {symbol.removesuffix("USDT") for symbol in symbols} == {p[:2] for p in told}


def test_an_act_knows_whether_an_hour_ends_in_it():
    assert _spans_an_hour(at(6, 45), 1)
    assert not _spans_an_hour(at(6, 0), 3)
    assert _spans_an_hour(at(6, 30), 2)


def test_ordeals_and_acts_share_one_list_of_names():
    names = [ordeal.name for ordeal in ORDEALS]
    names += [scenario.name for act in ACTS for scenario in act.scenarios]
    assert len(names) == len(set(names))
    assert all(ordeal.scenario.row == ordeal.row for ordeal in ORDEALS)
    assert Criterion.QUIET not in {c for act in ACTS for s in act.scenarios for c in s.known}
