"""Instants as people write them, and clocks that shift or stand still."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.clock import FrozenClock, ShiftedClock, format_instant, parse_instant, wall_clock


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-10", "2026-01-10T00:00:00Z"),
        ("2026-01-10 12:30", "2026-01-10T12:30:00Z"),
        ("2026-01-10T12:30:00Z", "2026-01-10T12:30:00Z"),
        ("2026-01-10T12:30:00+02:00", "2026-01-10T10:30:00Z"),
        ("20260110", "1970-01-01T05:37:40Z"),  # digits are milliseconds, as the help says
    ],
)
def test_instants(text, instant):
    assert format_instant(parse_instant(text)) == instant


@pytest.mark.parametrize("text", ["", "noon", "2026-13-01", "-5", "1" * 30, "\N{SUPERSCRIPT TWO}"])
def test_what_is_no_instant(text):
    with pytest.raises(ValueError, match=r".*"):
        parse_instant(text)


@given(st.integers(0, 4 * 10**12))
def test_milliseconds_are_taken_as_they_are(instant):
    assert parse_instant(str(instant)) == instant


def test_clocks():
    assert FrozenClock(5)() == 5
    clock = ShiftedClock.starting_at(1_000)
    assert 1_000 <= clock() <= 1_000 + 60_000
    assert abs((clock() - clock.shift) - wall_clock()) < 60_000
