"""RegimeRouter's trades without a single callback: the price of Freqtrade's loop itself."""

from _replayed import ReplayedTrades


class NoCallbacks(ReplayedTrades):
    """Only signals; Freqtrade copies no trade."""
