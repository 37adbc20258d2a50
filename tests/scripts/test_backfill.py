"""`scripts/backfill.py` as a trader types it: what it prints, writes and returns."""

import json
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from providers.contract import MARKET, Bounds, Scope
from providers.errors import BlockedError, UnavailableError
from providers.storage.history import History
from providers.storage.lease import lease
from providers.storage.store import native_path, read_dataset, read_frame
from scripts import backfill
from tests.providers.recorded import Recording, recording
from tests.providers.scripted import DATASET, DAY, OTHER, PAIR, START, Clock, Scripted, entry

INTEREST = replace(
    DATASET,
    name="open_interest",
    values={"open_interest_amount": Bounds(), "open_interest_value": Bounds()},
    step=timedelta(minutes=5),
)
MOOD = replace(DATASET, name="mood", scope=Scope.MARKET)


class Interest(Scripted):
    """Open interest at each full hour of the scripted hours."""

    def parse(self, page):
        frame = super().parse(page)
        values = {"open_interest_amount": frame["value"], "open_interest_value": float("nan")}
        known_at = frame["date"] + timedelta(minutes=5)
        return frame.drop(columns="value").assign(**values, known_at=known_at)


@pytest.fixture
def script(tmp_path, monkeypatch, capsys):
    """Return a function that runs the script on scripted providers: (code, stdout, stderr)."""
    providers = {
        "open_interest": Interest(Clock(), dataset=INTEREST),
        "bybit_open_interest": Interest(
            Clock(), dataset=replace(INTEREST, name="bybit_open_interest")
        ),
        "hourly": Scripted(Clock()),
        "mood": Scripted(Clock(), dataset=MOOD),
    }
    entries = {name: entry(it, dataset=it.dataset) for name, it in providers.items()}
    entries["book"] = entry(dataset=replace(DATASET, name="book"), recorded=True)
    entries["dear"] = entry(dataset=replace(DATASET, name="dear"), key="VENDOR_KEY")
    monkeypatch.delenv("VENDOR_KEY", raising=False)
    monkeypatch.setattr(backfill, "DATASETS", entries)
    monkeypatch.setattr(backfill, "entry", entries.__getitem__)

    def run(*arguments, pairs=(PAIR,)):
        chosen = ["--pairs", *pairs] if pairs else []
        command = [*chosen, "--since", "2026-01-01", "--datadir", str(tmp_path), *arguments]
        code = backfill.main(command, Clock())
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    run.providers = providers
    return run


def test_it_fetches_tells_and_returns_zero(script, tmp_path):
    code, out, err = script("--datasets", "hourly", "mood", pairs=(PAIR, OTHER))
    assert code == 0, out + err
    assert err.splitlines() == [
        "1/3 hourly BTC/USDT:USDT: 1,416 added, 1,416 rows",
        "2/3 hourly ETH/USDT:USDT: 1,416 added, 1,416 rows",
        "3/3 mood MARKET: 1,416 added, 1,416 rows",
    ]
    line = next(line for line in out.splitlines() if "ETH/USDT:USDT" in line)
    rows, added, gaps, problems = "1,416", "1,416", "0", "0"
    ends = ["2026-01-01", "2026-02-28"]
    assert line.split() == ["hourly", OTHER, *ends, rows, added, gaps, problems]
    assert "None: filled, zeros, blanks, invalid, duplicates, conflicts, off-grid" in out
    assert len(read_dataset(tmp_path, "mood", MARKET)) == 1416


def test_a_second_run_adds_nothing(script):
    script("--datasets", "hourly")
    code, _, err = script("--datasets", "hourly")
    assert code == 0
    assert err == "1/1 hourly BTC/USDT:USDT: 0 added, 1,416 rows\n"


def test_what_could_not_be_had_is_told_and_returns_one(script):
    def act(day):
        raise BlockedError("honest answers 451: this location is not served")

    script.providers["hourly"].act = act
    code, out, err = script("--datasets", "hourly", "mood", pairs=(PAIR, OTHER))
    assert code == 1
    assert out.count("honest is not asked any more: honest answers 451") == 1
    assert "Traceback" not in err


