"""The tables of a walk-forward as plain text cells, for terminal, Markdown and page alike.

Where a verdict is refused, what would be read as one is withheld: intervals, probabilities and
p-values.
"""

import math

from regimekit.reports.text import UNKNOWN, count, number, percent
from tuning.model import Walk
from tuning.report.fold_sheets import folds_sheet, parameters_sheet, paths_sheet
from tuning.report.sheet import Sheet, estimated
from tuning.report.stress_sheets import costs_sheet, depths_sheet, order_sheet
from tuning.weighing.evidence import Evidence
from tuning.weighing.reasons import chance
from tuning.weighing.verdict import Level, Verdict


def sheets(walk: Walk, evidence: Evidence, verdict: Verdict) -> tuple[Sheet, ...]:
    """Return every table that has something to show, in the order in which they are read."""
    judged = verdict.level is not Level.REFUSED
    found = [
        reasons_sheet(verdict),
        result_sheet(evidence, judged=judged),
        luck_sheet(walk, evidence, judged=judged),
        folds_sheet(evidence, judged=judged),
        paths_sheet(evidence),
        parameters_sheet(evidence),
        costs_sheet(evidence),
        order_sheet(evidence, judged=judged),
        depths_sheet(evidence, judged=judged),
        trials_sheet(walk),
        failures_sheet(walk),
    ]
    return tuple(sheet for sheet in found if sheet.rows)


def reasons_sheet(verdict: Verdict) -> Sheet:
    """Return what decided."""
    rows = tuple((it.what, it.side.value, it.text) for it in verdict.reasons)
    return Sheet("What decided", ("Evidence", "Speaks", "Number"), rows, words=(1, 2))


def result_sheet(evidence: Evidence, *, judged: bool) -> Sheet:
    """Return what the tuned and the untuned strategy did on the same days."""
    tuned, untuned, apart = evidence.tuned, evidence.untuned, evidence.against_untuned
    rows = (
        (
            "Profit",
            estimated(tuned.performance.profit, judged=judged, percentages=True),
            estimated(untuned.performance.profit, judged=judged, percentages=True),
            UNKNOWN,
        ),
        (
            "Return a year",
            UNKNOWN,
            UNKNOWN,
            estimated(apart.yearly, judged=judged, percentages=True),
        ),
        (
            "Sharpe ratio",
            estimated(tuned.performance.sharpe, judged=judged),
            estimated(untuned.performance.sharpe, judged=judged),
            estimated(apart.sharpe, judged=judged),
        ),
        ("Deepest drawdown", percent(tuned.drawdown), percent(untuned.drawdown), UNKNOWN),
        ("Trades", f"{tuned.trades:,}", f"{untuned.trades:,}", UNKNOWN),
    )
    caption = (
        f"{count(evidence.days, 'day')} that their own search had not seen, after fees and "
        f"funding. Daily wallets, {_marks(evidence)}, a year of 365 days."
    )
    if judged:
        caption += (
            " In brackets 95 % intervals by redrawing days in blocks; the difference is redrawn "
            "on the same days."
        )
    return Sheet("Out of sample", ("", "Tuned", "Untuned", "Tuned − untuned"), rows, caption)  # noqa: RUF001


def luck_sheet(walk: Walk, evidence: Evidence, *, judged: bool) -> Sheet:
    """Return the result against luck and against its own training; empty where withheld."""
    if not judged or walk.trials is None:
        return Sheet("Luck and overfitting", (), ())
    luck, total = evidence.luck, walk.trials.total
    promised = _mean([fold.in_sample for fold in evidence.folds])
    kept = _mean([fold.out_of_sample for fold in evidence.folds])
    rows = (
        ("Probability that the true Sharpe ratio is above zero (PSR)",
         chance(luck.probabilistic), "knows nothing of trials"),
        ("Sharpe ratio of the best of all trials by luck", number(luck.best),
         f"if all {total:,} were worthless and independent"),
        ("Probability that the true one is above that (deflated Sharpe ratio)",
         chance(luck.deflated), f"{count(total, 'trial')}"),
        ("The same, if nothing counted but the looks at these days", chance(luck.looked),
         f"{count(luck.looks, 'walk-forward')}"),
        ("Days that such a Sharpe ratio must last to be above zero", _days(luck.track_record),
         f"there are {evidence.days:,}"),
        ("Probability of backtest overfitting (PBO), mean over folds",
         percent(evidence.overfitting, 0), "a coin has 50 %"),
        ("Sharpe ratio in sample, mean over folds", number(promised, signed=True),
         "the chosen epoch, realized"),
        ("Sharpe ratio out of sample, mean over folds", number(kept, signed=True),
         "measured in the same way"),
        ("Rank correlation of the two over folds", number(evidence.rank_correlation, signed=True),
         _by_luck(len(evidence.folds))),
    )  # fmt: skip
    missing = "; ".join(f"{name.replace('_', ' ')}: {why}" for name, why in
                        evidence.unknown.items())  # fmt: skip
    caption = f"Not known: {missing}." if missing else ""
    heads = ("Question", "Answer", "Of what")
    return Sheet("Luck and overfitting", heads, rows, caption, words=(2,))


def trials_sheet(walk: Walk) -> Sheet:
    """Return how many trials there were and where they were counted; empty when unknown."""
    trials = walk.trials
    heads = ("Trials", "Number", "Counted from")
    if trials is None:
        return Sheet("Trials", heads, ())
    rows = (
        ("Epochs of walk-forwards", f"{trials.epochs:,}", "ledger, this one included"),
        ("Backtests of ablations", f"{trials.backtests:,}", "their ledger, different results"),
        ("Unrecorded", f"{trials.unrecorded:,}", "results of plain hyperopt, and declared"),
        ("All", f"{trials.total:,}", "what the verdict is stated with"),
        ("Looks at these test days", f"{trials.walks:,}", "walk-forwards, this one included"),
    )
    return Sheet("Trials", heads, rows, f"Ledger head when counted: {trials.head}", words=(2,))


def failures_sheet(walk: Walk) -> Sheet:
    """Return why folds have no result."""
    rows = tuple((f"Fold {number_}", why) for number_, why in sorted(walk.failures.items()))
    return Sheet("Failures", ("Fold", "Why it has no result"), rows, words=(1,))


def _by_luck(folds: int) -> str:
    """Return what a rank correlation says, and how far it scatters where it says nothing."""
    said = "1: what promised more kept more"
    return f"{said}; ± {number(1 / math.sqrt(folds - 1))} by luck" if folds > 1 else said


def _marks(evidence: Evidence) -> str:
    return (
        "open positions marked at 15m closes" if evidence.marked else "some of closed trades only"
    )


def _days(value: float) -> str:
    if math.isinf(value):
        return "never"
    return UNKNOWN if math.isnan(value) else number(math.ceil(value), 0)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan
