"""RegimeRouter's trades with all of its callbacks, which return at once: the engine's floor."""

# ruff: noqa: ARG002 - Freqtrade names the arguments

from typing import Any

from _regime_router import RegimeRouter
from _replayed import ReplayedTrades
from freqtrade.strategy import IStrategy

from regimekit.hooks.guard import CONTRACTS

OUTSIDE_TRADES = {"bot_loop_start", "informative_pairs"}


class CallbacksAtOnce(ReplayedTrades):
    """Answers with the constants that give Freqtrade the least to do.

    It still copies the trade for each call. None leaves the stop alone, so that also what the
    engine does to move a stop counts against RegimeRouter: no strategy with these callbacks and
    trades is faster than this one.
    """

    use_custom_stoploss = True

    def leverage(self, **kwargs: Any) -> float:
        return 1.0

    def custom_stake_amount(self, proposed_stake: float, **kwargs: Any) -> float:
        return proposed_stake

    def confirm_trade_entry(self, **kwargs: Any) -> bool:
        return True

    def order_filled(self, **kwargs: Any) -> None:
        return None

    def custom_stoploss(self, after_fill: bool, **kwargs: Any) -> None:
        return None

    def custom_exit(self, **kwargs: Any) -> None:
        return None

    def custom_roi(self, **kwargs: Any) -> None:
        return None  # RegimeRouter has it too and, as shipped, never lets it be asked


def _callbacks(strategy: type[IStrategy]) -> set[str]:
    names = CONTRACTS.keys() - OUTSIDE_TRADES
    return {name for name in names if getattr(strategy, name) is not getattr(IStrategy, name)}


if unanswered := _callbacks(RegimeRouter) ^ _callbacks(CallbacksAtOnce):
    raise TypeError(f"CallbacksAtOnce and RegimeRouter differ in {sorted(unanswered)}; align them")
