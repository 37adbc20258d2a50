"""One exit plan per trade, fixed at the fill.

Everything is a price, so leverage cannot move an exit. The stop is a function of the best price
since entry alone, and rises with it: it can never loosen.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from regimekit.schema import Side
from regimekit.settings import ExitSettings

# Closer than this a trail is hit by noise.
LEAST_TRAIL_ATR = 0.8


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """Price levels of one trade; build it with `plan_exit`.

    Attributes
    ----------
    side : Side
        Long or short.
    entry : float
        Average fill price.
    stop : float
        Initial stop; ``|entry - stop|`` is one R.
    target : float
        Price that closes the trade, or arms the trail where `trail` is set.
    break_even_trigger, break_even_stop : float
        Reaching the first moves the stop to the second, which pays the fees.
    trail : float
        Distance of the trailing stop from the best price; 0 when the target closes the trade.
    least_trail : float
        The trail is never closer than this, whatever the market asks for.
    squeeze_trail : float
        Distance from the best price while the trade's side may be squeezed; 0 leaves it alone.
    regime, sub_strategy : str
        Why the trade was opened.
    confidence : float
        Of the signal, 0..1; NaN when unknown.
    atr : float
        ATR of the signal candle, price units; NaN when unknown.
    """

    side: Side
    entry: float
    stop: float
    target: float
    break_even_trigger: float
    break_even_stop: float
    trail: float
    least_trail: float
    squeeze_trail: float
    regime: str
    sub_strategy: str
    confidence: float
    atr: float

    @property
    def risk(self) -> float:
        """Return one R: the distance from entry to the initial stop, price units."""
        return abs(self.entry - self.stop)

    def r_multiple(self, price: float) -> float:
        """Return the gain at `price` in R, before fees."""
        return self.side.sign * (price - self.entry) / self.risk

    def stop_at(self, best: float, *, factor: float = 1.0, squeezed: bool = False) -> float:
        """Return the stop once `best` (highest for a long, lowest for a short) was reached.

        Parameters
        ----------
        factor : float
            On the width of the trail, from `trail_factor`; NaN leaves it alone.
        squeezed : bool
            Whether this side may be squeezed now, which trails the trade from wherever it is.
        """
        sign = self.side.sign
        stop = self.stop
        if sign * (best - self.break_even_trigger) >= 0:
            stop = _tighter(sign, stop, self.break_even_stop)
        if self.trail > 0 and sign * (best - self.target) >= 0:
            width = max(self.trail * factor, self.least_trail) if factor > 0 else self.trail
            stop = _tighter(sign, stop, best - sign * width)
        if squeezed and self.squeeze_trail > 0:
            stop = _tighter(sign, stop, best - sign * self.squeeze_trail)
        return stop

    def tightens(self, placed: float, stop: float) -> bool:
        """Tell whether `stop` lies closer to the price than the stop that is `placed`."""
        return self.side.sign * (stop - placed) > 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values for Freqtrade's custom data; unknown numbers become None."""
        values = {name: _plain(value) for name, value in asdict(self).items()}
        return values | {"side": self.side.value}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote; ValueError when it is not a usable plan."""
        try:
            # Plans of an earlier version know nothing of these two; their trail gets no closer.
            known = {"least_trail": values["trail"], "squeeze_trail": 0.0, **values}
            numbers = {item.name: known[item.name] for item in fields(cls)}
            side = Side(numbers.pop("side"))
            for name in ("confidence", "atr"):
                numbers[name] = math.nan if numbers[name] is None else float(numbers[name])
            plan = cls(side=side, **numbers)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"stored exit plan is damaged: {error!r}") from error
        prices = (plan.entry, plan.stop, plan.target, plan.break_even_trigger, plan.break_even_stop)
        for price in (*prices, plan.trail, plan.least_trail, plan.squeeze_trail):
            if not (isinstance(price, int | float) and math.isfinite(price)):
                raise ValueError(f"stored exit plan has a price that is not a number: {values}")
        if not side.sign * (plan.entry - plan.stop) > 0:
            raise ValueError(f"stored exit plan has its stop on the wrong side: {values}")
        return plan


def plan_exit(
    side: Side,
    entry: float,
    *,
    stop_distance: float,
    target_rr: float,
    atr: float,
    fee: float,
    settings: ExitSettings,
    squeeze_atr: float = 0.0,
    regime: str = "unknown",
    sub_strategy: str = "unknown",
    confidence: float = math.nan,
) -> ExitPlan:
    """Fix the levels of a trade that was filled at `entry`.

    Parameters
    ----------
    entry, stop_distance, atr : float
        Price units. ValueError when the stop would not lie between zero and the entry (long) or
        above it (short).
    target_rr : float
        Target in R.
    fee : float
        Fee that the entry paid, as a fraction of notional. Break-even pays it twice, and never less
        than `taker_fee`, because a stop is a market order.
    squeeze_atr : float
        Width of the trail in ATR while the side may be squeezed; 0 leaves the trade alone.
    """
    sign = side.sign
    if not (math.isfinite(entry) and math.isfinite(stop_distance) and 0 < stop_distance < entry):
        raise ValueError(
            f"stop_distance must lie between 0 and the entry price, was {stop_distance} at {entry}"
        )
    fee = max(fee, settings.taker_fee)
    break_even = (
        entry * (1 + fee) / (1 - fee) if side is Side.LONG else entry * (1 - fee) / (1 + fee)
    )
    known = 0 < atr < math.inf  # NaN fails too

    def trail(width: float) -> float:
        """Return `width` ATR; without an ATR the stop says how far prices move."""
        return width * atr if known else stop_distance

    return ExitPlan(
        side=side,
        entry=entry,
        stop=entry - sign * stop_distance,
        target=entry + sign * target_rr * stop_distance,
        # Never a trigger inside the fees: the stop would lie beyond the price that moved it.
        break_even_trigger=entry
        + sign * max(settings.break_even_r * stop_distance, abs(break_even - entry)),
        break_even_stop=break_even if settings.break_even else entry - sign * stop_distance,
        trail=trail(settings.trail_atr) if settings.hybrid_trail else 0.0,
        least_trail=trail(LEAST_TRAIL_ATR),
        squeeze_trail=trail(max(squeeze_atr, LEAST_TRAIL_ATR)) if squeeze_atr > 0 else 0.0,
        regime=regime,
        sub_strategy=sub_strategy,
        confidence=confidence,
        atr=atr,
    )


def _tighter(sign: int, one: float, other: float) -> float:
    return max(one, other) if sign > 0 else min(one, other)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.value if isinstance(value, Side) else value