def test_many_problems_are_not_a_flood(script):
    script.providers["hourly"].act = lambda day: b"bad"
    code, out, _ = script("--datasets", "hourly")
    assert code == 1
    assert out.count("is damaged") == 10
    assert "hourly BTC/USDT:USDT: 49 more like these" in out


def test_ctrl_c_keeps_what_has_come_and_says_how_to_go_on(script, tmp_path):
    def act(day):
        if day == START + 30 * DAY:
            raise KeyboardInterrupt
        return b"good"

    script.providers["hourly"].act = act
    code, out, err = script("--datasets", "hourly")
    assert code == 130
    assert err.endswith(
        "backfill: interrupted; what had come is stored, the same command goes on from there\n"
    )
    assert "720" in out
    assert len(History(tmp_path, DATASET, PAIR).read()) == 30 * 24


def test_a_dry_run_says_what_it_would_ask_and_writes_nothing(script, tmp_path):
    code, out, _ = script("--datasets", "hourly", "--dry-run")
    assert code == 0
    assert out.splitlines()[1].split() == [
        *("hourly", PAIR, "honest", "2026-01-01", "00:00", "2026-03-01", "00:00", "59.0", "3")
    ]
    assert list(tmp_path.iterdir()) == []


def test_open_interest_reaches_freqtrades_own_files(script, tmp_path):
    code, out, _ = script("--datasets", "open_interest")
    assert code == 0
    assert "Freqtrade's own files: 3 brought up to date, 3,186 rows added." in out
    assert len(read_frame(native_path(tmp_path, PAIR, "4h", "open_interest"))) == 59 * 6
    stated = json.loads((tmp_path / "regimekit" / "native.json").read_text())
    assert stated == {"open_interest": "binance"}


def test_another_venue_for_them_needs_a_word(script, tmp_path):
    script("--datasets", "open_interest")
    code, _, err = script("--datasets", "open_interest", "--open-interest-from", "bybit")
    assert code == 2
    assert "hold that of binance, not of bybit; add --replace-native" in err
    code, out, _ = script(
        "--datasets", "open_interest", "--open-interest-from", "bybit", "--replace-native"
    )
    assert code == 0
    assert out.count("Set aside: ") == 3
    assert len(read_dataset(tmp_path, "bybit_open_interest", PAIR)) == 1416


def test_nothing_is_set_aside_while_somebody_else_writes(script, tmp_path):
    script("--datasets", "open_interest")
    native = native_path(tmp_path, PAIR, "1h", "open_interest")
    before = native.read_bytes()
    with lease(tmp_path, "bybit_open_interest"):
        code, _, err = script(
            "--datasets", "open_interest", "--open-interest-from", "bybit", "--replace-native"
        )
    assert code == 2
    assert "is being written by process" in err
    assert native.read_bytes() == before


def test_all_is_what_has_a_history_and_a_key(script, monkeypatch):
    code, out, _ = script("--datasets", "all", "--dry-run")
    assert code == 0
    assert "Leaving out dear: VENDOR_KEY is not set." in out
    assert "book" not in out
    monkeypatch.setenv("VENDOR_KEY", "secret")
    _, out, _ = script("--datasets", "all", "--dry-run")
    assert "Leaving out" not in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--datasets", "book"], "book has no history to fetch; record it from now on with"),
        (["--since", "2026-04-01"], "is not before --until 2026-03-01 00:00 UTC"),
        (["--pairs", "BTC/USDT"], "pair is 'BTC/USDT', expected a linear perpetual"),
        (["--flow-timeframe", "7m"], "7m"),
    ],
)
def test_unusable_input_is_one_line_and_two(script, arguments, complaint):
    code, _, err = script("--datasets", "hourly", *arguments)
    assert code == 2
    assert complaint in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("text", ["", "NaT", "yesterdayish"])
def test_what_is_no_date_is_refused_before_anything_is_asked(script, capsys, text):
    with pytest.raises(SystemExit) as ended:
        script("--datasets", "hourly", "--until", text)
    assert ended.value.code == 2
    assert f"{text!r} is no date; write 2026-03-01" in capsys.readouterr().err


