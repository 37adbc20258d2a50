"""A backfill fetches each hour once, from whoever has it, and goes on where it stopped."""

import contextlib
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.backfill import Backfill, pairs_of, requests
from providers.contract import MARKET, Scope, Span
from providers.errors import (
    BadAnswerError,
    BannedError,
    BlockedError,
    DataMissingError,
    KeyMissingError,
    UnavailableError,
)
from providers.pairs import listed_pairs, perpetuals
from providers.storage.history import History
from providers.storage.lease import LeaseError, lease
from providers.storage.ledger import OVERLAP, Answered, Ledger
from providers.storage.spans import length, union, without
from providers.storage.store import read_frame, restated_path, write_frame
from tests.providers.scripted import (
    DATASET,
    DAY,
    HOUR,
    NOW,
    OTHER,
    PAIR,
    START,
    Clock,
    Scripted,
    entry,
    rows,
    sources,
    true_value,
)

WHOLE = Span(START, NOW)
HOURS = int((NOW - START) / HOUR)


def slow() -> Clock:
    """Return a clock by which some pages take long, so that batches are written between."""
    return Clock(tick=timedelta(seconds=3))


class Stop(BaseException):
    """A signal, at a moment of the test's choosing."""


def at_day(number: int, error: BaseException | bytes):
    """Return a script that is honest but for one day."""

    def act(day):
        if day != START + number * DAY:
            return b"good"
        if isinstance(error, BaseException):
            raise error
        return error

    return act


def run(tmp_path, *providers, pairs=(PAIR,), span=WHOLE, clock=None, **more):
    clock = clock or Clock()
    for provider in providers:
        provider.clock = clock
    backfill = Backfill(tmp_path, sources(clock), **more)
    backfill.run([entry(*providers)], pairs, span)
    return backfill.report


def stored(tmp_path, pair=PAIR) -> pd.DataFrame:
    return History(tmp_path, DATASET, pair).read()


def complete(tmp_path, pair=PAIR) -> bool:
    frame = stored(tmp_path, pair)
    expected = pd.date_range(START, NOW, freq="h", inclusive="left")
    return frame["date"].tolist() == list(expected) and all(
        frame["value"] == [true_value(hour) for hour in expected]
    )


def test_a_backfill_stores_every_row_and_says_so(tmp_path):
    report = run(tmp_path, Scripted(Clock()), pairs=(PAIR, OTHER))
    assert complete(tmp_path)
    assert complete(tmp_path, OTHER)
    assert report.flawless
    outcome = report.outcomes[1]
    assert (outcome.pair, outcome.rows, outcome.appended, outcome.gaps) == (OTHER, HOURS, HOURS, 0)
    assert (outcome.first, outcome.last) == (START, NOW - HOUR)
    assert outcome.found == Counter(rows=HOURS)


def test_what_is_stored_is_not_asked_again_but_for_a_day_of_comparison(tmp_path):
    run(tmp_path, Scripted(Clock(NOW - 20 * DAY)), span=Span(START, NOW - 20 * DAY))
    again = Scripted(Clock())
    report = run(tmp_path, again)
    assert [span for _, span in again.asked] == [Span(NOW - 21 * DAY, NOW)]
    assert complete(tmp_path)
    assert report.outcomes[0].appended == 20 * 24


def test_an_earlier_start_asks_for_what_is_before(tmp_path):
    run(tmp_path, Scripted(Clock()), span=Span(START + 10 * DAY, START + 20 * DAY))
    again = Scripted(Clock())
    run(tmp_path, again, span=Span(START, START + 20 * DAY))
    assert [span for _, span in again.asked] == [Span(START, START + 10 * DAY)]


def test_a_second_run_over_the_same_time_changes_no_byte(tmp_path):
    until = Span(START, NOW - 15 * DAY)
    run(tmp_path, Scripted(Clock()), span=until)
    path = History(tmp_path, DATASET, PAIR).path
    before = path.read_bytes()
    again = Scripted(Clock())
    report = run(tmp_path, again, span=until)
    assert again.asked == []
    assert path.read_bytes() == before
    assert report.flawless


