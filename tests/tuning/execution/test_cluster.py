"""Jobs on real Dask workers, with quick works instead of Freqtrade: nothing lost, nothing twice."""

import gzip
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest
from distributed import LocalCluster

from experiments.identity import data_fingerprint
from tests.tuning import works
from tuning.execution.cluster import DaskPool
from tuning.execution.outfit import CODE, Supplies, differences, perform, versions
from tuning.execution.places import fingerprint_of
from tuning.jobs import Backtest, Common, Search
from tuning.model import TuningError
from tuning.pool import Advance, Finished

COMMON = Common("Sample", "folder", "20240101-20240201", ("BTC",), 0.0, (), {}, "source", "data")
FOREVER = 60.0  # seconds; what goes wrong shows as a failure, not as a test that hangs


def search(seed, epochs=2):
    return Search(COMMON, loss="Loss", spaces=("buy",), epochs=epochs, seed=seed)


def backtest(number):
    return Backtest(COMMON, {"buy": {"length": number}})


def events_of(pool, jobs):
    """Everything that `pool` tells until it has told the end of so many jobs."""
    told, until = [], time.monotonic() + FOREVER
    while sum(isinstance(it, Finished) for it in told) < jobs:
        assert time.monotonic() < until, told
        told += pool.wait(0.5)
    return told


def ends(told):
    return [it for it in told if isinstance(it, Finished)]


@pytest.fixture
def supplies(tmp_path):
    return Supplies(source=b"packed", data_url=str(tmp_path), data="data")


