"""Scripts of faults: what is refused, whom a rule is about, and what it does to an answer."""

import json
import math
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.faults import KINDS, MUTATIONS, FaultError, Rule, choose, parse
from replay.mutations import mutate
from tests.replay.market import NOW

NOW_MS = int(NOW.timestamp() * 1000)
STEP = 300_000
SETTINGS = {"status": {"status": 500}, "json": {"body": {}}, "shift": {"seconds": 60}}


def row(stamp: int, value: float = 5.0) -> dict:
    return {"symbol": "BTCUSDT", "sumOpenInterest": f"{value:.2f}", "timestamp": stamp}


def rows(count: int = 10) -> list[dict]:
    return [row(NOW_MS - STEP * (count - number), number + 1) for number in range(count)]


def changed(kind: str, answer=None, **settings):
    content = mutate(
        json.dumps(rows() if answer is None else answer).encode(), kind, settings, NOW_MS
    )
    return None if content is None else json.loads(content)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_understood_and_told_again(kind):
    script = [{"path": "/fapi/", "kind": kind, "symbol": "BTCUSDT", "count": 2, "after": 1}]
    script[0] |= SETTINGS.get(kind, {})
    [rule] = parse(script)
    assert rule.as_json() == script[0] | {"seen": 0, "applied": 0}


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        (3, "faults[1] is 3"),
        ({"path": "/"}, "faults[1].kind is None"),
        ({"path": "/", "kind": "sulk"}, "faults[1].kind is 'sulk', expected one of status"),
        ({"kind": "html"}, "faults[1].path is None"),
        ({"path": "fapi", "kind": "html"}, "faults[1].path is 'fapi'"),
        ({"path": "/", "kind": "status"}, "faults[1].status is None"),
        ({"path": "/", "kind": "status", "status": 200}, "faults[1].status is 200"),
        ({"path": "/", "kind": "status", "status": 600}, "faults[1].status is 600"),
        ({"path": "/", "kind": "html", "count": 0}, "faults[1].count is 0"),
        ({"path": "/", "kind": "html", "after": -1}, "faults[1].after is -1"),
        ({"path": "/", "kind": "html", "after": True}, "faults[1].after is True"),
        ({"path": "/", "kind": "html", "symbol": []}, "faults[1].symbol is []"),
        ({"path": "/", "kind": "html", "seconds": 1}, "faults[1].seconds is 1"),
        ({"path": "/", "kind": "hang", "seconds": 0}, "faults[1].seconds is 0"),
        ({"path": "/", "kind": "slow", "bytes_per_second": 0}, "bytes_per_second is 0"),
        ({"path": "/", "kind": "nan", "fields": "close"}, "faults[1].fields is 'close'"),
        ({"path": "/", "kind": "shift"}, "faults[1].seconds is None"),
        ({"path": "/", "kind": "shift", "seconds": "1h"}, "faults[1].seconds is '1h'"),
        ({"path": "/", "kind": "shift", "seconds": math.nan}, "faults[1].seconds is nan"),
        ({"path": "/", "kind": "json"}, "faults[1].body is None"),
    ],
)
def test_mistakes_are_named_with_their_place(entry, place):
    with pytest.raises(FaultError) as refused:
        parse([{"path": "/", "kind": "html"}, entry])
    assert place in str(refused.value)
    assert "expected" in str(refused.value)
    assert "docs/replay.md" in str(refused.value)


def test_a_script_is_a_list():
    with pytest.raises(FaultError, match="faults are dict, expected a list of rules"):
        parse({"path": "/", "kind": "html"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 700) | st.floats() | st.sampled_from(list(KINDS)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["path", "kind", "status", "count", "rows", "fields"]), inner
        )
    ),
    max_leaves=8,
)


@given(json_values)
def test_any_script_is_understood_or_refused(script):
    """Nothing but a `FaultError` may come of it."""
    with suppress(FaultError):
        assert len(parse(script)) == len(script)


