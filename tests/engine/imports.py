"""What Freqtrade imports before it does anything; nothing of ours that trades is among it."""

import os
from importlib import import_module

from replay.runner import WIDE

os.environ.update(WIDE)  # the consoles that Freqtrade makes on import measure the terminal once
for module in ("main", "commands", "resolvers", "optimize.backtesting"):
    import_module(f"freqtrade.{module}")
