"""Every trial is in the ledger once, and a count that cannot be trusted is not given."""

import dataclasses
import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.ledger import Ledger
from providers.coverage import Period
from tuning.jobs import Common, Search
from tuning.model import Epoch, TuningError
from tuning.trials import TrialLedger

MINE, OTHER = "RegimeRouter", "RegimeRouter_V2"
FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def span(first, last):
    return Period(FIRST + timedelta(days=first), FIRST + timedelta(days=last))


TESTS = [span(0, 10), span(10, 20)]


def search(strategy=MINE, timerange="20240101-20240201", source="s", closed=()):
    common = Common(
        strategy=strategy,
        strategy_folder="user_data/strategies",
        timerange=timerange,
        pairs=("BTC/USDT:USDT",),
        fee=0.0005,
        configs=(),
        settings={},
        source=source,
        data="d",
    )
    return Search(common, loss="Any", spaces=("buy",), epochs=3, seed=1, closed=closed)


def epoch(number, value=None, returns=(0.01, -0.01, 0.02)):
    value = number if value is None else value
    return Epoch(number, {"buy": {"adx_enter": value}}, loss=-1.5, trades=7, returns=returns)


EPOCHS = tuple(epoch(number) for number in (1, 2, 3))


@pytest.fixture
def ledger(tmp_path):
    return TrialLedger(tmp_path / "tuning" / "ledger.jsonl")


@pytest.fixture
def ablation(tmp_path):
    found = Ledger(tmp_path / "ablation" / "ledger.jsonl")
    found.tried("1", "default", "choose", {}, [100.0, 101.0])
    found.tried("2", "same", "choose", {}, [100.0, 101.0])
    found.tried("3", "default", "check", {}, [100.0, 99.0])
    found.looked("check", 2)
    return found


def epochs_of(ledger, strategy=MINE):
    return ledger.count(strategy, TESTS).epochs


def test_a_trial_says_all_that_is_known_of_it(ledger):
    ledger.record(search(closed=(("a", "b"),)), 4, [epoch(2)])
    (line,) = ledger.chain.entries()
    facts = {name: line[name] for name in line if name not in {"at", "key", "search", "sha256"}}
    assert facts == {
        "n": 1,
        "what": "trial",
        "strategy": MINE,
        "fold": 4,
        "epoch": 2,
        "timerange": "20240101-20240201",
        "closed": [["a", "b"]],
        "loss": "Any",
        "value": -1.5,
        "trades": 7,
        "sharpe": pytest.approx(0.43643578),  # 0.02/3 over sqrt(7/3)/100
        "parameters": {"buy": {"adx_enter": 2}},
        "result": "b973d8983c92a955",  # sha256 of 0.010000000,-0.010000000,0.020000000
    }
    assert line["search"] == search(closed=(("a", "b"),)).key


@settings(max_examples=10)
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(1, 4)), max_size=8))
def test_a_search_is_recorded_once_however_often_it_comes_back(tmp_path_factory, calls):
    ledger = TrialLedger(tmp_path_factory.mktemp("ledger") / "ledger.jsonl")
    made = {
        source: search(timerange=f"2024010{place}-20240201") for place, source in enumerate("xyz")
    }
    expected = set()
    for source, number in calls:
        ledger.record(made[source], 1, [epoch(it) for it in range(number)])
        expected |= {(source, it) for it in range(number)}
    assert len(ledger.chain.entries()) == len(expected)
    if expected:
        assert epochs_of(ledger) == len(expected)


def test_what_a_crash_cut_off_is_added_by_the_next_attempt(ledger):
    ledger.record(search(), 1, EPOCHS[:1])
    noted = ledger.note.read_bytes()
    ledger.record(search(), 1, EPOCHS)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(lines[0] + lines[1][:50])
    ledger.note.write_bytes(noted)  # it is noted when all is written
    ledger.record(search(), 1, EPOCHS)
    found = [line.get("epoch") for line in ledger.chain.entries()]
    assert found == [1, None, 2, 3]
    assert epochs_of(ledger) == 4  # what was torn may have been another
    assert epochs_of(ledger, OTHER) == 1


