"""Every criterion passes on a calm night, and fails when what it forbids is put into it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rehearsal.faults.criteria import MOST_ALIKE, Verdict, judge
from rehearsal.faults.observed import Line, Observation, Reason, Trade, read_lines
from rehearsal.faults.scenarios import ACTS, FAST, Criterion, Effect, Scenario, pairs_of
from rehearsal.faults.table import as_json, conclusion, fault_table
from replay.faults import parse

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
INPUTS = "a required input is missing or stale"
GATED = Scenario(4, "gated", "a fault", ({"path": "/x", "kind": "html"},), Effect.GATED)


def at(hour, minute=0, second=0):
    return datetime(2026, 1, 8, hour, minute, second, tzinfo=UTC)


def rounds(begin, end, step=1.0):
    count = int((end - begin) / timedelta(minutes=step)) + 1
    return tuple(begin + number * timedelta(minutes=step) for number in range(count))


# The fault lasts from 06:08 to 06:25; the candle that closes at 06:15 is analyzed with it.
CALM = Observation(
    scenario=GATED,
    pairs=(ETH,),
    healthy=(BTC,),
    began=at(6, 8),
    ended=at(6, 25),
    first_close=at(6, 15),
    watched_until=at(6, 38),
    alive=True,
    loops=rounds(at(6), at(6, 38)),
    healthy_gap=timedelta(minutes=2),
    throttle=timedelta(seconds=20),
    trades=(
        Trade(1, ETH, at(5, 46), at(5, 55), "stop_loss", -1.0),
        Trade(2, ETH, at(6, 2), at(6, 11), "force_exit", 1.0),
        Trade(3, BTC, at(6, 17), None, "", None),
        Trade(4, ETH, at(6, 32), None, "", None),
    ),
    reasons=(Reason(ETH, at(6, 24), INPUTS), Reason(ETH, at(6, 15), "gate inputs")),
    lines=(
        Line(at(6, 24), "regimekit.hooks.outages", "WARNING", f"{ETH}: {INPUTS}; locked."),
        Line(at(6, 31), "regimekit.hooks.outages", "WARNING", f"{ETH}: inputs are back."),
        Line(at(6, 16), "freqtrade.exchange", "WARNING", "failed"),
    ),
    before=(Trade(1, ETH, at(5, 46), at(5, 55), "stop_loss", -1.0),),
    exits_asked=(2,),
)


def verdicts(seen):
    return {finding.criterion: finding.verdict for finding in judge(seen)}


def test_a_calm_night_passes_everything():
    found = verdicts(CALM)
    assert set(found.values()) == {Verdict.PASS}
    assert set(found) == set(Criterion) - {Criterion.QUIET}


def with_trade(*more):
    return replace(CALM, trades=(*CALM.trades, *more))


def line(words, minute=20):
    return Line(at(6, minute), "regimekit.hooks.gates", "INFO", words)


SPOILED = {
    "the process ended": (replace(CALM, alive=False), Criterion.ALIVE),
    "the loop hung": (replace(CALM, loops=rounds(at(6), at(6, 38), 10)), Criterion.ALIVE),
    "it was never seen": (replace(CALM, loops=()), Criterion.ALIVE),
    "a callback of ours failed long before": (
        replace(CALM, lines=(Line(at(4), "regimekit.hooks.guard", "ERROR", "oh"), *CALM.lines)),
        Criterion.ALIVE,
    ),
    "an entry while gated": (
        with_trade(Trade(9, ETH, at(6, 17), at(6, 20), "roi", 1.0)),
        Criterion.ENTRIES,
    ),
    "no reason": (replace(CALM, reasons=()), Criterion.REASON),
    "two reasons": (
        replace(CALM, reasons=(*CALM.reasons, Reason(ETH, at(6, 20), "gate daily_loss"))),
        Criterion.REASON,
    ),
    "the healthy pair is gated too": (
        replace(CALM, trades=(*CALM.trades[:2], CALM.trades[3])),
        Criterion.OTHERS,
    ),
    "an ordered exit is missing": (replace(CALM, exits_asked=(2, 7)), Criterion.EXITS),
    "no entry afterwards": (replace(CALM, trades=CALM.trades[:3]), Criterion.RECOVERY),
    "an entry too late": (
        replace(CALM, trades=(*CALM.trades[:3], Trade(4, ETH, at(6, 55), None, "", None))),
        Criterion.RECOVERY,
    ),
    "a closed trade changed": (
        replace(CALM, before=(Trade(1, ETH, at(5, 46), at(5, 55), "stop_loss", -2.0),)),
        Criterion.KEPT,
    ),
    "a torn database": (replace(CALM, integrity="row 1 missing from index"), Criterion.KEPT),
    "a line per round": (
        replace(CALM, lines=tuple(line(f"{ETH} refused, try {n}") for n in range(MOST_ALIKE + 1))),
        Criterion.LOG,
    ),
    "many different lines": (
        replace(CALM, lines=tuple(line(f"{ETH} {'x' * n}") for n in range(20))),
        Criterion.LOG,
    ),
}


@pytest.mark.parametrize(("seen", "criterion"), SPOILED.values(), ids=SPOILED)
def test_what_is_forbidden_is_found(seen, criterion):
    found = verdicts(seen)
    assert found.pop(criterion) is Verdict.FAIL
    assert set(found.values()) == {Verdict.PASS}, "and nothing else is blamed"


def test_what_stock_freqtrade_cannot_do_is_known_only_when_it_fails():
    known = replace(GATED, known={Criterion.EXITS: "the exchange's own stop protects"})
    failing = replace(CALM, scenario=known, exits_asked=(7,))
    finding = next(f for f in judge(failing) if f.criterion is Criterion.EXITS)
    assert finding.verdict is Verdict.KNOWN
    assert "trade 7 did not happen" in finding.evidence
    assert "own stop protects" in finding.evidence
    assert verdicts(replace(CALM, scenario=known))[Criterion.EXITS] is Verdict.PASS


def test_nothing_to_exit_is_no_pass():
    quiet = replace(CALM, trades=(CALM.trades[0], *CALM.trades[2:]), exits_asked=())
    assert verdicts(quiet)[Criterion.EXITS] is Verdict.UNSEEN


def test_a_pair_in_a_trade_shows_nothing_about_entries():
    busy = replace(CALM, trades=(*CALM.trades, Trade(5, ETH, at(6, 1), at(6, 31), "roi", 1.0)))
    found = verdicts(busy)
    assert found[Criterion.ENTRIES] is found[Criterion.RECOVERY] is Verdict.UNSEEN
    both = replace(busy, pairs=(ETH, "SOL/USDT:USDT"), healthy=(BTC,))
    assert verdicts(both)[Criterion.ENTRIES] is Verdict.PASS, "the other one was free"


def test_a_harmless_fault_must_not_stop_entries():
    harmless = replace(GATED, effect=Effect.UNHARMED)
    trades = (*CALM.trades[:3], Trade(4, ETH, at(6, 17), None, "", None))
    calm = replace(CALM, scenario=harmless, trades=trades, reasons=())
    found = verdicts(calm)
    assert found[Criterion.ENTRIES] is Verdict.PASS
    assert Criterion.RECOVERY not in found
    assert verdicts(replace(calm, trades=CALM.trades))[Criterion.ENTRIES] is Verdict.FAIL
    assert verdicts(replace(calm, reasons=CALM.reasons))[Criterion.REASON] is Verdict.FAIL


FLOW = replace(
    GATED,
    effect=Effect.UNHARMED,
    market=True,
    required=False,
    datasets=("spot_taker_flow",),
    quiet_seconds=300,
)


def flow(words, minute):
    said = f"spot_taker_flow {ETH}: {words}"
    return Line(at(6, minute), "providers.live.health", "INFO", said)


@pytest.mark.parametrize(
    ("lines", "asked", "recovered", "quiet"),
    [
        ((flow("OK -> LIMITED", 9), flow("LIMITED -> OK", 31)), 3, Verdict.PASS, Verdict.PASS),
        ((flow("OK -> LIMITED", 9),), 5, Verdict.FAIL, Verdict.FAIL),
        ((), 0, Verdict.UNSEEN, Verdict.UNSEEN),
    ],
)
def test_a_feed_waits_as_it_is_told_and_comes_back(lines, asked, recovered, quiet):
    counted = ((at(6, 7), 40), (at(6, 12), 40 + min(asked, 1)), (at(6, 24), 40 + asked))
    seen = replace(CALM, scenario=FLOW, pairs=(BTC,), healthy=(), lines=lines, asked=counted)
    found = verdicts(seen)
    assert found[Criterion.RECOVERY] is recovered
    assert found[Criterion.QUIET] is quiet


def test_lines_of_other_scenarios_in_the_act_are_not_counted():
    others = tuple(line(f"{BTC} {'x' * n}") for n in range(20))
    feeds = tuple(flow(f"OK -> STALE: {'y' * n}", 20) for n in range(20))
    seen = replace(CALM, lines=(*CALM.lines, *others, *feeds))
    assert verdicts(seen)[Criterion.LOG] is Verdict.PASS


def test_the_log_is_read_as_freqtrade_writes_it():
    log = [
        "2026-01-08 06:24:01,500 - regimekit.hooks.gates - INFO - refused: a - b",
        "Traceback (most recent call last):",
        "2026-01-08 06:24:02,000 - freqtrade.worker - ERROR - failed",
    ]
    ours, theirs = read_lines(log)
    assert ours == Line(
        at(6, 24, 1) + timedelta(milliseconds=500),
        *("regimekit.hooks.gates", "INFO", "refused: a - b"),
    )
    assert ours.ours
    assert not theirs.ours


def test_the_matrix_is_well_formed():
    scenarios = [scenario for act in (*ACTS, FAST) for scenario in act.scenarios]
    names = [scenario.name for act in ACTS for scenario in act.scenarios]
    assert len(names) == len(set(names)), "a name is a test"
    assert len({scenario.row for act in ACTS for scenario in act.scenarios}) >= 20
    for scenario in scenarios:
        assert parse(scenario.rules_for(["BTCUSDT", "ETHUSDT"])), "the exchange understands it"
    for act in ACTS:
        assert all(scenario.due <= act.candles for scenario in act.scenarios)
        assert act.candles <= 3 or act.at_the_hour, "four always end an hour"
        chosen = pairs_of(act, [f"P{n}" for n in range(8)])
        own = [pair for s in act.scenarios if not s.market for pair in chosen[s.name]]
        assert "P0" not in own, "one stays healthy"
        assert len(set(own)) == len(own)
    with pytest.raises(ValueError, match="needs"):
        pairs_of(ACTS[0], ["P0"])


def test_the_table_shows_every_finding():
    found = {"gated": (GATED, judge(replace(CALM, alive=False)))}
    table = fault_table(found)
    assert table.row_count == len(found["gated"][1])
    assert "1 scenarios of 1 rows: 7 pass, 1 FAIL" in conclusion(found)
    assert {row["row"] for row in as_json(found)} == {4}
