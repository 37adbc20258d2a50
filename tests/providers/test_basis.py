"""Basis: the last thirty days over REST, perpetuals only."""

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Page, Span
from providers.datasets.basis import ENTRY
from providers.endpoints import Endpoints
from providers.errors import BadAnswerError
from providers.sources import Sources

from .recorded import NOW, Recording, recording

PAIR = "BTC/USDT:USDT"
DOC = recording("binance_um/basis_doc.json")


def of(answers=None):
    (provider,) = ENTRY.providers(Sources(Recording(answers or {}), Endpoints.all_at("http://x")))
    return provider


def page(content: bytes) -> Page:
    return Page(content, "basis", PAIR, NOW)


def test_a_documented_row_is_read_and_the_annual_rate_left_alone():
    frame = of().parse(page(DOC))
    assert json.loads(DOC)[0]["annualizedBasisRate"] == ""
    (row,) = frame.to_dict("records")
    assert row == {
        "date": pd.Timestamp("2023-10-31 09:00", tz="UTC"),
        "index_price": 34400.15945055,
        "futures_price": 34414.10,
        "basis": 13.94054945,
        "basis_rate": 0.0004,
        "known_at": pd.Timestamp("2023-10-31 09:05", tz="UTC"),
    }
    assert row["futures_price"] - row["index_price"] == pytest.approx(row["basis"])
    assert row["basis"] / row["index_price"] == pytest.approx(row["basis_rate"], abs=5e-5)
    result = of().check(frame, page(DOC))
    assert result.found == {"rows": 1}
    assert result.frame["quality"].tolist() == [0]


def test_the_pair_is_named_as_this_endpoint_wants_it():
    provider = of({"http://x/futures/data/basis": DOC})
    start = NOW - pd.Timedelta(hours=1)
    (got,) = provider.pages(PAIR, Span(start, NOW))
    assert got.content == DOC
    ((url, params),) = provider.sources.client.asked
    assert url == "http://x/futures/data/basis"
    assert params == {
        "pair": "BTCUSDT",
        "contractType": "PERPETUAL",
        "period": "5m",
        "limit": 500,
        "startTime": start.value // 10**6,
        "endTime": NOW.value // 10**6 - 1,
    }
    assert provider.sources.client.calls[0]["bucket"] == "binance-data"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (recording("binance_cm/basis_5m_quarter_2020.json"), "pair is 'BTCUSD'"),
        (DOC.replace(b"PERPETUAL", b"NEXT_QUARTER"), "contractType is 'NEXT_QUARTER'"),
        (DOC.replace(b"indexPrice", b"index"), "indexPrice"),
        (recording("binance_um/openInterestHist_5m_2026.json"), "pair is None"),
        (b"{}", "no list of rows"),
    ],
)
def test_other_contracts_and_answers_are_refused(content, told):
    with pytest.raises(BadAnswerError, match=told):
        of().parse(page(content))


def test_a_price_of_zero_is_missing_and_a_basis_of_zero_is_not():
    rows = json.loads(DOC)
    rows[0] |= {"indexPrice": "0", "basis": "0", "basisRate": "7"}
    spoiled = page(json.dumps(rows).encode())
    result = of().check(of().parse(spoiled), spoiled)
    assert result.frame["index_price"].isna().all()
    assert result.frame["basis_rate"].isna().all()
    assert result.frame["basis"].tolist() == [0.0]
    assert result.found == {"rows": 1, "zeros": 1, "invalid": 1}


@given(st.data())
def test_mutated_answers_give_rows_or_a_typed_error(data):
    content = bytearray(DOC)
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    spoiled = page(bytes(content))
    try:
        result = of().check(of().parse(spoiled), spoiled)
    except BadAnswerError:
        return
    assert len(result.frame) <= 1
