"""Whatever happens to a line is found, and a writer that is killed costs its own line at most."""

import json
import os
import re
import resource
import signal
import string
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.chain import Chain, Content

OLDER = b'{"at": "2026-01-01T00:00:00+00:00", "what": "looked"}\n'
TEXT = st.text(string.printable + "é\u2028", max_size=8)
ENTRY = st.fixed_dictionaries({"what": TEXT}, optional={"a": st.integers(), "b": TEXT})


def chained(path, *sizes, older=0):
    """Return a chain of as many appends as `sizes`, behind lines from before there were chains."""
    path.write_bytes(OLDER * older)
    chain = Chain(path)
    key = iter(range(1000))
    for size in sizes:
        chain.append([{"what": "tried", "key": next(key)} for _ in range(size)])
    return chain


def content_of(raw):
    lines = raw.split(b"\n")
    closed = not lines[-1]
    return Content(tuple(lines[:-1] if closed else lines), closed)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the bytes of a chain of five lines behind two older ones."""
    path = tmp_path_factory.mktemp("chain") / "ledger.jsonl"
    return chained(path, 1, 3, 1, older=2).path.read_bytes()


def by_hand(path, number):
    """Return what the command in the documentation says of a line."""
    command = f"""head -n {number} {path} | sed '$s/, "sha256": "[0-9a-f]*"}}$//' | sha256sum"""
    shown = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    return shown.stdout.split()[0]


@settings(max_examples=20)
@given(st.lists(st.lists(ENTRY, max_size=3), max_size=5))
def test_what_is_appended_is_read_and_stays(tmp_path_factory, appends):
    chain = Chain(tmp_path_factory.mktemp("chain") / "ledger.jsonl")
    before, expected, heads = b"", [], [chain.head]
    for entries in appends:
        chain.append(entries)
        expected += entries
        heads.append(chain.head)
        after = chain.path.read_bytes() if chain.path.exists() else b""
        assert after.startswith(before)
        before = after
    added = {"n", "at", "sha256"}
    found = chain.entries()
    assert [{key: it[key] for key in it.keys() - added} for it in found] == expected
    assert [it["n"] for it in found] == list(range(1, len(expected) + 1))
    assert all(it["at"].endswith("+00:00") for it in found)
    assert chain.verify(*heads) is None


def test_a_missing_file_is_an_empty_chain(tmp_path):
    chain = Chain(tmp_path / "deep" / "ledger.jsonl")
    assert (chain.entries(), chain.head, chain.verify()) == ([], "", None)
    chain.append([])
    assert not chain.path.exists()
    chain.append([{"what": "tried"}])
    assert chain.verify("") is None


def test_nothing_at_all_and_nothing_noted_agree(tmp_path):
    assert Chain(tmp_path / "ledger.jsonl").verify("") is None
    found = Chain(tmp_path / "ledger.jsonl").verify("", "ab" * 32)
    assert found.startswith(f"no line has the hash {'ab' * 32}")


def test_hashes_can_be_checked_by_hand(tmp_path):
    chain = chained(tmp_path / "ledger.jsonl", 2, 1, older=2)
    for entry in chain.entries()[2:]:
        assert by_hand(chain.path, entry["n"]) == entry["sha256"]
    assert chain.head == chain.entries()[-1]["sha256"]


@given(st.data())
def test_any_other_byte_is_found(written, data):
    place = data.draw(st.integers(0, len(written) - 2))  # the last is a line break
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != written[place]))
    changed = written[:place] + bytes([other]) + written[place + 1 :]
    assert content_of(changed).verify() is not None


def test_any_other_bit_of_a_single_line_is_found(tmp_path):
    raw = chained(tmp_path / "ledger.jsonl", 1).path.read_bytes()
    for place in range(len(raw) - 1):
        for bit in range(8):
            changed = raw[:place] + bytes([raw[place] ^ (1 << bit)]) + raw[place + 1 :]
            assert content_of(changed).verify() is not None, (place, bit)


@given(st.data())
def test_lines_that_are_removed_repeated_or_moved_are_found(written, data):
    lines = written.splitlines(keepends=True)
    order = data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=8))
    content = content_of(b"".join(lines[it] for it in order))
    if order == list(range(len(order))):  # only the end is gone
        assert content.verify() is None
        whole = content_of(written)
        gone = len(order) < len(lines)
        assert (content.verify(whole.head) is None) is not gone
    elif max(order) > 1:  # the older lines are not chained to each other
        assert content.verify() is not None


def test_damage_is_named_by_its_line(written):
    lines = written.splitlines(keepends=True)

    def found(*changed):
        return content_of(b"".join(changed)).verify()

    third = lines[2].replace(b'"key": 0', b'"key": 7')
    assert found(*lines[:2], third, *lines[3:]).startswith("line 3 or what stands before it")
    assert found(*lines[:4], *lines[5:]).startswith("line 5 was written as line 6: lines before")
    assert found(*lines[:5], lines[4], *lines[5:]).startswith("line 6 was written as line 5")
    assert found(*lines[:5], OLDER, *lines[5:]).startswith("line 6 carries no hash")
    assert found(*lines, OLDER).startswith("line 8 carries no hash")
    assert found(OLDER, *lines).startswith("line 4 was written as line 3")
    assert found(lines[0].replace(b"01", b"02"), *lines[1:]).startswith("line 3 or what stands")


def test_the_missing_end_is_found_by_a_noted_head(tmp_path):
    chain = chained(tmp_path / "ledger.jsonl", 2)
    earlier = chain.head
    chain.append([{"what": "tried"}])
    later = chain.head
    assert chain.verify(earlier, later) is None
    lines = chain.path.read_bytes().splitlines(keepends=True)
    chain.path.write_bytes(b"".join(lines[:2]))
    assert chain.verify(earlier) is None
    assert chain.verify(earlier, later).startswith(f"no line has the hash {later}")
    chain.append([{"what": "other"}])  # another third line is not the one that was noted
    assert chain.verify() is None
    assert chain.verify(later).startswith(f"no line has the hash {later}")


def test_lines_from_before_are_covered_by_the_first_hash(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(OLDER * 2 + b'{"what": "tr\n\n' + OLDER)  # an older program closed a torn line
    chain = Chain(path)
    assert (chain.verify(), chain.head) == (None, "")
    chain.append([{"what": "tried"}])
    assert chain.verify() is None
    assert [it.get("what") for it in chain.entries()] == [
        "looked",
        "looked",
        None,
        "looked",
        "tried",
    ]
    raw = path.read_bytes()
    for changed in (raw.replace(b"looked", b"liked!", 1), raw[len(OLDER) :], OLDER + raw):
        assert content_of(changed).verify() is not None


def test_a_torn_line_costs_itself_only(tmp_path):
    chain = chained(tmp_path / "ledger.jsonl", 1, older=1)
    whole = chain.path.read_bytes()
    chain.append([{"what": "cut"}])
    cut = chain.path.read_bytes()[:-1]
    for length in (*range(len(whole), len(cut), 9), len(cut) - 1, len(cut)):
        chain.path.write_bytes(cut[:length])
        lost = len(whole) < length < len(cut)
        assert chain.verify() is None
        assert chain.head == content_of(cut if length == len(cut) else whole).head
        chain.append([{"what": "next"}])
        assert chain.verify() is None
        between = {len(whole): [], len(cut): ["cut"]}.get(length, [None])
        found = [it.get("what") for it in chain.entries()]
        assert found == ["looked", "tried", *between, "next"]
        lines = chain.path.read_bytes().splitlines()
        assert [line.endswith(b"<torn>") for line in lines].count(True) == lost
    assert by_hand(chain.path, len(lines)) == chain.head


def test_a_hash_covers_the_torn_line_before_it(tmp_path):
    chain = chained(tmp_path / "ledger.jsonl", 2)
    chain.path.write_bytes(chain.path.read_bytes()[:-30])
    chain.append([{"what": "next"}])
    raw = chain.path.read_bytes()
    assert by_hand(chain.path, 3) == chain.head
    assert content_of(raw.replace(b"tried", b"fried")).verify() is not None
    torn = raw.splitlines()[1]
    changed = raw.replace(torn, torn.replace(b"tried", b"fried"))
    assert content_of(changed).verify().startswith("line 3 or what stands before it")


def test_an_older_line_that_only_lacks_its_break_is_not_torn(tmp_path):
    chain = Chain(tmp_path / "ledger.jsonl")
    chain.path.write_bytes(OLDER.rstrip(b"\n"))
    chain.append([{"what": "next"}])
    assert [it["what"] for it in chain.entries()] == ["looked", "next"]
    assert chain.verify() is None


@pytest.mark.parametrize("size", [1, 2])
def test_going_on_does_not_heal_a_damage(tmp_path, size):
    chain = chained(tmp_path / "ledger.jsonl", size)
    raw = chain.path.read_bytes()
    chain.path.write_bytes(raw[:-4] + b"g" + raw[-3:])  # no digit of a hash
    damage = chain.verify()
    assert damage.startswith(f"line {size} carries no hash")
    chain.append([{"what": "tried"}])
    assert chain.verify() == damage
    assert len(chain.entries()) == size + 1


def test_once_leaves_out_what_is_there(tmp_path):
    chain = Chain(tmp_path / "ledger.jsonl")
    chain.append([{"what": "looked"}])
    chain.append([{"key": "a"}, {"key": "b"}, {"key": "a"}], once="key")
    chain.append([{"key": "b"}, {"key": "c"}], once="key")
    assert [it.get("key") for it in chain.entries()] == [None, "a", "b", "c"]
    before = chain.path.read_bytes()
    chain.append([{"key": "c"}], once="key")
    assert chain.path.read_bytes() == before


@pytest.mark.parametrize("taken", ["at", "n", "sha256"])
def test_added_fields_are_not_given(tmp_path, taken):
    chain = chained(tmp_path / "ledger.jsonl", 1)
    before = chain.path.read_bytes()
    with pytest.raises(ValueError, match=f"field '{taken}'"):
        chain.append([{"what": "tried"}, {taken: 1}])
    assert chain.path.read_bytes() == before


def test_numbers_are_those_of_json(tmp_path):
    chain = chained(tmp_path / "ledger.jsonl", 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        chain.append([{"loss": float("nan")}])
    assert len(chain.entries()) == 1


WRITER = """
import sys
from pathlib import Path
from experiments.chain import Chain