def test_trials_are_told_apart_by_time_parameters_and_result(ledger):
    ledger.record(search(), 1, EPOCHS)
    assert epochs_of(ledger) == 3
    ledger.record(search(source="refactored"), 1, EPOCHS)  # came to the same
    assert len(ledger.chain.entries()) == 6
    assert epochs_of(ledger) == 3
    ledger.record(search(source="repaired"), 1, [epoch(1, returns=(0.01, -0.01, 0.03))])
    assert epochs_of(ledger) == 4
    ledger.record(search(timerange="20240101-20240301"), 1, EPOCHS[:1])
    assert epochs_of(ledger) == 5
    ledger.record(search(closed=(("a", "b"),)), 1, EPOCHS[:1])
    assert epochs_of(ledger) == 6
    ledger.record(search(source="wider"), 1, [epoch(1, value=8)])
    assert epochs_of(ledger) == 7


def test_strategies_are_counted_apart(ledger):
    ledger.record(search(), 1, EPOCHS)
    ledger.record(search(OTHER), 1, EPOCHS[:1])
    assert (epochs_of(ledger), epochs_of(ledger, OTHER), epochs_of(ledger, "Third")) == (3, 1, 0)


def test_a_loss_without_a_value_is_recorded(ledger):
    ledger.record(search(), 1, [dataclasses.replace(epoch(1), loss=float("inf"))])
    assert ledger.chain.entries()[0]["value"] is None


def test_a_walk_is_a_look_at_its_test_days(ledger):
    def looks(*tests, strategy=MINE):
        return ledger.count(strategy, tests).walks

    ledger.walked("walk", MINE, TESTS, "result")
    ledger.walked("walk", MINE, reversed(TESTS), "result")  # its report was made again
    assert looks(span(0, 20)) == looks(span(5, 6)) == looks(span(19, 40)) == 1
    assert (
        looks(span(20, 40))
        == looks(span(-9, 0))
        == looks()
        == looks(span(0, 9), strategy=OTHER)
        == 0
    )
    ledger.walked("walk", MINE, TESTS[1:], "part")
    ledger.walked("walk", MINE, TESTS, "other result")
    ledger.walked("other", MINE, TESTS, "result")
    ledger.walked("walk", OTHER, TESTS, "result")
    assert (looks(span(0, 10)), looks(span(10, 20)), looks(*TESTS)) == (3, 4, 4)
    assert looks(*TESTS, strategy=OTHER) == 1
    assert epochs_of(ledger) == 0


def test_ablations_count_for_the_strategy_they_are_of(ledger, ablation):
    ledger.record(search(), 1, EPOCHS)
    assert ledger.count(MINE, TESTS, ablation=ablation.path).backtests == 2
    assert ledger.count(OTHER, TESTS, ablation=ablation.path).backtests == 0
    never = ablation.path.with_name("never.jsonl")
    assert ledger.count(MINE, TESTS, ablation=never).backtests == 0


def test_plain_hyperopt_and_what_was_declared_is_unrecorded(ledger, tmp_path):
    ledger.record(search(), 1, EPOCHS)
    folder = tmp_path / "hyperopt_results"
    assert ledger.count(MINE, TESTS, hyperopt_results=folder).unrecorded == 0
    folder.mkdir()
    result = folder / f"strategy_{MINE}_2026-11-21_19-33-49.fthypt"
    result.write_text('{"loss": 1}\n{"loss": 2}\n\n{"loss": 3}')
    shutil.copy(result, folder / f"strategy_{MINE}_2026-11-22_19-33-49.fthypt")
    (folder / f"strategy_{MINE}_2026-11-23_19-33-49.fthypt").write_text('{"loss": 1}\n')
    (folder / f"strategy_{OTHER}_2026-11-21_19-33-49.fthypt").write_text('{"loss": 1}\n' * 10)
    (folder / f"strategy_{MINE}_2026-11-21_19-33-49.fthypt.bak").write_text('{"loss": 1}\n' * 20)
    (folder / "hyperopt_tickerdata.pkl").write_bytes(b"\n" * 30)
    found = ledger.count(MINE, TESTS, hyperopt_results=folder, declared=100)
    assert (found.unrecorded, found.total) == (104, 107)
    assert ledger.count(OTHER, TESTS, hyperopt_results=folder).unrecorded == 10


