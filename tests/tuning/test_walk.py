"""A walk with a pool that answers at once: what is asked, counted, kept, and gone on with."""

import json
from dataclasses import replace

import pytest

from tests.tuning import made
from tuning.execution.epochs import pack_epochs
from tuning.execution.shelf import EPOCHS, NO_TRADES, OUTCOME, RECORD, RESULT, TRADES
from tuning.execution.trades import pack_trades
from tuning.jobs import Search
from tuning.model import Epoch, Mode, TuningError
from tuning.pool import Advance, Finished, Idle
from tuning.walk import Prepared, WalkForward

RECORDED = {RECORD: json.dumps({"seconds": 3.0}).encode()}


def parameters(search, number):
    return {"buy": {"adx_enter": float(20 + (search.seed + number) % 15)}, "sell": {}}


def searched(search):
    """As many epochs as asked; number 2 is the best of them."""
    epochs = [
        Epoch(
            number=number,
            parameters=parameters(search, number),
            loss=-1.0 if number == 2 else float(number),
            trades=4,
            returns=(0.01 * number, -0.01, 0.02),
        )
        for number in range(1, search.epochs + 1)
    ]
    return RECORDED | {EPOCHS: pack_epochs(epochs)}


def backtested(job):
    profits = [1.0, -2.0, 3.0]
    return RECORDED | {
        RESULT: b"zip",
        OUTCOME: json.dumps(made.outcome(profits).document()).encode(),
        TRADES: pack_trades(made.trades(profits), made.BALANCE),
    }


class Answering:
    """Answers the newest job first; notes each, and what the ledger held when it was asked."""

    workers = 2

    def __init__(self, walks=None, *, refuse=(), stop_after=None, answer=None):
        self.walks, self.refuse, self.stop_after = walks, refuse, stop_after
        self.answer = answer or {}
        self.asked, self.waiting, self.counted_at = [], [], {}

    def submit(self, job):
        self.asked.append(job)
        self.waiting.append(job)
        if self.walks:
            self.counted_at[job.key] = len(self.walks.ledger.chain.entries())

    def wait(self, seconds):
        if self.stop_after is not None and len(self.asked) - len(self.waiting) >= self.stop_after:
            raise KeyboardInterrupt
        job = self.waiting.pop()
        if job.key in self.refuse:
            return [Finished(job, None, "no such pair", 1.0, "here")]
        files = self.answer.get(job.key) or (
            searched(job) if isinstance(job, Search) else backtested(job)
        )
        events = [Advance(job.key, job.epochs)] if isinstance(job, Search) else []
        return [*events, Finished(job, files, "", 1.0, "here")]


class Noting:
    def __init__(self):
        self.progress, self.over, self.ticks = [], [], []

    def advanced(self, name, epochs):
        self.progress.append((name, epochs))

    def finished(self, name, seconds, failure):
        self.over.append((name, failure))

    def tick(self, workers):
        self.ticks.append(workers)


@pytest.fixture
def prepared():
    return Prepared(made.plan(folds=3, epochs=3), "source", "data", simulated=False)


@pytest.fixture
def walks(tmp_path):
    return WalkForward(tmp_path)


def test_a_walk_searches_each_fold_and_trades_its_choice(walks, prepared):
    pool, seen = Answering(walks), Noting()
    assert walks.run(prepared, pool, seen) == {}
    searches = [job for job in pool.asked if isinstance(job, Search)]
    assert [job.seed for job in searches] == [8, 9, 10]  # a fold does not try another's points
    backtests = [job for job in pool.asked if not isinstance(job, Search)]
    assert len(backtests) == 6
    assert [job.parameters for job in backtests].count(None) == 3
    folds, missing = walks.results_of(prepared, {})
    assert not missing
    for fold, search in zip(folds, searches, strict=True):
        assert fold.chosen.number == 2
        assert fold.chosen.parameters == parameters(search, 2)
        assert len(fold.epochs) == 3
        assert [it.period for it in fold.tested] == list(fold.fold.tests)
        assert fold.seconds == 9.0
    assert len(seen.over) == 9
    assert seen.progress == [(f"fold {it} search", 3) for it in (3, 2, 1)]
    assert set(seen.ticks) == {2}


def test_a_choice_is_traded_only_after_its_trials_are_counted(walks, prepared):
    pool = Answering(walks)
    walks.run(prepared, pool, Noting())
    for fold in prepared.folds:
        search = prepared.search(fold)
        chosen = prepared.backtests(fold, parameters(search, 2))
        for job in chosen:
            lines = walks.ledger.chain.entries()[: pool.counted_at[job.key]]
            assert sum(line.get("search") == search.key for line in lines) == 3


