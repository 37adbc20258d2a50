"""Open interest: thirty days from REST, everything before from the archive, on one clock."""

import hashlib
import io
import json
import zipfile
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Page, Quality, Span
from providers.datasets.open_interest import DATASET, ENTRY, providers
from providers.endpoints import Endpoints
from providers.errors import BadAnswerError, BadRequestError, NotFoundError, UnavailableError
from providers.families.snapshots import KEPT
from providers.sources import Sources

from .recorded import NOW, RECORDINGS, Recording, recording

PAIR = "BTC/USDT:USDT"
FIVE = pd.Timedelta(minutes=5)
AMOUNT, VALUE = "open_interest_amount", "open_interest_value"


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def sources(answers, now=NOW, **more) -> Sources:
    return Sources(Recording(answers, now), Endpoints.all_at("http://binance"), **more)


def rest(answers=None, now=NOW):
    return providers(sources(answers or {}, now))[0]


def archive(answers=None, now=NOW, **more):
    return providers(sources(answers or {}, now, **more))[1]


def page(content: bytes, name: str = "a page", pair: str = PAIR, **more) -> Page:
    return Page(content, name, pair, NOW, **more)


def metrics(name: str, day: str, pair: str = PAIR, **more) -> Page:
    return page(recording(f"binance_vision/{name}"), f"X-metrics-{day}.csv", pair, **more)


def checked(provider, of: Page):
    return provider.check(provider.parse(of), of)


# ---- REST


def test_rest_rows_are_snapshots_known_a_period_later():
    frame = rest().parse(page(recording("binance_um/openInterestHist_5m_2026.json")))
    assert list(frame.columns) == ["date", AMOUNT, VALUE, "known_at"]
    assert frame["date"].tolist() == [utc("2026-09-20 13:50"), utc("2026-09-20 13:55")]
    assert (frame["known_at"] - frame["date"] == FIVE).all()
    assert frame[AMOUNT].tolist() == [109115.835, 109098.637]
    assert frame[VALUE].tolist() == [8785524572.892076, 8785091375.3791]
    assert frame.dtypes.map(str).tolist() == [
        *("datetime64[ms, UTC]", "float64", "float64", "datetime64[ms, UTC]")
    ]


@pytest.mark.parametrize(
    ("name", "pair", "count"),
    [
        ("openInterestHist_1d_2020.json", "LTC/USDT:USDT", 10),
        ("openInterestHist_5m_limit1_2020.json", PAIR, 1),
        ("openInterestHist_5m_2026.json", PAIR, 2),
    ],
)
def test_recorded_rest_answers_are_vouched_for(name, pair, count):
    of = page(recording(f"binance_um/{name}"), pair=pair)
    assert len(json.loads(of.content)) == count
    result = checked(rest(), of)
    assert len(result.frame) == count
    assert result.frame[[AMOUNT, VALUE]].gt(0).all(axis=None)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (recording("binance_cm/openInterestHist_5m_quarter_2020.json"), "symbol is None"),
        (recording("binance_um/openInterestHist_1d_2020.json"), "symbol is 'LTCUSDT'"),
        (recording("binance_um/basis_doc.json"), "symbol is None"),
        (recording("binance_um/fundingRate_limit1_2023.json"), "sumOpenInterest"),
        (recording("binance_um/topLongShortAccountRatio_5m_2020.json"), "sumOpenInterest"),
        (b'{"code":-1121,"msg":"Invalid symbol."}', "no list of rows"),
        (b"<html>maintenance</html>", "a page"),
        (b"[1]", "no list of rows"),
        (b"[{}]", "symbol is None"),
        (b"", "a page"),
    ],
)
def test_other_answers_are_refused_by_name(content, told):
    with pytest.raises(BadAnswerError, match=told):
        rest().parse(page(content))


def test_coin_margined_rows_carry_other_names():
    assert "pair" in json.loads(recording("binance_cm/openInterestHist_5m_quarter_2020.json"))[0]


