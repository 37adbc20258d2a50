"""The ledger only grows, and a crash in the middle of a line costs nothing but that line."""

import json

from hypothesis import given
from hypothesis import strategies as st

from experiments.ledger import Ledger, Tries

entries = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.booleans()), max_size=12
)


def write(ledger, key, period, looks):
    if looks:
        ledger.looked(period, 3)
    else:
        ledger.tried(f"{key}-{period}", key, period, {}, [100.0, ord(key)])


@given(entries)
def test_lines_are_only_added(tmp_path_factory, notes):
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "ledger.jsonl")
    before = b""
    for note in notes:
        write(ledger, *note)
        after = ledger.path.read_bytes()
        assert after.startswith(before)
        before = after
    tried = {(key, period) for key, period, looks in notes if not looks}
    for period in "xy":
        expected = sum(it[1] == period for it in tried)
        looks = sum(it[1] == period and it[2] for it in notes)
        assert ledger.tries(period) == Tries(expected, expected, looks)


def test_missing_file_holds_nothing(tmp_path):
    ledger = Ledger(tmp_path / "deep" / "ledger.jsonl")
    assert ledger.tries("choose") == Tries(0, 0, 0)
    ledger.looked("check", 2)
    assert ledger.tries("check").looks == 1


def test_equal_results_are_one_result(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.tried("1", "default", "choose", {}, [100.0, 101.0])
    ledger.tried("2", "squeeze.enabled", "choose", {"squeeze": {"enabled": False}}, [100.0, 101.0])
    ledger.tried("3", "adaptive.enabled", "choose", {}, [100.0, 102.0])
    assert ledger.tries("choose") == Tries(3, 2, 0)
    line = json.loads(ledger.path.read_text().splitlines()[1])
    assert line["changes"] == {"squeeze": {"enabled": False}}
    assert line["at"].endswith("+00:00")


def test_a_torn_line_counts_and_does_not_swallow_the_next(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.tried("1", "default", "choose", {}, [1.0])
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + whole[:40])
    ledger.tried("2", "other", "choose", {}, [2.0])
    assert len(ledger.path.read_text().splitlines()) == 3
    assert ledger.tries("choose") == Tries(3, 3, 0)
