"""The tables that ask what else might have become of the same trades."""

from regimekit.evaluation.order import LEVELS
from regimekit.reports.text import count, number, percent
from tuning.report.sheet import Sheet
from tuning.weighing.evidence import Evidence
from tuning.weighing.reasons import chance


def costs_sheet(evidence: Evidence) -> Sheet:
    """Return what the same trades would have come to at higher cost."""
    rows = tuple(
        (
            cost.label,
            percent(cost.profit, 1, signed=True),
            number(cost.sharpe, signed=True),
            "yes" if cost.profit > 0 else "no",
            f"{cost.kept_prices:,}" if cost.kept_prices else "",
        )
        for cost in evidence.costs
        if evidence.tuned.trades
    )
    caption = (
        "The decisions stay, only what they cost changes. From closed trades, chained over tests. "
        "No later price: orders that had none and kept their own."
    )
    heads = ("Scenario", "Profit", "Sharpe ratio", "Above zero", "No later price")
    return Sheet("Higher costs", heads, rows, caption)


def order_sheet(evidence: Evidence, *, judged: bool) -> Sheet:
    """Return what other orders of the same trades, and other trades of their kind, would do."""
    order = evidence.order
    heads = (
        "",
        *("median" if level == 0.5 else f"{percent(level, 0)} quantile" for level in LEVELS),
    )
    if order is None or not judged:
        return Sheet("Order of trades", heads, ())
    rows = (
        ("Drawdown, same trades in another order", *(percent(it) for it in order.shuffled)),
        ("Drawdown, trades redrawn", *(percent(it) for it in order.redrawn)),
        ("Profit, trades redrawn", *(percent(it, signed=True) for it in order.profit)),
    )
    caption = (
        f"{count(order.trades, 'trade')} one after the other. The drawdown that happened is "
        f"{percent(order.drawdown)} at closed trades; {percent(order.deeper, 0)} of other orders "
        f"fall deeper. {chance(order.loss_probability)} of redraws end with a loss."
    )
    return Sheet("Order of trades", heads, rows, caption)


def depths_sheet(evidence: Evidence, *, judged: bool) -> Sheet:
    """Return how often other orders of the same trades, and redraws, fall deep."""
    heads = ("Drawdown of at least", "Same trades in another order", "Trades redrawn")
    if evidence.order is None or not judged:
        return Sheet("Chance of a drawdown", heads, ())
    rows = tuple(
        (percent(float(str(depth)), 0), chance(row["shuffled"]), chance(row["redrawn"]))
        for depth, row in evidence.order.beyond.iterrows()
    )
    return Sheet("Chance of a drawdown", heads, rows)
