"""RegimeRouter as it is, with its candle loop timed."""

from _loop_timer import LoopTimer
from _regime_router import RegimeRouter


class TimedRouter(LoopTimer, RegimeRouter):
    """Adds nothing but the clock."""
