"""The tables that go fold by fold: training beside tests, paths, and what was chosen."""

import math

import pandas as pd

from experiments.statistics import DAYS_A_YEAR
from regimekit.reports.text import UNKNOWN, count, number, percent
from tuning.report.sheet import Sheet, days_words, p_value
from tuning.weighing.choices import flat
from tuning.weighing.degradation import BLOCK_PER_HOLDING, LEAST_BLOCK_DAYS, FoldEvidence
from tuning.weighing.evidence import Evidence
from tuning.weighing.stitch import growth

# More folds than this make a table that nobody can read, least of all in a terminal
MOST_COLUMNS = 8


def folds_sheet(evidence: Evidence, *, judged: bool) -> Sheet:
    """Return training beside tests, fold by fold."""
    heads = ("Fold", "Trained on", "Tested on", "Epochs", "Sharpe in sample", "out of sample",
             "untuned", "Profit", "untuned", "Drawdown", "Trades", "PBO",
             "p, nothing earned")  # fmt: skip
    rows = tuple(_fold_row(fold, judged=judged) for fold in evidence.folds)
    caption = (
        "Sharpe ratios a year and profits from closed trades alone, in sample and out of sample "
        "alike; profit, drawdown and trades are out of sample. p: of the training, that no epoch "
        "earned more than doing nothing (Hansen's test), small where the best is not mere luck."
        f"{_scatter(evidence)}{_blocks(evidence) if judged else ''}"
    )
    return Sheet("In sample and out of sample", heads, rows, caption, words=(1, 2))


def paths_sheet(evidence: Evidence) -> Sheet:
    """Return each path of cpcv; empty where there is but one."""
    heads = ("Path", "Days", "Sharpe ratio", "Profit", "")
    if len(evidence.paths) < 2:
        return Sheet("Paths", heads, ())
    rows = tuple(
        (
            str(place),
            f"{len(path.tuned):,}",
            number(sharpe, signed=True),
            percent(_profit(path.tuned), 1, signed=True),
            "the median, shown elsewhere" if path is evidence.path else "",
        )
        for place, (path, sharpe) in enumerate(
            zip(evidence.paths, evidence.sharpes, strict=True), start=1
        )
    )
    return Sheet("Paths", heads, rows, "Each meets every day once; paths share their searches.",
                 words=(4,))  # fmt: skip


def parameters_sheet(evidence: Evidence) -> Sheet:
    """Return what each fold chose, and whether the folds agree."""
    table = evidence.stability
    listed = evidence.folds if len(evidence.folds) <= MOST_COLUMNS else ()
    chose = [f"Fold {fold.number}" for fold in listed]
    heads = ("Parameter", *chose, "Median", "Spread", "At edge", "p, random", "Verdict")
    rows = tuple(_parameter_row(str(name), row, listed) for name, row in table.iterrows())
    caption = (
        "Spread: over that of a choice at random, which has 100 %. At edge: share of folds at an "
        "end of what was tried. p: how often random choices agree as much."
    )
    if not listed:
        caption += " What each fold chose stands in the figure of the page and in the JSON."
    return Sheet("Parameters", heads, rows, caption, words=(len(heads) - 1,))


def _fold_row(fold: FoldEvidence, *, judged: bool) -> tuple[str, ...]:
    return (
        str(fold.number),
        days_words(fold.train),
        ", ".join(map(days_words, fold.tests)),
        f"{fold.epochs:,}",
        number(fold.in_sample, signed=True),
        number(fold.out_of_sample, signed=True),
        number(fold.untuned, signed=True),
        percent(fold.profit, signed=True),
        percent(fold.untuned_profit, signed=True),
        percent(fold.drawdown),
        f"{fold.trades:,}",
        percent(fold.pbo, 0) if judged else UNKNOWN,
        p_value(fold.reality.superior.consistent) if judged else UNKNOWN,
    )


def _scatter(evidence: Evidence) -> str:
    """Return how little the Sharpe ratio of one fold says."""
    lengths = [sum((test.end - test.start).days for test in it.tests) for it in evidence.folds]
    if not lengths:
        return ""
    error = number(math.sqrt(DAYS_A_YEAR / min(lengths)), 1)
    return (
        f" A Sharpe ratio over {count(min(lengths), 'day')} has a standard error of about {error}, "
        "so single rows say little."
    )


def _blocks(evidence: Evidence) -> str:
    """Return what PBO's cuts of the training were made by."""
    held = [it.held for it in evidence.folds if it.held > 0]
    if not held:
        return ""
    mean = number(sum(held) / len(held), 1)
    return (
        f" PBO: in blocks of at least {LEAST_BLOCK_DAYS} days, {BLOCK_PER_HOLDING} times as long "
        f"as trades of the tests were open, which was {mean} days on average."
    )


def _parameter_row(name: str, row: pd.Series, folds: tuple[FoldEvidence, ...]) -> tuple[str, ...]:
    numeric = not math.isnan(float(row["median"]))
    return (
        name,
        *(f"{flat(fold.parameters)[name]}" for fold in folds),
        f"{row['median']:g}" if numeric else UNKNOWN,
        percent(float(row["against_random"]), 0),
        percent(float(row["edge"]), 0),
        p_value(float(row["p_random"])),
        str(row["verdict"]),
    )


def _profit(returns: pd.Series) -> float:
    return float(growth(returns).iloc[-1] - 1.0) if len(returns) else math.nan