def test_trials_are_counted_once_however_often_a_walk_is_run(walks, prepared):
    walks.run(prepared, Answering(), Noting())
    lines = walks.ledger.chain.entries()
    assert sum(line["what"] == "trial" for line in lines) == 9
    walks.run(prepared, Idle(), Noting())
    assert walks.ledger.chain.entries() == lines


def test_an_interrupted_walk_goes_on_where_it_was(walks, prepared):
    first = Answering(stop_after=4)
    with pytest.raises(KeyboardInterrupt):
        walks.run(prepared, first, Noting())
    done = {job.key for job in first.asked} - {job.key for job in first.waiting}
    assert len(done) == 4
    left = walks.outlook(prepared)
    assert not left.nothing
    second = Answering()
    walks.run(prepared, second, Noting())
    assert not done & {job.key for job in second.asked}
    assert left.searches + left.backtests == len(second.asked)
    assert walks.outlook(prepared).nothing
    assert len(walks.results_of(prepared, {})[0]) == 3


def test_a_search_that_was_kept_but_not_counted_is_counted_before_its_choice_is_traded(
    walks, prepared
):
    """The program may die between keeping a search and counting it."""
    search = prepared.search(prepared.folds[0])
    walks.shelf.keep(search.key, searched(search))
    pool = Answering(walks)
    walks.run(prepared, pool, Noting())
    assert search.key not in {job.key for job in pool.asked}
    (chosen,) = prepared.backtests(prepared.folds[0], parameters(search, 2))
    assert pool.counted_at[chosen.key] >= 3


def test_a_fold_that_fails_leaves_the_others_alone(walks, prepared):
    failing = prepared.search(prepared.folds[1]).key
    seen = Noting()
    failures = walks.run(prepared, Answering(refuse={failing}), seen)
    assert failures == {2: "no such pair"}
    folds, missing = walks.results_of(prepared, failures)
    assert [fold.fold.number for fold in folds] == [1, 3]
    assert missing == {2: "no such pair"}
    assert ("fold 2 search", "no such pair") in seen.over


def test_a_walk_gives_up_when_its_first_searches_all_fail(walks, prepared):
    refuse = {prepared.search(fold).key for fold in prepared.folds}
    pool = Answering(refuse=refuse)
    with pytest.raises(TuningError, match=r"first 2 searches failed, .* no such pair"):
        walks.run(prepared, pool, Noting())
    assert refuse & {job.key for job in pool.waiting}


def test_backtests_that_fail_are_no_searches_that_failed(walks, prepared):
    """With more workers than searches the untuned strategy may be traded first."""
    untuned = [job.key for job in prepared.untuned()]
    failing = prepared.search(prepared.folds[2]).key  # the newest, which `Answering` does first
    failures = walks.run(prepared, Answering(refuse={*untuned[:2], failing}), Noting())
    assert failures == dict.fromkeys((1, 2, 3), "no such pair")


def test_a_walk_does_not_give_up_once_a_search_went_well(walks, prepared):
    searches = [prepared.search(fold) for fold in prepared.folds]
    walks.shelf.keep(searches[0].key, searched(searches[0]))
    failures = walks.run(prepared, Answering(refuse={it.key for it in searches[1:]}), Noting())
    assert set(failures) == {2, 3}


def test_a_search_without_a_trade_is_a_failure_that_says_so(walks, prepared):
    search = prepared.search(prepared.folds[0])
    idle = [Epoch(it, parameters(search, it), NO_TRADES, 0, (0.0,)) for it in (1, 2, 3)]
    answer = {search.key: RECORDED | {EPOCHS: pack_epochs(idle)}}
    failures = walks.run(prepared, Answering(answer=answer), Noting())
    assert list(failures) == [1]
    assert "no trial of 3 had a trade" in failures[1]
    assert walks.outlook(prepared).nothing
    # Its trials were made all the same
    lines = walks.ledger.chain.entries()
    assert sum(line.get("search") == search.key for line in lines) == 3
    folds, missing = walks.results_of(prepared, {})  # as when it is reported again
    assert [fold.fold.number for fold in folds] == [2, 3]
    assert missing == failures


def test_spans_that_several_folds_test_are_traded_once_untuned(walks):
    plan = made.plan(mode=Mode.CPCV, groups=4, held_out=2, epochs=2)
    prepared = Prepared(plan, "source", "data", simulated=False)
    assert len(prepared.folds) == 6
    pool = Answering()
    expected = walks.outlook(prepared)
    walks.run(prepared, pool, Noting())
    untuned = [job for job in pool.asked if not isinstance(job, Search) and job.parameters is None]
    assert len(untuned) == 4
    assert len(pool.asked) == len({job.key for job in pool.asked})
    assert expected.searches + expected.backtests == len(pool.asked)
    folds, missing = walks.results_of(prepared, {})
    assert not missing
    assert all(len(fold.tested) == len(fold.untuned) == 2 for fold in folds)
    assert all(prepared.search(it).closed for it in prepared.folds)


