"""Both sides are read from the files that Freqtrade and the pack write, and said what they say."""

import dataclasses
import importlib.util
import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from providers.coverage import Period
from providers.errors import CorruptDataError, DataMissingError
from providers.storage.journal import JournalFile, journal_path
from regimekit.decisions import entry_tags
from rehearsal.causes import Cause
from rehearsal.examine import decided, examine
from rehearsal.findings import Kind
from rehearsal.page import SIMULATED, build_page
from rehearsal.parity import Interval, Tolerances
from rehearsal.records import canceled_entries, database_trades
from rehearsal.tables import parity_tables
from tests.rehearsal.left_behind import FIRST, LAST, OTHER_PAIR, PAIR, STEP, Left, leave, refuse

SCRIPT = Path(__file__).parents[2] / "scripts" / "parity.py"
WINDOW = Period(FIRST.to_pydatetime(), LAST.to_pydatetime())


@pytest.fixture(scope="session")
def agreeing(tmp_path_factory) -> Left:
    return leave(tmp_path_factory.mktemp("agreeing"))


@pytest.fixture
def left(agreeing, tmp_path) -> Left:
    shutil.copytree(agreeing.folder, tmp_path / "left")
    return Left(tmp_path / "left")


@pytest.fixture(scope="session")
def script():
    spec = importlib.util.spec_from_file_location("parity_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def examined(left, **changes):
    options = {
        "datadir": left.datadir,
        "user_data": left.user_data,
        "window": WINDOW,
        "down": (),
        "tolerances": Tolerances(throttle=timedelta(seconds=20)),
    }
    return examine(left.database, left.result, **(options | changes))


def test_files_that_agree_are_found_to_agree(agreeing):
    found = examined(agreeing)
    assert found.differences == ()
    assert found.ok
    assert found.totals[Kind.SIGNAL].compared == 2 * 96
    assert found.totals[Kind.SIZE].compared == 2 * 3
    assert found.totals[Kind.PLAN].compared == 9 * 3


def test_the_database_is_only_read(agreeing):
    before = agreeing.database.read_bytes()
    examined(agreeing)
    assert agreeing.database.read_bytes() == before
    assert [path.name for path in agreeing.folder.glob("trades*")] == ["trades.sqlite"]


CHANGES = {
    "a price": ("update trades set close_rate = close_rate * 1.0001 where id = 2", "price"),
    "a reason": ("update trades set exit_reason = 'force_exit' where id = 1", "reason"),
    "a stake": ("update trades set stake_amount = stake_amount + 1 where id = 3", "stake"),
    "a trade": ("delete from trades where id = 2", "missing"),
    "a tag": ("update trades set enter_tag = 'x' where id = 2", "tag"),
    "an end": ("update trades set is_open = 1 where id = 3", "state"),
    "a leverage": ("update trades set leverage = 2 where id = 1", "leverage"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_the_database_is_found(name, left):
    statement, what = CHANGES[name]
    left.execute(statement)
    found = examined(left)
    assert what in {difference.finding.what for difference in found.differences}


def test_a_plan_that_cannot_be_read_is_a_difference(left):
    left.execute("update trade_custom_data set cd_value = '{}' where ft_trade_id = 2")
    found = examined(left)
    assert {difference.finding.kind for difference in found.differences} == {Kind.PLAN}
    assert found.unexplained


def test_a_change_in_the_journal_is_found(left):
    text = left.journal.read_text()
    lines = text.splitlines()
    row = json.loads(lines[50])
    row["atr"] *= 1.01
    lines[50] = json.dumps(row)
    left.journal.write_text("\n".join([*lines[:70], *lines[71:]]) + "\n")
    found = examined(left)
    assert sorted(difference.finding.what for difference in found.differences) == ["atr", "missing"]


def test_orders_and_locks_are_read(agreeing):
    _, orders, locks = database_trades(agreeing.database)
    assert orders["status"].tolist() == ["closed"] * 3
    assert locks["until"].tolist() == [FIRST + STEP]
    assert locks["active"].tolist() == [True]


@pytest.fixture
def decided_short(left, monkeypatch):
    """The second trade was decided on, by both sides; the candles of these tests decide nothing."""
    at = FIRST + timedelta(hours=10) - STEP

    def deciding(datadir, run):
        frames = decided(datadir, run)
        frame = frames[OTHER_PAIR]
        frame.loc[frame["date"].eq(at), "entry"] = -1
        return frames

    monkeypatch.setattr("rehearsal.examine.decided", deciding)
    lines = []
    for line in left.journal.read_text().splitlines():
        row = json.loads(line)
        if row.get("pair") == OTHER_PAIR and row.get("candle") == at.isoformat():
            (tag,) = entry_tags(pd.Series([row["regime"]]), pd.Series([-1]))
            row |= {"entry": -1, "enter_tag": tag}
        lines.append(json.dumps(row))
    left.journal.write_text("\n".join(lines) + "\n")


@pytest.mark.usefixtures("decided_short")
def test_the_bots_ledger_proves_a_refusal(left):
    left.execute("delete from trades where id = 2")
    assert [d.verdict.cause for d in examined(left).differences] == [Cause.UNEXPLAINED]
    at = FIRST + timedelta(hours=10)
    refuse(left, "dry_run", at=at.isoformat(), pair=OTHER_PAIR, side="short", gate="news",
           reason="bad news")  # fmt: skip
    (difference,) = examined(left).differences
    assert difference.verdict.cause is Cause.ORDER_TIME_FILTER
    assert "bad news" in difference.verdict.evidence


@pytest.mark.usefixtures("decided_short")
def test_the_log_proves_an_order_that_was_not_filled(left, tmp_path):
    left.execute("delete from trades where id = 2")
    log = tmp_path / "bot.log"
    at = FIRST + timedelta(hours=10, seconds=21)
    log.write_text(
        f"{at:%Y-%m-%d %H:%M:%S},123 - freqtrade.freqtradebot - WARNING - Short IOC order with "
        f"time in force limit for {OTHER_PAIR} is expired by Binance. zero amount is fulfilled.\n"
    )
    (row,) = canceled_entries(log).to_dict("records")
    assert (row["pair"], row["at"]) == (OTHER_PAIR, at + timedelta(milliseconds=123))
    (difference,) = examined(left, log=log).differences
    assert difference.verdict.cause is Cause.UNFILLED
    assert canceled_entries(tmp_path / "none.log").empty


def test_the_default_window_is_what_both_have(agreeing):
    found = examined(agreeing, window=None)
    assert (found.window.start, found.window.end) == (FIRST - STEP, LAST)


def test_down_times_default_to_what_the_journal_says(left):
    at = FIRST + timedelta(hours=5, minutes=3)
    JournalFile(left.journal, {}, 100_000).note_start(at.to_pydatetime())
    (pause,) = examined(left, down=None).down
    assert pause.end == at
    assert examined(left).down == ()


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda left: left.database.unlink(), DataMissingError, "--db"),
        (lambda left: left.database.write_bytes(b"no database"), CorruptDataError, "--db"),
        (lambda left: left.execute("drop table orders"), CorruptDataError, "--db"),
        (lambda left: left.execute("alter table trades drop column is_short"), CorruptDataError,
         "2026"),
        (lambda left: left.result.unlink(), DataMissingError, "--result"),
        (lambda left: left.journal.unlink(), DataMissingError, "journal.enabled"),
        (lambda left: JournalFile(
            journal_path(left.journal.parent, "RegimeRouter", "two"), {"a": 1}, 9).begin(),
         DataMissingError, "elsewhere"),
    ],
)  # fmt: skip
def test_what_is_missing_or_damaged_names_the_way_out(spoil, error, words, left):
    spoil(left)
    with pytest.raises(error, match=re.escape(words)):
        examined(left)


