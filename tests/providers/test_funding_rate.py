"""Funding settlements: dated by the minute, whatever their spacing, none lost and none twice."""

import hashlib
import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.contract import Page, Quality, Span
from providers.datasets.funding_rate import ENTRY, providers
from providers.endpoints import Endpoints
from providers.errors import BadAnswerError, NotFoundError
from providers.sources import Sources

from .recorded import NOW, Recording, recording

PAIR = "BTC/USDT:USDT"
COLUMNS = ["date", "funding_rate", "funding_interval_hours", "known_at", "quality"]
HOUR = 3_600_000


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def of(answers=None):
    return providers(Sources(Recording(answers or {}), Endpoints.all_at("http://binance")))


REST, ARCHIVE = of()


def page(content: bytes, name: str = "funding") -> Page:
    return Page(content, name, PAIR, NOW)


def rows(stamps: list[int]) -> bytes:
    return json.dumps(
        [{"symbol": "BTCUSDT", "fundingTime": t, "fundingRate": "0.0001"} for t in stamps]
    ).encode()


def checked(provider, of_page: Page):
    return provider.check(provider.parse(of_page), of_page)


# ---- one page


def test_a_hundred_recorded_settlements_lose_their_jitter():
    content = recording("binance_um/fundingRate_100_2020.json")
    result = checked(REST, page(content))
    raw = json.loads(content)
    assert sum(row["fundingTime"] % 60_000 > 0 for row in raw) == 55
    assert result.found == {"rows": 100}
    assert list(result.frame.columns) == COLUMNS
    assert (result.frame["date"].diff().dropna() == pd.Timedelta(hours=8)).all()
    assert result.frame["date"].iloc[0] == utc("2020-09-15 00:00")
    assert result.frame["funding_rate"].iloc[0] == -0.0002227
    known = result.frame["known_at"] - result.frame["date"]
    assert (known == pd.Timedelta(minutes=1)).all()
    assert (result.frame["quality"] == 0).all()
    assert result.frame["funding_interval_hours"].isna().all()  # REST does not say


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("fundingRate_limit1_2023.json", [0.0001]),
        ("fundingRate_doc_markPrice.json", [-0.0375, 0.0001]),
    ],
)
def test_other_recorded_shapes_are_read(name, rates):
    result = checked(REST, page(recording(f"binance_um/{name}")))
    assert result.frame["funding_rate"].tolist() == rates


def test_a_month_of_the_archive_says_its_intervals():
    name = "binance_vision/constructed_um_fundingRate_interval_change.csv"
    result = checked(ARCHIVE, page(recording(name)))
    assert result.found == {"rows": 9}
    assert list(result.frame.columns) == COLUMNS
    hours = result.frame["date"].diff().dropna() / pd.Timedelta(hours=1)
    assert hours.tolist() == [8, 8, 8, 4, 4, 4, 4, 4]
    assert result.frame["funding_interval_hours"].tolist() == [8, 8, 8, 4, 4, 4, 4, 4, 4]
    assert result.frame["funding_rate"].iloc[3] == 0.000124
    assert (result.frame["quality"] == 0).all()


@pytest.mark.parametrize(
    ("name", "date", "rate"),
    [
        ("um_fundingRate_monthly_rows.csv", "2024-01-01 00:00", 0.00037409),
        ("um_fundingRate_monthly_rows_jitter.csv", "2025-07-01 00:00", 0.00008191),
    ],
)
def test_real_archived_rows(name, date, rate):
    frame = ARCHIVE.parse(page(recording(f"binance_vision/{name}")))
    assert frame["date"].tolist() == [utc(date)]
    assert frame["funding_rate"].tolist() == [rate]
    headless = recording(f"binance_vision/{name}").split(b"\n", 1)[1]
    pd.testing.assert_frame_equal(ARCHIVE.parse(page(headless)), frame)


