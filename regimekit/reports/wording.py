"""What a run supports, in plain words, and what every profit figure is stated with."""

from regimekit.reports.study import Study
from regimekit.reports.text import count, day, number, percent

FEW_TRADES = 30

SIMULATED = (
    "This market is simulated: its prices are invented, and profits or losses made in it mean "
    "nothing. The report shows how the strategy behaves, not what it earns."
)


def basis(study: Study) -> str:
    """Return period, trades and costs: what belongs beside every profit figure."""
    run = study.run
    parts = [
        f"{day(run.start)} to {day(run.end)} ({number(run.days, 0)} days)",
        count(study.total.trades, "trade"),
        f"after {fee_rates(study)} fee per side and funding",
    ]
    if study.simulated:
        parts.insert(0, "simulated market")
    return " \u00b7 ".join(parts)


def fee_rates(study: Study) -> str:
    """Return the fee rates that the fills paid, lowest to highest."""
    trades = study.trades
    rates = sorted({*trades["fee_open"].dropna(), *trades["fee_close"].dropna()})
    if not rates:
        return "no"
    spread = rates if len(rates) == 1 else [rates[0], rates[-1]]
    return " to ".join(percent(rate, 3) for rate in spread)


def conclusion(study: Study) -> str:
    """Return what this run supports, and no more."""
    if study.simulated:
        return SIMULATED
    total = study.total
    if not total.trades:
        return "There were no trades, so this run supports no statement about the strategy."
    parts = [_result(study), _certainty(study)]
    if total.trades < FEW_TRADES:
        parts.append(f"Fewer than {FEW_TRADES} trades carry no conclusion of their own.")
    if study.variants is not None:
        parts.append(
            f"{count(study.variants, 'variant')} tried before this report: the more were "
            "tried, the better the best of them looks by chance."
        )
    return " ".join(parts)


def _result(study: Study) -> str:
    total, run = study.total, study.run
    return (
        f"{count(total.trades, 'trade')} in {number(run.days, 0)} days made "
        f"{number(total.profit, signed=True)} {run.currency} "
        f"({percent(total.profit_share, 2, signed=True)} of the start) after "
        f"{fee_rates(study)} fee per side and funding, with a profit factor of "
        f"{number(study.profit_factor)}."
    )


def _certainty(study: Study) -> str:
    interval = study.interval
    known, trades = study.total.r_known, study.total.trades
    if not known:
        return "No trade could be measured in R, so nothing is said about chance."
    if not interval.known:
        return "That is too little to say how far the mean result is from zero."
    part = "" if known == trades else f" of the {known:,} that could be measured in R"
    mean = number(study.total.expectancy_r, signed=True)
    span = (
        f"The mean result{part} is {mean} R per trade, 95 % "
        f"interval {number(interval.low, signed=True)} to {number(interval.high, signed=True)} R "
        "(bootstrap over the days of entry)"
    )
    if interval.covers_zero:
        return f"{span}: not distinguishable from zero."
    side = "above" if interval.low > 0 else "below"
    return f"{span}: {side} zero in this period, which is no promise for another."