def test_without_minutes_prices_stay_unexplained(left):
    left.execute("update trades set open_rate = open_rate * 1.0001 where id = 1")
    with_minutes = examined(left)
    for path in (left.datadir / "futures").glob("*-1m-*"):
        path.unlink()
    without = examined(left)
    prices = [
        {d.verdict.cause for d in found.differences if d.finding.what == "price"}
        for found in (with_minutes, without)
    ]
    assert prices == [{Cause.FILL_PRICE}, {Cause.UNEXPLAINED}]


# The page and the command


def test_the_page_says_in_words_what_was_compared(agreeing):
    html = build_page(examined(agreeing))
    assert "192 decisions were compared, 192 are equal." in html
    assert "All agree to the last digit." in html
    assert "Nothing is unexplained." in html
    assert SIMULATED not in html
    assert html.count('<div id="plot-') == 2


def test_the_page_lists_each_difference_with_both_sides_and_its_evidence(left):
    left.execute("update trades set exit_reason = '<b>odd</b>' where id = 1")
    found = examined(left, simulated=True, down=(Interval(FIRST, FIRST + STEP, "<killed>"),))
    html = build_page(found)
    assert "1 difference without an explanation." in html
    assert SIMULATED in html
    assert "&lt;b&gt;odd&lt;/b&gt;" in html
    assert "<b>odd" not in html
    assert "&lt;killed&gt;" in html


