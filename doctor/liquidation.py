"""Whether the stop of every trade that may be made lies before its liquidation.

Freqtrade looks the leverage tier up once, for the stake that it proposes; the exchange judges by
the notional of the position. So each pair is walked by notional, from nothing to the most that the
caps allow, with the leverage that the strategy's own bound gives.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from doctor.findings import Report
from doctor.patient import Patient, largest_stake
from regimekit.risk.leverage import safe_leverage
from regimekit.schema import Side
from regimekit.settings import Settings

# A stop that uses more than this share of the way to liquidation is overtaken by a gap.
LEAST_ROOM = 0.25
STOPS = 12  # stop distances that are tried between the least and the widest
# What is walked where no cap says how large a position may get.
NO_CAP = float("inf")


@dataclass(frozen=True, slots=True)
class Tier:
    """A bracket of notional of one pair.

    Attributes
    ----------
    low, high : float
        Notional, stake currency.
    maintenance_rate : float
        Fraction of notional.
    maintenance_amount : float
        What is taken off the maintenance margin, stake currency.
    most_leverage : float
        Largest leverage of a position of that notional.
    """

    low: float
    high: float
    maintenance_rate: float
    maintenance_amount: float
    most_leverage: float


@dataclass(frozen=True, slots=True)
class Risky:
    """How near a stop comes to liquidation, and where.

    Attributes
    ----------
    used : float
        Stop distance as a share of the distance to liquidation; infinite where margin is used up.
    refused : bool
        Whether the exchange gives less leverage to a position of that notional.
    """

    used: float
    notional: float
    leverage: int
    stop: float
    side: Side
    refused: bool


def true_distance(leverage: float, notional: float, tier: Tier, side: Side) -> float:
    """Return how far price may move against an isolated position, fraction of the entry price.

    Unlike the strategy's own bound this knows the maintenance rate and amount of the tier.

    References
    ----------
    Binance, "How to calculate liquidation price of USDⓈ-M futures contracts".
    """
    share = tier.maintenance_amount / notional if notional > 0 else 0.0
    distance = (1.0 / leverage + share - tier.maintenance_rate) / (
        1.0 - side.sign * tier.maintenance_rate
    )
    return max(0.0, distance)


def asked_leverage(tiers: Sequence[Tier], stake: float) -> float:
    """Return the largest leverage that Freqtrade tells the strategy for a proposed stake."""
    for tier in tiers:
        if stake <= tier.high / tier.most_leverage:
            return tier.most_leverage
    return tiers[-1].most_leverage


def walk(
    tiers: Sequence[Tier], settings: Settings, capital: float, proposed: float
) -> Iterator[Risky]:
    """Yield the worst case of each tier that a position may reach, for each stop and side.

    Parameters
    ----------
    capital : float
        What the bot may use, stake currency; infinite where nothing limits it.
    proposed : float
        Stake that Freqtrade proposes and looks the tier up for.
    """
    exits, risk = settings.exits, settings.risk
    for step in range(STOPS):
        stop = exits.min_stop + (exits.max_stop - exits.min_stop) * step / (STOPS - 1)
        for side in Side:
            for tier in tiers:
                capped = capital < NO_CAP
                asked = asked_leverage(tiers, proposed) if capped else tier.most_leverage
                leverage = safe_leverage(
                    stop,
                    side,
                    wanted=risk.target_leverage,
                    tier_maximum=asked,
                    buffer=risk.stop_within_liquidation,
                )
                if leverage < 1:
                    continue  # such an order is refused by the strategy
                most = _largest_notional(settings, capital, leverage, stop)
                notional = min(tier.high, most)  # the worst place of a tier is its upper end
                if notional <= tier.low:
                    break
                distance = true_distance(leverage, notional, tier, side)
                used = stop / distance if distance > 0 else NO_CAP
                refused = leverage > tier.most_leverage
                yield Risky(used, notional, leverage, stop, side, refused)


def _largest_notional(settings: Settings, capital: float, leverage: int, stop: float) -> float:
    by_share = largest_stake(settings, capital) * leverage
    fees = settings.exits.taker_fee * (2 + stop)
    return min(by_share, capital * settings.risk.equity_at_risk / (stop + fees))


def stops(patient: Patient, report: Report) -> None:
    """Walk every pair of the whitelist and report those whose stop comes too near."""
    exchange = str(patient.config.get("exchange", {}).get("name", ""))
    settings = patient.settings
    if exchange != "binance":
        report.unchecked("leverage tiers are known for Binance only", exchange)
        return
    if settings is None or not hasattr(patient.strategy, "settings"):
        report.unchecked(
            "how the strategy chooses leverage and stop is known for the pack's own only",
            type(patient.strategy).__name__,
        )
        return
    capital = patient.capital if patient.capital is not None else NO_CAP
    proposed = _proposed(patient, capital)
    worst: tuple[float, str] = (0.0, "")
    for pair in patient.pairs:
        tiers = tiers_of(pair)
        if not tiers:
            report.error("Freqtrade knows no leverage tiers", pair, "take it off the whitelist")
            continue
        cases = list(walk(tiers, settings, capital, proposed))
        held = [case for case in cases if not case.refused]
        if not held:
            report.warning(
                "no stop of this pair would be far enough from liquidation: it never trades",
                pair,
                "lower regimekit.risk.target_leverage or regimekit.exits.min_stop",
            )
            continue
        case = max(held, key=lambda risky: risky.used)
        worst = max(worst, (case.used, _words(pair, case)))
        way = "raise stake_amount to the largest stake, or lower the capital or base_fraction"
        if case.used > 1 - LEAST_ROOM:
            what = "liquidation comes before the stop, or next to it"
            report.error(what, _words(pair, case), way)
        elif len(held) < len(cases):
            refused = next(risky for risky in cases if risky.refused)
            report.warning(
                "the exchange would refuse an order",
                f"{pair}: {refused.leverage}x at a notional of {refused.notional:,.0f}",
                way,
            )
    if not report.found and not patient.pairs:
        report.unchecked("no pairs are named")
    elif not report.found:
        reach = "all tiers" if capital == NO_CAP else f"capital {capital:,.0f}"
        report.ok(f"every stop lies before liquidation ({reach})", f"nearest: {worst[1]}")


def _proposed(patient: Patient, capital: float) -> float:
    amount = patient.resolved.get("stake_amount")
    if isinstance(amount, int | float) and not isinstance(amount, bool):
        return float(amount)
    trades = patient.resolved.get("max_open_trades", 1)
    return capital / max(1.0, float(trades)) if capital < NO_CAP else 0.0


def _words(pair: str, case: Risky) -> str:
    return (
        f"{pair} {case.side.value}: stop {case.stop:.1%} at {case.leverage}x uses {case.used:.0%} "
        f"of the way to liquidation at a notional of {case.notional:,.0f}"
    )


def tiers_of(pair: str) -> tuple[Tier, ...]:
    """Return the tiers that Freqtrade brings along for Binance, by notional; none: unknown pair."""
    return tuple(
        Tier(
            float(row["minNotional"]),
            float(row["maxNotional"]),
            float(row["maintenanceMarginRate"]),
            float(row["info"].get("cum") or 0.0),
            float(row["maxLeverage"]),
        )
        for row in _bundled().get(pair, [])
    )


@cache
def _bundled() -> dict[str, list[dict[str, Any]]]:
    import freqtrade.exchange  # noqa: PLC0415 - slow

    path = Path(freqtrade.exchange.__file__).with_name("binance_leverage_tiers.json")
    tiers: dict[str, list[dict[str, Any]]] = json.loads(path.read_text())
    return tiers


CHECKS: dict[str, Callable[[Patient, Report], None]] = {"liquidation.stops": stops}