chain, name, most = Chain(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
for number in range(most):
    entries = [{"key": f"{name}-{number}-{it}", "text": "x" * 2000} for it in range(20)]
    chain.append(entries + [{"key": f"both-{number}"}], once="key")
    print(number, flush=True)
"""


def writer(path, name, most):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(most)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_writer_takes_nothing_with_it(tmp_path):
    chain = Chain(tmp_path / "ledger.jsonl")
    for life in range(3):
        with writer(chain.path, f"life-{life}", 100_000) as process:
            done = [process.stdout.readline() for _ in range(5 + life)]
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert chain.verify() is None
        keys = {it.get("key") for it in chain.entries()}
        assert {f"life-{life}-{number}-19" for number in range(len(done))} <= keys
    chain.append([{"key": "after"}])
    assert chain.verify() is None
    assert chain.entries()[-1]["key"] == "after"


def test_two_writers_at_once_lose_and_repeat_nothing(tmp_path):
    chain = Chain(tmp_path / "ledger.jsonl")
    with writer(chain.path, "one", 12) as one, writer(chain.path, "two", 12) as two:
        assert one.wait() == two.wait() == 0
    assert chain.verify() is None
    keys = [it["key"] for it in chain.entries()]
    alone = {
        f"{name}-{number}-{it}"
        for name in ("one", "two")
        for number in range(12)
        for it in range(20)
    }
    assert sorted(keys) == sorted(alone | {f"both-{number}" for number in range(12)})


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path):
    chain = chained(tmp_path / "ledger.jsonl", 1)
    before = chain.path.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 50, limit[1]))
    try:
        with pytest.raises(OSError, match=re.escape(str(chain.path))):
            chain.append([{"text": "x" * 200}])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert chain.path.read_bytes() == before
    chain.append([{"what": "tried"}])
    assert chain.verify() is None


def test_lines_reach_the_disk_together(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    chain = chained(tmp_path / "ledger.jsonl", 3, 2)
    assert len(synced) == 2
    assert synced[1] == chain.path.stat().st_size
    sizes = [len(line) for line in chain.path.read_bytes().splitlines(keepends=True)]
    assert synced[0] == sum(sizes[:3])


def test_every_line_is_one_json_object(tmp_path):
    chain = chained(tmp_path / "ledger.jsonl", 2, 1)
    lines = [json.loads(line) for line in chain.path.read_text().splitlines()]
    assert lines == chain.entries()
    assert all(one["sha256"] != two["sha256"] for one, two in pairwise(lines))
