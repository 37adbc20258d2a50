"""Every dataset says what it is, and every provider does what the contract asks."""

import re
from datetime import timedelta
from inspect import signature
from pathlib import Path

import pandas as pd
import pytest

import providers.datasets
from providers.contract import MARKET, Bounds, Scope, Span
from providers.endpoints import Endpoints
from providers.errors import DataMissingError
from providers.registry import DATASETS, entry
from tests.providers.asking import BTC, sources
from tests.providers.recorded import NOW

UNITS = (
    *(
        "base coin",
        "quote currency",
        "US dollars",
        "fraction",
        "ratio",
        "count",
        "point",
        "-1 to 1",
    ),
    "1 each",
)
EXPECTED = {
    *("open_interest", "bybit_open_interest", "funding_rate", "taker_flow", "spot_taker_flow"),
    *("long_short_ratio", "basis", "premium_index", "fear_greed", "senticrypt", "order_book"),
    *("liquidations", "bybit_liquidations", "news", "aggr_flow", "recorder_uptime"),
    *("coinalyze_open_interest", "coinalyze_liquidations", "coinalyze_taker_flow"),
    *("coinglass_open_interest", "coinglass_liquidations", "coinglass_taker_flow"),
}
EVERY = pytest.mark.parametrize("name", sorted(DATASETS))
PROVIDERS = [
    pytest.param(provider, id=f"{name}-{provider.source}")
    for name, line in DATASETS.items()
    for provider in line.providers(sources())
]


def test_every_dataset_is_listed():
    assert set(DATASETS) == EXPECTED


def test_every_module_is_listed():
    (folder,) = map(Path, providers.datasets.__path__)
    source = (folder.parent / "registry.py").read_text()
    for module in folder.glob("[a-z]*.py"):
        assert re.search(rf"^    \*?{module.stem}\.ENTR(Y|IES),$", source, re.MULTILINE)


@EVERY
def test_a_dataset_says_what_it_is(name):
    dataset = DATASETS[name].dataset
    assert dataset.name == name
    assert re.fullmatch("[a-z_]+", name)
    assert any(unit in dataset.summary for unit in UNITS), dataset.summary
    assert len(dataset.summary) < 160
    assert "\n" not in dataset.summary
    assert dataset.values
    assert dataset.max_age > timedelta(0)
    assert dataset.step is None or dataset.max_age >= dataset.step
    for column in (*dataset.values, *dataset.texts):
        assert re.fullmatch("[a-z][a-z_0-9]*", column)
        assert column not in {"date", "known_at", "quality"}
    assert all(isinstance(bounds, Bounds) for bounds in dataset.values.values())
    assert all(
        bounds.least < bounds.most or name == "recorder_uptime"
        for bounds in dataset.values.values()
    )
    assert set(dataset.keys) <= {*dataset.values, *dataset.texts}


@EVERY
def test_listing_needs_neither_key_nor_network(name):
    asked = sources()
    for provider in DATASETS[name].providers(asked):
        assert provider.dataset.name == name
    assert not asked.client.asked


@EVERY
def test_what_has_no_history_is_recorded(name):
    line, now = DATASETS[name], NOW
    past = Span(now - timedelta(days=5), now - timedelta(days=3))
    kept = any(provider.covers(past, now) for provider in line.providers(sources()))
    assert kept != line.recorded


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_keeps_the_contract(provider):
    assert isinstance(provider.source, str)
    assert re.fullmatch("[a-z0-9-]+", provider.source)
    for method, names in (
        ("covers", ["span", "now"]),
        ("pages", ["pair", "span"]),
        ("parse", ["page"]),
        ("check", ["frame", "page"]),
    ):
        assert list(signature(getattr(provider, method)).parameters) == names


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("start", ["2012-01-01", "2020-01-01", "2026-09-30 23:00"])
def test_a_provider_covers_a_part_of_what_was_asked_for(provider, start):
    asked = Span(pd.Timestamp(start, tz="UTC"), NOW + timedelta(days=3))
    covered = provider.covers(asked, NOW)
    if covered is not None:
        assert asked.start <= covered.start <= covered.end <= max(NOW, asked.start)
    assert provider.covers(Span(NOW + timedelta(days=1), asked.end), NOW) is None


def test_the_step_of_the_flow_is_a_setting():
    for name in ("taker_flow", "spot_taker_flow"):
        found = DATASETS[name].providers(sources(flow_step=timedelta(hours=1)))
        assert {provider.dataset.timeframe for provider in found} == {"1h"}


def test_market_wide_datasets():
    wide = {name for name, line in DATASETS.items() if line.dataset.scope is Scope.MARKET}
    assert wide == {"fear_greed", "senticrypt", "recorder_uptime"}
    assert MARKET != BTC


def test_a_dataset_is_found_by_its_name():
    assert entry("funding_rate") is DATASETS["funding_rate"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("funding_rates", "did you mean funding_rate?"), ("Fear_greed", "did you mean fear_greed?")],
)
def test_a_slip_gets_a_hint(name, hint):
    with pytest.raises(DataMissingError, match=re.escape(hint)):
        entry(name)


def test_a_stranger_gets_the_list():
    with pytest.raises(
        DataMissingError, match="the datasets are open_interest, bybit_open"
    ) as found:
        entry("")
    assert "did you mean" not in str(found.value)


def test_one_address_for_all_may_end_in_a_slash():
    ends = Endpoints.all_at("http://host:1/")
    assert ends.binance_futures == "http://host:1"
    assert ends.bybit_stream == "ws://host:1"
