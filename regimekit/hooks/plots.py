"""How FreqUI and ``freqtrade plot-dataframe`` draw what was decided, and in which colors.

FreqUI gives each subplot 8 % of the height, and the candles what is left: seven leave them a third.
What is not drawn can be added in FreqUI's plot configurator; it is in the frame all the same.
"""

from typing import Any

# Each stands out from a white and from a black page. The first three and those of the regimes are
# the report's, which stay apart for color-blind readers.
LONG, SHORT, NEUTRAL = "#009e73", "#d55e00", "#8a8f98"
# A second long and short beside the first.
LONG_TOO, SHORT_TOO = "#2e8b9e", "#b5568c"
REGIME, FUNDING, OPEN_INTEREST = "#0072b2", "#b8860b", "#7b61ff"

# Decision columns that no chart needs, and where the same can be seen.
NOT_PLOTTED: dict[str, str] = {
    "regime_age": "the length of a regime's area",
    "stop_distance": "the stop of an open trade is a line",
    "target_rr": "the target of an open trade is a line",
    "trail_factor": "1 unless exits.volatility_trail is on",
    "decay_long": "the exit that it makes is called momentum_decay",
    "decay_short": "the exit that it makes is called momentum_decay",
    "inputs_ok": "refused_long and refused_short say so where it mattered",
    "squeeze_state": "squeeze_risk has a gap where it is not OK",
    "squeeze_cvd_confirms": "squeeze_risk against cvd_divergence",
    "momentum_long": "confidence_long, where the regime selects it",
    "momentum_short": "confidence_short, where the regime selects it",
    "mean_reversion_long": "confidence_long, where the regime selects it",
    "mean_reversion_short": "confidence_short, where the regime selects it",
    "breakout_long": "confidence_long, where the regime selects it",
    "breakout_short": "confidence_short, where the regime selects it",
    "signal_long": "confidence_long less the bonuses",
    "signal_short": "confidence_short less the bonuses",
    "direction_allows_long": "refused_long",
    "direction_allows_short": "refused_short",
    "funding_allows_long": "refused_long",
    "funding_allows_short": "refused_short",
    "squeeze_allows_long": "squeeze_risk",
    "squeeze_allows_short": "squeeze_risk",
    "squeeze_bonus_long": "0 unless squeeze.bonus is set, then where squeeze_risk is -1",
    "squeeze_bonus_short": "0 unless squeeze.bonus is set, then where squeeze_risk is +1",
    "entry": "Freqtrade marks the entries itself",
}


def decision_plots() -> dict[str, Any]:
    """Return Freqtrade's ``plot_config``: price levels on the chart, decisions below it.

    Codes are those of `regimekit.schema`: `Regime` in ``regime``, `Gate` in ``refused``.
    """
    return {
        "main_plot": {
            "ema_fast": _line(REGIME),
            "ema_slow": _line(FUNDING),
            "resistance": _line(NEUTRAL),
            "support": _line(NEUTRAL),
        },
        "subplots": {
            "regime": {
                "regime": _line(REGIME),
                "regime_15m": _line(NEUTRAL),
                "trend_1h": _line(LONG_TOO),
                "trend_4h": _line(OPEN_INTEREST),
            },
            "confidence": {
                "confidence_long": _line(LONG),
                "confidence_short": _line(SHORT),
                "min_confidence": _line(NEUTRAL),
            },
            "filters": {
                "direction_bonus_long": _line(LONG),
                "direction_bonus_short": _line(SHORT),
                "funding_bonus_long": _line(LONG_TOO),
                "funding_bonus_short": _line(SHORT_TOO),
            },
            "refused": {"refused_long": _bar(LONG), "refused_short": _bar(SHORT)},
            "squeeze": {
                "squeeze_risk": _line(SHORT),
                "squeeze_extreme": _line(FUNDING),
                "atr_rank": _line(NEUTRAL),
                "squeeze_compression": _bar(LONG_TOO),
                "squeeze_build_up": _bar(OPEN_INTEREST),
            },
            "unusual": {"funding_z": _line(FUNDING), "oi_z": _line(OPEN_INTEREST)},
            "taker flow": {
                "cvd": _line(REGIME),
                "spot_cvd": _line(LONG),
                "cvd_divergence": _line(NEUTRAL),
            },
        },
    }


def _line(color: str) -> dict[str, str]:
    # Without a type: FreqUI and plotly both draw a line, and plotly knows no type of that name.
    return {"color": color}


def _bar(color: str) -> dict[str, str]:
    return {"color": color, "type": "bar"}