@pytest.fixture
def scheduler():
    """A scheduler whose two workers are threads of this process: quick, and never killed."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield cluster


def left_behind(cluster):
    """What of ours a scheduler would still bring to new workers."""
    return [name for name in cluster.scheduler.worker_plugins if name.startswith("walk-")]


def awaited(claim):
    """Wait until `claim` holds."""
    until = time.monotonic() + FOREVER
    while not claim():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_everything_comes_back_once(scheduler, supplies):
    jobs = [*(backtest(number) for number in range(3)), *(search(seed) for seed in range(3))]
    with DaskPool.at(scheduler.scheduler_address, supplies, work=works.files) as pool:
        for job in jobs:
            pool.submit(job)
        told = events_of(pool, len(jobs))
        assert pool.wait(0) == [], "nothing is told twice"
    assert {it.job.key: it.files["key"].decode() for it in ends(told)} == {
        job.key: job.key for job in jobs
    }
    assert len(ends(told)) == len(jobs)
    assert {it.files["source"] for it in ends(told)} == {b"packed"}
    assert {it.failure for it in ends(told)} == {""}


def test_searches_go_first_and_each_kind_in_the_order_in_which_it_came(scheduler, supplies):
    scheduler.scale(1)
    jobs = [backtest(2), backtest(1), search(2), search(1)]
    with DaskPool.at(scheduler.scheduler_address, supplies, work=works.files) as pool:
        awaited(lambda: pool.workers == 1)
        for job in jobs:
            pool.submit(job)
        told = events_of(pool, len(jobs))
    assert [it.job for it in ends(told)] == [search(2), search(1), backtest(2), backtest(1)]


def test_a_search_tells_its_epochs_in_order_and_a_backtest_none(scheduler, supplies):
    with DaskPool.at(scheduler.scheduler_address, supplies, work=works.files) as pool:
        pool.submit(search(1, epochs=3))
        pool.submit(backtest(1))
        told = events_of(pool, 2)
    told = [it for it in told if isinstance(it, Advance)]
    assert told == [Advance(search(1, epochs=3).key, epochs) for epochs in (0, 1, 2, 3)]


def test_a_job_that_was_taken_is_not_done_twice(scheduler, supplies, tmp_path):
    with DaskPool.at(scheduler.scheduler_address, supplies, work=works.noted) as pool:
        pool.submit(backtest(1))
        pool.submit(backtest(1))
        events_of(pool, 1)
        pool.submit(backtest(1))
        assert pool.wait(0) == []
    assert len(list(tmp_path.iterdir())) == 1


def test_a_tuning_error_is_an_answer(scheduler, supplies):
    with DaskPool.at(scheduler.scheduler_address, supplies, work=works.refuses) as pool:
        pool.submit(backtest(1))
        [done] = events_of(pool, 1)
    assert done.worker == f"{socket.gethostname()}:{os.getpid()}"
    said = f"on {done.worker}: no epoch of Sample had a trade"
    assert (done.files, done.failure) == (None, said)
    assert done.seconds >= 0


def test_any_other_error_of_a_job_is_its_failure(scheduler, supplies):
    with DaskPool.at(scheduler.scheduler_address, supplies, work=works.breaks) as pool:
        pool.submit(backtest(1))
        [done] = events_of(pool, 1)
    assert (done.files, done.failure) == (None, "OSError: [Errno 28] No space left on device")


def test_a_job_that_kills_its_workers_fails_with_advice(scheduler, supplies):
    with DaskPool.at(scheduler.scheduler_address, supplies, work=works.killed) as pool:
        pool.submit(backtest(1))
        [done] = events_of(pool, 1)
    assert done.failure.startswith("its worker died 3 times, the last on 10.0.0.2; most likely")


def test_a_worker_with_other_versions_is_refused_by_name(scheduler, supplies, monkeypatch):
    expected = versions() | {"freqtrade": "2026.1"}
    monkeypatch.setattr("tuning.execution.cluster.versions", lambda: expected)
    there = f"on {socket.gethostname()} is not fit: freqtrade is {version('freqtrade')}, "
    with (
        pytest.raises(TuningError, match=re.escape(f"{there}expected 2026.1; install")),
        DaskPool.at(scheduler.scheduler_address, supplies, work=works.files),
    ):
        pass
    assert not left_behind(scheduler)


def test_a_worker_that_joins_later_gets_work_when_it_is_fit(scheduler, supplies):
    scheduler.scale(0)
    with DaskPool.at(scheduler.scheduler_address, supplies, work=works.files) as pool:
        awaited(lambda: pool.workers == 0)
        pool.submit(backtest(1))
        assert pool.wait(0) == []
        scheduler.scale(1)
        assert len(ends(events_of(pool, 1))) == 1
        assert pool.workers == 1


def warned(caplog):
    return [it.getMessage() for it in caplog.records if it.name == "tuning.execution.cluster"]


def test_a_worker_that_joins_later_with_other_versions_gets_none(
    scheduler, supplies, monkeypatch, caplog
):
    scheduler.scale(0)
    with DaskPool.at(scheduler.scheduler_address, supplies, work=works.files, patience=0) as pool:
        awaited(lambda: pool.workers == 0)
        monkeypatch.setattr(
            "tuning.execution.outfit.versions", lambda: {**versions(), "python": "3.10"}
        )
        scheduler.scale(1)
        awaited(lambda: pool.wait(0.05) == [] and warned(caplog))
        assert "python is 3.10, expected 3.11" in warned(caplog)[0]
        assert pool.workers == 0
        pool.submit(backtest(1))
        with pytest.raises(TuningError, match=r"no fit worker at tcp.*python is 3\.10"):
            pool.wait(0)


def test_a_pool_without_workers_is_patient_for_a_while(scheduler, supplies, monkeypatch):
    scheduler.scale(0)
    clock = Clock()
    monkeypatch.setattr("tuning.execution.cluster.time", clock)
    with DaskPool.at(scheduler.scheduler_address, supplies, work=works.files, patience=9) as pool:
        awaited(lambda: pool.workers == 0)
        clock.now += 100
        assert pool.wait(0) == [], "there is nothing to do"
        pool.submit(backtest(1))
        clock.now += 9
        assert pool.wait(0) == []
        clock.now += 1
        with pytest.raises(TuningError, match=r"for 9 s.*dask worker tcp://.*is kept"):
            pool.wait(0)


class Clock:
    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


def test_leaving_ends_what_runs(scheduler, supplies, tmp_path):
    with DaskPool.at(scheduler.scheduler_address, supplies, work=works.waits) as pool:
        pool.submit(search(1))
        pool.submit(backtest(1))
        while len(list(tmp_path.iterdir())) < 2:
            pool.wait(0.01)
    for job in (search(1), backtest(1)):
        awaited((tmp_path / f"{job.key}.ended").exists)
    assert not left_behind(scheduler)


def test_a_client_that_is_gone_ends_what_runs(scheduler, supplies, tmp_path):
    pool = DaskPool.at(scheduler.scheduler_address, supplies, work=works.waits)
    with pool:
        pool.submit(search(1))
        while not list(tmp_path.iterdir()):
            pool.wait(0.01)
        pool._client.close()
        awaited((tmp_path / f"{search(1).key}.ended").exists)


def test_a_job_whose_outfit_is_taken_away_ends(scheduler, supplies, tmp_path):
    with DaskPool.at(scheduler.scheduler_address, supplies, work=works.waits) as pool:
        pool.submit(search(1))
        while not list(tmp_path.iterdir()):
            pool.wait(0.01)
        pool._client.unregister_worker_plugin(pool._name)
        awaited((tmp_path / f"{search(1).key}.ended").exists)
        assert pool.workers == 0


def test_a_scheduler_that_is_lost_is_named(scheduler, supplies, tmp_path, monkeypatch):
    monkeypatch.setattr("tuning.execution.cluster.CONNECT_SECONDS", 0.5)
    with DaskPool.at(scheduler.scheduler_address, supplies, work=works.waits) as pool:
        pool.submit(search(1))
        while not list(tmp_path.iterdir()):
            pool.wait(0.01)
        scheduler.close()
        with pytest.raises(TuningError, match=f"{scheduler.scheduler_address} is lost.*is kept"):
            events_of(pool, 1)


def test_a_scheduler_that_is_not_there_is_named(supplies, monkeypatch):
    monkeypatch.setattr("tuning.execution.cluster.CONNECT_SECONDS", 0.2)
    with pytest.raises(TuningError, match=r"no scheduler at tcp://127\.0\.0\.1:1 .*dask scheduler"):
        DaskPool.at("tcp://127.0.0.1:1", supplies)


def test_a_scheduler_that_asks_for_certificates_is_told_from_none(supplies):
    with pytest.raises(TuningError, match=r"at tls://127\.0\.0\.1:1 .*ssl.*certificates"):
        DaskPool.at("tls://127.0.0.1:1", supplies)


def test_a_killed_worker_costs_nothing_but_time(supplies, tmp_path):
    """Two processes, one killed by its second job: every job comes back once, the victim's too."""
    jobs = [search(seed) for seed in range(5)]
    with DaskPool.local(
        supplies, workers=2, scratch=tmp_path / "scratch", work=works.third_dies
    ) as pool:
        assert pool.workers == 2
        for job in jobs:
            pool.submit(job)
        told = events_of(pool, len(jobs))
        listening = [it for it in psutil.net_connections("tcp") if it.status == "LISTEN"]
        family = {os.getpid(), *(it.pid for it in psutil.Process().children(recursive=True))}
        assert {it.laddr.ip for it in listening if it.pid in family} == {"127.0.0.1"}
        assert pool._address.startswith("tls://127.0.0.1:")
    assert sorted(it.job.key for it in ends(told)) == sorted(job.key for job in jobs)
    assert {it.failure for it in ends(told)} == {""}
    assert (tmp_path / "killed").exists()
    assert sorted(it.stem for it in tmp_path.glob("*.*")) == sorted(job.key for job in jobs)


