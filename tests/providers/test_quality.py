"""What came is accounted for row by row, and nothing is made up."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.archive.table import NUMBER, STAMP, columns_of
from providers.contract import Bounds, Dataset, Page, Quality
from providers.errors import BadAnswerError
from providers.rows.quality import vouch
from tests.providers.recorded import recording

STEP = timedelta(minutes=5)
START = pd.Timestamp("2026-03-01", tz="UTC")
NOW = pd.Timestamp("2026-03-02", tz="UTC")
PAGE = Page(b"", "a page", "BTC/USDT:USDT", NOW)

OI = Dataset(
    name="oi",
    values={"amount": Bounds(0.0, 1e9, zero_is_missing=True), "value": Bounds(0.0)},
    step=STEP,
    max_age=timedelta(minutes=15),
    summary="for tests",
)
NEWS = Dataset(
    name="news",
    values={"votes": Bounds(0.0)},
    step=None,
    max_age=STEP,
    texts=("title",),
    keys=("title",),
    summary="for tests",
)

ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 1e10, 5.0, 7.0]
rows = st.lists(
    st.tuples(
        st.integers(-400, 300) | st.none(),  # label, on the grid
        st.sampled_from([0, 0, 0, 0, 7, -9, 30, 31, 150]),  # seconds beside it
        st.sampled_from(ODD),
        st.sampled_from(ODD),
        st.sampled_from([-1, 300, 300, 300, 600]),  # known so many seconds later
    ),
    max_size=25,
)


def frame_of(cells) -> pd.DataFrame:
    dates = [
        pd.NaT if label is None else START + label * STEP + timedelta(seconds=beside)
        for label, beside, *_ in cells
    ]
    date = pd.Series(pd.to_datetime(dates, utc=True)).dt.as_unit("ms")
    later = pd.to_timedelta([row[4] for row in cells], unit="s").as_unit("ms")
    return pd.DataFrame(
        {
            "date": date,
            "amount": np.array([row[2] for row in cells], dtype=float),
            "value": np.array([row[3] for row in cells], dtype=float),
            "known_at": date + pd.Series(later),
        }
    )


def vouched(frame, dataset=OI, **kwargs):
    """Vouch, with a sound row first so that something survives."""
    sound = frame_of([(-401, 0, 5.0, 5.0, 300)])
    return vouch(pd.concat([sound, frame], ignore_index=True), dataset, PAGE, **kwargs)


def some(*minutes, amount=5.0, value=5.0, **columns) -> pd.DataFrame:
    dates = pd.to_datetime([START + timedelta(minutes=m) for m in minutes], utc=True)
    date = pd.Series(dates).dt.as_unit("ms")
    known_at = (date + STEP).dt.as_unit("ms")
    frame = pd.DataFrame({"date": date, "amount": amount, "value": value, "known_at": known_at})
    return frame.assign(**columns)


def same(left, right):
    pd.testing.assert_frame_equal(left, right)


@given(rows)
def test_counts_add_up_and_rows_ascend(cells):
    checked = vouched(frame_of(cells))
    found, frame = checked.found, checked.frame
    gone = sum(found[name] for name in ("dropped", "future", "duplicates", "conflicts"))
    assert found["rows"] == len(cells) + 1 == len(frame) + gone
    assert frame["date"].is_monotonic_increasing
    assert frame["date"].is_unique
    flags = {"blanks": Quality.BLANK, "zeros": Quality.ZERO, "invalid": Quality.INVALID}
    for name, flag in flags.items():
        assert found[name] == ((frame["quality"] & int(flag)) != 0).sum()
    assert all(count > 0 for count in found.values())
    labels = (frame["date"].iloc[-1] - frame["date"].iloc[0]) // STEP + 1
    assert found["gaps"] == labels - len(frame)


@given(rows)
def test_a_kept_row_is_on_the_grid_in_bounds_and_honest_about_time(cells):
    frame = vouched(frame_of(cells)).frame
    assert ((frame["date"] - START) % STEP == timedelta(0)).all()
    assert (frame["known_at"] >= frame["date"]).all()
    assert (frame["date"] <= NOW + timedelta(seconds=1)).all()
    amount = frame["amount"].dropna()
    assert ((amount > 0) & (amount <= 1e9)).all()
    assert (frame["value"].dropna() >= 0).all()
    missing = frame[["amount", "value"]].isna().any(axis=1)
    why = (frame["quality"] & int(Quality.BLANK | Quality.ZERO | Quality.INVALID)) != 0
    assert (missing == why).all()


@given(rows)
def test_no_value_is_made_up(cells):
    frame = vouched(frame_of(cells)).frame
    came = {(row[2], row[3]) for row in cells} | {(5.0, 5.0)}
    for amount, value in zip(frame["amount"], frame["value"], strict=True):
        assert any(
            (np.isnan(amount) or amount == a) and (np.isnan(value) or value == v) for a, v in came
        )


@given(rows)
def test_nothing_is_known_earlier_than_it_was(cells):
    came = frame_of(cells).assign(amount=np.arange(1.0, len(cells) + 1))
    frame = vouched(came).frame
    known = dict(zip(came["amount"], came["known_at"], strict=True))
    for amount, known_at in zip(frame["amount"], frame["known_at"], strict=True):
        assert known_at >= known.get(amount, known_at) or amount == 5.0


@given(rows)
def test_vouching_again_changes_nothing(cells):
    once = vouched(frame_of(cells)).frame
    same(vouch(once, OI, PAGE).frame, once)


@given(rows, st.randoms(use_true_random=False))
def test_order_and_repetition_of_rows_do_not_matter(cells, chance):
    agreed = {cell[0]: cell for cell in cells}  # rows of one label agree, and may come twice
    once = list(agreed.values())
    again = once + [cell for cell in once if chance.random() < 0.5]
    chance.shuffle(again)
    expected, got = vouched(frame_of(once)), vouched(frame_of(again))
    same(got.frame, expected.frame)
    assert got.found["conflicts"] == expected.found["conflicts"]


@given(rows, st.randoms(use_true_random=False))
def test_a_whole_page_twice_is_the_same_page(cells, chance):
    frame = frame_of(cells)
    same(vouched(pd.concat([frame, frame])).frame, vouched(frame).frame)


def test_a_clean_page_passes_as_it_is():
    frame = some(0, 5, 10, amount=[1.0, 2.0, 3.0])
    checked = vouch(frame, OI, PAGE)
    same(checked.frame, frame.assign(quality=np.zeros(3, dtype="uint8")))
    assert checked.found == {"rows": 3}
    assert str(checked.frame["date"].dtype) == str(checked.frame["known_at"].dtype)
    assert str(checked.frame["date"].dtype) == "datetime64[ms, UTC]"


def test_of_contradicting_rows_the_last_stands_or_the_first():
    frame = some(0, 5, 5, 5, amount=[1.0, 2.0, 3.0, 3.0])
    checked = vouch(frame, OI, PAGE)
    assert checked.frame["amount"].tolist() == [1.0, 3.0]
    assert checked.frame["quality"].tolist() == [0, Quality.CONFLICT]
    assert checked.found == {"rows": 4, "conflicts": 1, "duplicates": 1}
    assert vouch(frame, OI, PAGE, conflicts="first").frame["amount"].tolist() == [1.0, 2.0]


def test_an_exact_label_beats_a_moved_one():
    frame = some(0, 0, amount=[1.0, 2.0])
    frame.loc[1, ["date", "known_at"]] += timedelta(seconds=7)
    assert vouch(frame, OI, PAGE).frame["amount"].tolist() == [1.0]


def test_a_label_moved_ahead_takes_its_known_at_along():
    frame = some(5)
    frame["date"] -= timedelta(seconds=9)
    frame["known_at"] -= timedelta(seconds=9)
    checked = vouch(frame, OI, PAGE)
    assert checked.frame["date"].tolist() == [START + STEP]
    assert checked.frame["known_at"].tolist() == [START + 2 * STEP]
    assert checked.frame["quality"].tolist() == [Quality.OFF_GRID]
    back = frame.assign(date=START + timedelta(seconds=9), known_at=START + STEP)
    assert vouch(back, OI, PAGE).frame["known_at"].tolist() == [START + STEP]


def test_future_rows_are_left_out_and_counted():
    minutes = [24 * 60 - 5, 24 * 60, 24 * 60 + 5]
    checked = vouch(some(*minutes), OI, PAGE)
    assert checked.frame["date"].tolist() == [NOW - STEP, NOW]
    assert checked.found == {"rows": 3, "future": 1}


def test_gaps_are_told_and_not_filled():
    checked = vouch(some(0, 5, 25, 30), OI, PAGE)
    assert len(checked.frame) == 4
    assert checked.frame["quality"].tolist() == [0, 0, Quality.AFTER_GAP, 0]
    assert checked.found["gaps"] == 3


def test_doubtful_values_become_nan_and_say_why():
    frame = some(0, 5, 10, 15, amount=[0.0, -1.0, np.inf, 2e9], value=[1.0, 1.0, 1.0, 0.0])
    checked = vouch(frame, OI, PAGE)
    assert checked.frame["amount"].isna().all()
    assert checked.frame["value"].tolist() == [1.0, 1.0, 1.0, 0.0]
    Q = Quality  # noqa: N806
    assert checked.frame["quality"].tolist() == [Q.ZERO, Q.INVALID, Q.BLANK, Q.INVALID]
    assert checked.found == {"rows": 4, "zeros": 1, "invalid": 2, "blanks": 1}


def test_a_row_without_any_value_is_kept_as_known_to_be_missing():
    checked = vouch(some(0, 5, amount=[1.0, np.nan], value=[1.0, np.nan]), OI, PAGE)
    assert len(checked.frame) == 2


def test_values_that_never_move_are_frozen_from_the_twelfth():
    moving = [1.0, 2.0, *[3.0] * 14, 4.0]
    checked = vouch(some(*range(0, 85, 5), amount=moving), OI, PAGE)
    frozen = np.flatnonzero(checked.frame["quality"] & int(Quality.FROZEN))
    assert frozen.tolist() == [13, 14, 15]
    assert checked.found == {"rows": 17, "frozen": 3}
    missing = some(*range(0, 85, 5), amount=np.nan, value=np.nan)
    assert vouch(missing, OI, PAGE).found["frozen"] == 0
    hourly = replace(OI, step=timedelta(hours=1))
    same_price = some(*range(0, 20 * 60, 60))
    assert vouch(same_price, hourly, PAGE).found["frozen"] == 0


def test_disorder_is_counted_against_the_direction_of_the_page():
    assert vouch(some(10, 5, 0), OI, PAGE).found["disordered"] == 0
    assert vouch(some(0, 10, 5, 15), OI, PAGE).found["disordered"] == 1


def test_events_have_no_grid_and_are_told_apart_by_keys():
    frame = some(1, 1, 1, 0.5).assign(
        votes=[1.0, 2.0, 3.0, 4.0], title=["b", "a", "b", "c"], extra=0
    )
    checked = vouch(frame, NEWS, PAGE)
    assert checked.frame["title"].tolist() == ["c", "a", "b"]
    assert checked.frame["votes"].tolist() == [4.0, 2.0, 3.0]
    assert checked.frame["quality"].tolist() == [0, 0, Quality.CONFLICT]
    assert checked.frame.columns.tolist() == ["date", "votes", "title", "known_at", "quality"]


def test_what_parse_flagged_stays_flagged():
    checked = vouch(some(0, 5, quality=int(Quality.RELABELED)), OI, PAGE)
    assert checked.frame["quality"].tolist() == [Quality.RELABELED] * 2
    assert checked.found == {"rows": 2, "relabeled": 2}


@pytest.mark.parametrize("dataset", [OI, replace(OI, step=None)])
def test_an_empty_page_has_columns_and_types(dataset):
    checked = vouch(some(), dataset, PAGE)
    assert checked.frame.empty
    assert str(checked.frame["date"].dtype) == "datetime64[ms, UTC]"
    assert checked.frame["amount"].dtype == np.float64
    assert checked.found == {}


def test_a_page_of_nothing_but_bad_rows_is_refused_as_a_whole():
    shifted = some(*range(30 * 60, 32 * 60, 5))
    with pytest.raises(BadAnswerError, match=r"a page: none of 24 rows of oi .* 24 lie in the fut"):
        vouch(shifted, OI, PAGE)
    old = some(0).assign(date=pd.Timestamp("1970-01-20", tz="UTC"))
    with pytest.raises(BadAnswerError, match="1970-01-20"):
        vouch(old, OI, PAGE)


def test_the_dirty_metrics_file_is_accounted_for():
    """Blank cells, zeros, a gap of three, two doubled labels, an off-grid stamp, disorder."""
    content = recording("binance_vision/constructed_metrics_dirty.csv")
    page = Page(content, "metrics", "BTC/USDT:USDT", NOW)
    amounts = dict.fromkeys(("sum_open_interest", "sum_open_interest_value"), NUMBER)
    table = pd.DataFrame(columns_of(page, {"create_time": STAMP, **amounts}, []))
    frame = table.set_axis(["date", "amount", "value"], axis=1)
    frame["date"] = frame["date"].dt.tz_localize("UTC")
    dataset = replace(OI, values={**OI.values, "value": Bounds(0.0, zero_is_missing=True)})
    checked = vouch(frame.assign(known_at=frame["date"] + STEP), dataset, page)
    assert checked.found["rows"] == 59
    assert checked.found["duplicates"] == 1
    assert checked.found["conflicts"] == 1


def at_seconds(*seconds: float) -> pd.DataFrame:
    """Return rows so many seconds after START."""
    date = pd.Series([START + timedelta(seconds=it) for it in seconds]).dt.as_unit("ms")
    frame = pd.DataFrame({"date": date, "amount": 5.0, "value": 7.0})
    return frame.assign(known_at=frame["date"] + STEP)


def test_a_label_moved_beyond_the_answer_lies_in_the_future():
    """Such a row would be younger than the answer that brought it."""
    page = replace(PAGE, fetched_at=START + timedelta(seconds=580))
    checked = vouch(at_seconds(300, 575), OI, page)
    assert checked.frame["date"].tolist() == [START + STEP]
    assert checked.found["future"] == 1


@pytest.mark.parametrize(("beside", "kept"), [(15, 2), (-15, 2), (16, 1), (-16, 1)])
def test_on_a_fine_grid_the_tolerance_is_a_quarter_of_the_step(beside, kept):
    fine = replace(OI, step=timedelta(minutes=1))
    assert len(vouch(at_seconds(0, 120 + beside), fine, PAGE).frame) == kept