@settings(max_examples=10)
@given(st.data())
def test_a_backfill_that_is_stopped_anywhere_any_number_of_times_ends_complete(
    tmp_path_factory, data
):
    folder = tmp_path_factory.mktemp("data")
    days = data.draw(st.lists(st.integers(0, 58), max_size=3))
    for number in days:
        kind = data.draw(st.sampled_from([Stop(), UnavailableError("no answer")]))
        with contextlib.suppress(Stop):
            run(folder, Scripted(Clock(), act=at_day(number, kind)), clock=slow())
        frame = stored(folder)
        assert (frame["value"] == frame["date"].map(true_value)).all()
    last = Scripted(Clock())
    assert run(folder, last).flawless
    assert complete(folder)


def test_an_interruption_keeps_what_had_come_and_the_next_run_goes_on(tmp_path):
    with pytest.raises(Stop):
        run(tmp_path, Scripted(Clock(), act=at_day(30, Stop())))
    assert len(stored(tmp_path)) == 30 * 24
    again = Scripted(Clock())
    run(tmp_path, again)
    assert again.asked[0][1].start == START + 30 * DAY - OVERLAP
    assert complete(tmp_path)


def test_a_ledger_lost_or_torn_costs_time_and_no_data(tmp_path):
    run(tmp_path, Scripted(Clock()))
    path = History(tmp_path, DATASET, PAIR).path.with_suffix(".ledger.json")
    path.write_text(path.read_text()[:50])
    again = Scripted(Clock())
    run(tmp_path, again)
    assert [span for _, span in again.asked] == [WHOLE]
    assert complete(tmp_path)


def test_a_file_that_lost_rows_is_fetched_anew_whatever_the_ledger_says(tmp_path):
    run(tmp_path, Scripted(Clock()))
    history = History(tmp_path, DATASET, PAIR)
    write_frame(history.read().iloc[:100], history.path, checksum=True)
    run(tmp_path, Scripted(Clock()))
    assert complete(tmp_path)
    history.path.unlink()
    run(tmp_path, Scripted(Clock()))
    assert complete(tmp_path)


def test_a_corrupt_file_is_told_set_aside_and_rebuilt(tmp_path):
    run(tmp_path, Scripted(Clock()))
    path = History(tmp_path, DATASET, PAIR).path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    questions = Backfill(tmp_path, sources(Clock())).plan([entry(Scripted(Clock()))], [PAIR], WHOLE)
    assert [question.spans for question in questions] == [[WHOLE]]  # planning sets nothing aside
    report = run(tmp_path, Scripted(Clock()))
    assert "differs from its checksum; it was kept as" in report.outcomes[0].problems[0]
    assert path.with_name(f"{path.name}.corrupt-1").read_bytes() == content
    assert complete(tmp_path)


def test_a_damaged_day_is_told_left_out_and_asked_again_later(tmp_path):
    report = run(tmp_path, Scripted(Clock(), act=at_day(10, b"bad")))
    outcome = report.outcomes[0]
    assert outcome.problems == [f"honest {PAIR} 2026-01-11 is damaged"]
    assert (outcome.rows, outcome.gaps) == (HOURS - 24, 24)
    again = Scripted(Clock())
    assert run(tmp_path, again).flawless
    assert complete(tmp_path)
    assert again.asked[0][1] == Span(START + 9 * DAY, START + 11 * DAY)


def test_the_next_source_has_what_the_first_could_not_give(tmp_path):
    first = Scripted(Clock(), "rest", act=at_day(40, UnavailableError("rest is silent")))
    second = Scripted(Clock(), "archive", end=NOW - DAY)
    report = run(tmp_path, first, second)
    assert report.outcomes[0].problems == ["rest stopped answering: rest is silent"]
    assert second.asked == [(PAIR, Span(START + 39 * DAY, NOW - DAY))]
    assert stored(tmp_path)["date"].tolist() == list(
        pd.date_range(START, NOW - DAY, freq="h", inclusive="left")
    )


def test_sources_complement_each_other_like_recent_days_and_an_archive(tmp_path):
    recent = Scripted(Clock(), "rest", first=NOW - 10 * DAY)
    archive = Scripted(Clock(), "archive", end=NOW - DAY)
    assert run(tmp_path, recent, archive).flawless
    assert complete(tmp_path)
    assert archive.asked == [(PAIR, Span(START, NOW - 10 * DAY))]