class Venue:
    """Holds a snapshot every five minutes and forgets them after thirty days, like Binance."""

    def __init__(self, labels: list[int], now: pd.Timestamp = NOW) -> None:
        self.labels, self.now = sorted(labels), now

    def __call__(self, url, params):
        assert params["symbol"] == "BTCUSDT"
        assert params["period"] == "5m"
        if pd.Timestamp(params["startTime"], unit="ms", tz="UTC") < self.now - pd.Timedelta("30D"):
            raise BadRequestError("parameter 'startTime' is invalid.", -1130)
        inside = [t for t in self.labels if params["startTime"] <= t <= params["endTime"]]
        rows = inside[: params["limit"]]
        assert len(inside) == len(rows), "which rows come of a window beyond the limit is unknown"
        return json.dumps(
            [
                {
                    "symbol": "BTCUSDT",
                    "sumOpenInterest": str(t % 977 + 1),
                    "sumOpenInterestValue": str(t % 983 + 1),
                    "timestamp": t,
                }
                for t in rows
            ]
        ).encode()


def grid(start: pd.Timestamp, end: pd.Timestamp) -> list[int]:
    return [int(t.timestamp() * 1000) for t in pd.date_range(start, end, freq="5min")]


@given(
    back=st.integers(0, 45 * 288),
    length=st.integers(0, 45 * 288),
    holes=st.sets(st.integers(0, 40), max_size=3),
    off=st.integers(0, 299),
)
def test_every_kept_row_of_a_span_comes_exactly_once(back, length, holes, off):
    start = NOW - back * FIVE + pd.Timedelta(seconds=off)
    span = Span(start, max(start, min(start + length * FIVE, NOW)))
    hole = {int((NOW - pd.Timedelta(days=n)).floor("D").timestamp() * 1000) for n in holes}
    labels = [
        t for t in grid(NOW - pd.Timedelta(days=45), NOW) if t // 86400000 * 86400000 not in hole
    ]
    provider = rest(Venue(labels))
    got = pd.concat(
        [provider.parse(of)["date"] for of in provider.pages(PAIR, span)]
        or [pd.Series(dtype=object)]
    )
    first = max(span.start, NOW - KEPT).timestamp() * 1000
    last = span.end.timestamp() * 1000
    assert [int(t.timestamp() * 1000) for t in got] == [t for t in labels if first <= t < last]
    assert {call["bucket"] for call in provider.sources.client.calls} <= {"binance-data"}


def test_an_empty_window_is_not_the_end():
    young = grid(NOW - pd.Timedelta(hours=5), NOW - FIVE)
    provider = rest(Venue(young))
    pages = list(provider.pages(PAIR, Span(NOW - KEPT, NOW)))
    assert [len(provider.parse(of)) for of in pages] == [0] * (len(pages) - 1) + [60]


def test_rest_covers_what_it_keeps():
    provider = rest()
    assert provider.covers(Span(utc("2020-01-01"), NOW), NOW) == Span(NOW - KEPT, NOW)
    assert provider.covers(Span(utc("2020-01-01"), utc("2021-01-01")), NOW) is None


def test_a_start_that_is_too_old_is_explained():
    told = json.loads(recording("binance_um/errors/400_-1130_startTime_older_than_30d.json"))
    refusal = BadRequestError(told["body"]["msg"], told["body"]["code"])
    provider = rest({"http://binance/futures/data/openInterestHist": refusal})
    with pytest.raises(BadRequestError, match=r"thirty days.*archive") as caught:
        list(provider.pages(PAIR, Span(NOW - FIVE * 3, NOW)))
    assert caught.value.code == -1130
    other = BadRequestError("Invalid symbol.", -1121)
    provider = rest({"http://binance/futures/data/openInterestHist": other})
    with pytest.raises(BadRequestError, match=r"Invalid symbol"):
        list(provider.pages(PAIR, Span(NOW - FIVE * 3, NOW)))


# ---- archive: one file


