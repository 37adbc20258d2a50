"""Any bytes become rows or a `BadAnswerError`, and no number is read into a word."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers.contract import Page
from providers.errors import BadAnswerError
from providers.rows import parsing
from providers.rows.parsing import DEEPEST, instants, json_of, numbers, rows_of, written
from tests.providers.recorded import NOW, recording

RECORDED = recording("binance_um/openInterestHist_1d_2020.json")


def page(content) -> Page:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Page(body, "p?x=1", "BTC/USDT:USDT", NOW)


def mutations(original: bytes):
    """The recorded page with a stretch of it cut out, doubled or overwritten."""
    place = st.integers(0, len(original))
    return st.builds(
        lambda start, length, insert: original[:start] + insert + original[start + length :],
        place,
        st.integers(0, 200),
        st.binary(max_size=12)
        | st.sampled_from([b"NaN", b"1e309", b"null", b'"abc"', b"{", b"[", b",", b"true", b"\n"]),
    )


def rows_or_refusal(content: bytes):
    it, refusal = page(content), None
    try:
        rows = rows_of(it)
        values = numbers(rows, "sumOpenInterest", it)
        dates = instants([row.get("timestamp") for row in rows], "ms", it)
    except BadAnswerError as error:
        refusal = str(error)
    if refusal is not None:
        assert "p?x=1" in refusal
        assert len(refusal) < 1000
    else:
        assert len(values) == len(dates) == len(rows)
        assert values.dtype == np.float64
        assert not np.isinf(values).any()
        assert str(dates.dtype) == "datetime64[ms, UTC]"


@given(st.binary(max_size=200))
@example(b"")
@example(b"\xef\xbb\xbf[]")
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"1" * 5000)
@example(b"[" * 900 + b"]" * 900)
def test_any_bytes_are_json_rows_or_a_refusal(content):
    rows_or_refusal(content)


@given(mutations(RECORDED))
def test_a_damaged_page_is_rows_or_a_refusal(content):
    rows_or_refusal(content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["sumOpenInterest", "timestamp"]), json_values)))
def test_odd_json_is_rows_or_a_refusal(rows):
    rows_or_refusal(json.dumps(rows).encode())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"<!DOCTYPE html><html>", "is an HTML page"),
        (b"\n<?xml version='1.0'?><Error>", "is markup"),
        (b'[{"a": NaN}]', "holds NaN or Infinity"),
        (b"-Infinity", "holds NaN or Infinity"),
        (b"[1e309]", "infinity"),
        (b'[{"a": 1}', "no JSON"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), f"more than {DEEPEST} levels"),
        (b"\xff", "no JSON"),
    ],
)
def test_refusals_name_page_and_reason(content, message):
    with pytest.raises(BadAnswerError, match=rf"p\?x=1.*{message}"):
        json_of(page(content))


def test_depth_that_sources_use_is_fine():
    assert json_of(page(b"[" * DEEPEST + b"]" * DEEPEST))


def test_a_page_has_a_largest_size(monkeypatch):
    monkeypatch.setattr(parsing, "LARGEST", 10)
    assert json_of(page(b"[1,2,3,4]")) == [1, 2, 3, 4]
    with pytest.raises(BadAnswerError, match="has 11 bytes, at most 10"):
        json_of(page(b"[1,2,3,4,5]"))


def test_rows_lie_under_a_path_of_keys():
    assert rows_of(page({"result": {"list": [{"a": 1}]}}), "result", "list") == [{"a": 1}]
    for content, message in [
        ({"result": {}}, "has no 'result.list'"),
        ([], "has no 'result'"),
        ({"result": {"list": {}}}, "'result.list' is {}, expected a list"),
        ({"result": {"list": [1]}}, "'result.list' holds 1, expected objects"),
    ]:
        with pytest.raises(BadAnswerError, match=message):
            rows_of(page(content), "result", "list")


def test_what_is_no_number_is_missing():
    cells = [1, 1.5, "2.5", "-1e-3", None, "", "abc", "1_000", "inf", "nan", " 7 ", 10**400]
    got = numbers([{"a": cell} for cell in cells], "a")
    nan = math.nan
    want = [1, 1.5, 2.5, -0.001, nan, nan, nan, nan, nan, nan, 7, nan]
    np.testing.assert_array_equal(got, want)


def test_a_missing_key_is_an_error_unless_it_is_optional():
    rows = [{"a": 1}, {"b": 1, "c": 2}]
    with pytest.raises(BadAnswerError, match=r"p\?x=1 has a row without 'a', only with b, c"):
        numbers(rows, "a", page(b""))
    np.testing.assert_array_equal(numbers(rows, "a", optional=True), [1, math.nan])


@pytest.mark.parametrize("cell", [True, False, [], {}, [1]])
def test_what_is_no_cell_is_refused(cell):
    with pytest.raises(BadAnswerError, match="as 'a', expected a number"):
        numbers([{"a": cell}], "a")


@given(st.integers(1_230_940_800_000, 4_102_444_799_999))
def test_instants_of_every_unit_agree(stamp):
    moment = pd.Timestamp(stamp, unit="ms", tz="UTC")
    assert instants([stamp, str(stamp)], "ms").tolist() == [moment] * 2
    assert instants(np.array([stamp * 1000.0]), "us").tolist() == [moment]
    assert instants([stamp // 1000], "s").tolist() == [moment.floor("s")]


def test_instants_that_are_missing():
    got = instants([None, "x", 1_700_000_000_000, math.nan], "ms")
    assert got.isna().tolist() == [True, True, False, True]
    assert str(instants([], "s").dtype) == "datetime64[ms, UTC]"


@pytest.mark.parametrize(
    ("stamp", "unit", "likely"),
    [
        (1_700_000_000, "ms", "looks like seconds"),
        (1_700_000_000_000, "s", "looks like milliseconds"),
        (1_700_000_000_000_000, "ms", "looks like microseconds"),
        (1_700_000_000_000_000_000, "us", "looks like nanoseconds"),
        (0, "ms", "no unit makes it plausible"),
        (-5, "s", "no unit makes it plausible"),
        (1e300, "us", "no unit makes it plausible"),
        (1e308, "s", "no unit makes it plausible"),
    ],
)
def test_a_changed_unit_is_named(stamp, unit, likely):
    sound = 1_700_000_000 * {"s": 1, "ms": 10**3, "us": 10**6}[unit]
    with pytest.raises(BadAnswerError, match=rf"p\?x=1 has the instant .*{likely}"):
        instants([sound, stamp], unit, page(b""))


@given(st.lists(st.none() | st.booleans() | st.integers() | st.text(max_size=12)))
def test_what_is_no_written_instant_is_missing(words):
    for layout in ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "ISO8601"):
        found = written(words, layout)
        assert len(found) == len(words)
        assert str(found.dtype) == "datetime64[ms, UTC]"


@pytest.mark.parametrize("layout", ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "ISO8601"])
def test_an_answer_does_not_read_our_clock(layout):
    """Of pandas, ``now`` and ``today`` are instants."""
    assert written(["now", "today", "NOW", " now"], layout).isna().all()


def test_written_instants_are_utc():
    got = written(["2026-03-01T02:00:00+02:00", "2026-03-01T00:00:00.5Z", None], "ISO8601")
    start = pd.Timestamp("2026-03-01", tz="UTC")
    assert got.tolist() == [start, start + pd.Timedelta(milliseconds=500), pd.NaT]


def test_parts_of_a_millisecond_are_cut_off():
    expected = pd.Timestamp(1_700_000_000_000, unit="ms", tz="UTC")
    assert instants([1_700_000_000_000_999], "us")[0] == expected
    assert instants([1_700_000_000_000_999_872], "ns")[0] == expected
    assert instants([1_700_000_000_000.9], "ms")[0] == expected