def test_the_second_source_is_asked_for_the_holes_of_the_first(tmp_path):
    holes = Scripted(Clock(), "rest", act=at_day(20, None))
    archive = Scripted(Clock(), "archive")
    assert run(tmp_path, holes, archive).flawless
    assert complete(tmp_path)
    assert [span for _, span in archive.asked] == [Span(START + 19 * DAY, START + 21 * DAY)]


def test_a_source_that_refuses_this_location_is_asked_once_in_the_whole_run(tmp_path):
    blocked = Scripted(Clock(), "rest", act=at_day(0, BlockedError("rest answers 451")))
    archive = Scripted(Clock(), "archive")
    report = run(tmp_path, blocked, archive, pairs=(PAIR, OTHER))
    assert len(blocked.asked) == 1
    assert report.problems == ["rest is not asked any more: rest answers 451"]
    assert complete(tmp_path)
    assert complete(tmp_path, OTHER)
    assert not report.flawless


@pytest.mark.parametrize(
    "error", [BannedError("banned", NOW + DAY), KeyMissingError("VENDOR_KEY is not set")]
)
def test_bans_and_missing_keys_end_a_source_likewise(tmp_path, error):
    refused = Scripted(Clock(), act=at_day(0, error))
    report = run(tmp_path, refused, pairs=(PAIR, OTHER))
    assert len(refused.asked) == 1
    assert report.problems == [f"honest is not asked any more: {error}"]


def test_a_silent_source_is_given_up_after_three_pairs(tmp_path):
    silent = Scripted(Clock(), act=at_day(0, UnavailableError("no answer in time")))
    pairs = [f"C{number}/USDT:USDT" for number in range(5)]
    report = run(tmp_path, silent, pairs=pairs)
    assert len(silent.asked) == 3
    assert len(report.problems) == 1


def test_silences_that_are_not_in_a_row_are_forgiven(tmp_path):
    shaky = Scripted(Clock())
    pages, turns = shaky.pages, []

    def now_and_then(pair, span):
        turns.append(pair)
        if len(turns) % 3:
            raise UnavailableError("no answer in time")
        return pages(pair, span)

    shaky.pages = now_and_then
    pairs = [f"C{number}/USDT:USDT" for number in range(6)]
    report = run(tmp_path, shaky, pairs=pairs)
    assert turns == pairs
    assert not report.problems


def test_a_provider_that_needs_a_key_is_skipped_with_what_it_needs(tmp_path):
    def lacking(_):
        raise KeyMissingError("VENDOR_KEY is not set; get one at vendor.example")

    keyed = replace(entry(), providers=lacking)
    backfill = Backfill(tmp_path, sources(Clock()))
    report = backfill.run(
        [keyed, entry(Scripted(Clock()), dataset=replace(DATASET, name="other"))], [PAIR], WHOLE
    )
    assert report.problems == ["hourly: VENDOR_KEY is not set; get one at vendor.example"]
    assert report.outcomes[0].rows == HOURS


def test_shifted_stamps_are_refused_and_the_stored_rows_stay(tmp_path):
    run(tmp_path, Scripted(Clock()), span=Span(START, NOW - 15 * DAY))
    before = stored(tmp_path)
    shifted = Scripted(Clock(), value=lambda hour: true_value(hour - 6 * HOUR))
    report = run(tmp_path, shifted)
    problem = report.outcomes[0].problems[0]
    assert problem.startswith(
        "honest is not believed any further: hourly disagrees with stored history at 24 of 24"
    )
    pd.testing.assert_frame_equal(stored(tmp_path), before)  # nor are the days that follow


def test_another_source_takes_over_from_one_that_is_not_believed(tmp_path):
    run(tmp_path, Scripted(Clock()), span=Span(START, NOW - 15 * DAY))
    shifted = Scripted(Clock(), "rest", value=lambda hour: true_value(hour - 6 * HOUR))
    report = run(tmp_path, shifted, Scripted(Clock(), "archive"))
    assert len(report.outcomes[0].problems) == 1
    assert complete(tmp_path)