def test_a_server_of_ones_own_is_left_out_until_it_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("AGGR_INFLUX_URL", raising=False)
    command = ["--pairs", PAIR, "--datasets", "all", "--dry-run", "--datadir", str(tmp_path)]
    assert backfill.main([*command, "--since", "2026-02-01"], Clock()) == 0
    out = capsys.readouterr().out
    assert "Leaving out aggr_flow: AGGR_INFLUX_URL is not set." in out
    assert "aggr-server" not in out
    monkeypatch.setenv("AGGR_INFLUX_URL", "http://127.0.0.1:8086")
    assert backfill.main([*command, "--since", "2026-02-01"], Clock()) == 0
    assert "aggr-server" in capsys.readouterr().out


def test_a_second_backfill_is_refused_with_the_process_that_runs(script, tmp_path):
    with lease(tmp_path, "hourly"):
        code, _, err = script("--datasets", "hourly")
    assert code == 2
    assert "hourly is being written by process" in err


def test_pairs_come_from_the_layered_config(script, repository):
    config = repository / "user_data" / "config.json"
    code, out, _ = script("--datasets", "hourly", "--dry-run", "--config", str(config), pairs=())
    assert code == 0
    assert out.count("/USDT:USDT") == 10


def test_a_config_with_a_live_pairlist_or_none_is_refused(script, tmp_path):
    config = tmp_path / "config.json"
    code, _, err = script("--datasets", "hourly", "--config", str(config), pairs=())
    assert code == 2
    assert "not found" in err
    config.write_text('{"pairlists": [{"method": "VolumePairList"}]}')
    code, _, err = script("--datasets", "hourly", "--config", str(config), pairs=())
    assert code == 2
    assert "from VolumePairList, which asks the live market; name the pairs with --pairs" in err


def test_silence_of_one_pair_leaves_the_others(script, tmp_path):
    calls = []

    def act(day):
        calls.append(day)
        if len(calls) == 1:
            raise UnavailableError("no answer in time")
        return b"good"

    script.providers["hourly"].act = act
    code, out, _ = script("--datasets", "hourly", pairs=(PAIR, OTHER))
    assert code == 1
    assert "hourly BTC/USDT:USDT: honest stopped answering: no answer in time" in out
    assert len(read_dataset(tmp_path, "hourly", OTHER)) == 1416


def test_the_real_registry_lists_every_dataset_and_fetches_a_recorded_answer(tmp_path, capsys):
    assert backfill.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in backfill.DATASETS)
    assert "aggr_flow  every 5m, per pair, needs AGGR_INFLUX_URL" in listed
    assert "liquidations  events, per pair, recorded only" in listed
    now = pd.Timestamp("2026-02-27 12:00", tz="UTC")
    answer = recording("alternative_me/fng_limit3_real_2026-02-27.json")
    client = Recording({"https://api.alternative.me/fng/": answer}, now)
    command = ["--pairs", PAIR, "--datasets", "fear_greed", "--datadir", str(tmp_path)]
    assert backfill.main([*command, "--since", "2026-02-25"], client) == 0
    frame = read_dataset(tmp_path, "fear_greed", MARKET)
    assert frame["date"].iloc[-1] == now.floor("D")
    assert frame["known_at"].iloc[-1] == now.floor("D") + timedelta(hours=1)


@pytest.mark.parametrize(("arguments", "all_of_them"), [((), False), (("all",), True)])
def test_how_many_labels_are_verified_reaches_the_sources(script, arguments, all_of_them):
    told = []
    hourly = backfill.DATASETS["hourly"]

    def providers(sources):
        told.append(sources.verify_labels)
        return hourly.providers(sources)

    backfill.DATASETS["hourly"] = replace(hourly, providers=providers)
    option = ["--verify-labels", *arguments] if arguments else []
    assert script("--datasets", "hourly", *option)[0] == 0
    assert set(told) == {all_of_them}
