"""Candles in zips: whole months first, days where there is no month, each candle once."""

import hashlib
import io
import zipfile

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.contract import Span
from providers.datasets import premium_index, spot_taker_flow, taker_flow
from providers.errors import BadAnswerError, NotFoundError
from tests.providers.asking import BTC, a_page, at, collected, sources, vouched
from tests.providers.recorded import recording

HOUR = pd.Timedelta(hours=1)
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)
NOW = at("2026-03-20 12:00")


def zipped(text: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("candles.csv", text)
    return sink.getvalue()


def candles(start, end) -> str:
    stamps = [round(opened.timestamp() * 1000) for opened in pd.date_range(start, end, freq="1h")]
    return "".join(f"{s},1,1,1,1,8,{s + 3_599_999},80,3,2,20,0\n" for s in stamps[:-1])


class Venue:
    """The archive with hourly candles of all of 2026, without the files named in `absent`."""

    def __init__(self, absent=(), damaged=()):
        self.absent, self.damaged, self.fetched = absent, damaged, []

    def __call__(self, url, params):
        name = url.removesuffix(".CHECKSUM").rsplit("/", 1)[-1]
        label = name.removeprefix("BTCUSDT-1h-").removesuffix(".zip")
        if "prefix" in params or label in self.absent:
            raise NotFoundError(url)
        start = at(label)
        end = start + (pd.Timedelta(days=1) if len(label) > 7 else pd.DateOffset(months=1))
        if end > NOW:
            raise NotFoundError(url)
        content = zipped((HEADER if start.month % 2 else "") + candles(start, end))
        if url.endswith(".CHECKSUM"):
            if label in self.damaged:
                return f"{'0' * 64}  {name}\n".encode()
            return f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode()
        self.fetched.append(label)
        return content


def archived(venue) -> taker_flow.Provider:
    found = sources(venue, NOW, flow_step=pd.Timedelta(hours=1).to_pytimedelta())
    return taker_flow.providers(found)[1]


def test_months_come_whole_and_the_running_month_by_day():
    venue = Venue()
    rows = collected(archived(venue), Span(at("2026-01-01"), NOW))
    assert rows["date"].tolist() == list(
        pd.date_range("2026-01-01", "2026-03-19 23:00", freq="1h", tz="UTC")
    )
    assert sorted(venue.fetched)[:3] == ["2026-01", "2026-02", "2026-03-01"]
    assert len(venue.fetched) == 2 + 19


@settings(max_examples=10)
@given(st.integers(0, 75), st.integers(1, 30), st.sampled_from(["2026-01", "2026-02"]))
def test_a_month_that_is_not_there_is_asked_for_day_by_day(first, days, absent):
    span = Span(at("2026-01-01") + first * 24 * HOUR, at("2026-01-01") + (first + days) * 24 * HOUR)
    rows = collected(archived(Venue({absent})), span)
    assert rows["date"].is_unique
    assert rows["date"].is_monotonic_increasing
    expected = pd.date_range(span.start, span.end, freq="1h", inclusive="left")
    assert set(expected[expected < at("2026-03-20")]) <= set(rows["date"])


def test_a_day_that_is_not_there_is_a_gap():
    rows = collected(archived(Venue({"2026-03-02"})), Span(at("2026-03-01"), at("2026-03-04")))
    assert rows["date"].dt.day.unique().tolist() == [1, 3]


def test_a_damaged_day_is_told_and_the_others_come():
    provider, told, days = archived(Venue(damaged={"2026-03-02"})), [], []
    for page in provider.pages(BTC, Span(at("2026-03-01"), at("2026-03-04"))):
        try:
            days += provider.parse(page)["date"].dt.day.unique().tolist()
        except BadAnswerError as error:
            told.append(str(error))
    assert days == [1, 3]
    assert len(told) == 1
    assert "BTCUSDT-1h-2026-03-02" in told[0]


def test_a_damaged_month_is_asked_for_day_by_day():
    span = Span(at("2026-02-01"), at("2026-03-01"))
    rows = collected(archived(Venue(damaged={"2026-02"})), span)
    assert rows["date"].tolist() == list(
        pd.date_range(span.start, span.end, freq="1h", inclusive="left")
    )


def test_it_ends_with_the_newest_day_that_can_be_published():
    provider = archived(Venue())
    assert provider.covers(Span(at("2026-03-01"), NOW), NOW) == Span(
        at("2026-03-01"), at("2026-03-20")
    )
    assert provider.covers(Span(at("2026-03-20"), NOW), NOW) is None


@pytest.mark.parametrize(
    ("name", "module", "hours", "volumes"),
    [
        ("um_klines_1d_no_header_2023-01.csv", taker_flow, 24, (105502.965, 52617.509)),
        ("um_klines_1d_with_header_2023-01.csv", taker_flow, 24, (105502.965, 52617.509)),
        ("um_klines_1h_with_header_real_2024-01.csv", taker_flow, 1, (8459.477, 4687.976)),
        ("spot_klines_1h_no_header_2023-10-27.csv", spot_taker_flow, 1, (908.27901, 416.48838)),
        ("spot_klines_5m_real_2024-01-01.csv", spot_taker_flow, 1 / 12, (155.25731, 106.05732)),
        (
            "spot_klines_1m_microseconds_2025-03-15.csv",
            spot_taker_flow,
            1 / 60,
            (21.71669, 10.49778),
        ),
    ],
)
def test_recorded_files_hold_the_volume_and_what_takers_bought(name, module, hours, volumes):
    step = pd.Timedelta(hours=hours).round("min")
    provider = module.providers(sources(flow_step=step.to_pytimedelta()))[1]
    frame = vouched(provider, recording(f"binance_vision/{name}")).frame
    assert tuple(frame.loc[0, ["volume", "taker_buy_volume"]]) == volumes
    assert (frame["known_at"] - frame["date"] == step).all()
    assert (frame["quality"] == 0).all()


def test_microseconds_are_the_same_instants():
    provider = spot_taker_flow.providers(
        sources(flow_step=pd.Timedelta(minutes=1).to_pytimedelta())
    )[1]
    content = recording("binance_vision/spot_klines_1m_microseconds_2025-03-15.csv")
    frame = vouched(provider, content).frame
    assert frame["date"].tolist() == [at("2025-03-15 00:00"), at("2025-03-15 00:01")]


def test_the_premium_is_read_from_its_own_folder():
    provider = premium_index.providers(sources())[1]
    assert provider.kind == "premiumIndexKlines"
    content = recording("binance_vision/constructed_premiumIndexKlines_1h.csv")
    frame = vouched(provider, content).frame
    assert frame["close"].tolist() == [0.00011111, 0.00009]
    assert frame["low"].tolist() == [-0.00001234, 0.00001]


@pytest.mark.parametrize("text", [b"1,2,3", b"\xff\xfe", b"<html>", b'"', b"{}"])
def test_what_is_no_table_of_candles_is_refused(text):
    with pytest.raises(BadAnswerError, match="a page"):
        archived(Venue()).parse(a_page(text, BTC))


class Listed(Venue):
    """The archive with a listing: the first file of days, and of months."""

    def __init__(self, day, month):
        super().__init__()
        self.day, self.month = day, month

    def __call__(self, url, params):
        if "prefix" not in params:
            return super().__call__(url, params)
        first = self.month if "/monthly/" in params["prefix"] else self.day
        key = f"<Contents><Key>x-{first}.zip</Key></Contents>" if first else ""
        return f"<ListBucketResult>{key}</ListBucketResult>".encode()


def test_months_that_go_back_further_than_days_are_not_left_out():
    rows = collected(archived(Listed("2026-03-01", "2026-01")), Span(at("2026-01-01"), NOW))
    assert rows["date"].iloc[0] == at("2026-01-01")


def test_nothing_before_the_first_file_is_asked_for():
    venue = Listed("2026-02-20", None)
    rows = collected(archived(venue), Span(at("2026-01-01"), NOW))
    assert rows["date"].iloc[0] == at("2026-02-01")  # the month holds it
    assert "2026-01" not in venue.fetched


@pytest.mark.parametrize("day", ["2026-03-20", "2026-04-01", "2099-01-01"])
def test_a_coin_listed_after_the_newest_file_has_none(day):
    assert collected(archived(Listed(day, None)), Span(at("2026-03-01"), NOW)).empty


def test_a_day_that_cannot_be_published_yet_is_not_asked_for():
    venue = Venue()
    provider = archived(venue)
    list(provider.pages(BTC, Span(at("2026-03-18"), at("2026-03-25"))))
    asked = {url.removesuffix(".CHECKSUM")[-14:-4] for url, _ in provider.sources.client.asked}
    assert {"2026-03-18", "2026-03-19"} <= asked
    assert "2026-03-20" not in asked