@pytest.mark.parametrize(
    ("rule", "path", "query", "matches"),
    [
        ({"path": "/fapi/v1/klines"}, "/fapi/v1/klines", {}, True),
        ({"path": "/fapi/"}, "/futures/data/basis", {}, False),
        ({"path": "/data/*/metrics/*"}, "/data/futures/um/daily/metrics/A/A.zip", {}, True),
        ({"path": "*.zip"}, "/data/A.zip.CHECKSUM", {}, False),
        ({"path": "/", "symbol": "AUSDT"}, "/fapi/v1/klines", {"symbol": "AUSDT"}, True),
        ({"path": "/", "symbol": "AUSDT"}, "/futures/data/basis", {"pair": "AUSDT"}, True),
        ({"path": "/", "symbol": "AUSDT"}, "/fapi/v1/klines", {"symbol": "AAUSDT"}, False),
        ({"path": "/", "symbol": "AUSDT"}, "/data/um/AUSDT/x.zip", {}, True),
        ({"path": "/", "kind": "flip"}, "/data/x.zip.CHECKSUM", {}, False),
        ({"path": "/", "kind": "bad_checksum"}, "/data/x.zip", {}, False),
        ({"path": "/", "kind": "bad_checksum"}, "/data/x.zip.CHECKSUM", {}, True),
    ],
)
def test_whom_a_rule_is_about(rule, path, query, matches):
    assert parse([{"kind": "html"} | rule])[0].matches(path, query) is matches


@given(st.integers(0, 4), st.none() | st.integers(1, 4), st.integers(1, 12))
def test_a_rule_lets_pass_then_applies_then_is_over(after, count, requests):
    [rule] = parse(
        [{"path": "/", "kind": "html", "after": after} | ({"count": count} if count else {})]
    )
    taken = []
    for _ in range(requests):
        chosen = choose([rule], "/x", {})
        taken.append(chosen is not None)
        rule.applied += chosen is not None
    last = after + (count or requests)
    assert taken == [after <= number < last for number in range(requests)]


def test_what_one_rule_lets_pass_is_left_to_the_next():
    first, second = parse([{"path": "/", "kind": "html", "count": 1}, {"path": "/", "kind": "cut"}])
    assert choose([first, second], "/x", {}) is first
    first.applied += 1
    assert choose([first, second], "/x", {}) is second


@pytest.mark.parametrize(("kind", "value"), [("strings", "abc"), ("null", None), ("zero", "0.00")])
def test_values_are_replaced_and_stamps_stay(kind, value):
    answer = changed(kind)
    assert {each["sumOpenInterest"] for each in answer} == {value}
    assert [each["timestamp"] for each in answer] == [each["timestamp"] for each in rows()]
    assert {each["symbol"] for each in answer} == {"BTCUSDT"}


def test_nan_is_literal_and_only_where_it_is_asked_for():
    content = mutate(json.dumps(rows()).encode(), "nan", {"rows": 2}, NOW_MS)
    assert content.count(b"NaN") == 2
    assert [math.isnan(float(each["sumOpenInterest"])) for each in json.loads(content)][-2:] == [
        True,
        True,
    ]


def test_candles_keep_their_stamps():
    candle = [NOW_MS, "1", "2", "0.5", "1.5", "10", NOW_MS + STEP - 1, "15", 3, "4", "6", "0"]
    [answer] = changed("negative", [candle])
    assert [answer[0], answer[6], answer[11]] == [candle[0], candle[6], "0"]
    assert all(float(cell) < 0 for cell in (*answer[1:6], *answer[7:11]))
    [answer] = changed("null", [candle], fields=[9])
    assert answer[9] is None
    assert answer[:9] == candle[:9]


def test_duplicates_are_equal_and_conflicts_are_not():
    assert changed("duplicate", rows=1) == [*rows(), rows()[-1]]
    answer = changed("conflict", rows=1)
    assert len(answer) == 11
    assert answer[-1]["timestamp"] == answer[-2]["timestamp"]
    assert answer[-1]["sumOpenInterest"] == "10.10"


