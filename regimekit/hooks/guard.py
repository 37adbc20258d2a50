"""Make a strategy's callbacks fail closed.

Freqtrade's own wrapper fails open: when ``confirm_trade_entry`` raises, the trade is opened; when
``custom_stake_amount`` raises, the full stake is used; NaN stakes and None leverage end the
process with trades open. Here an exception or a senseless value means: no entry, keep the stop,
allow the exit. A fault is logged when it begins and when it ends, not every candle.
"""

import functools
import inspect
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Contract:
    """What a callback may return, and what it returns instead when it fails.

    Attributes
    ----------
    safe : Any
        The answer of a failing callback.
    accepts : callable
        Tells whether a returned value makes sense.
    entry_step : bool
        Its failure also refuses the order that is being prepared.
    echo : str
        Argument to give back instead of `safe`, such as the rate that Freqtrade proposes.
    """

    safe: Any
    accepts: Callable[[Any], bool]
    entry_step: bool = False
    echo: str = ""


def _finite(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Unlike math.isfinite this answers for an integer too large for a float.
    return number and abs(value) <= sys.float_info.max


def _finite_or_none(value: Any) -> bool:
    return value is None or _finite(value)


def _stake(value: Any) -> bool:
    return _finite(value) and value >= 0


def _leverage(value: Any) -> bool:
    return _finite(value) and value >= 1


def _price(value: Any) -> bool:
    return _finite(value) and value > 0


def _price_or_none(value: Any) -> bool:
    return value is None or _price(value)


def _adjustment(value: Any) -> bool:
    return _finite_or_none(value[0] if isinstance(value, tuple) and value else value)


def _answer(value: Any) -> bool:
    return isinstance(value, bool)


def _exit_reason(value: Any) -> bool:
    return value is None or isinstance(value, bool | str)


def _anything(value: Any) -> bool:  # noqa: ARG001 - the contract of callbacks without a result
    return True


CONTRACTS: dict[str, Contract] = {
    "leverage": Contract(1.0, _leverage, entry_step=True),
    "custom_stake_amount": Contract(0.0, _stake, entry_step=True),
    "confirm_trade_entry": Contract(False, _answer, entry_step=True),
    "confirm_trade_exit": Contract(True, _answer),
    "custom_stoploss": Contract(None, _finite_or_none),
    "custom_roi": Contract(None, _finite_or_none),
    "custom_exit": Contract(None, _exit_reason),
    "order_filled": Contract(None, _anything),
    "adjust_trade_position": Contract(None, _adjustment),
    "custom_entry_price": Contract(None, _price, echo="proposed_rate"),
    "custom_exit_price": Contract(None, _price, echo="proposed_rate"),
    "adjust_entry_price": Contract(None, _price_or_none, echo="current_order_rate"),
    "adjust_exit_price": Contract(None, _price_or_none, echo="current_order_rate"),
    "adjust_order_price": Contract(None, _price_or_none, echo="current_order_rate"),
    "check_entry_timeout": Contract(False, _answer),
    "check_exit_timeout": Contract(False, _answer),
    "bot_loop_start": Contract(None, _anything),
    "informative_pairs": Contract((), lambda value: isinstance(value, list | tuple)),
}


class FaultLog:
    """Remembers which callbacks are failing, to log each transition once."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def failed(self, callback: str, reason: str, *, safe: Any, error: Exception | None) -> None:
        """Record a failure; the first of a series is logged."""
        count = self._counts.get(callback, 0) + 1
        self._counts[callback] = count
        if count == 1:
            logger.error(
                "%s failed: %s. Using %r until it recovers; entries it decides on are refused.",
                callback,
                reason,
                safe,
                exc_info=error,
            )

    def succeeded(self, callback: str) -> None:
        """Record a success; the first after failures is logged."""
        if self._counts and (count := self._counts.pop(callback, 0)):
            logger.warning("%s recovered after %d failure(s).", callback, count)


def fail_closed(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a callback so that it honors its `Contract` whatever happens inside.

    The object it is bound to needs ``faults`` (a `FaultLog`) and ``doubtful_pairs`` (a set): a pair
    whose order could not be sized stays refused until its next order is.
    """
    contract = CONTRACTS[name]
    # Mixins call each other's: one that fails inside another must not look like its recovery.
    label = method.__qualname__
    first_step = name == "leverage"

    @functools.wraps(method)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        safe = kwargs.get(contract.echo, contract.safe)
        pair = kwargs.get("pair") if contract.entry_step else None
        if pair is not None:
            if first_step:
                self.doubtful_pairs.discard(pair)
            elif pair in self.doubtful_pairs:
                return safe
        error: Exception | None = None
        try:
            value = method(self, *args, **kwargs)
            if contract.accepts(value):
                self.faults.succeeded(label)
                return value
            reason = f"returned {value!r:.80}"
        except Exception as raised:  # noqa: BLE001 - whatever it is, the bot must go on safely
            error, reason = raised, repr(raised)
        self.faults.failed(label, reason, safe=safe, error=error)
        if pair is not None:
            self.doubtful_pairs.add(pair)
        return safe

    # Freqtrade looks for `after_fill` with getfullargspec, which does not follow __wrapped__.
    guarded.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
    return guarded
