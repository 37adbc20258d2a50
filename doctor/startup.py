"""Whether the strategy gets enough candles before the first one that it trades on."""

import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta

from doctor.findings import Report
from doctor.patient import Patient
from providers.coverage import NEEDS, span
from providers.errors import ProviderError
from regimekit.settings import IndicatorSettings

# An indicator that still remembers where it began by more than this decides differently live, where
# Freqtrade asks for some hundred candles only, than in a backtest.
REMEMBERED = 1e-6
MUCH_PERCENT = 0.1  # of an indicator's value, as recursive-analysis prints it
ANALYSIS_SECONDS = 600
ANALYZED = timedelta(days=5)
# What recursive-analysis logs when it came to an end, and of an indicator that looks ahead.
_CHECKED = "Checking recursive and indicator-only lookahead bias"
_AHEAD = re.compile(r"found lookahead in indicator (.+)")
_PERCENT = re.compile(r"-?[\d.]+%|nan%|-")


def bars_to_forget(alpha: float, stages: int = 1) -> int:
    """Return the bars after which recursive averages, one over the other, forget their start.

    Parameters
    ----------
    alpha : float
        Weight of the newest bar: ``1 / n`` for Wilder's averages, ``2 / (n + 1)`` for exponential
        ones.
    stages : int
        Averages of averages; 1 or 2.
    """
    if alpha >= 1:
        return 1
    bars = 1
    while (1 + (stages - 1) * bars * alpha) * (1 - alpha) ** bars > REMEMBERED:
        bars += 1
    return bars


def needed_bars(settings: IndicatorSettings) -> Mapping[str, int]:
    """Return how many bars each kind of indicator needs, by the setting that asks for most."""
    divergence = settings.divergence_bars + 2 * settings.pivot_wing
    return {
        "atr_rank": bars_to_forget(1 / settings.atr) + max(settings.atr_rank, settings.atr_average),
        "adx": bars_to_forget(1 / settings.adx, stages=2),
        "rsi": bars_to_forget(1 / max(settings.rsi, settings.rsi_fast)) + divergence,
        "ema_slow": bars_to_forget(2 / (settings.ema_slow + 1)),
        "macd_slow": bars_to_forget(2 / (max(settings.macd_slow, settings.macd_signal) + 1), 2),
        "trend_ema_slow": bars_to_forget(2 / (settings.trend_ema_slow + 1)),
        "breakout_range": settings.breakout_range + 1,
        "volume": settings.volume + divergence,
        "bollinger": settings.bollinger,
    }


def counted(patient: Patient, report: Report) -> None:
    """Compare startup_candle_count with the longest window among the settings."""
    given = int(patient.resolved.get("startup_candle_count") or 0)
    if patient.strategy is None or patient.settings is None:
        report.unchecked("strategy or settings do not load")
        return
    if not hasattr(patient.strategy, "settings"):
        if given == 0:
            report.warning(
                "the strategy asks for no candles before its first",
                "startup_candle_count: 0",
                "set it to its longest window, then run with --deep",
            )
        else:
            report.unchecked(
                "what a strategy of yours looks back is known to --deep only",
                f"startup_candle_count: {given}",
                "run with --deep",
            )
        return
    needed = needed_bars(patient.settings.indicators)
    name, most = max(needed.items(), key=lambda item: item[1])
    value = f"startup_candle_count: {given}, indicators.{name} needs {most}"
    if given < most:
        report.error(
            "indicators still remember where they began: live decides unlike a backtest",
            value,
            f"raise startup_candle_count to {most} or shorten indicators.{name}",
        )
    else:
        report.ok("every indicator has forgotten where it began", value)


def recursive(patient: Patient, report: Report) -> None:
    """Let Freqtrade compute the indicators from different starts and compare them."""
    if not patient.deep:
        report.unchecked("only --deep runs `freqtrade recursive-analysis`", "", "add --deep")
        return
    given = int(patient.resolved.get("startup_candle_count") or 0)
    pair, timerange = _where(patient)
    if pair is None:
        report.unchecked("there are no candles to analyze", patient.datadir, "pass --datadir")
        return
    command = [
        *(sys.executable, "-m", "freqtrade", "recursive-analysis"),
        *(f"--config={path}" for path in patient.extra.get("named_files", ())),
        f"--strategy={patient.extra.get('strategy')}",
        *([f"--strategy-path={p}"] if (p := patient.extra.get("strategy_path")) else []),
        f"--datadir={patient.datadir}",
        f"--userdir={patient.user_data}",
        f"--timerange={timerange}",
        *("--startup-candle", str(max(1, given)), str(max(1, given) + 200)),
        *("--pairs", pair),
    ]
    try:
        run = subprocess.run(  # noqa: S603 - our own interpreter and the user's configuration
            command,
            env={**os.environ, **patient.environment, "COLUMNS": "400"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANALYSIS_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        report.unchecked("recursive-analysis took too long", f"{ANALYSIS_SECONDS} s")
        return
    if run.returncode != 0:
        said = [line for line in run.stderr.splitlines() if "ERROR" in line or "Error" in line]
        why = (said or run.stderr.splitlines()[-1:] or ["it said nothing"])[-1]
        report.unchecked("recursive-analysis failed", why[-300:], "is the exchange reachable?")
        return
    judge(run.stdout, run.stderr, given, pair, report)


def judge(printed: str, logged: str, given: int, pair: str, report: Report) -> None:
    """Report the indicators that differ at the strategy's own number of candles."""
    if _CHECKED not in logged:
        report.unchecked("recursive-analysis does not say that it came to an end")
        return
    differing = [(name, p) for name, p in differences(printed).items() if not abs(p) < MUCH_PERCENT]
    for name, percent in sorted(differing, key=lambda item: -abs(item[1])):
        report.error(
            f"{name} depends on where the candles begin",
            f"{percent:.3f} % off after {given} candles of {pair}",
            "raise startup_candle_count, or compute it over a window",
        )
    for name in _AHEAD.findall(logged):
        report.error(
            f"{name} changes when later candles are taken away",
            f"candles of {pair}",
            "it looks ahead; `freqtrade lookahead-analysis` says more",
        )
    if not report.found:
        report.ok("no indicator depends on where the candles begin", f"{given} candles of {pair}")


def differences(printed: str) -> dict[str, float]:
    """Return percent by indicator at the first number of candles of Freqtrade's table."""
    found = {}
    for line in printed.splitlines():
        cells = [cell.strip() for cell in re.split(r"[│┃|]", line)]
        cells = [cell for cell in cells if cell]
        if len(cells) < 2 or not _PERCENT.fullmatch(cells[1]):
            continue
        text = cells[1].rstrip("%")
        # A dash means equal, nan that one of the two has no value.
        found[cells[0]] = 0.0 if text == "-" else float(text) if text != "nan" else math.inf
    return found


def _where(patient: Patient) -> tuple[str | None, str]:
    """Return a pair with candles and the last days of them."""
    need = NEEDS[0]
    for pair in patient.pairs:
        try:
            found = span(patient.datadir, pair, need)
        except ProviderError:
            continue
        start = max(found.end - ANALYZED, found.start + 2 * need.warmup)
        if start + timedelta(days=1) < found.end:
            return pair, f"{start:%Y%m%d}-{found.end:%Y%m%d}"
    return None, ""


CHECKS: dict[str, Callable[[Patient, Report], None]] = {
    "startup.counted": counted,
    "startup.recursive": recursive,
}