def test_no_worker_at_all_is_refused(supplies):
    with pytest.raises(TuningError, match="workers is 0, expected at least 1"):
        DaskPool.local(supplies, workers=0)


def test_a_dashboard_that_cannot_be_is_named(supplies, monkeypatch):
    def failed(**_):
        raise RuntimeError("Cluster failed to start: Name or service not known")

    monkeypatch.setattr("tuning.execution.cluster.LocalCluster", failed)
    with pytest.raises(TuningError, match=r"no workers .*service not known.*--dashboard"):
        DaskPool.local(supplies, workers=1, dashboard="nowhere")


def test_a_job_is_done_with_source_and_data_from_the_cache(tmp_path, monkeypatch):
    asked = []
    supplies = Supplies(b"packed", "s3://candles", "fingerprint", cache=str(tmp_path / "cache"))

    def executed(job, **places):
        asked.append((job, places))
        return {"result": b"1"}

    def unpacked(blob, cache):
        return cache / f"source of {blob.decode()}"

    def fetched(url, fingerprint, cache):
        return cache / f"{fingerprint} of {url.removeprefix('s3://')}"

    monkeypatch.setattr("tuning.execution.outfit.execute", executed)
    monkeypatch.setattr("tuning.execution.outfit.unpack_source", unpacked)
    monkeypatch.setattr("tuning.execution.outfit.local_data", fetched)
    assert perform(search(1), supplies, tmp_path / "work", print) == {"result": b"1"}
    places = {
        "tree": tmp_path / "cache" / "source of packed",
        "datadir": tmp_path / "cache" / "fingerprint of candles",
        "work": tmp_path / "work",
        "on_epochs": print,
    }
    assert asked == [(search(1), places)]


def test_the_cache_lies_where_the_machine_says(monkeypatch):
    supplies = Supplies(b"", "", "")
    monkeypatch.setenv("REGIMEROUTER_CACHE", "/big/disk")
    assert supplies.cache_here() == Path("/big/disk")
    assert Supplies(b"", "", "", cache="/own").cache_here() == Path("/own")
    monkeypatch.delenv("REGIMEROUTER_CACHE")
    assert supplies.cache_here() == Path.home() / ".cache" / "regimerouter"


def test_a_user_without_a_home_is_told_to_name_a_cache(monkeypatch):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("REGIMEROUTER_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", unknown)
    with pytest.raises(TuningError, match=r"home directory.*name one in REGIMEROUTER_CACHE"):
        Supplies(b"", "", "").cache_here()


