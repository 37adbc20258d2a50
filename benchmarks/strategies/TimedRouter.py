"""RegimeRouter with everything on that takes time in the candle loop, and with the loop timed."""

import os
from pathlib import Path
from typing import Any

from _loop_timer import LoopTimer
from _regime_router import RegimeRouter

EVERYTHING = {
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
