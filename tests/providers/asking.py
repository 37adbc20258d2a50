"""Shorthand for tests that ask a provider and look at the rows."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from providers.contract import Checked, Page, Provider, Span
from providers.sources import Sources
from tests.providers.recorded import NOW, Answer, Recording

BTC = "BTC/USDT:USDT"


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def ms(text: str) -> int:
    return round(at(text).timestamp() * 1000)


def sources(
    answers: Mapping[str, bytes | Exception] | Answer | None = None,
    now: pd.Timestamp = NOW,
    **settings: Any,
) -> Sources:
    return Sources(Recording(answers or {}, now), **settings)


def a_page(content: Any, pair: str = BTC, fetched_at: pd.Timestamp = NOW) -> Page:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Page(body, "a page", pair, fetched_at)


def vouched(
    provider: Provider, content: Any, pair: str = BTC, fetched_at: pd.Timestamp = NOW
) -> Checked:
    page = a_page(content, pair, fetched_at)
    return provider.check(provider.parse(page), page)


def collected(provider: Provider, span: Span, pair: str = BTC) -> pd.DataFrame:
    """Return the rows of all pages, in the order in which they came."""
    frames = [
        provider.check(provider.parse(page), page).frame for page in provider.pages(pair, span)
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["date"])
