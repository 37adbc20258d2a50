"""Any file becomes columns or a `BadAnswerError`, and a bad cell costs only itself."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers.archive.table import NUMBER, STAMP, WORD, columns_of
from providers.contract import Page
from providers.errors import BadAnswerError
from tests.providers.recorded import NOW, recording

COLUMNS = ["a", "b", "c"]
NUMBERS = dict.fromkeys(COLUMNS, NUMBER)
METRICS = recording("binance_vision/constructed_metrics_dirty.csv")


def page(content: bytes) -> Page:
    return Page(content, "p?x=1", "BTC/USDT:USDT", NOW)


def read(content: bytes, wanted=None, documented=None):
    return columns_of(page(content), wanted or NUMBERS, documented or COLUMNS)


def table_or_refusal(content: bytes, wanted=None, documented=None):
    table, refusal = None, ""
    try:
        table = read(content, wanted, documented)
    except BadAnswerError as error:
        refusal = str(error)
    if table is None:
        assert "p?x=1" in refusal
        return None
    assert list(table) == list(wanted or NUMBERS)
    return table


@given(st.binary(max_size=200))
@example(b"1,2,3")
@example(b'1,"2,3\n')
@example(b"a,b,c")
@example(b"a,b,c\n1,2\n")
@example(b"a,a,b,c\n1,2,3,4")
@example(b"\xff\xfe1,2,3")
@example(b"1,2,3\n\xff,2,3")
@example(b"1,2,3\r\n\r\n4,5,6")
def test_any_bytes_are_columns_or_a_refusal(content):
    table = table_or_refusal(content)
    if table is not None:
        assert {cells.dtype for cells in table.values()} == {np.dtype(np.float64)}
        assert len({len(cells) for cells in table.values()}) == 1


@given(st.integers(0, len(METRICS)), st.integers(0, 200), st.binary(max_size=12))
def test_a_damaged_file_is_columns_or_a_refusal(start, length, insert):
    content = METRICS[:start] + insert + METRICS[start + length :]
    wanted = {"create_time": STAMP, "symbol": WORD, "sum_open_interest": NUMBER}
    table = table_or_refusal(content, wanted)
    if table is not None:
        assert table["create_time"].dtype == np.dtype("datetime64[ms]")
        assert table["sum_open_interest"].dtype == np.float64


def test_a_header_decides_where_there_is_one():
    table = read(b"c,x,a,b\n3,9,1,2\n6,9,4,\n")
    assert table["a"].tolist() == [1.0, 4.0]
    np.testing.assert_array_equal(table["b"], [2.0, math.nan])
    with pytest.raises(BadAnswerError, match="'b'"):
        read(b"c,a\n1,2\n")


def test_a_column_that_comes_twice_is_refused():
    with pytest.raises(BadAnswerError, match=r"p\?x=1 has several columns 'a'"):
        read(b"a,a,b,c\n1,2,3,4\n")
    assert read(b"a,x,x,b,c\n1,9,8,2,3\n")["c"].tolist() == [3.0]


def test_without_a_header_the_documented_order_decides():
    assert read(b"1,2,3\n4,5,6\n")["c"].tolist() == [3.0, 6.0]
    assert read(b"1,2,3\n4,5,6\n", {"c": NUMBER})["c"].tolist() == [3.0, 6.0]
    with pytest.raises(BadAnswerError, match="Expected 2 columns, got 3"):
        read(b"1,2,3\n4,5,6\n", {"a": NUMBER}, ["a", "b"])


def test_words_among_numbers_are_missing_and_the_rest_stays():
    table = read(b"a,b,c\n1,abc,3\n,5,NaN\n")
    expected = [[1, math.nan], [math.nan, 5], [3, math.nan]]
    np.testing.assert_array_equal(list(table.values()), expected)


def test_stamps_and_words_of_a_file():
    content = b"a,b,c\n2024-03-01 00:05:00,BTC,1\nnever,BTC,2\nnow,BTC,3\n"
    table = read(content, {"a": STAMP, "b": WORD})
    expected = np.array(["2024-03-01T00:05", "NaT", "NaT"], "datetime64[ms]")
    np.testing.assert_array_equal(table["a"], expected)
    assert table["b"].tolist() == ["BTC"]


@pytest.mark.parametrize("content", [b"", b" \n", b"<html>maintenance</html>", b"\n<Error>"])
def test_what_is_no_file_is_refused(content):
    with pytest.raises(BadAnswerError, match=r"nothing to read|expected a CSV"):
        read(content)


@pytest.mark.parametrize(
    "name", ["um_klines_1d_with_header_2023-01.csv", "spot_klines_1m_microseconds_2025-03-15.csv"]
)
def test_recorded_files_read_like_pandas(name):
    content = recording(f"binance_vision/{name}")
    headed = not content[:1].isdigit()
    expected = pd.read_csv(io.BytesIO(content), header=0 if headed else None)
    names = [str(column) for column in expected]
    table = pd.DataFrame(read(content, dict.fromkeys(names, NUMBER), names))
    np.testing.assert_allclose(table, expected.astype(float), rtol=1e-15)
