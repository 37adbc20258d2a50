"""A clock that several real programs share; needs libfaketime."""

import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from providers.live.stop import Stop  # noqa: F401 - the child below imports it by name
from rehearsal.clock import FASTEST, moved_clock
from rehearsal.errors import RehearsalError

START = datetime(2026, 1, 8, tzinfo=UTC)
SPEED = 60.0
needs_faketime = pytest.mark.skipif(
    shutil.which("faketime") is None,
    reason="libfaketime is not installed: apt-get install faketime",
)


@pytest.fixture(scope="module")
def clock():
    with moved_clock(START, SPEED) as moved:
        yield moved


def told(environment: dict[str, str], code: str) -> str:
    """Run Python under a clock and return what it prints."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


@needs_faketime
def test_programs_that_start_one_after_the_other_share_the_time(clock):
    code = "import time; print(time.time())"
    for _ in range(2):
        before = clock.now().timestamp()
        shown = float(told(clock.environment, code))
        after = clock.now().timestamp()
        # The clock was read off once, in the time that a process takes to start.
        assert before - SPEED < shown < after + SPEED
    assert START - timedelta(minutes=1) < clock.now() < START + timedelta(hours=2)


@needs_faketime
def test_it_runs_as_fast_as_asked(clock):
    begun, moved = time.time(), clock.now()
    told(clock.environment, "import time; time.sleep(60)")
    real = time.time() - begun
    assert (clock.now() - moved).total_seconds() == pytest.approx(real * SPEED, rel=0.01)
    assert real < 60
    assert clock.real_seconds(timedelta(minutes=1)) == 1.0


@needs_faketime
def test_a_wait_of_ours_ends_where_one_of_pythons_would_not(clock):
    """`Stop` exists for this: Event.wait(6) hangs here under Debian's libfaketime."""
    code = (
        "import time; from providers.live.stop import Stop; "
        "begun = time.time(); print(Stop().wait(30), time.time() - begun)"
    )
    answer, waited = told(clock.environment, code).split()
    assert answer == "False"
    assert 29 < float(waited) < 90


@needs_faketime
@pytest.mark.parametrize("skew", [timedelta(minutes=-10), timedelta(minutes=10)])
def test_a_program_can_be_given_a_wrong_clock(clock, skew):
    code = "import time; print(time.time())"
    off = float(told(clock.off_by(skew), code)) - clock.now().timestamp()
    assert off == pytest.approx(skew.total_seconds(), abs=2 * SPEED)


@needs_faketime
def test_its_version_is_known(clock):
    assert clock.version[0].isdigit()


@pytest.mark.parametrize("speed", [0.5, FASTEST + 1, float("nan")])
def test_a_senseless_speed_is_refused(speed):
    with pytest.raises(RehearsalError, match="expected 1 to 1000"), moved_clock(START, speed):
        pass


def test_a_machine_without_libfaketime_is_told_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RehearsalError, match="apt-get install faketime"), moved_clock(START, 2):
        pass


def test_a_faketime_that_ends_at_once_is_told_apart(monkeypatch, tmp_path):
    fake = tmp_path / "faketime"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(RehearsalError, match="ended at once"), moved_clock(START, 2):
        pass


def test_a_faketime_that_moves_nothing_is_told_apart(monkeypatch, tmp_path):
    fake = tmp_path / "faketime"
    fake.write_text('#!/bin/sh\nshift 3\nexec "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(RehearsalError, match="instead of 2026-01-08 00:00"), moved_clock(START, 2):
        pass