def test_real_metrics_rows_are_snapshots_at_their_label():
    frame = archive().parse(metrics("metrics_rows_real_BTCUSDT_2024-01-01.csv", "2024-01-01"))
    assert frame["date"].tolist() == [utc("2024-01-01 00:00"), utc("2024-01-01 00:05")]
    assert frame[AMOUNT].tolist() == [74006.266, 73839.811]
    assert frame[VALUE].tolist() == [3131493738.8974, 3133154733.161327]
    assert (frame["known_at"] - frame["date"] == FIVE).all()
    assert frame["quality"].tolist() == [0, 0]
    assert {str(frame[name].dtype) for name in ("date", "known_at")} == {"datetime64[ms, UTC]"}


def test_sixteen_decimals_are_read():
    of = metrics("metrics_rows_real_ACEUSDT_2025-01-21.csv", "2025-01-21", "ACE/USDT:USDT")
    assert archive().parse(of)[AMOUNT].tolist() == [2310973.79]


def test_known_dirt_is_counted_exactly():
    result = checked(archive(), metrics("constructed_metrics_dirty.csv", "2024-03-01"))
    frame = result.frame.set_index("date")
    # 59 rows: 00:05 to 05:00 without 01:45..01:55 and 03:30, which bears the stamp 03:37:12;
    # 02:45 comes twice alike and 03:10 twice differently; 03:55 comes before 03:50
    assert result.found == {
        "rows": 59,
        "duplicates": 1,
        "conflicts": 1,
        "disordered": 2,
        "dropped": 1,
        "blanks": 1,
        "zeros": 1,
        "gaps": 4,
    }
    assert len(frame) == 56
    flags = frame["quality"]
    assert flags[utc("2024-03-01 00:55")] & Quality.BLANK
    assert flags[utc("2024-03-01 01:00")] & Quality.ZERO
    assert frame.loc[utc("2024-03-01 00:55") : utc("2024-03-01 01:00"), AMOUNT].isna().all()
    assert flags[utc("2024-03-01 03:10")] & Quality.CONFLICT
    assert frame.loc[utc("2024-03-01 03:10"), AMOUNT] == 91935.36328762  # the later row
    assert flags[utc("2024-03-01 02:00")] & Quality.AFTER_GAP
    assert frame.index.is_monotonic_increasing


def test_doubled_rows_count_once():
    of = metrics("constructed_metrics_doubled_rows_2020-09-01.csv", "2020-09-01")
    result = checked(archive(), of)
    assert result.found == {"rows": 24, "duplicates": 12}
    assert len(result.frame) == 12
    assert (result.frame["quality"] == 0).all()


HEADER, *ROWS = (
    recording("binance_vision/constructed_metrics_label_switch_BTCUSDT-metrics-2026-06-24.csv")
    .decode()
    .splitlines()
)
DAY = "2026-06-24"


def csv(*rows: str, header: str | None = HEADER) -> Page:
    lines = ([header] if header else []) + list(rows)
    return page("\n".join(lines).encode() + b"\n", f"BTCUSDT-metrics-{DAY}.csv")


def test_columns_go_by_name_or_by_position_without_a_header():
    whole = archive().parse(csv(*ROWS))
    pd.testing.assert_frame_equal(archive().parse(csv(*ROWS, header=None)), whole)
    more = csv(*(f"new,{row}" for row in ROWS), header=f"unheard_of,{HEADER}")
    pd.testing.assert_frame_equal(archive().parse(more), whole)
    turned = [",".join(reversed(row.split(","))) for row in ROWS]
    header = ",".join(reversed(HEADER.split(",")))
    pd.testing.assert_frame_equal(archive().parse(csv(*turned, header=header)), whole)


@pytest.mark.parametrize("column", ["create_time", "symbol", "sum_open_interest_value"])
def test_a_missing_column_is_named(column):
    with pytest.raises(BadAnswerError, match=rf"BTCUSDT-metrics-{DAY}.*{column}"):
        archive().parse(csv(*ROWS, header=HEADER.replace(column, "renamed", 1)))


