"""How FreqUI and ``freqtrade plot-dataframe`` draw the decision columns."""

from typing import Any


def decision_plots() -> dict[str, Any]:
    """Return Freqtrade's ``plot_config``: price levels on the chart, decisions below it."""
    return {
        "main_plot": {
            "ema_fast": {"color": "#4c9be8"},
            "ema_slow": {"color": "#f2a33a"},
            "resistance": {"color": "#9aa0a6"},
            "support": {"color": "#9aa0a6"},
        },
        "subplots": {
            "regime": {
                "regime": {"color": "#7b61ff"},
                "regime_15m": {"color": "#c9c2f0"},
            },
            "confidence": {
                "confidence_long": {"color": "#1fa774"},
                "confidence_short": {"color": "#d64550"},
                "min_confidence": {"color": "#9aa0a6"},
            },
            "trend": {"trend_1h": {"color": "#4c9be8"}, "trend_4h": {"color": "#1d4e89"}},
            "adx": {"adx": {"color": "#7b61ff"}, "adx_4h": {"color": "#3b2f80"}},
            "funding per 8h": {"funding_rate_8h": {"color": "#b8860b"}},
            "unusual": {"funding_z": {"color": "#b8860b"}, "oi_z": {"color": "#5f6caf"}},
            "open interest": {
                "oi_change": {"color": "#5f6caf"},
                "price_oi_quadrant": {"color": "#c9c2f0"},
            },
            "taker flow": {
                "cvd": {"color": "#f2a33a"},
                "spot_cvd": {"color": "#1fa774"},
                "cvd_divergence": {"color": "#9aa0a6"},
            },
        },
    }
