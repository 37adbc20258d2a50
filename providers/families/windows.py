"""Spans cut into pieces that one request can answer."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pandas as pd

from providers.contract import Span


def windows(span: Span, length: timedelta) -> Iterator[Span]:
    """Yield adjoining spans of at most `length` that make up `span`, oldest first."""
    start = span.start
    while start < span.end:
        end = min(start + length, span.end)
        yield Span(start, end)
        start = end


def milliseconds(instant: pd.Timestamp) -> int:
    """Return an instant as most sources spell it, rounded down."""
    return int(instant.as_unit("ms").asm8.astype(np.int64))
