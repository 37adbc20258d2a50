"""A fault script: read with words for what is wrong, and played without a thread."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.errors import RehearsalError
from rehearsal.faults.script import FaultPlayer, Planned, load_script, read_script

START = datetime(2026, 1, 8, tzinfo=UTC)
OI = {"path": "/futures/data/", "kind": "status", "status": 500}


class Exchange:
    """Remembers the rules that it was given, and counts as told."""

    def __init__(self):
        self.now, self.puts, self.counts = [], 0, {}

    def set(self, *rules):
        self.now, self.puts = [dict(rule) for rule in rules], self.puts + 1
        return self.now

    def rules(self):
        none = {"seen": 0, "applied": 0}
        return [rule | self.counts.get(rule["kind"], none) for rule in self.now]


def minutes(number):
    return START + timedelta(minutes=number)


def test_a_script_reads_as_documented(tmp_path):
    path = tmp_path / "faults.json"
    entries = [
        {"at": "2026-01-08T09:05", "for": "10m", "do": "kill"},
        {"at": "2026-01-08T07:05+01:00", **OI},
    ]
    path.write_text(json.dumps(entries))
    first, second = load_script(path)
    assert first == Planned(datetime(2026, 1, 8, 6, 5, tzinfo=UTC), None, OI)
    assert second.begins == datetime(2026, 1, 8, 9, 5, tzinfo=UTC)
    assert second.ends == datetime(2026, 1, 8, 9, 15, tzinfo=UTC)
    assert second.action == "kill"
    assert not second.rule


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "expected a list"),
        (["x"], r"faults\[0\]"),
        ([{"for": "1m", **OI}], r"faults\[0\].at is None"),
        ([{"at": "2026-01-08", "for": "soon", **OI}], r"faults\[0\].for is 'soon'.*30m"),
        ([{"at": "2026-01-08", "for": "0m", **OI}], r"faults\[0\].for is '0m'"),
        ([{"at": "2026-01-08", **OI}, {"at": "2026-01-08", "kind": "no"}], r"faults\[1\].kind"),
        ([{"at": "2026-01-08", "do": "kill", "path": "/"}], r"faults\[0\].do"),
        ([{"at": "2026-01-08", "do": ""}], r"faults\[0\].do"),
    ],
)
def test_what_is_wrong_is_named(content, words):
    with pytest.raises(RehearsalError, match=words):
        read_script(content)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RehearsalError, match=r"nothing\.json cannot be read"):
        load_script(tmp_path / "nothing.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(RehearsalError, match="is not JSON"):
        load_script(tmp_path / "broken.json")


def test_an_unknown_action_is_refused_before_it_is_due():
    script = [Planned(START, None, action="dance")]
    with pytest.raises(RehearsalError, match="'dance', expected one of: kill"):
        FaultPlayer(script, Exchange(), {"kill": (lambda: None, lambda: None)})


spans = st.tuples(st.integers(0, 50), st.none() | st.integers(1, 20))


@given(st.lists(spans, max_size=8), st.lists(st.integers(0, 80), max_size=20))
def test_at_every_tick_just_what_is_in_force_is_set(planned, ticks):
    """However rarely it is looked at, the exchange does what the script says of that moment."""
    script = [
        Planned(minutes(begin), minutes(begin + span) if span else None, OI | {"symbol": f"S{n}"})
        for n, (begin, span) in enumerate(planned)
    ]
    exchange = Exchange()
    player = FaultPlayer(script, exchange)
    told = 0
    for tick in sorted(ticks):
        told += len(player.tick(minutes(tick)))
        expected = [dict(e.rule) for e in script if e.in_force(minutes(tick))]
        assert exchange.now == expected
        assert [dict(e.rule) for e in player.going_on] == expected
    assert exchange.puts <= told, "rules are replaced when something changes, and only then"


def test_actions_begin_and_end_once():
    did = []
    script = read_script([{"at": "2026-01-08T00:05", "for": "5m", "do": "kill"}])
    actions = {"kill": (lambda: did.append("kill"), lambda: did.append("start"))}
    player = FaultPlayer(script, Exchange(), actions)
    for minute in range(15):
        player.tick(minutes(minute))
    assert did == ["kill", "start"]
    assert player.finished(minutes(15))
    assert player.next_change(START) == minutes(5)


def test_a_rule_that_goes_on_keeps_what_is_left_of_its_count():
    script = [
        Planned(START, minutes(30), OI | {"count": 5, "after": 2}),
        Planned(minutes(10), minutes(20), {"path": "/fapi/", "kind": "html"}),
    ]
    exchange = Exchange()
    player = FaultPlayer(script, exchange)
    player.tick(START)
    exchange.counts["status"] = {"seen": 5, "applied": 3}
    player.tick(minutes(10))
    assert exchange.now[0] == OI | {"count": 2, "after": 0}
    exchange.counts["status"] = {"seen": 2, "applied": 2}
    player.tick(minutes(20))
    assert exchange.now == [OI | {"count": 1, "after": 10**9}], "it is over, and stays so"