def test_restated_is_the_newest_row_alone():
    answer = changed("restate", factor=2)
    assert answer[:-1] == rows()[:-1]
    assert answer[-1]["sumOpenInterest"] == "20.00"
    newest_first = changed("restate", rows()[::-1], factor=2)
    assert newest_first == answer[::-1]


def test_shuffled_rows_are_the_same_rows():
    answer = changed("shuffle")
    assert answer != rows()
    assert sorted(answer, key=lambda each: each["timestamp"]) == rows()
    assert answer == changed("shuffle")


def test_a_gap_leaves_both_ends():
    answer = changed("gap", rows=4)
    assert len(answer) == 6
    assert (answer[0], answer[-1]) == (rows()[0], rows()[-1])


@pytest.mark.parametrize("descending", [False, True])
def test_future_rows_lie_behind_the_clock_on_the_grid(descending):
    answer = changed("future", rows()[::-1] if descending else rows(), rows=3)
    stamps = sorted(each["timestamp"] for each in answer)
    assert stamps[-3:] == [NOW_MS + STEP * number for number in (1, 2, 3)]
    assert sorted(stamps, reverse=descending) == [each["timestamp"] for each in answer]


def test_stamps_are_shifted_in_their_unit_and_spelling():
    answer = changed("shift", seconds=-21_600)
    assert answer[0]["timestamp"] == rows()[0]["timestamp"] - 21_600_000
    fng = {"data": [{"value": "40", "timestamp": "1772150400"}], "metadata": {"error": None}}
    assert changed("shift", fng, seconds=3600)["data"][0]["timestamp"] == "1772154000"
    clock = changed("shift", {"serverTime": 1_772_150_400_000}, seconds=600)
    assert clock == {"serverTime": 1_772_151_000_000}, "the exchange's clock can be wrong too"
    assert changed("seconds")[0]["timestamp"] == rows()[0]["timestamp"] // 1000


def test_keys_go_and_come():
    assert all("sumOpenInterest" not in each for each in changed("missing_key"))
    assert all("symbol" not in each for each in changed("missing_key", key="symbol"))
    assert all(each["unexpected"] == "1" for each in changed("extra_key"))


def test_rows_are_found_in_envelopes():
    bybit = {"retCode": 0, "result": {"list": rows(), "nextPageCursor": ""}, "time": NOW_MS}
    answer = changed("gap", bybit, rows=4)
    assert len(answer["result"]["list"]) == 6
    assert answer["retCode"] == 0
    lone = {"symbol": "BTCUSDT", "openInterest": "5.0", "time": NOW_MS}
    assert changed("zero", lone)["openInterest"] == "0.0"


@pytest.mark.parametrize("kind", [kind for kind in MUTATIONS if kind != "freeze"])
@given(count=st.integers(1, 30))
def test_every_mutation_changes_the_answer_and_repeats(kind, count):
    settings = SETTINGS.get(kind, {})
    answer = changed(kind, rows(count), **settings)
    assert str(answer) == str(changed(kind, rows(count), **settings))  # text, for NaN is not NaN
    alike = kind == "gap" and count < 2
    alike |= kind == "shuffle" and sorted(range(count)) == _order(count)
    assert (answer == rows(count)) is alike


def _order(count: int) -> list[int]:
    answer = changed("shuffle", rows(count))
    return [int(float(each["sumOpenInterest"])) - 1 for each in answer]


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"3", b'{"data":[]}'])
def test_what_has_no_rows_is_left_alone(content):
    assert mutate(content, "gap", {}, NOW_MS) is None


def test_the_manual_lists_every_kind_and_its_example_is_understood():
    manual = (Path(__file__).parents[2] / "docs" / "replay.md").read_text()
    rows_of = [line.split("|")[1] for line in manual.splitlines() if line.startswith("| `")]
    listed = {name for cell in rows_of for name in re.findall(r"`(\w+)`", cell)}
    assert set(KINDS) <= listed
    [example] = re.findall(r"```json\n(.*?)```", manual, re.DOTALL)
    assert len(parse(json.loads(example))) == 3


def test_a_rule_without_counts_is_the_default():
    assert Rule("/", "html").takes()