def test_a_walk_is_found_again_by_its_name(walks, prepared):
    walks.run(prepared, Answering(), Noting())
    again = walks.reopen(prepared.digest)
    assert again == prepared
    assert walks.results_of(again, {})[0][0].chosen == walks.results_of(prepared, {})[0][0].chosen


def test_a_name_that_is_none_lists_those_that_are(walks, prepared):
    walks.note(prepared)
    with pytest.raises(TuningError, match=rf"no walk other in .*there are: {prepared.digest}"):
        walks.reopen("other")


def test_a_damaged_plan_is_named(walks, prepared):
    walks.note(prepared)
    path = walks.folder(prepared) / "plan.json"
    for text in ("{}", "[]", "7"):
        path.write_text(text)
        with pytest.raises(TuningError, match=r"plan\.json is not a walk .*delete it"):
            walks.reopen(prepared.digest)


def test_a_walk_of_other_versions_says_which(walks, prepared, monkeypatch):
    """Its results are kept under keys that nothing asks for any more."""
    walks.note(prepared)
    monkeypatch.setattr("tuning.walk.versions", lambda: {"freqtrade": "2099.1", "optuna": "9"})
    with pytest.raises(TuningError, match=r"was made with freqtrade 2026\.9, .*run the walk again"):
        walks.reopen(prepared.digest)


def test_a_walk_that_noted_no_versions_is_found(walks, prepared):
    walks.note(prepared)
    path = walks.folder(prepared) / "plan.json"
    noted = json.loads(path.read_text())
    del noted["versions"]
    path.write_text(json.dumps(noted))
    assert walks.reopen(prepared.digest) == prepared


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (('"mode": "rolling"', '"mode": "sideways"'), r"plan\.json is not a walk .*sideways"),
        (('"epochs": 3', '"epochs": 2'), r"plan\.json describes walk .*it was changed"),
    ],
)
def test_a_plan_that_was_changed_is_named(walks, prepared, change, expected):
    walks.note(prepared)
    path = walks.folder(prepared) / "plan.json"
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(TuningError, match=expected):
        walks.reopen(prepared.digest)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 4},
        {"seed": 8},
        {"loss": "DeflatedSharpe"},
        {"fee": 0.001},
        {"pairs": ("BTC/USDT:USDT",)},
        {"settings": {"max_open_trades": 2}},
        {"spaces": ("buy",)},
        {"configs": ("config/base.json",)},
    ],
)
def test_whatever_changes_a_result_changes_its_key(prepared, change):
    other = Prepared(replace(prepared.plan, **change), "source", "data", simulated=False)
    fold = prepared.folds[0]
    assert other.search(fold).key != prepared.search(fold).key
    assert other.digest != prepared.digest


@pytest.mark.parametrize("change", [{"source": "other"}, {"data": "other"}])
def test_source_and_data_are_part_of_every_key(prepared, change):
    other = Prepared(
        prepared.plan, **{"source": "source", "data": "data", **change}, simulated=False
    )
    fold = prepared.folds[0]
    assert other.search(fold).key != prepared.search(fold).key
    assert other.backtests(fold, None)[0].key != prepared.backtests(fold, None)[0].key


def test_a_look_at_the_tests_is_noted_once(walks, prepared):
    walks.run(prepared, Answering(), Noting())
    folds, _ = walks.results_of(prepared, {})
    walks.looked(prepared, folds)
    walks.looked(prepared, folds)
    looks = [line for line in walks.ledger.chain.entries() if line["what"] == "walk"]
    assert len(looks) == 1
    counted = walks.ledger.count(prepared.plan.strategy, prepared.folds[0].tests)
    assert (counted.epochs, counted.walks) == (9, 1)


def test_a_ledger_that_was_begun_anew_does_not_know_what_is_kept(walks, prepared):
    walks.run(prepared, Answering(), Noting())
    walks.require_counted()
    for path in (walks.ledger.path, walks.ledger.note):
        path.unlink()
    other = Prepared(replace(prepared.plan, seed=99), "source", "data", simulated=False)
    walks.run(other, Answering(), Noting())
    assert walks.ledger.verify() is None
    with pytest.raises(TuningError, match=r"does not know 3 of the searches in .*restore it"):
        walks.require_counted()
    walks.run(prepared, Idle(), Noting())  # counts them again
    walks.require_counted()


def test_an_idle_pool_refuses_work(prepared):
    with pytest.raises(LookupError):
        Idle().submit(prepared.search(prepared.folds[0]))
