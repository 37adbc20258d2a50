"""The ledger only grows, and a crash in the middle of a line costs nothing but that line."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.ledger import Ledger, Tries, digest_of

entries = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.booleans()), max_size=12
)


def write(ledger, key, period, looks):
    if looks:
        ledger.looked(period, 3)
    else:
        ledger.tried(f"{key}-{period}", key, period, {}, [100.0, ord(key)])


@settings(max_examples=25)
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
    results, every = {key for key, _ in tried}, sum(it[2] for it in notes)
    assert ledger.tries() == Tries(len(tried), len(results), every)
    assert ledger.chain.verify() is None


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


def test_a_ledger_from_before_there_were_hashes_goes_on(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    older = {"at": "2026-01-01T00:00:00+00:00", "what": "tried", "key": "1", "variant": "default"}
    line = json.dumps(older | {"period": "choose", "changes": {}, "result": "0123456789abcdef"})
    ledger.path.write_text(f"{line}\n")
    ledger.tried("1", "default", "choose", {}, [1.0])
    assert ledger.path.read_text() == f"{line}\n"
    ledger.tried("2", "other", "choose", {}, [1.0])
    assert ledger.path.read_text().startswith(f"{line}\n")
    assert ledger.tries("choose") == Tries(2, 2, 0)
    assert ledger.chain.verify() is None
    ledger.path.write_text(ledger.path.read_text().replace("default", "changed"))
    assert ledger.chain.verify() == "line 2 or what stands before it was changed"


def test_numbers_are_alike_where_their_digits_are():
    assert digest_of([1.0, 2.0], decimals=6) == digest_of([1.0, 2.0 + 4e-7], decimals=6)
    assert digest_of([1.0, 2.0], decimals=7) != digest_of([1.0, 2.0 + 4e-7], decimals=7)
    assert digest_of([1.0, 2.0], decimals=6) != digest_of([2.0, 1.0], decimals=6)
    assert digest_of([1.5, -2.0], decimals=2) == "81f0d7d39b026b9a"  # sha256 of 1.50,-2.00
