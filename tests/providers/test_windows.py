from datetime import timedelta

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Span
from providers.families.windows import milliseconds, windows
from tests.providers.asking import at, ms

ORIGIN = at("2026-03-01")


@given(st.integers(0, 10_000), st.integers(1, 3000))
def test_windows_adjoin_and_make_up_the_span(seconds, length):
    span = Span(ORIGIN, ORIGIN + timedelta(seconds=seconds))
    found = list(windows(span, timedelta(seconds=length)))
    edges = [span.start, *(window.end for window in found)]
    assert [window.start for window in found] == edges[:-1]
    assert edges[-1] == span.end
    assert all(timedelta(0) < w.end - w.start <= timedelta(seconds=length) for w in found)


def test_an_instant_in_milliseconds_is_rounded_down():
    assert milliseconds(pd.Timestamp("2026-03-01 00:00:00.123999999Z")) == ms("2026-03-01") + 123
    assert milliseconds(ORIGIN) == ms("2026-03-01")