def test_a_result_is_none_when_the_candles_changed_while_it_was_made(packed, tmp_path, monkeypatch):
    """As when a backfill writes into the folder that a search is reading."""
    candles = tmp_path / "candles"
    candles.mkdir()
    (candles / "BTC_USDT-15m.feather").write_bytes(b"before")
    supplies = Supplies(packed, str(candles), data_fingerprint(candles), cache=str(tmp_path))

    def executed(job, **places):
        (candles / "BTC_USDT-15m.feather").write_bytes(b"after")
        return {"result": b"1"}

    monkeypatch.setattr("tuning.execution.outfit.execute", executed)
    with pytest.raises(TuningError, match="are not those of this walk"):
        perform(search(1), supplies, tmp_path / "work", print)


def test_every_difference_is_said():
    assert differences({"a": "1", "b": "2"}, {"a": "1", "b": "2", "c": "3"}) == []
    assert differences({"a": "1", "b": "2", "c": "3"}, {"a": "0", "c": "3"}) == [
        "a is 0, expected 1",
        "b is missing, expected 2",
    ]


def test_the_versions_know_engines_and_our_own_code():
    engines = {"freqtrade", "numpy", "pandas", "ta-lib", "optuna"}
    assert set(versions()) == {"python", *engines, "regimerouter"}
    assert versions()["python"] == "3.11"


def test_all_of_our_code_that_a_worker_imports_is_compared(repository):
    """A worker with other code for measuring would give other results under the same key."""
    program = (
        "import sys\nimport tuning.execution.outfit\n"
        "print(*(it.__file__ for it in sys.modules.values() if {}))"
    )
    ours = "getattr(it, '__file__', None) and it.__name__.split('.')[0] in {}".format(
        {"tuning", "experiments", "providers", "replay", "regimekit"}
    )
    done = subprocess.run(
        [sys.executable, "-c", program.format(ours)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    compared = {path for pattern in CODE for path in repository.glob(pattern)}
    imported = {Path(name) for name in done.stdout.split()}
    assert len(imported) > 30
    assert imported <= compared, imported - compared


PROGRAM = """
import os, sys
from tests.tuning.execution.test_cluster import search
from tests.tuning import works
from tuning.execution.cluster import DaskPool
from tuning.execution.outfit import Supplies
from tuning.pool import Advance

if __name__ == "__main__":
    supplies = Supplies(b"", sys.argv[1], "")
    try:
        with DaskPool.local(supplies, workers=2, work=works.waits) as pool:
            pool.submit(search(1))
            while True:
                for event in pool.wait(1.0):
                    print(event.epochs, flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.verify
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_nothing_survives_a_walk_that_is_interrupted_or_killed(repository, tmp_path, end):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, program, tmp_path],
        env={**os.environ, "PYTHONPATH": str(repository)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal of its own, as it were
    )
    assert process.stdout.readline() == "0\n"
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2
    if end == signal.SIGINT:
        os.killpg(process.pid, end)  # as Ctrl-C does
    else:
        process.kill()
    said, complaints = process.communicate(timeout=FOREVER)
    awaited(lambda: not any(it.is_running() for it in family))
    if end == signal.SIGINT:
        assert (said.splitlines()[-1], complaints, process.returncode) == ("interrupted", "", 0)


@pytest.mark.verify
@pytest.mark.freqtrade
def test_a_real_search_whose_worker_is_killed_is_done_again(simulated, packed, tmp_path):
    data = data_fingerprint(simulated)
    common = Common(
        strategy="RegimeRouter",
        strategy_folder="user_data/strategies",
        timerange="20260105-20260115",
        pairs=("BTC/USDT:USDT", "ETH/USDT:USDT"),
        fee=0.0005,
        configs=("user_data/config.json",),
        settings={},
        source=fingerprint_of(packed),
        data=data,
    )
    real = Search(common, loss="RobustSharpe", spaces=("buy",), epochs=4, seed=5)
    supplies = Supplies(packed, str(simulated), data, cache=str(tmp_path / "cache"))
    killed, told = [], []
    with DaskPool.local(supplies, workers=2, scratch=tmp_path) as pool:
        pool.submit(real)
        while not ends(told):
            told += pool.wait(0.5)
            if not killed and Advance(real.key, 2) in told:
                killed = worker_of_freqtrade()
                killed[0].kill()
        awaited(lambda: not any(it.is_running() for it in killed))
    [done] = ends(told)
    assert done.failure == ""
    assert json.loads(gzip.decompress(done.files["search.json.gz"]))
    epochs = [it.epochs for it in told if isinstance(it, Advance)]
    assert epochs.count(0) == 2, epochs
    assert epochs[-1] == 4, epochs


def worker_of_freqtrade():
    """The worker process that runs Freqtrade, and all that it has started."""
    for worker in psutil.Process().children():
        family = worker.children(recursive=True)
        if any("hyperopt" in it.cmdline() for it in family):
            return [worker, *family]
    raise AssertionError("no Freqtrade runs")