@given(st.integers(-29_999, 29_999))
def test_a_stamp_is_dated_by_its_minute_and_flagged_beyond_a_second(jitter):
    settled = utc("2026-09-01 08:00")
    result = checked(REST, page(rows([settled.value // 10**6 + jitter])))
    assert result.frame["date"].tolist() == [settled]
    flagged = bool(result.frame["quality"].iloc[0] & Quality.OFF_GRID)
    assert flagged == (abs(jitter) > 1000)
    assert result.found["off_grid"] == flagged


def test_what_counts_as_a_gap():
    start = utc("2026-09-01").value // 10**6
    at = [0, 8, 12, 13, 13.5, 21.5, 29.55, 37.65]  # hours; 21.5 and 29.55 are within 8h05m
    result = checked(REST, page(rows([start + int(hour * HOUR) for hour in at])))
    assert result.found == {"rows": 8, "gaps": 1}
    assert (result.frame["quality"] == int(Quality.AFTER_GAP)).tolist() == [False] * 7 + [True]


def test_an_absurd_rate_is_no_rate():
    content = rows([NOW.value // 10**6 - HOUR]).replace(b"0.0001", b"0.11")
    result = checked(REST, page(content))
    assert result.frame["funding_rate"].isna().all()
    assert result.found == {"rows": 1, "invalid": 1}


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"[1]",
        b"",
        b"<html>",
        rows([1]),
        rows([NOW.value // 10**9]),  # seconds
        rows([NOW.value // 10**6]).replace(b"BTCUSDT", b"ETHUSDT"),
        rows([NOW.value // 10**6]).replace(b"fundingRate", b"rate"),
        recording("binance_um/openInterestHist_5m_2026.json"),
        recording("binance_cm/basis_5m_quarter_2020.json"),
    ],
)
def test_other_answers_are_refused(content):
    with pytest.raises(BadAnswerError):
        REST.parse(page(content))


@pytest.mark.parametrize("content", [b"", b"<html>", b"a,b\n1,2\n", b"1,2\n3\n"])
def test_other_files_are_refused(content):
    with pytest.raises(BadAnswerError):
        ARCHIVE.parse(page(content))


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        (REST, "binance_um/fundingRate_doc_markPrice.json"),
        (ARCHIVE, "binance_vision/constructed_um_fundingRate_interval_change.csv"),
    ],
)
@given(data=st.data())
def test_mutated_answers_give_rows_or_a_typed_error(provider, name, data):
    content = bytearray(recording(name))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        result = checked(provider, page(bytes(content[: data.draw(st.integers(0, len(content)))])))
    except BadAnswerError:
        return
    assert result.frame["date"].is_unique
    assert not np.isinf(result.frame["funding_rate"]).any()


@given(st.integers(0, 9))
def test_a_shorter_month_is_a_prefix_of_the_longer(count):
    text = recording("binance_vision/constructed_um_fundingRate_interval_change.csv").decode()
    header, *lines = text.splitlines()
    whole = checked(ARCHIVE, page(text.encode())).frame
    short = page("\n".join([header, *lines[:count]]).encode())
    pd.testing.assert_frame_equal(checked(ARCHIVE, short).frame, whole[:count])


# ---- many pages


class Venue:
    """Binance's paging: ascending from startTime, both bounds inclusive; 0 means "recent"."""

    def __init__(self, stamps: list[int], most: int = 1000) -> None:
        self.stamps, self.most = sorted(stamps), most

    def __call__(self, url, params):
        assert url == "http://binance/fapi/v1/fundingRate"
        assert params["startTime"] > 0
        inside = [t for t in self.stamps if params["startTime"] <= t <= params["endTime"]]
        return rows(inside[: min(params["limit"], self.most)])


def walk(stamps: list[int], span: Span, most: int = 1000):
    rest, _ = of(Venue(stamps, most))
    pages = list(rest.pages(PAIR, span))
    return [row["fundingTime"] for of_page in pages for row in json.loads(of_page.content)], rest


@settings(max_examples=60)
@given(
    hours=st.lists(st.sampled_from([1, 4, 8]), max_size=600),
    start=st.integers(-50, 3000),
    length=st.integers(0, 3000),
    most=st.integers(100, 1000),
    seed=st.integers(0, 9999),
)
def test_every_settlement_of_a_span_comes_exactly_once(hours, start, length, most, seed):
    random = np.random.default_rng(seed)
    first = utc("2024-01-01").value // 10**6
    at = first + np.cumsum([0, *hours]) * HOUR + random.integers(0, 46, len(hours) + 1)
    begin = utc("2024-01-01") + pd.Timedelta(hours=start)
    span = Span(begin, begin + pd.Timedelta(hours=length))
    got, rest = walk(at.tolist(), span, most)
    bounds = (span.start.value // 10**6, span.end.value // 10**6)
    assert got == [t for t in at.tolist() if bounds[0] <= t < bounds[1]]
    assert {call["bucket"] for call in rest.sources.client.calls} <= {"binance-funding"}


@pytest.mark.parametrize("interval", [1, 4])
def test_short_intervals_lose_no_rows_in_1500_days(interval):
    start = NOW - pd.Timedelta(days=1500)
    count = 1500 * 24 // interval
    stamps = [start.value // 10**6 + n * interval * HOUR + n % 46 for n in range(count)]
    got, rest = walk(stamps, Span(start, NOW))
    assert got == stamps
    assert len(rest.sources.client.asked) == count // 1000 + 1


def test_nothing_before_the_first_perpetual_is_asked_for():
    rest, _ = of(Venue([]))
    assert rest.covers(Span(utc("2017-01-01"), NOW), NOW) == Span(utc("2019-09-01"), NOW)
    list(rest.pages(PAIR, Span(utc("2017-01-01"), NOW)))
    assert rest.sources.client.asked[0][1]["startTime"] == utc("2019-09-01").value // 10**6


def test_a_venue_that_repeats_itself_is_noticed():
    stuck = rows([utc("2020-01-01").value // 10**6 + n for n in range(100)])
    rest, _ = of(lambda url, params: stuck)
    with pytest.raises(BadAnswerError, match="none of them within what was asked for"):
        list(rest.pages(PAIR, Span(utc("2024-01-01"), NOW)))


def test_months_of_the_archive_come_in_order_and_gaps_are_left_out():
    def answer(url, params):
        month = url.removesuffix(".CHECKSUM")[-11:-4]
        if month not in ("2026-06", "2026-08"):
            raise NotFoundError(url)
        stamp = utc(month).value // 10**6
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            text = f"calc_time,funding_interval_hours,last_funding_rate\n{stamp},8,0.0001\n"
            file.writestr(zipfile.ZipInfo("x.csv"), text)
        content = buffer.getvalue()
        wants_digest = url.endswith(".CHECKSUM")
        return hashlib.sha256(content).hexdigest().encode() if wants_digest else content

    _, archive = of(answer)
    pages = list(archive.pages(PAIR, Span(utc("2026-05-20"), NOW)))
    dates = [archive.parse(of_page)["date"].item() for of_page in pages]
    assert dates == [utc("2026-06-01"), utc("2026-08-01")]
    assert archive.covers(Span(utc("2026-05-20"), NOW), NOW).end == utc("2026-10-01")


def test_the_registry_entry_names_freqtrades_own_file():
    assert ENTRY.native == "funding_rate"
    assert ENTRY.dataset.step is None
    assert [p.source for p in of()] == ["binance-futures", "binance-archive"]


@pytest.mark.parametrize("stray", [None, 0, -5, 1e300, 4_102_444_800_000])
def test_a_stray_stamp_does_not_skip_what_lies_behind_it(stray):
    start = utc("2024-01-01").value // 10**6
    stamps = [start + n * 8 * HOUR for n in range(250)]
    venue = Venue(stamps, most=100)

    def answer(url, params):
        found = json.loads(venue(url, params))
        if found:
            found[len(found) // 2]["fundingTime"] = stray
        return json.dumps(found).encode()

    rest, _ = of(answer)
    pages = list(rest.pages(PAIR, Span(utc("2024-01-01"), NOW)))
    got = [row["fundingTime"] for page_ in pages for row in json.loads(page_.content)]
    assert len(got) == 250
    assert set(got) - {stray} <= set(stamps)
    assert got[-1] == stamps[-1]


def test_a_full_last_page_is_followed_by_one_more_question():
    start = utc("2024-01-01").value // 10**6
    got, rest = walk([start + n * HOUR for n in range(1000)], Span(utc("2024-01-01"), NOW))
    assert len(got) == 1000
    assert len(rest.sources.client.asked) == 2
