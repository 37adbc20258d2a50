"""The labels of metrics files changed their meaning on 2026-06-25; the rows that we keep do not."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Page, Quality
from providers.datasets import long_short_ratio
from providers.datasets.open_interest import providers
from providers.errors import BadAnswerError
from providers.families.labels import (
    AT_LABEL,
    LATER,
    SWITCH,
    UNKNOWN,
    Evidence,
    evidence,
    expected_shift,
    mark_opens,
    shift_of,
)
from providers.sources import Sources

from .recorded import NOW, Recording, recording

PAIR = "BTC/USDT:USDT"
FIVE = pd.Timedelta(minutes=5)
MARKS = recording("binance_vision/constructed_label_switch_markPriceKlines_5m.csv")
REST, ARCHIVE = providers(Sources(Recording({})))


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def switch_file(day: str, called: str | None = None, context: bytes | None = MARKS) -> Page:
    name = f"constructed_metrics_label_switch_BTCUSDT-metrics-{day}.csv"
    content = recording(f"binance_vision/{name}")
    if called:
        following = str((pd.Timestamp(called) + pd.Timedelta(days=1)).date())
        after = str((pd.Timestamp(day) + pd.Timedelta(days=1)).date())
        content = content.replace(after.encode(), b"AFTER").replace(day.encode(), called.encode())
        content = content.replace(b"AFTER", following.encode())
    return Page(content, f"BTCUSDT-metrics-{called or day}.zip", PAIR, NOW, context)


def shifted(days: int) -> bytes:
    """The mark prices, as of some days later."""
    header, *rows = MARKS.decode().splitlines()
    moved = [row.split(",", 1) for row in rows]
    return "\n".join(
        [header, *(f"{int(opened) + days * 86_400_000},{rest}" for opened, rest in moved)]
    ).encode()


def vouched(page: Page):
    return ARCHIVE.check(ARCHIVE.parse(page), page)


@pytest.mark.parametrize("context", [MARKS, None])
def test_after_relabeling_the_archive_agrees_with_rest_exactly(context):
    old, new = (vouched(switch_file(day, context=context)) for day in ("2026-06-24", "2026-06-25"))
    ours = pd.concat([old.frame, new.frame], ignore_index=True)
    overlap = "binance_vision/constructed_rest_overlap_openInterestHist_2026-06-24_25.json"
    theirs = REST.parse(Page(recording(overlap), "overlap", PAIR, NOW))
    columns = list(theirs.columns)
    pd.testing.assert_frame_equal(ours[columns], theirs)
    assert len(ours) == 576
    assert old.found == {"rows": 288}
    assert new.found == {"rows": 288, "relabeled": 288}
    assert (new.frame["quality"] == int(Quality.RELABELED)).all()
    assert (new.frame["known_at"] == new.frame["date"] + FIVE).all()


def test_the_label_that_two_files_share_becomes_two_snapshots():
    shared = b"2026-06-25 00:00:00"
    old, new = switch_file("2026-06-24"), switch_file("2026-06-25")
    assert old.content.count(shared) == new.content.count(shared) == 1
    last, first = ARCHIVE.parse(old).iloc[-1], ARCHIVE.parse(new).iloc[0]
    assert (last["date"], first["date"]) == (utc("2026-06-25 00:00"), utc("2026-06-25 00:05"))
    assert last["open_interest_amount"] != first["open_interest_amount"]


def test_ratios_share_the_rule():
    _, ratios = long_short_ratio.providers(Sources(Recording({})))
    page = switch_file("2026-06-25")
    frame = ratios.parse(page)
    assert frame["date"].tolist() == ARCHIVE.parse(page)["date"].tolist()
    assert frame["date"][0] == utc("2026-06-25 00:05")


# ---- evidence


def test_real_rows_of_2024_were_snapshot_at_their_label():
    """Their first value by amount is the mark price of 00:00, not that of 00:05."""
    table = pd.read_csv(
        pd.io.common.BytesIO(recording("binance_vision/metrics_rows_real_BTCUSDT_2024-01-01.csv"))
    )
    implied = (table["sum_open_interest_value"] / table["sum_open_interest"]).to_numpy()
    hour = Page(
        recording("binance_vision/um_markPriceKlines_1h_real_2024-01-01.csv"), "m", PAIR, NOW
    )
    opens = mark_opens(hour)
    assert implied[0] == pytest.approx(opens.iloc[0], abs=0.005)
    # the spot market opened five minutes later at 42397.22, two thousandths away
    assert abs(implied[0] / 42397.22 - 1) > 1e-3


def test_fixtures_agree_with_the_prices_at_the_right_shift_only():
    for day, at_label, later in (("2026-06-24", True, False), ("2026-06-25", False, True)):
        page = switch_file(day)
        table = pd.read_csv(pd.io.common.BytesIO(page.content), parse_dates=["create_time"])
        labels = table["create_time"].to_numpy(dtype="datetime64[ms]")
        implied = (table["sum_open_interest_value"] / table["sum_open_interest"]).to_numpy()
        found = evidence(labels, implied, mark_opens(Page(MARKS, "m", PAIR, NOW)))
        assert (found.at_label < 1e-9, found.later < 1e-9) == (at_label, later)


@given(st.integers(12, 300), st.booleans(), st.floats(0, 5e-5), st.integers(0, 2**32 - 1))
def test_prices_tell_the_shift_through_noise(count, late, noise, seed):
    random = np.random.default_rng(seed)
    times = np.datetime64("2026-08-01", "ms") + np.arange(count + 1) * np.timedelta64(300_000, "ms")
    marks = pd.Series(50_000 * np.exp(np.cumsum(random.choice([-1, 1], count + 1) * 5e-4)), times)
    snapshots = marks.to_numpy()[1:] if late else marks.to_numpy()[:-1]
    implied = snapshots * (1 + noise * random.uniform(-1, 1, count))
    verdict = evidence(times[:-1], implied, marks).verdict()
    assert verdict == (LATER if late else AT_LABEL)


@given(st.floats(1, 1e6), st.integers(0, 300))
def test_flat_prices_and_too_few_prices_tell_nothing(price, count):
    times = np.datetime64("2026-08-01", "ms") + np.arange(count + 1) * np.timedelta64(300_000, "ms")
    flat = pd.Series(np.full(count + 1, price), times)
    assert evidence(times[:-1], flat.to_numpy()[:-1], flat).verdict() is None
    moving = pd.Series(np.linspace(1, 2, 12), times[:12] if count >= 11 else None)
    if count >= 11:
        assert evidence(times[:11], moving.to_numpy()[:11], moving).verdict() is None


@given(st.dates(pd.Timestamp("2020-09-01").date(), pd.Timestamp("2027-01-01").date()))
def test_the_date_decides_where_prices_do_not(date):
    day = pd.Timestamp(date, tz="UTC")
    expected = LATER if day >= SWITCH else AT_LABEL
    assert expected_shift(day) == shift_of(day, UNKNOWN, "x") == expected
    assert shift_of(day, Evidence(1e-4, 1.5e-4), "x") == expected


def test_near_the_switch_prices_decide():
    """A file of new labels two days early is moved all the same, and says so."""
    result = vouched(switch_file("2026-06-25", "2026-06-23", shifted(-2)))
    assert result.frame["date"].iloc[0] == utc("2026-06-23 00:05")
    assert result.found["relabeled"] == 288
    late = vouched(switch_file("2026-06-24", "2026-06-29", shifted(5)))
    assert late.frame["date"].iloc[0] == utc("2026-06-29 00:05")
    assert late.found["relabeled"] == 0


@pytest.mark.parametrize(
    ("fixture", "called", "found", "expected"),
    [
        ("2026-06-24", "2026-08-24", "0 min", "5 min"),
        ("2026-06-25", "2026-04-25", "5 min", "0 min"),
    ],
)
def test_elsewhere_a_contradiction_is_refused(fixture, called, found, expected):
    days = (pd.Timestamp(called) - pd.Timestamp(fixture)).days
    page = switch_file(fixture, called, shifted(days))
    with pytest.raises(
        BadAnswerError, match=rf"{called}.* {found} after .* {expected} is expected"
    ):
        ARCHIVE.parse(page)


@pytest.mark.parametrize("context", [b"", b"<html>", b"open_time,open\nx,y\n", b"1,2,3", b"\xff"])
def test_damaged_mark_prices_are_no_evidence(context):
    frame = ARCHIVE.parse(switch_file("2026-06-25", context=context))
    assert frame["date"].iloc[0] == utc("2026-06-25 00:05")


def test_rest_keeps_its_labels():
    overlap = "binance_vision/constructed_rest_overlap_openInterestHist_2026-06-24_25.json"
    content = recording(overlap)
    stamps = [row["timestamp"] for row in json.loads(content)]
    dates = REST.parse(Page(content, "overlap", PAIR, NOW))["date"]
    assert [t.value // 10**6 for t in dates] == stamps


def test_marks_from_no_time_at_all_are_no_evidence():
    content = b"open_time,open\n-1e300,5\n1e300,5\n-1,5\nnan,5\n1782345600000,7\n"
    marks = mark_opens(Page(content, "marks", PAIR, NOW))
    assert marks.tolist() == [7.0]


@pytest.mark.parametrize("day", ["2024-13-01", "0000-00-00", "2023-02-29"])
def test_a_file_of_no_day_is_refused(day):
    of_day = Page(switch_file("2026-06-24").content, f"BTCUSDT-metrics-{day}.zip", PAIR, NOW)
    with pytest.raises(BadAnswerError, match="its day is unknown"):
        ARCHIVE.parse(of_day)


def test_prices_that_do_not_move_prove_nothing():
    assert Evidence(1e-9, 5e-7).verdict() is None
    assert Evidence(1e-9, 5e-6).verdict() == AT_LABEL
    assert Evidence(5e-6, 1e-9).verdict() == LATER
    assert UNKNOWN.verdict() is None
