"""Every recorded payload is thrown at every provider: rows that hold the laws, or a named refusal.

Most of them are not meant for it: another dataset, another venue, an error. A provider may still
find rows in them, but they must be rows of its own shape, and nothing but a `ProviderError` may
come out besides.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from providers.archive.zipped import only_member
from providers.contract import MARKET, Dataset, Page, Provider, Scope
from providers.errors import ProviderError
from providers.registry import DATASETS
from providers.rows.quality import ERA_START
from providers.storage.history import columns_of
from tests.providers.asking import sources
from tests.providers.recorded import NOW, RECORDINGS
from tests.providers.test_fixtures import READ, Read

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
ELSEWHERE = {"bitget", "ccxt", "cryptocompare", "gate", "htx", "okx", "telegram"}
NOBODY = Read("", 0)
STEPS = tuple(sorted({read.step for read in READ.values()}))


def found(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    return sorted(path.relative_to(folder).as_posix() for path in files)


SHARED = found(FIXTURES) if FIXTURES.is_dir() else []


@cache
def everyone() -> tuple[Provider, ...]:
    """Return every source of every dataset, those of candles at several lengths."""
    keys = {entry.key: "x" for entry in DATASETS.values() if entry.key}
    built: dict[tuple[str, str, Any], Provider] = {}
    for entry in DATASETS.values():
        for step in STEPS:
            for provider in entry.providers(sources(keys=keys, flow_step=step)):
                about = provider.dataset
                built.setdefault((about.name, provider.source, about.step), provider)
    return tuple(built.values())


def contents(name: str, raw: bytes) -> Iterator[bytes]:
    """Yield what a provider may get of a file: as it is, unpacked, or the body of an error."""
    yield raw
    if name.endswith(".zip"):
        yield only_member(raw, name)
    try:
        document = json.loads(raw)
    except ValueError:
        return
    if isinstance(document, dict) and "body" in document:
        yield json.dumps(document["body"]).encode()
    if isinstance(document, dict):  # a file of several answers, each by itself
        yield from (json.dumps(part).encode() for part in list(document.values())[:5])


def pages(file: str, content: bytes, provider: Provider) -> Iterator[Page]:
    """Yield the pages that `content` might pass for."""
    market = provider.dataset.scope is Scope.MARKET
    pair = MARKET if market else READ.get(file, NOBODY).pair
    name = READ.get(file, NOBODY).called or Path(file).name
    yield Page(content, name, pair, NOW)
    if provider.source == "binance-archive":  # which may come with a file of prices
        yield Page(content, name, pair, NOW, content)
    endpoints = [part.endpoint for part in getattr(provider, "parts", ())]
    for endpoint in endpoints if len(endpoints) > 1 else ():  # the other answers are empty
        parts = (
            b'"%s":%s' % (it.encode(), content if it == endpoint else b"[]") for it in endpoints
        )
        yield Page(b"{%s}" % b",".join(parts), name, pair, NOW)


def assert_lawful(frame: pd.DataFrame, dataset: Dataset, page: Page) -> None:
    """Check what holds for rows whatever the page was."""
    assert set(columns_of(dataset)) <= set(frame.columns)
    for name in ("date", "known_at"):
        assert frame[name].dtype == "datetime64[ms, UTC]"
        assert frame[name].notna().all()
    keys = ["date", *dataset.keys]
    assert not frame.duplicated(keys).any()
    assert frame["date"].is_monotonic_increasing
    assert (frame["date"] >= ERA_START).all()
    assert (frame["date"] <= page.fetched_at + timedelta(seconds=1)).all()
    assert (frame["known_at"] >= frame["date"]).all()
    if dataset.step is not None:
        assert (frame["date"].dt.floor(dataset.step) == frame["date"]).all()
    for name, bounds in dataset.values.items():
        values = frame[name]
        assert values.dtype == np.float64
        there = values[values.notna()]
        assert ((there >= bounds.least) & (there <= bounds.most)).all()
        assert np.isfinite(there).all()
        assert not (bounds.zero_is_missing and (there == 0).any())


def throw(file: str, raw: bytes) -> int:
    """Throw a file at everyone; return how often rows came out."""
    understood = 0
    for content in contents(file, raw):
        for provider in everyone():
            for page in pages(file, content, provider):
                try:
                    checked = provider.check(provider.parse(page), page)
                except ProviderError:
                    continue
                assert_lawful(checked.frame, provider.dataset, page)
                understood += bool(len(checked.frame))
    return understood


@pytest.mark.parametrize("file", found(RECORDINGS))
def test_a_recording_does_no_harm_anywhere(file):
    read = READ.get(file, NOBODY)
    understood = throw(file, (RECORDINGS / file).read_bytes())
    if isinstance(read.out, int) and read.out and not read.fetched_at:
        assert understood, "nobody understood what one of them should"


@pytest.mark.skipif(not SHARED, reason="needs the recorded payloads in shared/fixtures")
@pytest.mark.parametrize("file", [it for it in SHARED if not (RECORDINGS / it).is_file()])
def test_a_payload_that_we_do_not_read_does_no_harm_either(file):
    raw = (FIXTURES / file).read_bytes()
    understood = throw(file, raw)
    if file.split("/")[0] in ELSEWHERE:
        assert not understood, "somebody reads what another venue says"
