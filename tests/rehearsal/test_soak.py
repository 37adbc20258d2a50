"""A leak is found, noise is not; and a seed repeats its faults."""

import csv
import json
import math
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.faults.script import read_script
from rehearsal.soak import (
    BOUNDS,
    COLUMNS,
    LEAST_SAMPLES,
    MOST_LASTING,
    QUIET_END,
    Sample,
    as_csv,
    as_script,
    growth_per_day,
    judge,
    schedule,
)
from rehearsal.soak_page import soak_page, soak_table
from replay.faults import parse
from scripts.soak import main

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
END = START + timedelta(hours=24)
SYMBOLS = ("BTCUSDT", "ETHUSDT")

STEADY = Sample(
    *(0.0, 400.0, 0.3, 1.0, 5.0),
    handles=30,
    threads=20,
    files=9,
    lines=0,
    own_lines=0,
    latency=0.05,
    loop_age=1.0,
    trades=0,
    faults=0,
)


def series(count=300, seed=1, **changes):
    """Samples of a healthy day with noise; `changes` map a column to a function of hours."""
    chance, found = np.random.default_rng(seed), []
    for number in range(count):
        hours = 24 * number / count
        warm = 60 * (1 - math.exp(-hours / 2))  # caches fill in the first hours
        noisy = replace(
            STEADY,
            hours=hours,
            rss=400 + warm + chance.normal(0, 15),
            handles=30 + int(chance.integers(0, 20)),
            threads=20 + int(chance.integers(0, 5)),
            latency=float(chance.exponential(0.1)),
            lines=number * 4,
            own_lines=number // 4,
        )
        found.append(replace(noisy, **{name: f(hours) for name, f in changes.items()}))
    return found


def broken(samples, **options):
    return {row.name for row in judge(samples, **{"faults": 5} | options) if not row.ok}


@pytest.mark.parametrize("seed", range(20))
def test_noise_and_a_warm_start_are_no_leak(seed):
    assert broken(series(seed=seed)) == set()


LEAKS = {
    "rss": lambda hours: 400 + 6 * hours,
    "handles": lambda hours: 30 + int(hours),
    "threads": lambda hours: 20 + int(hours / 3),
    "files": lambda hours: 9 + int(hours / 4),
    "folder": lambda hours: 5 + hours,
    "wal": lambda hours: 1 + hours,
    "own_lines": lambda hours: int(100 * hours),
}


@pytest.mark.parametrize("column", LEAKS)
def test_a_leak_is_found_where_it_is(column):
    expected = "own log lines" if column == "own_lines" else column
    assert broken(series(**{column: LEAKS[column]})) == {expected}


def test_a_leak_in_noise_is_found_on_every_seed():
    for seed in range(20):
        chance = np.random.default_rng(seed)

        def leaking(hours, chance=chance):
            return 400 + 5 * hours + chance.normal(0, 15)

        assert "rss" in broken(series(rss=leaking))


SPIKES = {"rss": 2000.0, "handles": 400, "threads": 90, "wal": 40.0}


@pytest.mark.parametrize("column", SPIKES)
def test_one_value_beyond_the_bound_breaks_it(column):
    samples = series()
    samples[10] = replace(samples[10], **{column: SPIKES[column]})
    assert broken(samples) == {column}


def test_a_few_slow_answers_are_forgiven_and_many_are_not():
    samples = series()
    for number in range(10):
        samples[number] = replace(samples[number], latency=20.0, loop_age=90.0)
    assert broken(samples) == set()
    slow = [replace(sample, latency=20.0, loop_age=90.0) for sample in samples]
    assert broken(slow) == {"latency", "loop_age"}


def test_what_never_answered_was_not_measured():
    assert broken([replace(s, latency=math.nan) for s in series()]) == {"latency"}


def test_a_dead_process_and_a_dead_thread_are_told():
    assert broken(series(), alive=False) == {"process"}
    assert broken(series(), died=["The feed of binance had died"]) == {"threads that died"}


def test_too_few_samples_say_nothing():
    with pytest.raises(ValueError, match="too few"):
        judge(series(LEAST_SAMPLES - 1), faults=0)


@given(st.floats(-1e6, 1e6), st.floats(-1e3, 1e3))
def test_growth_of_a_straight_line_is_its_slope(start, slope):
    hours = np.linspace(0, 24, 50)
    growth = growth_per_day(hours, start + slope * hours)
    assert growth == pytest.approx(24 * slope, abs=1e-3, rel=1e-3)


@given(st.integers(0, 10**6))
def test_a_seed_repeats_its_faults_and_the_exchange_understands_them(seed):
    planned = schedule(seed, START, END, SYMBOLS)
    assert planned == schedule(seed, START, END, SYMBOLS)
    for entry in planned:
        assert START <= entry.begins < entry.ends <= END - QUIET_END
        assert entry.ends - entry.begins <= MOST_LASTING
        assert parse([dict(entry.rule)])


def test_other_seeds_make_other_faults():
    kinds = {str(schedule(seed, START, END, SYMBOLS)[:1]) for seed in range(20)}
    assert len(kinds) > 15
    assert np.mean([len(schedule(seed, START, END, SYMBOLS)) for seed in range(50)]) > 20


def test_samples_and_page_can_be_read_back():
    samples = series(40)
    rows = list(csv.DictReader(as_csv(samples).splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert float(rows[-1]["rss"]) == pytest.approx(samples[-1].rss, rel=1e-4)
    faulty = [replace(s, faults=int(5 < s.hours < 8)) for s in samples]
    outcomes = judge(faulty, faults=1)
    page = soak_page(faulty, outcomes, "Soak: <b>")
    assert "Every bound held." in page
    assert "Soak: &lt;b&gt;" in page
    assert soak_table(outcomes, "Soak").row_count == len(BOUNDS) + 3


def test_the_script_writes_faults_that_can_be_played_again():
    planned = schedule(7, START, END, SYMBOLS)
    again = read_script([as_script(entry) for entry in planned])
    assert [dict(entry.rule) for entry in again] == [dict(entry.rule) for entry in planned]
    for before, after in zip(planned, again, strict=True):
        assert before.begins == after.begins
        assert abs(before.ends - after.ends) <= timedelta(seconds=1)


@pytest.mark.verify
@pytest.mark.freqtrade
@pytest.mark.skipif(
    shutil.which("faketime") is None,
    reason="needs libfaketime: apt-get install faketime (Debian, Ubuntu)",
)
def test_two_hours_with_faults_stay_within_bounds(tmp_path, capsys):
    arguments = ["--hours", "2", "--speed", "120", "--seed", "4", "--output", str(tmp_path)]
    assert main(arguments) == 0, capsys.readouterr().out
    folder = tmp_path / "4"
    rows = list(csv.DictReader((folder / "samples.csv").read_text().splitlines()))
    assert float(rows[-1]["hours"]) > 1.5
    assert int(float(rows[-1]["trades"])) > 0
    assert "<html" in (folder / "soak.html").read_text()[:100]
    assert read_script(json.loads((folder / "faults.json").read_text()))