def test_a_result_that_cannot_be_read_is_not_passed_over(ledger, tmp_path):
    ledger.record(search(), 1, EPOCHS)
    (tmp_path / f"strategy_{MINE}_2026-11-21_19-33-49.fthypt").mkdir()
    with pytest.raises(TuningError, match=r"19-33-49\.fthypt cannot be read"):
        ledger.count(MINE, TESTS, hyperopt_results=tmp_path)


def test_fewer_than_none_cannot_be_declared(ledger):
    with pytest.raises(ValueError, match="declared trials are -1"):
        ledger.count(MINE, TESTS, declared=-1)


def test_the_head_proves_the_count(ledger):
    ledger.record(search(), 1, EPOCHS)
    found = ledger.count(MINE, TESTS)
    assert found.head == ledger.chain.head != ""
    ledger.walked("walk", MINE, TESTS, "result")
    assert ledger.count(MINE, TESTS, heads=[found.head]).head != found.head


def test_no_ledger_is_no_count(ledger):
    with pytest.raises(TuningError, match="is missing or empty"):
        ledger.count(MINE, TESTS)


def test_a_deleted_ledger_is_missed_although_another_begins(ledger):
    ledger.record(search(), 1, EPOCHS)
    noted = ledger.chain.head
    ledger.path.unlink()
    for _ in range(2):  # the note stays what it was
        ledger.record(search(OTHER), 1, EPOCHS[:1])
        with pytest.raises(TuningError, match=f"was altered: no line has the hash {noted}"):
            ledger.count(MINE, TESTS)
    ledger.note.unlink()
    assert ledger.count(OTHER, TESTS).epochs == 1
    assert ledger.verify() is None
    with pytest.raises(TuningError, match=f"was altered: no line has the hash {noted}"):
        ledger.count(OTHER, TESTS, heads=[noted])


def test_a_missing_end_is_missed(ledger):
    ledger.record(search(), 1, EPOCHS)
    ledger.walked("walk", MINE, TESTS, "result")
    assert ledger.note.read_text() == f"{ledger.chain.head}\n"
    assert ledger.verify() is None
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(b"".join(lines[:-1]))
    assert ledger.verify().endswith("the end is gone")
    with pytest.raises(TuningError, match="the end is gone"):
        ledger.count(MINE, TESTS)


def test_an_altered_ledger_is_no_count(ledger):
    ledger.record(search(), 1, EPOCHS)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(lines[0] + lines[2])
    with pytest.raises(TuningError, match="was altered: line 2 was written as line 3"):
        ledger.count(MINE, TESTS)
    ledger.record(search(), 1, EPOCHS)  # still noted
    assert sorted(line["epoch"] for line in ledger.chain.entries()) == [1, 2, 3]


def test_an_altered_ablation_is_no_count(ledger, ablation):
    ledger.record(search(), 1, EPOCHS)
    ablation.path.write_text(ablation.path.read_text().replace("same", "none"))
    with pytest.raises(TuningError, match=r"ablation/ledger\.jsonl was altered: line 2 or"):
        ledger.count(MINE, TESTS, ablation=ablation.path)


def test_trials_that_cannot_be_written_stop_what_would_use_them(tmp_path):
    ledger = TrialLedger(tmp_path / "ledger.jsonl")
    ledger.path.mkdir()
    for write in (
        lambda: ledger.record(search(), 1, EPOCHS),
        lambda: ledger.walked("walk", MINE, TESTS, "result"),
    ):
        with pytest.raises(TuningError, match=r"ledger\.jsonl cannot be written"):
            write()


def test_a_thousand_trials_are_one_append(ledger):
    ledger.record(search(), 1, [epoch(number) for number in range(1000)])
    raw = ledger.path.read_bytes()
    assert raw.count(b"\n") == 1000
    ledger.record(search(), 1, [epoch(number) for number in range(1000)])
    assert ledger.path.read_bytes() == raw
    assert epochs_of(ledger) == 1000
    assert json.loads(raw.splitlines()[-1])["n"] == 1000
