"""The last answers of what is asked anew each time: the latest version, and nothing old."""

from datetime import timedelta

import pandas as pd

from providers.contract import Bounds, Dataset
from providers.live.snapshots import Snapshots
from tests.providers.scripted import OTHER, PAIR, START

EVENTS = Dataset(
    name="events",
    values={"value": Bounds()},
    step=None,
    max_age=timedelta(hours=1),
    summary="things that happen",
    texts=("url",),
    keys=("url",),
)
HOUR = timedelta(hours=1)


def rows(*events: tuple[float, str, float], known=None) -> pd.DataFrame:
    """Rows from (hours after START, what, value)."""
    dates = pd.Series(pd.DatetimeIndex([START + hour * HOUR for hour, _, _ in events])).dt.as_unit(
        "ms"
    )
    urls, values = ([row[at] for row in events] for at in (1, 2))
    known = dates if known is None else known
    return pd.DataFrame({"date": dates, "value": values, "url": urls}).assign(
        known_at=known, quality=0
    )


def held(snapshots, pair=PAIR):
    frame = snapshots.rows("events", pair)
    return None if frame is None else list(zip(frame["url"], frame["value"], strict=True))


def test_a_later_version_takes_the_place_of_an_earlier_one():
    snapshots = Snapshots({"events": 24 * HOUR})
    assert held(snapshots) is None
    snapshots.accept(EVENTS, PAIR, rows((1, "a", 0.0), (2, "b", 1.0)), START + 2 * HOUR)
    snapshots.accept(EVENTS, PAIR, rows((1, "a", 9.0), (3, "c", 1.0)), START + 3 * HOUR)
    assert held(snapshots) == [("a", 9.0), ("b", 1.0), ("c", 1.0)]
    assert snapshots.rows("events", PAIR)["date"].is_monotonic_increasing


def test_many_changed_values_are_news_and_no_contradiction():
    snapshots = Snapshots({"events": 24 * HOUR})
    for version in range(3):
        changed = rows(*[(hour, f"{hour}", float(version)) for hour in range(20)])
        snapshots.accept(EVENTS, PAIR, changed, START + 20 * HOUR)
    assert {value for _, value in held(snapshots)} == {2.0}


def test_what_is_too_old_leaves_and_what_is_dated_ahead_is_not_taken():
    snapshots = Snapshots({"events": 2 * HOUR})
    snapshots.accept(EVENTS, PAIR, rows((0, "a", 1.0), (1, "b", 1.0)), START + HOUR)
    snapshots.accept(EVENTS, PAIR, rows((3, "c", 1.0), (9, "d", 1.0)), START + 3 * HOUR)
    assert held(snapshots) == [("b", 1.0), ("c", 1.0)]
    snapshots.accept(EVENTS, PAIR, rows((99, "e", 1.0)), START + 3 * HOUR)
    assert held(snapshots) == [("b", 1.0), ("c", 1.0)]


def test_memory_does_not_grow_with_time():
    snapshots = Snapshots({"events": HOUR})
    for hour in range(50):
        snapshots.accept(EVENTS, PAIR, rows((hour, f"{hour}", 1.0)), START + hour * HOUR)
        assert len(held(snapshots)) <= 2


def test_a_frame_that_was_handed_out_never_changes():
    snapshots = Snapshots({"events": HOUR})
    snapshots.accept(EVENTS, PAIR, rows((0, "a", 1.0)), START)
    first = snapshots.rows("events", PAIR)
    assert snapshots.rows("events", PAIR) is first, "readers tell by it that nothing is new"
    copy = first.copy()
    snapshots.accept(EVENTS, PAIR, rows((0, "a", 5.0)), START)
    pd.testing.assert_frame_equal(first, copy)
    assert snapshots.rows("events", PAIR) is not first


def test_each_asking_starts_anew_and_pairs_are_forgotten():
    snapshots = Snapshots({"events": HOUR})
    for pair in (PAIR, OTHER):
        snapshots.accept(EVENTS, pair, rows((0, "a", 1.0)), START)
    assert snapshots.newest(EVENTS, PAIR) is None
    snapshots.retain({("events", OTHER)})
    assert held(snapshots) is None
    assert held(snapshots, OTHER) == [("a", 1.0)]
