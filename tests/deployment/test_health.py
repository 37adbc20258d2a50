"""Health is progress: the loop and the data, neither without the other."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.live.health import State
from providers.storage.pulse import Pulse, pulse_path, write_pulse
from scripts import health
from scripts.health import Limits, find_pulse, judge_bot, judge_recorder, main

NOW = datetime(2026, 1, 5, 8, 3, tzinfo=UTC)
CLOSED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
LIMITS = Limits()
SECOND = timedelta(seconds=1)
ages = st.floats(-4e5, 4e5).map(lambda seconds: timedelta(seconds=seconds))


def pulse(loop=timedelta(0), candle=timedelta(minutes=3), blocked=()) -> Pulse:
    closed = None if candle is None else NOW - candle
    return Pulse(NOW - loop, closed, 17, "RegimeRouter", "running", tuple(blocked))


# --- bots


@given(ages, ages, st.lists(st.sampled_from(["disk", "clock_skew"]), max_size=2))
def test_a_bot_is_healthy_when_loop_and_candle_are_recent_and_only_then(loop, candle, blocked):
    verdict = judge_bot(pulse(loop, candle, blocked), NOW, LIMITS)
    recent = all(
        -5 * SECOND <= age <= limit for age, limit in ((loop, LIMITS.loop), (candle, LIMITS.candle))
    )
    assert verdict.healthy is recent
    assert "\n" not in verdict.why
    assert all(reason in verdict.why for reason in blocked)


@given(ages, ages, ages, ages)
def test_time_alone_never_heals(loop, candle, earlier, later):
    """What is too old now is too old later."""
    beat, first, second = pulse(loop, candle), *sorted((abs(earlier), abs(later)))
    old = judge_bot(beat, NOW + first, LIMITS).why
    if "allowed" in old:
        assert not judge_bot(beat, NOW + second, LIMITS).healthy


def test_the_limits_are_two_candles_and_a_minute_and_two_minutes_of_loop():
    assert LIMITS.candle == timedelta(minutes=31)
    assert LIMITS.loop == timedelta(minutes=2)
    assert Limits(timeframe=timedelta(hours=1)).candle == timedelta(hours=2, minutes=1)


CASES = {
    "well": (pulse(8 * SECOND), True, "RegimeRouter: loop 8 s ago, candle closed 3 min ago"),
    "blocked is told": (
        pulse(8 * SECOND, blocked=["disk", "clock_skew"]),
        True,
        (
            "RegimeRouter: loop 8 s ago, candle closed 3 min ago; "
            "new positions are blocked: disk, clock_skew"
        ),
    ),
    "a loop that hangs": (
        pulse(timedelta(minutes=3, seconds=1)),
        False,
        "RegimeRouter: the last loop was 3 min 1 s ago, 2 min is allowed",
    ),
    "frozen data under a living loop": (
        pulse(2 * SECOND, timedelta(minutes=33)),
        False,
        "RegimeRouter: the newest analyzed candle closed 33 min ago, 31 min is allowed",
    ),
    "nothing analyzed": (
        pulse(2 * SECOND, None),
        False,
        "RegimeRouter: no candle has been analyzed yet",
    ),
    "a clock set back": (
        pulse(-timedelta(hours=2)),
        False,
        "RegimeRouter: the last loop is 2 h in the future, a clock was changed",
    ),
    "a candle of tomorrow": (
        pulse(candle=-timedelta(hours=24, minutes=1)),
        False,
        "RegimeRouter: the newest candle closes 24 h 1 min in the future",
    ),
}


@pytest.mark.parametrize(("beat", "healthy", "why"), CASES.values(), ids=CASES)
def test_the_line_says_what_was_found(beat, healthy, why):
    assert judge_bot(beat, NOW, LIMITS).why == why
    assert judge_bot(beat, NOW, LIMITS).healthy is healthy


# --- which bot


def beats(folder: Path, *names: str, at: datetime = NOW) -> None:
    for number, name in enumerate(names):
        made = Pulse(at + number * SECOND, CLOSED, number, name, "running")
        write_pulse(pulse_path(folder, name), made)


def test_one_bot_needs_no_name(tmp_path):
    beats(tmp_path, "one-871300bc")
    assert find_pulse(tmp_path / "pulse", None).strategy == "one-871300bc"


@pytest.mark.parametrize("name", ["one", "one-871300bc"])
def test_a_bot_is_found_by_its_name_with_or_without_the_digest(tmp_path, name):
    beats(tmp_path, "one-871300bc", "one-more-0123abcd", "two-871300bc")
    assert find_pulse(tmp_path / "pulse", name).strategy == "one-871300bc"


def test_of_two_databases_of_a_bot_the_one_that_lives_counts(tmp_path):
    beats(tmp_path, "one-871300bc", "one-0123abcd")
    assert find_pulse(tmp_path / "pulse", None).strategy == "one-0123abcd"
    assert find_pulse(tmp_path / "pulse", "one").strategy == "one-0123abcd"
    assert find_pulse(tmp_path / "pulse", "one-871300bc").strategy == "one-871300bc"


def test_a_dead_bot_does_not_hide_behind_a_living_one(tmp_path, capsys):
    beats(tmp_path, "one-871300bc", "two-0123abcd")
    assert main(["--userdir", str(tmp_path), "--at", NOW.isoformat()]) == 1
    assert "holds the pulses of one, two; name one with --bot" in capsys.readouterr().out


def test_what_is_not_a_whole_pulse_does_not_count(tmp_path):
    beats(tmp_path, "one")
    (tmp_path / "pulse" / ".one.json.xk2").write_text("{")
    (tmp_path / "pulse" / ".two.json").write_text("{")
    assert find_pulse(tmp_path / "pulse", None).strategy == "one"


# --- the recorder


def status(age=30 * SECOND, **feeds: str) -> dict:
    named = {name.replace("__", " "): state for name, state in feeds.items()}
    return {"at": (NOW - age).isoformat(), "pid": 9, "feeds": named}


RECORDERS = {
    "well": (
        status(order_book__BTC="OK", order_book__ETH="STALE", news__MARKET="OK"),
        30,
        True,
        "recorder: 2 of 3 feeds are OK, rows written 30 s ago",
    ),
    "a dead process": (
        status(timedelta(minutes=4), order_book__BTC="OK"),
        30,
        False,
        "recorder: it wrote its state 4 min ago, 3 min is allowed",
    ),
    "a source that does not answer": (
        status(order_book__BTC="OK", news__MARKET="BLOCKED", flow__BTC="OUTAGE", flow__ETH="STALE"),
        30,
        False,
        "recorder: nothing reliable of flow (OUTAGE, STALE), news (BLOCKED)",
    ),
    "a pulse that means nothing": (
        status(order_book__BTC="OK"),
        1501,
        False,
        "recorder: the last rows are 25 min 1 s old, 25 min is allowed",
    ),
    "nothing written": (
        status(order_book__BTC="OK"),
        None,
        False,
        "recorder: no rows are there, 25 min is allowed",
    ),
    "a clock set back": (
        status(-timedelta(minutes=1), order_book__BTC="OK"),
        30,
        False,
        "recorder: its state is 1 min in the future, a clock was changed",
    ),
}


@pytest.mark.parametrize(("told", "written", "healthy", "why"), RECORDERS.values(), ids=RECORDERS)
def test_the_recorder_is_judged_by_what_it_wrote(told, written, healthy, why):
    since = None if written is None else NOW - written * SECOND
    verdict = judge_recorder(told, since, NOW, LIMITS)
    assert (verdict.healthy, verdict.why) == (healthy, why)


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")).map(" ".join),
        st.sampled_from(list(State)).map(str),
        min_size=1,
    )
)
def test_every_dataset_needs_a_source_that_answers(feeds):
    verdict = judge_recorder({"at": NOW.isoformat(), "feeds": feeds}, NOW, NOW, LIMITS)
    datasets = {name.split()[0] for name in feeds}
    answering = {name.split()[0] for name, state in feeds.items() if state == "OK"}
    assert verdict.healthy is (datasets == answering)


# --- the command


def run(capsys, *arguments: str) -> tuple[int, str]:
    code = main([*arguments, "--at", NOW.isoformat()])
    return code, capsys.readouterr().out


def test_the_command_says_one_line_and_ends_with_0_or_1(tmp_path, capsys):
    write_pulse(pulse_path(tmp_path, "one"), pulse(8 * SECOND))
    told = run(capsys, "--userdir", str(tmp_path), "--bot", "one")
    assert told == (0, "RegimeRouter: loop 8 s ago, candle closed 3 min ago\n")
    code, why = run(capsys, "--userdir", str(tmp_path), "--bot", "one", "--loop-seconds", "7")
    assert (code, why.count("\n")) == (1, 1)


def test_the_timeframe_moves_the_limit_of_the_candle(tmp_path, capsys):
    write_pulse(pulse_path(tmp_path, "one"), pulse(8 * SECOND, timedelta(minutes=90)))
    assert run(capsys, "--userdir", str(tmp_path))[0] == 1
    assert run(capsys, "--userdir", str(tmp_path), "--timeframe", "1h")[0] == 0


def test_json_has_the_figures(tmp_path, capsys):
    write_pulse(pulse_path(tmp_path, "one"), pulse(8 * SECOND, blocked=["disk"]))
    code, told = run(capsys, "--userdir", str(tmp_path), "--json")
    found = json.loads(told)
    assert code == 0
    assert found["healthy"] is True
    assert (found["loop_seconds"], found["candle_seconds"]) == (8.0, 180.0)
    assert (found["blocked"], found["pid"]) == (["disk"], 17)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"at": 1, "feeds": {}}', '{"at": "x"}'])
def test_a_damaged_state_of_the_recorder_is_unhealthy(tmp_path, capsys, content):
    (tmp_path / "regimekit").mkdir()
    (tmp_path / "regimekit" / "recorder.json").write_text(content)
    code, why = run(capsys, "--recorder", str(tmp_path))
    assert (code, why.count("\n")) == (1, 1)
    assert "recorder.json" in why


def test_a_recorder_that_never_ran_is_unhealthy(tmp_path, capsys):
    code, why = run(capsys, "--recorder", str(tmp_path))
    assert code == 1
    assert "python -m providers record" in why


def test_rows_count_when_they_are_written_and_only_those_of_the_feeds(tmp_path, capsys):
    store = tmp_path / "regimekit"
    rows = store / "order_book" / "BTC_USDT_USDT-events" / "2026-01-05.feather"
    rows.parent.mkdir(parents=True)
    (store / "recorder.json").write_text(json.dumps(status(order_book__BTC="OK")))
    for path in (store / "other" / "BTC-5m.feather", rows.with_name(".half.feather")):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    assert "no rows" in run(capsys, "--recorder", str(tmp_path))[1]
    rows.write_bytes(b"")
    os.utime(rows, ((NOW - 70 * SECOND).timestamp(),) * 2)
    code, why = run(capsys, "--recorder", str(tmp_path))
    assert (code, why) == (0, "recorder: 1 of 1 feeds are OK, rows written 1 min 10 s ago\n")


@pytest.mark.parametrize(
    "arguments",
    [["--loop-seconds", "0"], ["--loop-seconds", "nan"], ["--timeframe", "15"], ["--at", "x"]],
)
def test_what_makes_no_sense_is_refused(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_a_name_means_no_path_outside_the_folder(tmp_path, capsys):
    beats(tmp_path, "one")
    assert run(capsys, "--userdir", str(tmp_path), "--bot", "../one")[0] == 1
    assert health._bot_of(Path("a-12345678-b.json")) == "a-12345678-b"
