"""Three ratios in a row: from three endpoints at once, or from one archived file."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Page, Span
from providers.datasets.long_short_ratio import DATASET, ENTRY, providers
from providers.endpoints import Endpoints
from providers.errors import BadAnswerError
from providers.sources import Sources
from providers.storage.history import RestatedError, merge

from .recorded import NOW, Recording, recording

PAIR = "BTC/USDT:USDT"
NAMES = ("globalLongShortAccountRatio", "topLongShortAccountRatio", "topLongShortPositionRatio")
COLUMNS = list(DATASET.values)
NOTHING: dict[str, object] = {name: [] for name in NAMES}
RECORDED = {
    "globalLongShortAccountRatio": "globalLongShortAccountRatio_4h_2020.json",
    "topLongShortAccountRatio": "topLongShortAccountRatio_5m_2020.json",
    "topLongShortPositionRatio": "topLongShortPositionRatio_1d_2020.json",
}


def of(answers=None):
    return providers(Sources(Recording(answers or {}), Endpoints.all_at("http://binance")))


REST, ARCHIVE = of()


def page(parts: dict[str, object]) -> Page:
    return Page(json.dumps(parts).encode(), "ratios", PAIR, NOW)


def row(minute: int, ratio: object) -> dict[str, object]:
    t = NOW - pd.Timedelta(hours=5) + pd.Timedelta(minutes=minute)
    return {"symbol": "BTCUSDT", "longShortRatio": ratio, "timestamp": t.value // 10**6}


def test_a_page_asks_three_endpoints_for_one_window():
    rows = {name: [row(0, f"1.{n}"), row(5, f"2.{n}")] for n, name in enumerate(NAMES)}
    answers = {
        f"http://binance/futures/data/{name}": json.dumps(rows[name]).encode() for name in NAMES
    }
    rest, _ = of(answers)
    start = NOW - pd.Timedelta(hours=5)
    (got,) = rest.pages(PAIR, Span(start, NOW))
    frame = rest.parse(got)
    assert frame[COLUMNS].to_numpy().tolist() == [[1.0, 1.1, 1.2], [2.0, 2.1, 2.2]]
    assert frame["date"].tolist() == [start, start + pd.Timedelta(minutes=5)]
    assert (frame["known_at"] - frame["date"] == pd.Timedelta(minutes=5)).all()
    asked = rest.sources.client.asked
    assert [url.rpartition("/")[2] for url, _ in asked] == list(NAMES)
    assert len({json.dumps(params) for _, params in asked}) == 1


def test_recorded_answers_of_each_endpoint_are_understood():
    parts = {name: json.loads(recording(f"binance_um/{file}")) for name, file in RECORDED.items()}
    of_all = page(parts)
    frame = REST.parse(of_all)
    assert frame[COLUMNS].notna().sum().tolist() == [len(parts[name]) for name in NAMES]
    assert frame.loc[frame["top_account_ratio"].notna(), "top_account_ratio"].tolist() == [
        1.07,
        1.0674,
    ]
    result = REST.check(frame, of_all)
    assert result.frame["date"].is_unique
    assert len(result.frame) == frame["date"].nunique()


labels = st.lists(st.integers(0, 40), max_size=25, unique=True)


@given(labels, labels, labels)
def test_rows_merge_on_their_timestamps(first, second, third):
    chosen = dict(zip(NAMES, (first, second, third), strict=True))
    parts = {name: [row(5 * n, str(n + 1)) for n in chosen[name]] for name in NAMES}
    frame = REST.parse(page(parts))
    assert len(frame) == len({*first, *second, *third})
    assert frame["date"].is_monotonic_increasing
    for name, column in zip(NAMES, COLUMNS, strict=True):
        expected = sorted(n + 1.0 for n in chosen[name])
        assert frame[column].dropna().tolist() == expected


def test_a_row_that_one_endpoint_repeats_is_a_duplicate_and_one_that_differs_a_conflict():
    once = [row(0, "1"), row(5, "1.5")]
    repeated = page(dict.fromkeys(NAMES, once) | {NAMES[1]: [*once, once[1]]})
    result = REST.check(REST.parse(repeated), repeated)
    assert result.found == {"rows": 3, "duplicates": 1}
    differing = page(dict.fromkeys(NAMES, once) | {NAMES[1]: [*once, row(5, "9")]})
    result = REST.check(REST.parse(differing), differing)
    assert result.found == {"rows": 3, "conflicts": 1}
    assert result.frame[COLUMNS].iloc[1].tolist() == [1.5, 9.0, 1.5]


def test_nothing_from_anywhere_is_no_row():
    frame = REST.parse(page(NOTHING))
    assert len(frame) == 0
    assert list(frame.columns) == ["date", *COLUMNS, "known_at"]
    assert str(frame["date"].dtype) == "datetime64[ms, UTC]"


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({NAMES[0]: [], NAMES[1]: []}, NAMES[2]),
        (NOTHING | {NAMES[1]: {"code": -1121}}, NAMES[1]),
        ({name: [{"symbol": "BTCUSDT", "timestamp": 1}] for name in NAMES}, "longShortRatio"),
        (
            NOTHING
            | {
                NAMES[2]: json.loads(recording("binance_cm/topLongShortPositionRatio_5m_2020.json"))
            },
            "symbol is None",
        ),
    ],
)
def test_other_answers_are_refused_by_name(parts, told):
    with pytest.raises(BadAnswerError, match=told):
        REST.parse(page(parts))


def test_a_part_that_is_no_json_spoils_the_page_and_not_the_program():
    answers = {f"http://binance/futures/data/{name}": b"[]" for name in NAMES}
    answers[f"http://binance/futures/data/{NAMES[0]}"] = b"<html>maintenance</html>"
    rest, _ = of(answers)
    (got,) = rest.pages(PAIR, Span(NOW - pd.Timedelta(hours=1), NOW))
    with pytest.raises(BadAnswerError, match="JSON"):
        rest.parse(got)


def test_archived_columns_are_named_after_whom_they_count():
    of_day = Page(
        recording("binance_vision/metrics_rows_real_BTCUSDT_2024-01-01.csv"),
        "BTCUSDT-metrics-2024-01-01.zip",
        PAIR,
        NOW,
    )
    first = ARCHIVE.parse(of_day).iloc[0]
    assert first["global_account_ratio"] == 1.50710938
    assert first["top_account_ratio"] == 1.3682031
    assert first["top_position_ratio"] == 1.253668
    assert first["known_at"] - first["date"] == pd.Timedelta(minutes=5)


def ratios(seed: int, count: int = 300) -> pd.DataFrame:
    """Return rows as the archive prints them, of ratios that move like real ones."""
    random = np.random.default_rng(seed)
    walk = np.exp(np.cumsum(random.normal(0, 0.003, (count, 3)), axis=0)) * [1.5, 0.9, 2.4]
    dates = pd.Series(pd.date_range("2026-03-01", periods=count, freq="5min", tz="UTC"))
    frame = pd.DataFrame(np.round(walk, 8), columns=COLUMNS)
    frame.insert(0, "date", dates.dt.as_unit("ms"))
    return frame.assign(known_at=frame["date"] + pd.Timedelta(minutes=5), quality=0)


def printed(frame: pd.DataFrame, shorten) -> pd.DataFrame:
    return frame.assign(**{name: shorten(frame[name] * 1e4) / 1e4 for name in COLUMNS})


@pytest.mark.parametrize("shorten", [np.round, np.floor, np.ceil])
@given(seed=st.integers(0, 10**6))
def test_rest_and_archive_agree_whether_rest_rounds_or_cuts_off(shorten, seed):
    archived = ratios(seed)
    rest = printed(archived, shorten)
    for first, second in ((rest, archived), (archived, rest)):
        merged = merge(first, second, DATASET, NOW)
        assert (merged.appended, merged.filled, len(merged.restated)) == (0, 0, 0)


@pytest.mark.parametrize("shorten", [np.round, np.floor])
@given(seed=st.integers(0, 10**6))
def test_ratios_labeled_five_minutes_off_are_not_believed(shorten, seed):
    archived = ratios(seed)
    values = printed(archived, shorten)[COLUMNS].shift(-1)
    with pytest.raises(RestatedError, match="shifted stamps"):
        merge(archived, archived.assign(**values)[:-1], DATASET, NOW)


def test_ratios_further_apart_are_restated():
    archived = ratios(1)[:20]
    changed = archived.copy()
    changed.loc[3, COLUMNS[1]] += 2.1e-4
    changed.loc[4, COLUMNS[1]] += 0.9e-4
    restated = merge(archived, changed, DATASET, NOW).restated
    assert restated["date"].tolist() == [archived["date"].iloc[3]]


def test_what_the_archive_says_is_kept_as_it_says_it():
    content = recording("binance_vision/metrics_rows_real_ACEUSDT_2025-01-21.csv")
    of_day = Page(content, "ACEUSDT-metrics-2025-01-21.zip", "ACE/USDT:USDT", NOW)
    rows = ARCHIVE.parse(of_day)
    told = pd.read_csv(io.BytesIO(content))
    for name, theirs in ARCHIVE.columns.items():
        assert rows[name].tolist() == told[theirs].tolist()


def test_blank_ratios_are_counted():
    dirty = Page(
        recording("binance_vision/constructed_metrics_dirty.csv"),
        "BTCUSDT-metrics-2024-03-01.zip",
        PAIR,
        NOW,
    )
    result = ARCHIVE.check(ARCHIVE.parse(dirty), dirty)
    # here the two rows of 03:10 agree: what differs between them is open interest
    assert result.found == {
        "rows": 59,
        "duplicates": 2,
        "disordered": 2,
        "dropped": 1,
        "blanks": 1,
        "gaps": 4,
    }
    blank = result.frame.set_index("date").loc[pd.Timestamp("2024-03-01 04:20", tz="UTC")]
    assert np.isnan(blank["top_account_ratio"])
    assert blank["global_account_ratio"] == 1.68061872


@given(st.data())
def test_mutated_answers_give_rows_or_a_typed_error(data):
    parts = {name: [row(0, "1.1"), row(5, "1.2")] for name in NAMES}
    content = bytearray(page(parts).content)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(32, 126))
    spoiled = Page(bytes(content), "ratios", PAIR, NOW)
    try:
        result = REST.check(REST.parse(spoiled), spoiled)
    except BadAnswerError:
        return
    assert result.frame["date"].is_unique


def test_the_registry_entry_has_no_file_of_freqtrade():
    assert ENTRY.native is None
    assert [p.source for p in of()] == ["binance-futures", "binance-archive"]