def test_a_word_costs_its_cell_and_not_the_day():
    spoiled = [ROWS[0].replace("91081.54915188", "abc"), "yesterday" + ROWS[1][19:], *ROWS[2:]]
    frame = archive().parse(csv(*spoiled))
    whole = archive().parse(csv(*ROWS))
    assert np.isnan(frame[AMOUNT][0])
    assert frame["date"].isna().tolist() == [False, True] + [False] * 286
    pd.testing.assert_frame_equal(frame[2:], whole[2:])


def test_rows_of_another_day_or_symbol_are_not_for_us():
    strange = ROWS[0].replace("2026-06-24", "2026-06-20")
    assert archive().parse(csv(strange, *ROWS[1:]))["date"].isna().sum() == 1
    with pytest.raises(BadAnswerError, match="ETHUSDT"):
        archive().parse(csv(ROWS[0].replace("BTCUSDT", "ETHUSDT"), *ROWS[1:]))
    with pytest.raises(BadAnswerError, match="its day is unknown"):
        archive().parse(page(csv(*ROWS).content, "metrics.csv"))


@given(st.integers(0, len(ROWS)))
def test_a_shorter_file_is_a_prefix_of_the_longer(count):
    whole, short = archive().parse(csv(*ROWS)), archive().parse(csv(*ROWS[:count]))
    pd.testing.assert_frame_equal(short, whole[:count])


@given(st.integers(1, len(ROWS)))
def test_what_is_vouched_for_does_not_depend_on_later_rows(count):
    rows = recording("binance_vision/constructed_metrics_doubled_rows_2020-09-01.csv").decode()
    header, *lines = rows.splitlines()
    name = "BTCUSDT-metrics-2020-09-01.csv"
    cut = page("\n".join([header, *lines[: min(count, len(lines))]]).encode(), name)
    whole = checked(archive(), page(rows.encode(), name)).frame
    part = checked(archive(), cut).frame
    pd.testing.assert_frame_equal(part, whole[: len(part)])


def mutated(data, content: bytes) -> bytes:
    spoiled = bytearray(content)
    for _ in range(data.draw(st.integers(1, 6))):
        spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    return bytes(spoiled[: data.draw(st.integers(0, len(spoiled)))])


@pytest.mark.parametrize("name", ["constructed_metrics_dirty.csv"])
@given(data=st.data())
def test_mutated_metrics_give_rows_or_a_typed_error(name, data):
    content = mutated(data, recording(f"binance_vision/{name}")[:2000])
    of = page(content, "BTCUSDT-metrics-2024-03-01.csv")
    try:
        result = checked(archive(), of)
    except BadAnswerError:
        return
    assert result.frame["date"].is_unique
    assert not np.isinf(result.frame[[AMOUNT, VALUE]]).any(axis=None)


@given(st.data())
def test_mutated_rest_answers_give_rows_or_a_typed_error(data):
    of = page(mutated(data, recording("binance_um/openInterestHist_5m_2026.json")))
    try:
        result = checked(rest(), of)
    except BadAnswerError:
        return
    assert len(result.frame) <= 2


# ---- archive: many files


class Bucket:
    """Metrics and mark price zips of some days."""

    def __init__(self, first: str, last: str) -> None:
        self.days = {str(day.date()) for day in pd.date_range(first, last)}

    def __call__(self, url, params):
        path = unquote(url.removeprefix("http://binance").strip("/"))
        if not path:
            raise UnavailableError("no listing here")
        zipped = self.zipped(path.removesuffix(".CHECKSUM"))
        if path.endswith(".CHECKSUM"):
            return hashlib.sha256(zipped).hexdigest().encode()
        return zipped

    def zipped(self, path: str) -> bytes:
        day = path[-14:-4]
        if day not in self.days:
            raise NotFoundError(path)
        text = self.marks(day) if "markPrice" in path else self.metrics(day)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr(zipfile.ZipInfo("x.csv"), text)
        return buffer.getvalue()

    def metrics(self, day: str) -> str:
        snapshots = pd.date_range(day, periods=289, freq="5min", tz="UTC")[1:]
        rows = [
            f"{self.label(t):%Y-%m-%d %H:%M:%S},BTCUSDT,10,{10 * price(t)},1,1,1,1"
            for t in snapshots
        ]
        return "\n".join([HEADER, *rows])

    def label(self, snapshot: pd.Timestamp) -> pd.Timestamp:
        return snapshot - FIVE if snapshot > utc("2026-06-25") else snapshot

    def marks(self, day: str) -> str:
        opens = pd.date_range(day, periods=288, freq="5min", tz="UTC")
        return "\n".join(f"{t.value // 10**6},{price(t)}" + ",0" * 10 for t in opens)


