"""Candles to test on, and whether what a bot reads from files is fresh and whole."""

from collections.abc import Callable

import pandas as pd

from doctor.findings import Report
from doctor.patient import Patient
from providers.coverage import NEEDS, span
from providers.errors import DataMissingError, ProviderError
from providers.registry import DATASETS
from providers.status import Series, State, survey, words

# What the pack reads from our store when no thread fetches it.
FROM_STORE = ("taker_flow", "spot_taker_flow")
FETCH = "fetch it with scripts/backfill.py or `freqtrade download-data`"


def coverage(patient: Patient, report: Report) -> None:
    """Look whether each pair can be backtested; a bot fetches its own candles."""
    if not patient.datadir.is_dir():
        report.warning("there are no data to test on", patient.datadir, FETCH)
        return
    without: dict[str, list[str]] = {}
    days: list[int] = []
    for pair in patient.pairs:
        lacking, tradable = _lacking(patient, pair, report)
        if lacking:
            without.setdefault(", ".join(lacking), []).append(pair)
        else:
            days.append(tradable.days)
    for lacks, pairs in without.items():
        report.warning(f"{len(pairs)} pair(s) without {lacks}", ", ".join(pairs), FETCH)
    if not patient.pairs:
        report.unchecked("no pairs are named")
    elif not report.found:
        report.ok("every pair can be backtested", f"{min(days)} days at least")


def _lacking(patient: Patient, pair: str, report: Report) -> tuple[list[str], pd.Timedelta]:
    """Return what a pair lacks for a backtest, and how long it could be traded."""
    lacking, tradable = [], pd.Timedelta.max
    for need in NEEDS:
        name = f"{need.timeframe} {need.candle_type}"
        try:
            found = span(patient.datadir, pair, need)
        except DataMissingError:
            lacking.append(name)
            continue
        except ProviderError as error:
            report.error("a candle file is damaged", str(error), FETCH)
            continue
        left = pd.Timedelta(found.end - found.start - need.warmup)
        if left <= pd.Timedelta(0):
            lacking.append(f"{name} longer than its warm-up")
        tradable = min(tradable, left)
    return lacking, tradable


def freshness(patient: Patient, report: Report) -> None:
    """Look how old the files are; those of the store decide where no thread fetches them."""
    found = _survey(patient, report)
    if found is None:
        return
    stored = patient.settings is not None and patient.settings.inputs.feed == "store"
    native = [series for series in found if series.native and series.state is State.STALE]
    ours = [series for series in found if not series.native and series.state is State.STALE]
    for name in FROM_STORE if stored else ():
        there = {series.pair for series in found if series.name == name}
        absent = [pair for pair in patient.pairs if pair not in there]
        late = [series.pair for series in ours if series.name == name]
        if absent or late:
            report.worse(
                patient.live,
                f"{name} is read from the store, where it is missing or old",
                ", ".join([*absent, *late]),
                "start the recorder, or set regimekit.inputs.feed to thread",
            )
    for kind, group in (("candle files", native), ("datasets", ours)):
        aged = [series for series in group if series.age is not None]
        if aged:
            oldest = max(aged, key=lambda series: series.age or pd.Timedelta(0))
            report.info(
                f"{len(group)} {kind} end early; a bot fetches its own",
                f"{oldest.pair} {oldest.name} is {words(oldest.age or pd.Timedelta(0))} old",
                f"before a backtest, {FETCH}",
            )
    if not report.found:
        report.ok("files are fresh", len(found))


def damage(patient: Patient, report: Report) -> None:
    """Look for files that are corrupt, or were set aside because they were."""
    found = _survey(patient, report)
    if found is None:
        return
    for series in found:
        if series.state is State.CORRUPT:
            report.error(
                f"{series.pair} {series.name} is corrupt",
                series.problem,
                "keep it aside: what it held may be nowhere else; then fetch it again",
            )
        elif series.quality["set_aside"]:
            report.warning(
                f"{series.pair} {series.name} was corrupt once",
                f"{series.quality['set_aside']} file(s) set aside",
                "look into *.corrupt-* beside it, delete them when the gap is filled",
            )
    if not report.found:
        report.ok("every file can be read", len(found))


def _survey(patient: Patient, report: Report) -> list[Series] | None:
    if not patient.datadir.is_dir():
        report.unchecked("the data folder does not exist", patient.datadir, FETCH)
        return None
    found = survey(patient.datadir, pd.Timestamp(patient.now), DATASETS, pairs=patient.pairs)
    if not found:
        report.unchecked("the data folder holds nothing of these pairs", patient.datadir, FETCH)
        return None
    return found


CHECKS: dict[str, Callable[[Patient, Report], None]] = {
    "data.coverage": coverage,
    "data.freshness": freshness,
    "data.damage": damage,
}