def test_a_single_restated_row_is_kept_beside_and_counted(tmp_path):
    run(tmp_path, Scripted(Clock()), span=Span(START, NOW - 15 * DAY))
    odd = NOW - 15 * DAY - 3 * HOUR

    def value(hour):
        return -1.0 if hour == odd else true_value(hour)

    report = run(tmp_path, Scripted(Clock(), value=value))
    assert report.outcomes[0].restated == 1
    assert complete(tmp_path)
    beside = read_frame(restated_path(History(tmp_path, DATASET, PAIR).path))
    assert beside[["date", "value"]].to_numpy().tolist() == [[odd, -1.0]]


def test_pages_of_one_run_that_contradict_each_other_are_kept_both(tmp_path):
    class Twice(Scripted):
        def parse(self, page):
            frame = super().parse(page)
            frame.loc[frame.index[-1] + 1] = frame.iloc[-1]  # the first label of the next page
            frame.loc[frame.index[-1], "date"] += HOUR
            return frame.astype({"date": "datetime64[ms, UTC]", "quality": "uint8"})

    report = run(tmp_path, Twice(Clock(), end=START + 3 * DAY), span=Span(START, START + 3 * DAY))
    frame = stored(tmp_path)
    assert frame["date"].is_unique
    assert len(frame) == 3 * 24 + 1
    assert report.outcomes[0].restated == 2


def test_batches_are_written_as_they_come(tmp_path):
    seen = []

    def act(day):
        seen.append(len(stored(tmp_path)))
        return b"good"

    run(tmp_path, Scripted(Clock(), act=act), clock=Clock(tick=timedelta(seconds=5)))
    # a look at the clock per page: 20 s are over after a few pages, long before the end
    assert max(np.diff(seen)) <= 4 * 24
    assert seen[-1] >= HOURS - 5 * 24


def test_a_ledger_never_promises_more_than_is_stored(tmp_path):
    history = History(tmp_path, DATASET, PAIR)

    def act(day):
        rows_now = len(history.read())
        ledger = Ledger.of(history, rows_now)
        promised = length(union(s for spans in ledger.answered.values() for s in spans))
        assert promised <= rows_now * HOUR
        return b"good"

    run(tmp_path, Scripted(Clock(), act=act), clock=Clock(tick=timedelta(seconds=9)))


def test_nothing_came_is_a_problem_and_not_an_empty_success(tmp_path):
    report = run(tmp_path, Scripted(Clock(), act=lambda _: None))
    assert report.outcomes[0].problems == [
        f"no row of hourly came for {PAIR}; was it listed by {NOW}?"
    ]


def test_an_empty_past_is_not_asked_again_but_the_last_days_are(tmp_path):
    run(tmp_path, Scripted(Clock(), act=lambda day: b"good" if day >= NOW - 30 * DAY else None))
    again = Scripted(Clock())
    run(tmp_path, again)
    assert [span for _, span in again.asked] == []
    late = Scripted(Clock(), "late", act=lambda day: b"good" if day < NOW - 5 * DAY else None)
    run(tmp_path / "late", late)
    again = Scripted(Clock(), "late")
    run(tmp_path / "late", again)
    assert [span for _, span in again.asked] == [Span(NOW - 6 * DAY, NOW)]


def test_what_follows_is_called_after_each_outcome(tmp_path):
    told = []
    run(tmp_path, Scripted(Clock()), pairs=(PAIR, OTHER), then=lambda it: told.append(it.pair))
    assert told == [PAIR, OTHER]


def test_progress_adds_up_to_what_was_announced(tmp_path):
    class Told:
        total = done = timedelta(0)
        rows = 0

        def __init__(self):
            self.names = []

        def begin(self, name, total):
            self.names.append(name)
            self.total += total

        def advance(self, done, rows):
            self.done += done
            self.rows += rows

        def finish(self, outcome):
            self.names.append(f"{outcome.rows}")

    told = Told()
    run(tmp_path, Scripted(Clock()), progress=told)
    assert told.names == [f"hourly {PAIR}", f"{HOURS}"]
    assert (told.total, told.done, told.rows) == (NOW - START, NOW - START, HOURS)