def price(t: pd.Timestamp) -> float:
    return 50_000 + (t.value // 10**9 // 300) * 37 % 1009


@given(st.integers(0, 3 * 288), st.integers(1, 3 * 288))
def test_archive_pages_hold_every_snapshot_of_the_span(offset, length):
    start = utc("2024-05-01") + offset * FIVE
    span = Span(start, start + length * FIVE)
    provider = archive(Bucket("2024-04-28", "2024-05-10"))
    rows = pd.concat(checked(provider, of).frame for of in provider.pages(PAIR, span))
    wanted = pd.date_range(span.start, span.end, freq="5min", inclusive="left")
    assert set(wanted) <= set(rows["date"])
    assert rows["date"].is_unique
    assert rows["date"].is_monotonic_increasing


def test_days_that_are_not_there_are_left_out():
    provider = archive(Bucket("2024-05-02", "2024-05-03"))
    names = [of.name for of in provider.pages(PAIR, Span(utc("2024-05-01"), utc("2024-05-06")))]
    assert [name[-14:-4] for name in names] == ["2024-05-02", "2024-05-03"]


def test_a_damaged_day_is_told_when_it_is_parsed():
    bucket = Bucket("2024-05-01", "2024-05-05")

    def answer(url, params):
        lies = url.endswith("2024-05-03.zip.CHECKSUM")
        return b"0" * 64 if lies else bucket(url, params)

    provider = archive(answer)
    pages = list(provider.pages(PAIR, Span(utc("2024-05-02 12:00"), utc("2024-05-05"))))
    assert len(pages) == 3
    with pytest.raises(BadAnswerError, match=r"metrics-2024-05-03\.zip has the SHA-256.*0{64}"):
        provider.parse(pages[1])
    assert [len(provider.parse(of)) for of in (pages[0], pages[2])] == [288, 288]


def test_mark_prices_come_along_where_they_are_needed():
    provider = archive(Bucket("2024-04-28", "2024-05-10"))
    pages = list(provider.pages(PAIR, Span(utc("2024-05-01"), utc("2024-05-04"))))
    assert [of.context is not None for of in pages] == [False, True, False, False]
    near = archive(Bucket("2026-06-01", "2026-07-20"))
    pages = list(near.pages(PAIR, Span(utc("2026-06-16 12:00"), utc("2026-07-05"))))
    assert (
        sum(of.context is not None for of in pages) == 15
    )  # a week either side; July 1 is among them


def test_the_archive_ends_where_it_is_published():
    late = utc("2026-10-01 12:00")
    assert archive().covers(Span(utc("2019-01-01"), late), late) == Span(
        utc("2020-09-01"), utc("2026-10-01")
    )
    assert archive().covers(Span(late, late + FIVE), late) is None


def test_the_registry_entry_names_freqtrades_own_file():
    assert (ENTRY.native, ENTRY.dataset) == ("open_interest", DATASET)
    assert [p.source for p in providers(sources({}))] == ["binance-futures", "binance-archive"]
    assert RECORDINGS.is_dir()


def test_mark_prices_come_along_with_every_file_on_demand():
    bucket = Bucket("2024-04-28", "2024-05-10")
    provider = archive(bucket, verify_labels=True)
    pages = list(provider.pages(PAIR, Span(utc("2024-05-02"), utc("2024-05-04"))))
    assert [of.context is not None for of in pages] == [True, True, True]
    assert not Sources(Recording({})).verify_labels
