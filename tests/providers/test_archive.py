"""The archive gives each file verified, in order, and asks for as little as it can."""

import hashlib
import io
import json
import logging
import zipfile
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.archive.cache import ArchiveCache
from providers.archive.files import Archive, ArchiveFile, Damaged, Missing, Series
from providers.archive.listing import listed_keys, parse_listing
from providers.archive.zipped import only_member
from providers.contract import Span
from providers.endpoints import Endpoints
from providers.errors import (
    BadAnswerError,
    CorruptDataError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
)
from providers.sources import Sources

from .recorded import NOW, Recording, recording

METRICS = Series("metrics", "BTCUSDT")
ZIPS = "binance_vision/zips/BTCUSDT-metrics-"


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def zipped(content: bytes, name: str = "data.csv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


class Bucket:
    """An archive in memory: `files` by path; checksums are right unless `wrong` names them."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.wrong: dict[str, str] = {}
        self.failing: dict[str, Exception] = {}

    def __call__(self, url: str, params: dict[str, object]) -> bytes:
        path = unquote(url.removeprefix("http://archive/"))
        if path in self.failing:
            raise self.failing[path]
        name = path.removesuffix(".CHECKSUM")
        if name not in self.files:
            raise NotFoundError(f"{path} is not there")
        if path == name:
            return self.files[path]
        digest = self.wrong.get(name) or hashlib.sha256(self.files[name]).hexdigest()
        return f"{digest}  {Path(name).name}\n".encode()


def days(first: str, count: int) -> list[pd.Timestamp]:
    return list(pd.date_range(first, periods=count, tz="UTC"))


def bucket_of(dates: list[pd.Timestamp]) -> Bucket:
    names = [METRICS.file(day) for day in dates]
    return Bucket({name.path: zipped(name.path.encode()) for name in names})


def archive_of(answers: Bucket, cache: Path | None = None, now: pd.Timestamp = NOW) -> Archive:
    client = Recording(answers, now)
    return Archive(client, "http://archive", "http://listing", ArchiveCache(cache))


# ---- names


@pytest.mark.parametrize(
    ("series", "path"),
    [
        (METRICS, "futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2024-02-29.zip"),
        (
            Series("klines", "BTCUSDT", interval="5m"),
            "futures/um/daily/klines/BTCUSDT/5m/BTCUSDT-5m-2024-02-29.zip",
        ),
        (
            Series("fundingRate", "BTCUSDT", "monthly"),
            "futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-02.zip",
        ),
        (
            Series("klines", "BTCUSDT", "monthly", "1h", "spot"),
            "spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-02.zip",
        ),
    ],
)
def test_files_lie_where_binance_documents_them(series, path):
    assert series.file(utc("2024-02-29 13:00")).path == f"data/{path}"


@given(
    st.datetimes(pd.Timestamp("2020-01-01"), pd.Timestamp("2026-01-01")),
    st.integers(1, 200),
    st.sampled_from(["daily", "monthly"]),
)
def test_files_adjoin_and_cover_their_span(start, hours, cadence):
    begin = pd.Timestamp(start, tz="UTC")
    span = Span(begin, begin + pd.Timedelta(hours=hours))
    files = Series("metrics", "BTCUSDT", cadence).files(span)
    assert files[0].span.start <= span.start < files[0].span.end
    assert files[-1].span.start < span.end <= files[-1].span.end
    assert all(a.span.end == b.span.start for a, b in pairwise(files))


def test_a_day_is_published_in_the_small_hours_of_the_next():
    assert METRICS.published(utc("2026-10-01 01:44")) == utc("2026-09-30")
    assert METRICS.published(utc("2026-10-01 01:45")) == utc("2026-10-01")
    monthly = Series("fundingRate", "BTCUSDT", "monthly")
    assert monthly.published(utc("2026-10-31 23:00")) == utc("2026-10-01")


# ---- files


@given(st.sets(st.integers(0, 39)), st.integers(1, 40))
def test_answers_come_in_the_order_of_the_names(present, count):
    dates = days("2026-01-01", count)
    archive = archive_of(bucket_of([day for i, day in enumerate(dates) if i in present]))
    names = [METRICS.file(day) for day in dates]
    answers = list(archive.files(names))
    assert [answer.name for answer in answers] == names
    for i, answer in enumerate(answers):
        if i in present:
            assert isinstance(answer, ArchiveFile)
            assert answer.content == answer.name.path.encode()
        else:
            assert isinstance(answer, Missing)


def test_recorded_zips_are_verified_and_the_known_bad_one_is_damaged():
    paths = {
        f"data/{METRICS.folder.removeprefix('data/')}BTCUSDT-metrics-{day}.zip": day
        for day in ("2026-06-24", "2026-06-25", "2026-07-09")
    }

    def answer(url, params):
        path = url.removeprefix("http://archive/")
        name = path.removesuffix(".CHECKSUM")
        return recording(f"{ZIPS}{paths[name]}.zip{path.removeprefix(name)}")

    archive = archive_of(answer)
    good, new, bad = archive.files(METRICS.file(utc(day)) for day in paths.values())
    plain = "binance_vision/constructed_metrics_label_switch_BTCUSDT-metrics-2026-06-24.csv"
    assert isinstance(good, ArchiveFile)
    assert good.content == recording(plain)
    assert isinstance(new, ArchiveFile)
    assert isinstance(bad, Damaged)
    found = hashlib.sha256(recording(f"{ZIPS}2026-07-09.zip")).hexdigest()
    assert "BTCUSDT-metrics-2026-07-09.zip" in bad.reason
    assert found in bad.reason
    assert "0" * 64 in bad.reason
    zips = [url for url, _ in archive.client.asked if url.endswith("2026-07-09.zip")]
    assert len(zips) == 2  # once more, for a file replaced in between


def test_a_file_replaced_between_checksum_and_zip_is_fetched_once_more():
    day = days("2026-01-01", 1)[0]
    name = METRICS.file(day)
    bucket = bucket_of([day])
    digests = iter(["1" * 64, hashlib.sha256(bucket.files[name.path]).hexdigest()])

    def answer(url, params):
        return next(digests).encode() if url.endswith(".CHECKSUM") else bucket(url, params)

    assert isinstance(archive_of(answer).file(name), ArchiveFile)


def test_an_error_midway_comes_after_what_is_complete_and_loses_nothing(tmp_path):
    dates = days("2026-01-01", 30)
    bucket, names = bucket_of(dates), [METRICS.file(day) for day in dates]
    pause = RateLimitedError("slow down", NOW)
    bucket.failing[f"{names[12].path}.CHECKSUM"] = pause
    got = []
    with pytest.raises(RateLimitedError, match="slow down"):  # noqa: PT012
        for answer in archive_of(bucket, tmp_path).files(names):
            got.append(answer.name)  # noqa: PERF401
    assert got == names[:12]

    bucket.failing.clear()
    again = archive_of(bucket, tmp_path)
    assert [answer.name for answer in again.files(names)] == names
    asked_again = {url for url, _ in again.client.asked}
    assert not any(f"http://archive/{name.path}" in asked_again for name in names[:12])


def test_few_files_are_fetched_ahead_of_the_reader():
    dates = days("2020-01-01", 200)
    archive = archive_of(bucket_of(dates))
    answers = archive.files(METRICS.file(day) for day in dates)
    next(answers)
    answers.close()
    assert len(archive.client.asked) <= 2 * (2 * 8 + 1)


# ---- cache


def test_an_old_file_is_asked_for_once(tmp_path):
    day = days("2024-01-01", 1)[0]
    bucket, name = bucket_of([day]), METRICS.file(day)
    first, second = archive_of(bucket, tmp_path), archive_of(bucket, tmp_path)
    assert first.file(name) == second.file(name)
    assert len(first.client.asked) == 2
    assert second.client.asked == []


def test_a_young_file_is_compared_with_its_checksum_and_replaced_when_it_changed(tmp_path):
    day = NOW.floor("D") - pd.Timedelta(days=3)
    bucket, name = bucket_of([day]), METRICS.file(day)
    archive_of(bucket, tmp_path).file(name)
    unchanged = archive_of(bucket, tmp_path)
    assert unchanged.file(name).content == name.path.encode()
    assert [url for url, _ in unchanged.client.asked] == [f"http://archive/{name.path}.CHECKSUM"]

    bucket.files[name.path] = zipped(b"corrected")
    assert archive_of(bucket, tmp_path).file(name).content == b"corrected"
    later = archive_of(Bucket({}), tmp_path, NOW + pd.Timedelta(days=100))
    assert later.file(name).content == b"corrected"


@given(st.data())
def test_a_damaged_cache_is_set_aside_and_fetched_again(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cache")
    day = days("2024-01-01", 1)[0]
    bucket, name = bucket_of([day]), METRICS.file(day)
    fresh = archive_of(bucket, folder).file(name)
    file = folder / name.path
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)
    assert archive_of(bucket, folder).file(name) == fresh
    assert (folder / f"{name.path}.corrupt").read_bytes() == bytes(content)
    assert archive_of(Bucket({}), folder).file(name) == fresh


def test_absence_holds_for_hours_while_young_and_for_good_when_old(tmp_path):
    old, young = (
        METRICS.file(utc("2024-01-01")),
        METRICS.file(NOW.floor("D") - pd.Timedelta(days=1)),
    )

    def asked(now, name):
        archive = archive_of(Bucket({}), tmp_path, now)
        assert list(archive.files([name])) == [Missing(name)]
        return len(archive.client.asked)

    assert asked(NOW, old) == asked(NOW, young) == 1
    soon, tomorrow = NOW + pd.Timedelta(hours=2.99), NOW + pd.Timedelta(days=1)
    assert asked(soon, old) == asked(soon, young) == 0
    assert (asked(NOW + pd.Timedelta(hours=3), old), asked(NOW + pd.Timedelta(hours=3), young)) == (
        0,
        1,
    )
    assert (asked(tomorrow, old), asked(tomorrow, young)) == (0, 1)
    much_later = NOW + pd.Timedelta(days=400)
    assert (asked(much_later, old), asked(much_later, young)) == (0, 1)  # it was young when asked


def test_notes_that_cannot_be_read_are_forgotten(tmp_path):
    (tmp_path / "missing.json").write_text('{"a": 12, "b": [')
    name = METRICS.file(utc("2024-01-01"))
    archive = archive_of(Bucket({}), tmp_path)
    list(archive.files([name]))
    assert list(json.loads((tmp_path / "missing.json").read_text())) == [name.path]


def test_a_cache_that_cannot_be_written_costs_nothing_but_speed(tmp_path, caplog):
    (tmp_path / "data").write_text("a file where a folder should be")
    day = days("2024-01-01", 1)[0]
    bucket = bucket_of([day])
    with caplog.at_level(logging.WARNING):
        assert isinstance(archive_of(bucket, tmp_path).file(METRICS.file(day)), ArchiveFile)
    assert "cannot be kept" in caplog.text


def test_sources_say_where_the_archive_and_its_cache_are(tmp_path):
    sources = Sources(Recording({}), Endpoints.all_at("http://x"), tmp_path)
    archive = Archive.of(sources)
    assert (archive.base, archive.listing) == ("http://x", "http://x")


# ---- zips


def test_a_zip_of_several_files_or_of_too_much_is_refused():
    two = io.BytesIO()
    with zipfile.ZipFile(two, "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("../../b", b"2")
    with pytest.raises(CorruptDataError, match="2 entries"):
        only_member(two.getvalue(), "two.zip")
    bomb = zipped(b"0" * 100_001)
    with pytest.raises(CorruptDataError, match=r"bomb\.zip unpacks to more than 100000 bytes"):
        only_member(bomb, "bomb.zip", largest=100_000)
    assert len(only_member(bomb, "bomb.zip", largest=100_001)) == 100_001


@given(st.data())
def test_a_mutated_zip_gives_the_file_or_a_typed_error(data):
    content = bytearray(recording("binance_vision/zips/BTCUSDT-fundingRate-2024-01.zip"))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        unpacked = only_member(bytes(content[:cut]), "x.zip")
    except CorruptDataError:
        return
    assert len(unpacked) < 1000


# ---- listing


PREFIX = METRICS.folder
PAGES = [
    recording("binance_vision/constructed_listing_metrics_page1_truncated.xml"),
    recording("binance_vision/constructed_listing_metrics_page2_last.xml"),
]


def listing(url, params):
    return PAGES["marker" in params]


def test_a_listing_goes_on_where_a_page_ends():
    client = Recording(listing)
    zips = [key for key in listed_keys(client, "http://listing", PREFIX) if key.endswith(".zip")]
    assert [key[-14:-4] for key in zips[:4]] == [f"2021-12-0{n}" for n in (1, 2, 3, 4)]
    assert zips == sorted(set(zips))
    assert client.asked[1][1]["marker"] == f"{PREFIX}BTCUSDT-metrics-2021-12-03.zip.CHECKSUM"


def test_the_first_file_takes_one_request():
    archive = archive_of(listing)
    assert archive.first(METRICS) == utc("2021-12-01")
    assert len(archive.client.asked) == 1


def test_folders_are_told_from_the_prefix_that_was_asked_for():
    page = parse_listing(recording("binance_vision/constructed_listing_um_daily_prefixes.xml"), "x")
    assert "data/futures/um/daily/" not in page.folders
    assert "data/futures/um/daily/metrics/" in page.folders


@pytest.mark.parametrize("error", [NotFoundError("404"), UnavailableError("down")])
def test_without_a_listing_nothing_is_assumed(error):
    archive = Archive(Recording({"http://listing": error}), "http://archive", "http://listing")
    assert archive.first(METRICS) is None
    html = Recording({"http://listing": b"<html><body>maintenance</body></html>"})
    assert Archive(html, "http://archive", "http://listing").first(METRICS) is None


BOMB = b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>
<ListBucketResult><Contents><Key>&b;</Key></Contents></ListBucketResult>"""


@pytest.mark.parametrize(
    "content",
    [
        BOMB,
        BOMB.decode().encode("utf-16"),
        b"",
        b"{}",
        b"<ListBucketResult><Contents>",
        recording("binance_vision/constructed_404_NoSuchKey.xml"),
    ],
)
def test_what_is_no_safe_listing_is_refused(content):
    with pytest.raises(BadAnswerError):
        parse_listing(content, "the listing")


def test_a_listing_that_goes_in_circles_ends():
    with pytest.raises(BadAnswerError, match="already shown"):
        list(listed_keys(Recording({"http://listing": PAGES[0]}), "http://listing", PREFIX))


@given(st.data())
def test_a_mutated_listing_gives_keys_or_a_typed_error(data):
    content = bytearray(PAGES[0])
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        page = parse_listing(bytes(content), "the listing")
    except BadAnswerError:
        return
    assert all(isinstance(key, str) for key in page.keys)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
@given(place=st.integers(30, 90), byte=st.integers(0, 255))
def test_a_zip_of_another_method_is_refused_whatever_is_in_it(method, place, byte):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("data.csv", b"1,2,3\n" * 100)
    content = bytearray(buffer.getvalue())
    content[min(place, len(content) - 1)] = byte
    with pytest.raises(CorruptDataError, match="a file"):
        only_member(bytes(content), "a file")


def listing_of(*names: str, truncated: bool = False) -> bytes:
    keys = "".join(f"<Contents><Key>{name}</Key></Contents>" for name in names)
    told = f"<IsTruncated>{str(truncated).lower()}</IsTruncated>"
    return f"<ListBucketResult>{told}{keys}</ListBucketResult>".encode()


def test_digits_that_are_no_date_do_not_name_the_first_file():
    names = ("x-2024-13-01.zip", "x-0000-00.zip", "x-2024-02-30.zip", "x-2024-02-29.zip")
    archive = Archive(Recording(lambda url, params: listing_of(*names)), "http://a", "http://l")
    assert archive.first(METRICS) == utc("2024-02-29")


def test_a_listing_that_is_cut_short_without_a_way_on_is_refused():
    client = Recording(lambda url, params: listing_of(truncated=True))
    with pytest.raises(BadAnswerError, match="is cut short"):
        list(listed_keys(client, "http://l", "p/"))


def test_a_note_from_the_future_is_not_believed(tmp_path):
    """A machine that starts with a wrong clock must not lose a file for good."""
    day = utc("2026-09-29")
    wrong = archive_of(Bucket({}), tmp_path, now=utc("2030-01-01"))
    assert isinstance(next(wrong.files([METRICS.file(day)])), Missing)
    right = archive_of(bucket_of([day]), tmp_path)
    assert isinstance(next(right.files([METRICS.file(day)])), ArchiveFile)
