"""How a walk is shown: remaining times computed by hand, on a clock that is turned by hand."""

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tuning.progress import WalkProgress


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def shown_on(clock, *, terminal=False, searches=4, epochs=10, backtests=6):
    console = Console(file=StringIO(), force_terminal=terminal, width=200, color_system=None)
    return WalkProgress(console, searches=searches, epochs=epochs, backtests=backtests, clock=clock)


def said(shown):
    return shown.console.file.getvalue()


def test_nothing_is_known_before_the_first_epoch(clock):
    shown = shown_on(clock)
    shown.tick(2)
    assert shown.remaining() is None
    shown.advanced("fold 1 search", 0)
    clock.now += 60
    assert shown.remaining() is None


def test_the_first_epoch_tells_how_long_all_will_take(clock):
    shown = shown_on(clock)
    shown.advanced("fold 1 search", 0)
    clock.now += 8
    shown.advanced("fold 1 search", 1)
    shown.tick(2)
    # 39 epochs and 6 backtests of 8 s each, by two workers
    assert shown.remaining() == pytest.approx((39 + 6) * 8 / 2)
    clock.now += 100
    assert shown.remaining() == pytest.approx((39 + 6) * 8 / 2), "an epoch ends when it is told"


def test_finished_searches_and_backtests_are_learned_from(clock):
    shown = shown_on(clock)
    shown.tick(2)
    shown.advanced("a", 0)
    shown.finished("a", 50.0, "")  # 5 s an epoch
    shown.finished("b", 3.0, "")
    assert shown.remaining() == pytest.approx((30 * 5 + 5 * 3) / 2)


def test_only_backtests_left_need_no_epoch_to_be_known(clock):
    shown = shown_on(clock, searches=0, backtests=3)
    shown.tick(2)
    assert shown.remaining() is None
    shown.finished("a", 4.0, "")
    assert shown.remaining() == pytest.approx(2 * 4 / 2)
    shown.finished("b", 6.0, "")
    assert shown.remaining() == pytest.approx(5.0), "one job is no faster with two workers"


def test_a_search_that_starts_anew_loses_its_epochs_and_its_time(clock):
    shown = shown_on(clock, searches=1, backtests=0)
    shown.tick(1)
    shown.advanced("a", 0)
    clock.now += 40
    shown.advanced("a", 4)
    assert shown.remaining() == pytest.approx(6 * 10)
    clock.now += 1000
    shown.advanced("a", 0)
    clock.now += 20
    shown.advanced("a", 1)
    assert shown.remaining() == pytest.approx(9 * 20)


def test_a_failure_is_said_at_once_and_teaches_nothing(clock):
    shown = shown_on(clock)
    shown.tick(1)
    shown.advanced("fold 1 search", 0)
    shown.finished("fold 1 search", 1.0, "no epoch of 10 [had] a trade")
    assert "FAILED fold 1 search: no epoch of 10 [had] a trade" in said(shown)
    assert shown.remaining() is None
    assert shown.searches == 3


def test_a_log_gets_a_line_for_each_job(clock):
    shown = shown_on(clock, searches=1, backtests=2)
    with shown:
        shown.tick(1)
        shown.advanced("fold 1 search", 0)
        shown.finished("fold 1 search", 123.4, "")
        shown.finished("20240101-20240201 untuned", 20.0, "")
        shown.finished("fold 1 test 20240101-20240201", 22.0, "")
    assert said(shown).splitlines() == [
        "1/3 fold 1 search: 123 s, about 0:00:25 left",
        "2/3 20240101-20240201 untuned: 20 s, about 0:00:20 left",
        "3/3 fold 1 test 20240101-20240201: 22 s, about 0:00:00 left",
    ]


def test_a_terminal_gets_a_bar_and_no_lines(clock):
    shown = shown_on(clock, terminal=True)
    with shown:
        shown.advanced("fold 2 search", 0)
        shown.advanced("fold 3 search", 0)
        clock.now += 10
        shown.advanced("fold 2 search", 5)
        shown.tick(2)
        shown.bar.refresh()
        assert "fold 2 search, fold 3 search" in said(shown)
        assert "5/40 epochs, 6 backtests to go, about" in said(shown)
        shown.tick(0)
        shown.bar.refresh()
        assert "waiting for a worker" in said(shown)
        shown.finished("fold 2 search", 30.0, "")
        assert "1/10" not in said(shown)
        shown.tick(2)
        shown.bar.refresh()
        assert "10/40 epochs" in said(shown)


@given(
    workers=st.integers(1, 8),
    epochs=st.integers(1, 20),
    jobs=st.lists(st.tuples(st.booleans(), st.floats(0.1, 1e4)), min_size=1, max_size=12),
)
def test_remaining_time_ends_at_zero_and_more_workers_are_never_slower(workers, epochs, jobs):
    searches = sum(search for search, _ in jobs)
    clock = Clock()
    shown = shown_on(clock, searches=searches, epochs=epochs, backtests=len(jobs) - searches)
    for number, (search, seconds) in enumerate(jobs):
        if search:
            shown.advanced(f"{number}", 0)
        shown.finished(f"{number}", seconds, "")
        shown.tick(workers)
        left = shown.remaining()
        shown.tick(workers + 1)
        more = shown.remaining()
        assert (left is None) == (more is None)
        assert left is None or 0 <= more <= left
    assert shown.remaining() == 0
