"""The columns that every grouped table has, in a browser and in a terminal alike."""

from collections.abc import Callable
from dataclasses import dataclass

from regimekit.reports.breakdown import Summary
from regimekit.reports.run import Run
from regimekit.reports.text import UNKNOWN, duration, number, percent


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and how to print its cell; `sign` tells gains from losses, where it has one."""

    title: str
    cell: Callable[[Summary], str]
    sign: Callable[[Summary], float] | None = None


def money_digits(run: Run) -> int:
    """Return the decimals of an amount: cents for currencies like USDT, all of them for coins."""
    return 2 if run.decimals <= 3 else run.decimals


def summary_columns(run: Run) -> tuple[Column, ...]:
    """Return the columns of a table of `Summary` rows."""
    digits = money_digits(run)
    return (
        Column("Trades", lambda row: f"{row.trades:,}"),
        Column("Win rate", lambda row: percent(row.win_rate)),
        Column(
            f"Profit, {run.currency}",
            lambda row: number(row.profit, digits, signed=True),
            lambda row: row.profit,
        ),
        Column("% of start", lambda row: percent(row.profit_share, 2, signed=True)),
        Column("Mean R, gross", lambda row: number(row.mean_r, signed=True)),
        Column("Expectancy R, net", lambda row: number(row.expectancy_r, signed=True)),
        Column("Funding", lambda row: number(row.funding_fees, digits, signed=True)),
        Column("Fees", lambda row: number(-row.fees, digits)),
        Column("Duration", lambda row: duration(row.duration)),
    )


def cost_columns(run: Run) -> tuple[Column, ...]:
    """Return the columns that lead from the market's gain to the account's."""
    digits = money_digits(run)
    return (
        Column("Trades", lambda row: f"{row.trades:,}"),
        Column("Gross", lambda row: number(row.gross_profit, digits, signed=True)),
        Column("Fees", lambda row: number(-row.fees, digits)),
        Column("Funding", lambda row: number(row.funding_fees, digits, signed=True)),
        Column(
            "Profit",
            lambda row: number(row.profit, digits, signed=True),
            lambda row: row.profit,
        ),
        Column("Fees / gross", _fee_share),
    )


def _fee_share(row: Summary) -> str:
    return percent(row.fees / row.gross_profit) if row.gross_profit > 0 else UNKNOWN
