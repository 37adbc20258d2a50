"""Arithmetic with half-open spans of time."""

from collections.abc import Iterable
from datetime import timedelta

from providers.contract import Span


def union(spans: Iterable[Span], closer_than: timedelta = timedelta(0)) -> list[Span]:
    """Return the same time as ascending spans that lie more than `closer_than` apart."""
    joined: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if span.start == span.end:
            continue
        if joined and span.start - joined[-1].end <= closer_than:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """Return what of `spans` lies in none of `taken`, ascending."""
    left = union(spans)
    for hole in union(taken):
        left = [
            part
            for span in left
            for part in (
                Span(span.start, max(span.start, min(span.end, hole.start))),
                Span(min(span.end, max(span.start, hole.end)), span.end),
            )
            if part.start < part.end
        ]
    return left


def length(spans: Iterable[Span]) -> timedelta:
    """Return how much time `spans` hold, which do not overlap."""
    return sum((span.end - span.start for span in spans), timedelta(0))
