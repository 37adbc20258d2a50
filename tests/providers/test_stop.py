"""An event that can be waited for where libfaketime moves the clock."""

import threading
import time

import pytest

from providers.live.stop import Stop


def test_a_wait_ends_unset_when_its_time_is_over():
    assert Stop().wait(0.01) is False
    assert Stop().wait(-1) is False


def test_set_ends_a_wait_without_limit_and_every_later_one():
    stop = Stop()
    woken = []
    thread = threading.Thread(target=lambda: woken.append(stop.wait()))
    thread.start()
    stop.set()
    thread.join()
    assert woken == [True]
    assert stop.wait(3600) is True
    assert stop.is_set()


def test_setting_twice_is_setting_once():
    stop = Stop()
    stop.set()
    stop.set()
    assert stop.wait(0)


def test_several_threads_wake_at_once():
    stop, woken = Stop(), []
    threads = [threading.Thread(target=lambda: woken.append(stop.wait(60))) for _ in range(5)]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    stop.set()
    for thread in threads:
        thread.join()
    assert woken == [True] * 5
    assert time.monotonic() - begun < 30, "none slept to its end"


def test_it_is_not_taken_back():
    stop = Stop()
    stop.set()
    with pytest.raises(RuntimeError, match="make another"):
        stop.clear()
    assert stop.is_set()
