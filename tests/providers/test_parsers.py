"""Whatever comes: rows that keep the contract, or a typed error; never a surprise."""

import copy
import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.contract import MARKET
from providers.errors import ProviderError
from providers.registry import DATASETS
from tests.providers.asking import BTC, a_page, sources
from tests.providers.recorded import recording

MINE = {  # a recording that the parser understands
    "taker_flow": "binance_um/klines_1d_2023.json",
    "spot_taker_flow": "binance_spot/klines_1h_2023.json",
    "premium_index": "binance_um/premiumIndexKlines_doc.json",
    "bybit_open_interest": "bybit/open_interest_linear_1h_rows_real.json",
    "fear_greed": "alternative_me/fng_limit3_real_2026-02-27.json",
    "senticrypt": "senticrypt/constructed_v2_all.json",
    "order_book": "binance_um/depth_5_2020.json",
    "liquidations": "binance_um/ws_forceOrder_real_2022.json",
    "bybit_liquidations": "bybit/ws_allLiquidation_doc.json",
    "news": "cryptopanic/v1_posts_real_2025-02-26.json",
    "coinalyze_open_interest": "coinalyze/constructed_open_interest_history.json",
    "coinalyze_liquidations": "coinalyze/constructed_liquidation_history.json",
    "coinalyze_taker_flow": "coinalyze/constructed_ohlcv_history.json",
    "coinglass_open_interest": "coinglass/open_interest_history_doc.json",
    "coinglass_liquidations": "coinglass/liquidation_history_doc.json",
    "coinglass_taker_flow": "coinglass/taker_buy_sell_volume_history_doc.json",
    "aggr_flow": "aggr_server/constructed_influx_query_trades_1m.json",
}
JUNK = st.sampled_from(
    [None, True, "", "abc", "1e309", "NaN", -1, 0, 1e308, 10**30, [], {}, [[]], "2026", 1e-300]
)
ANYTHING = st.recursive(
    JUNK | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)
EVERY = pytest.mark.parametrize("name", sorted(MINE))


def names_the_page(error, page):
    assert page.name in str(error)
    assert len(str(error)) < 2000


def understands(name, content):
    """Return the rows of a page, None when it was refused; fail on anything else."""
    provider = DATASETS[name].providers(sources())[0]
    page = a_page(content, MARKET if name in {"fear_greed", "senticrypt"} else BTC)
    try:
        checked = provider.check(provider.parse(page), page)
    except ProviderError as error:
        names_the_page(error, page)
        return None
    frame, dataset = checked.frame, provider.dataset
    assert {"date", *dataset.values, *dataset.texts, "known_at", "quality"} == set(frame)
    for column in ("date", "known_at"):
        assert str(frame[column].dtype) == "datetime64[ms, UTC]"
        assert frame[column].notna().all()
    assert frame["date"].is_monotonic_increasing
    assert (frame["date"] <= page.fetched_at + pd.Timedelta(seconds=1)).all()
    assert (frame["known_at"] >= frame["date"]).all()
    for column, bounds in dataset.values.items():
        assert frame[column].dtype == "float64"
        told = frame[column].dropna()
        assert told.between(bounds.least, bounds.most).all()
        assert not (bounds.zero_is_missing and (told == 0).any())
        assert (frame.loc[frame[column].isna(), "quality"] != 0).all()
    return frame


@EVERY
@settings(max_examples=40)
@given(content=ANYTHING)
def test_any_json(name, content):
    understands(name, content)


@EVERY
@settings(max_examples=40)
@given(content=st.binary(max_size=60))
def test_any_bytes(name, content):
    understands(name, content)


@EVERY
@settings(max_examples=15)
@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_recording_cut_short_is_refused(name, cut):
    content = recording(MINE[name]).rstrip()
    assert understands(name, content[: int(cut * len(content))]) is None


def places(node, path=()):
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node)
    if isinstance(node, dict | list):
        for key, child in children if isinstance(node, dict) else list(enumerate(node))[:4]:
            yield from (
                places(child, (*path, key)) if isinstance(child, dict | list) else [(*path, key)]
            )


@EVERY
@settings(max_examples=60)
@given(data=st.data())
def test_a_recording_with_one_thing_changed(name, data):
    document = json.loads(recording(MINE[name]))
    path = data.draw(st.sampled_from(list(places(document))))
    changed = {"root": copy.deepcopy(document)}
    node, key = changed, "root"
    for step in path:
        node, key = node[key], step
    if data.draw(st.booleans()) or key == "root":
        node[key] = data.draw(JUNK)
    else:
        del node[key]
    understands(name, changed["root"])
