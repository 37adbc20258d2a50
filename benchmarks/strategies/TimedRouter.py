"""RegimeRouter with everything on that takes time in the candle loop, and with the loop timed."""

import os
from pathlib import Path
from typing import Any

from _loop_timer import LoopTimer
from _regime_router import RegimeRouter

# Low thresholds, so that there is something to do on every candle.
EVERYTHING = {
    "momentum": {"momentum_min_confidence": 0.6},
    "mean_reversion": {"mean_reversion_min_confidence": 0.5},
    "breakout": {"breakout_min_confidence": 0.5},
    "filters": {"direction": "not_opposed"},
    "adaptive": {"enabled": True},
    "exits": {"momentum_decay": True, "volatility_trail": True},
    "vetoes": {"ledger": True},
}


class TimedRouter(LoopTimer, RegimeRouter):
    """Switches everything on, and writes its ledger of refused orders into the scratch folder."""

    def __init__(self, config: dict[str, Any]) -> None:
        config["regimekit"] = EVERYTHING
        config["user_data_dir"] = Path(os.environ["BENCH_LOOP_TIME"]).parent
        super().__init__(config)