def test_the_page_needs_nothing_from_elsewhere(agreeing):
    html = build_page(examined(agreeing))
    assert not re.findall(
        r'(?:src|href)="(?!#)', re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    )


def test_neither_profits_nor_balances_of_a_simulated_market_are_told(agreeing):
    found = examined(agreeing, simulated=True)
    page = re.sub(r"<script.*?</script>", "", build_page(found), flags=re.DOTALL)
    assert "profit" not in page.lower()


def test_the_tables_name_what_is_unexplained(left):
    left.execute("update trades set exit_reason = 'odd' where id = 1")
    titles = [table.title for table in parity_tables(examined(left))]
    assert titles == ["LIVE AGAINST BACKTEST: RegimeRouter", "CAUSES OF DIFFERENCES", "UNEXPLAINED"]


def arguments(left, *more):
    named = {
        "--db": left.database,
        "--result": left.result,
        "--datadir": left.datadir,
        "--user-data": left.user_data,
        "--vetoes": left.folder / "vetoes",
        "--window": f"{FIRST:%Y-%m-%d}..{LAST:%Y-%m-%dT%H:%M}",
    }
    return [*(str(part) for pair in named.items() for part in pair), *more]


def test_the_command_writes_page_and_json_and_returns_zero(script, agreeing, tmp_path, capsys):
    page, data = tmp_path / "parity.html", tmp_path / "parity.json"
    assert script.main(arguments(agreeing, "--output", str(page), "--json", str(data))) == 0
    assert "<title>RegimeRouter: live against backtest" in page.read_text()
    told = json.loads(data.read_text())
    assert told["ok"] is True
    assert "LIVE AGAINST BACKTEST" in capsys.readouterr().out


def test_the_command_returns_one_when_something_is_unexplained(script, left):
    left.execute("update trades set exit_reason = 'odd' where id = 1")
    assert script.main(arguments(left)) == 1
    assert left.result.with_name(f"{left.result.stem}-parity.html").exists()


def test_the_command_returns_two_and_one_line_when_it_cannot(script, left, capsys):
    left.database.unlink()
    assert script.main(arguments(left)) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert script.main(arguments(left, "--output", "/nowhere/x.html")) == 2


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-01-05", "2026-01-06..2026-01-05", "..", "a..b"]
)
def test_a_span_that_is_none_is_refused(script, text, agreeing, capsys):
    with pytest.raises(SystemExit):
        script.main(arguments(agreeing, f"--window={text}"))
    assert "2026-03-01" in capsys.readouterr().err or "swap" in capsys.readouterr().err + "swap"


def test_spans_and_intervals_are_utc(script):
    assert script.span("2026-01-05..2026-01-06T07:30") == Period(
        datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, 7, 30, tzinfo=UTC)
    )
    interval = script.interval("2026-01-05T01:00..2026-01-05T02:00=no power")
    assert (interval.why, interval.end.hour) == ("no power", 2)


def test_all_tolerances_are_in_the_page(agreeing):
    tolerances = Tolerances(
        speed=61.0, throttle=timedelta(seconds=21), analysis=timedelta(seconds=151),
        order=timedelta(seconds=31), hold=timedelta(seconds=301), late=timedelta(seconds=226),
        detail=timedelta(seconds=60), spread=0.0007, averages=2e-6,
    )  # fmt: skip
    html = build_page(examined(agreeing, tolerances=tolerances))
    for item in dataclasses.fields(tolerances):
        value = getattr(tolerances, item.name)
        text = f"{value.total_seconds():g} s" if isinstance(value, timedelta) else f"{value:g}"
        shown = "0.07" if item.name == "spread" else text
        assert f">{shown}" in html, item.name


def test_what_the_files_hold_is_typed(agreeing):
    trades, _, _ = database_trades(agreeing.database)
    assert str(trades["opened_at"].dtype) == "datetime64[ms, UTC]"
    assert trades["plan_risk"].gt(0).all()
    assert trades["pair"].tolist() == [PAIR, OTHER_PAIR, PAIR]
    assert isinstance(trades["opened_at"].iloc[0], pd.Timestamp)