def test_another_writer_refuses_the_run_before_anything_is_asked(tmp_path):
    provider = Scripted(Clock())
    with lease(tmp_path, "hourly"), pytest.raises(LeaseError):
        run(tmp_path, provider)
    assert provider.asked == []


def test_planning_asks_nothing_and_writes_nothing(tmp_path):
    recent = Scripted(Clock(), "rest", first=NOW - 10 * DAY)
    archive = Scripted(Clock(), "archive", end=NOW - DAY)
    backfill = Backfill(tmp_path, sources(Clock()))
    questions = list(backfill.plan([entry(recent, archive)], [PAIR], WHOLE))
    assert [(it.source, it.length, it.requests) for it in questions] == [
        ("rest", 10 * DAY, 1),
        ("archive", 49 * DAY, 49),
    ]
    assert list(tmp_path.iterdir()) == []
    assert recent.asked == []


def test_a_provider_may_say_how_many_requests_it_takes():
    class Says(Scripted):
        def requests(self, span):
            return 7

    assert requests(Says(Clock()), WHOLE) == 7


def test_market_data_is_fetched_once():
    assert pairs_of(replace(DATASET, scope=Scope.MARKET), [PAIR, OTHER]) == [MARKET]


spans = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 10)).map(
        lambda it: Span(START + it[0] * HOUR, START + (it[0] + it[1]) * HOUR)
    ),
    max_size=6,
)


def hours_in(parts) -> list[int]:
    return sorted(
        hour for part in parts for hour in range(100)
        if part.start <= START + hour * HOUR < part.end
    )  # fmt: skip


@given(spans, spans)
def test_spans_subtract_and_unite_like_sets_of_hours(some, others):
    assert hours_in(union(some)) == sorted(set(hours_in(some)))
    assert hours_in(without(some, others)) == sorted(set(hours_in(some)) - set(hours_in(others)))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=8))
def test_what_is_answered_never_holds_an_hour_of_a_bad_page(pages):
    answered, hour, bad = Answered(WHOLE, HOUR), 0, set()
    for good, size in pages:
        hours = range(hour, hour + size + 1)
        if good:
            answered.good(START + hours[0] * HOUR, START + hours[-1] * HOUR)
        else:
            answered.bad()
            bad |= set(hours)
        hour += size + 1
    found = set(hours_in(answered.spans()))
    assert not found & bad
    assert found | bad == set(range(hour))


def test_pairs_come_from_a_static_list_only():
    static = {"pairlists": [{"method": "StaticPairList"}]}
    listed = {"exchange": {"pair_whitelist": [PAIR, OTHER, PAIR]}}
    assert listed_pairs(static | listed) == (PAIR, OTHER)
    with pytest.raises(DataMissingError, match="from VolumePairList, which asks the live market"):
        listed_pairs({"pairlists": [{"method": "VolumePairList"}]} | listed)
    with pytest.raises(DataMissingError, match=r"has '\.\*/USDT:USDT', which stands for"):
        listed_pairs(static | {"exchange": {"pair_whitelist": [".*/USDT:USDT"]}})
    with pytest.raises(DataMissingError, match=r"no exchange\.pair_whitelist"):
        listed_pairs(static)
    with pytest.raises(ValueError, match="'BTC/USDT', expected a linear perpetual"):
        perpetuals(["BTC/USDT"])


def test_an_answer_that_makes_no_sense_ends_the_question_not_the_run(tmp_path):
    broken = Scripted(Clock(), "rest", act=at_day(5, BadAnswerError("a page goes back in time")))
    report = run(tmp_path, broken, Scripted(Clock(), "archive"))
    assert report.outcomes[0].problems == [
        "rest is not believed any further: a page goes back in time"
    ]
    assert complete(tmp_path)


def test_a_stored_file_of_another_shape_is_a_problem_of_that_series_only(tmp_path):
    history = History(tmp_path, DATASET, PAIR)
    write_frame(rows([0], [1]).drop(columns="known_at"), history.path, checksum=True)
    with pytest.raises(Exception, match="has no column known_at"):
        history.read()
    report = run(tmp_path, Scripted(Clock()), pairs=(PAIR, OTHER))
    assert len(report.problems) == 1
    assert complete(tmp_path, OTHER)
