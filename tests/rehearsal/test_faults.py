"""Faults while the real Freqtrade trades, for `make verify`.

`make test` asks the same of the parts: the gates of missing candles, the faults that the replay
exchange can make, the criteria; and of one bot in `tests.engine.test_trade` whose sources fail.

Scenarios that happen at the same time share a bot; each is a test of its own, which prints what it
found. A criterion that is KNOWN not to hold with stock Freqtrade says what protects the trader.
"""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from providers.coverage import Period
from rehearsal.faults.criteria import Criterion, Finding, Verdict
from rehearsal.faults.process import ORDEALS
from rehearsal.faults.run import SPEED, Theater, bot_for, findings
from rehearsal.faults.scenarios import ACTS, FAST
from rehearsal.faults.table import as_json, conclusion, fault_table
from rehearsal.market import stage_market
from rehearsal.minutes import LONGEST_HOLD
from rehearsal.stage import staged
from replay.simulator.market import simulate
from replay.simulator.spec import MarketSpec
from replay.simulator.write import write_market

pytestmark = [
    pytest.mark.freqtrade,
    pytest.mark.skipif(
        shutil.which("faketime") is None,
        reason="needs libfaketime: apt-get install faketime (Debian, Ubuntu)",
    ),
]
DAY = datetime(2026, 1, 1, tzinfo=UTC)
COINS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK")
FAST_SPEED = 120.0  # three pairs are analyzed in less than half the time of eight


def theater_of(folder: Path, coins: tuple[str, ...], start: datetime, speed: float):
    """A stage on which a bot trades a small market of its own, started."""
    pairs = tuple(f"{coin}/USDT:USDT" for coin in coins)
    spec = MarketSpec(pairs=pairs, start=DAY, days=3, seed=5, warmup_days=45)
    write_market(simulate(spec), folder / "data")
    period = Period(DAY, DAY + timedelta(days=2))
    market = stage_market(folder / "data", folder / "market", period, hold=LONGEST_HOLD)
    return staged(market, folder / "stage", start=start, speed=speed)


def report(findings: list[Finding]) -> str:
    return "\n".join(f"{f.verdict.value:6} {f.criterion.value}: {f.evidence}" for f in findings)


def assert_met(findings: list[Finding]) -> None:
    wrong = [f for f in findings if f.verdict in (Verdict.FAIL, Verdict.UNSEEN)]
    assert not wrong, "\n" + report(findings)


class Matrix:
    """Plays an act when the first of its scenarios is asked for."""

    def __init__(self, theater: Theater) -> None:
        self.theater = theater
        self.found = {}

    def of(self, name: str) -> list[Finding]:
        for act in ACTS:
            if name not in self.found and name in {s.name for s in act.scenarios}:
                self.found |= findings(self.theater, [act])
        for ordeal in ORDEALS:
            if name not in self.found and name == ordeal.name:
                self.found[name] = (ordeal.scenario, ordeal.play(self.theater))
        return self.found[name][1]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    folder = tmp_path_factory.mktemp("faults")
    console = Console(width=180)
    with theater_of(folder, COINS, DAY + timedelta(hours=5), SPEED) as stage:
        theater = Theater(stage, bot_for(stage), say=lambda line: console.print(line, markup=False))
        theater.open()
        played = Matrix(theater)
        yield played
        console.print(fault_table(played.found))
        console.print(conclusion(played.found))
        (folder / "faults.json").write_text(json.dumps(as_json(played.found), indent=1))


@pytest.mark.verify
@pytest.mark.xdist_group("matrix")
@pytest.mark.parametrize(
    "name", [scenario.name for act in ACTS for scenario in act.scenarios if act is not ACTS[-1]]
)
def test_trading_goes_on_as_it_should(matrix, name):
    assert_met(matrix.of(name))


@pytest.mark.verify
@pytest.mark.xdist_group("matrix")
@pytest.mark.parametrize("name", [ordeal.name for ordeal in ORDEALS])
def test_what_befalls_the_process_is_survived(matrix, name):
    assert_met(matrix.of(name))


@pytest.mark.verify
@pytest.mark.xdist_group("matrix")
@pytest.mark.parametrize("name", [scenario.name for scenario in ACTS[-1].scenarios])
def test_wrong_candles_are_survived(matrix, name):
    """These stay in Freqtrade's memory, so they come last."""
    assert_met(matrix.of(name))


@pytest.mark.verify
@pytest.mark.xdist_group("rehearsal-faults")
def test_two_pairs_lose_their_candles_and_a_source_hangs(tmp_path):
    """The third trades on, exits happen, and the two are entered again when it is over."""
    start = DAY + timedelta(hours=6, minutes=4)  # ready before 06:30, on most machines
    with theater_of(tmp_path, COINS[:3], start, FAST_SPEED) as stage:
        theater = Theater(stage, bot_for(stage))
        theater.open()
        found = findings(theater, [FAST])
        assert theater.bot.stop() == 130
    for scenario, told in found.values():
        print(scenario.name, report(told), sep="\n")  # noqa: T201 - shown where it fails
    assert len(found) == 3
    for _, told in found.values():
        assert_met([f for f in told if f.verdict is not Verdict.UNSEEN])
    gated = found["candles-status"][1]
    told = {finding.criterion: finding.verdict for finding in gated}
    assert told[Criterion.ENTRIES] is told[Criterion.RECOVERY] is Verdict.PASS
    assert told[Criterion.OTHERS] is told[Criterion.EXITS] is Verdict.PASS
