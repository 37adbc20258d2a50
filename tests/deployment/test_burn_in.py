"""A burn-in passes only with every mark; what is missing counts against the bot, never for it."""

import json
import math
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freqtrade.persistence import Trade, init_db
from hypothesis import given
from hypothesis import strategies as st

from scripts.burn_in import (
    DAYS,
    LEAST_TRADES,
    BurnInError,
    Mark,
    Window,
    judge_length,
    judge_outages,
    judge_parity,
    judge_profit,
    main,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WEEK = Window(START, START + timedelta(days=DAYS))
HOURS = Window(START, START + timedelta(hours=10))
CENTS = st.integers(-10_000, 10_000).map(float)


# --- profit


@pytest.mark.parametrize(
    ("won", "lost", "mark"),
    [
        (121.0, 100.0, Mark.PASSES),
        (120.0, 100.0, Mark.EXTEND),
        (80.0, 100.0, Mark.EXTEND),
        (79.0, 100.0, Mark.FAILS),
        (10.0, 0.0, Mark.PASSES),
        (0.0, 10.0, Mark.FAILS),
        (0.0, 0.0, Mark.FAILS),
    ],
)
def test_the_profit_factor_passes_above_1_2_and_fails_below_0_8(won, lost, mark):
    profits = [won, -lost, *[0.0] * (LEAST_TRADES - 2)]
    assert judge_profit(profits).mark is mark
    assert judge_profit(profits[1:]).mark is Mark.EXTEND  # too few trades say nothing


@given(st.lists(CENTS, min_size=LEAST_TRADES, max_size=60), CENTS.filter(lambda cents: cents > 0))
def test_a_better_trade_never_worsens_the_mark(profits, better):
    order = list(Mark)
    before = judge_profit(profits).mark
    after = judge_profit([profits[0] + better, *profits[1:]]).mark
    assert order.index(after) <= order.index(before)


@given(st.lists(CENTS, min_size=LEAST_TRADES, max_size=60), st.sampled_from([0.5, 2.0, 1000.0]))
def test_the_mark_does_not_know_the_currency(profits, unit):
    assert judge_profit(profits).mark is judge_profit([unit * profit for profit in profits]).mark


# --- outages


def answers(window: Window, ill=(), missing=()) -> list[tuple[datetime, bool]]:
    """One answer a minute, three seconds late as cron is; `ill` and `missing` are minutes."""
    count = math.floor((window.end - window.start) / MINUTE)
    return [
        (window.start + number * MINUTE + timedelta(seconds=3), number not in ill)
        for number in range(count)
        if number not in missing
    ]


@pytest.mark.parametrize(
    ("ill", "missing", "mark"),
    [
        ((), (), Mark.PASSES),
        (range(30), (), Mark.PASSES),
        (range(31), (), Mark.FAILS),
        (range(0, 1000, 10), (), Mark.PASSES),
        (range(0, 1010, 10), (), Mark.FAILS),
        ((), range(500, 531), Mark.PASSES),  # the first of them may have come a minute late
        ((), range(500, 532), Mark.FAILS),
        ((), range(0, 10_080, 2), Mark.PASSES),  # each second minute answers
        (range(500, 520), range(520, 540), Mark.FAILS),
    ],
)
def test_a_hundred_minutes_in_a_week_and_thirty_at_once_are_the_most(ill, missing, mark):
    assert judge_outages(answers(WEEK, ill, missing), WEEK).mark is mark


minutes = st.sets(st.integers(0, 599))


@given(minutes, minutes)
def test_an_outage_that_was_not_recorded_weighs_no_less_than_silence_around_it(ill, missing):
    told = judge_outages(answers(HOURS, ill, missing), HOURS)
    bad = {
        number
        for number in range(600)
        if (number in ill and number not in missing)
        or (number in missing and (number == 0 or number - 1 in missing | ill))
    }
    assert told.why.startswith(f"{len(bad)} of 600 minutes")


@given(minutes, minutes, minutes)
def test_more_trouble_never_passes_where_less_failed(ill, missing, more):
    before = judge_outages(answers(HOURS, ill, missing), HOURS).mark
    after = judge_outages(answers(HOURS, ill | (more - missing), missing), HOURS).mark
    assert before is Mark.PASSES or after is Mark.FAILS


def test_no_answers_are_one_long_outage():
    told = judge_outages([], WEEK)
    assert told.mark is Mark.FAILS
    assert told.why == "10080 of 10080 minutes, the longest 10080 min"


# --- parity and length


def parity(unexplained=0, compared=672, days=DAYS, ok=None, **changes) -> dict:
    totals = {
        "signal": {"compared": compared, "unexplained": unexplained},
        "entry": {"compared": 0, "unexplained": 0},
    }
    fine = unexplained == 0 and compared > 0
    return {
        "totals": totals,
        "start": START.isoformat(),
        "end": (START + timedelta(days=days)).isoformat(),
        "ok": fine if ok is None else ok,
        "simulated": False,
    } | changes


def test_parity_passes_without_a_difference_that_has_no_cause_over_all_days():
    assert judge_parity(parity(), WEEK).mark is Mark.PASSES
    assert judge_parity(parity(unexplained=1), WEEK).mark is Mark.FAILS
    assert judge_parity(parity(ok=False), WEEK).mark is Mark.FAILS
    assert judge_parity(parity(compared=0), WEEK).mark is Mark.EXTEND
    assert judge_parity(parity(days=5), WEEK).mark is Mark.EXTEND


@pytest.mark.parametrize(
    "changes",
    [{"totals": {}}, {"totals": 1}, {"start": "x"}, {"start": None}, {"totals": {"a": 1}}],
)
def test_another_file_is_no_parity(changes):
    with pytest.raises(BurnInError, match=r"not what scripts/parity\.py"):
        judge_parity(parity() | changes, WEEK)


def test_a_rehearsal_is_no_burn_in():
    with pytest.raises(BurnInError, match="simulated"):
        judge_parity(parity(simulated=True), WEEK)


def test_a_short_week_must_go_on():
    assert judge_length(WEEK).mark is Mark.PASSES
    assert judge_length(Window(START, START + timedelta(days=6.9))).mark is Mark.EXTEND


# --- the command


@pytest.fixture
def evidence(tmp_path) -> Path:
    """A week that passes: 25 closed trades, two of them outside of it, all minutes healthy."""
    init_db(f"sqlite:///{tmp_path / 'trades.sqlite'}")
    for number in range(25):
        outside = number >= 23  # days later, and with a loss that would sink the factor
        Trade.session.add(
            Trade(
                pair="BTC/USDT:USDT",
                exchange="binance",
                open_date=START,
                open_rate=100.0,
                amount=1.0,
                stake_amount=100.0,
                fee_open=0.0,
                fee_close=0.0,
                is_open=False,
                close_profit_abs=-1e6 if outside else (3.0 if number % 2 else -2.0),
                close_date=START + timedelta(days=8 if outside else 1, minutes=number),
            )
        )
    Trade.commit()
    Trade.session.remove()
    (tmp_path / "parity.json").write_text(json.dumps(parity()))
    told = [json.dumps({"at": at.isoformat(), "healthy": well}) for at, well in answers(WEEK)]
    (tmp_path / "health.jsonl").write_text("\n".join(["{torn", *told, '{"at": 1}']))
    return tmp_path


def run(folder: Path, *more: str) -> int:
    return main(
        [
            *("--db", str(folder / "trades.sqlite"), "--health", str(folder / "health.jsonl")),
            *("--parity", str(folder / "parity.json"), "--at", "2026-03-20", *more),
        ]
    )


def test_a_good_week_passes_and_says_its_figures(evidence, capsys):
    assert run(evidence) == 0
    said = capsys.readouterr().out
    assert "profit factor 1.38 of 23 closed trades" in said  # 11 x 3 to 12 x 2
    assert "0 of 672 without a cause" in said
    assert "0 of 10080 minutes, the longest 0 min" in said
    assert said.endswith("The burn-in passes.\n")


def test_one_mark_that_fails_fails_all(evidence, capsys):
    (evidence / "parity.json").write_text(json.dumps(parity(unexplained=1)))
    assert run(evidence) == 1
    assert capsys.readouterr().out.endswith("The burn-in fails.\n")


def test_in_the_middle_it_must_go_on(evidence, capsys):
    assert run(evidence, "--at", "2026-03-05") == 3
    assert capsys.readouterr().out.endswith("The burn-in must go on.\n")


def test_a_burn_in_that_has_not_begun_has_no_verdict(evidence, capsys):
    assert run(evidence, "--since", "2026-03-21") == 2
    assert "give an earlier --since or a later --at" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["trades.sqlite", "health.jsonl", "parity.json"])
def test_without_one_of_the_files_there_is_no_verdict(evidence, capsys, name):
    (evidence / name).unlink()
    assert run(evidence) == 2
    assert f"{name} does not exist" in capsys.readouterr().err
    (evidence / name).write_text("[]")
    assert run(evidence) == 2


def test_the_database_is_only_read(evidence):
    before = (evidence / "trades.sqlite").read_bytes()
    run(evidence)
    assert (evidence / "trades.sqlite").read_bytes() == before
    with sqlite3.connect(evidence / "trades.sqlite") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
