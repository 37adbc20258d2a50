"""From indicator columns to decision columns: regime, confidence, filters, entries.

This is the whole of what a strategy decides at a candle's close, as columns, so that a user can
see on a chart what made, changed or stopped a signal.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regimekit.filters.direction import direction
from regimekit.filters.funding import funding
from regimekit.filters.verdict import Verdict
from regimekit.regime import classify, confirm
from regimekit.schema import ROUTES, Availability, Regime, Side, SubStrategy, entry_tag
from regimekit.settings import Settings
from regimekit.signals.bars import Bars, FloatArray
from regimekit.signals.breakout import breakout
from regimekit.signals.mean_reversion import mean_reversion
from regimekit.signals.momentum import momentum
from regimekit.signals.router import per_regime, route


def decision_columns(frame: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Decide every bar.

    Parameters
    ----------
    frame : DataFrame
        Candles with the columns of `indicator_columns`, `higher_timeframe_columns` for 1h and 4h,
        and `funding_columns`.

    Returns
    -------
    DataFrame, indexed like `frame`
        ``regime_15m``, ``regime``: `Regime` codes before and after confirmation.
        ``<sub-strategy>_<side>``: each sub-strategy's own confidence, whatever the regime.
        ``signal_<side>``: that of the selected sub-strategy.
        ``direction_allows_<side>``, ``direction_bonus_<side>`` and likewise ``funding_``: the
        filters' verdicts.
        ``confidence_<side>``: after all filters, 0..1, NaN where an input is missing.
        ``stop_distance``: one R in price units. ``target_rr``: target in R.
        ``min_confidence``: what an entry needs. ``inputs_ok``: no required input is missing.
        ``entry``: +1 enter long, -1 enter short, 0 neither.
    """
    regime_15m = classify(frame["adx"], frame["atr_ratio"], settings.regime)
    regime = confirm(
        regime_15m, frame["adx_4h"], least_adx=settings.regime.confirm_adx_4h
    ).to_numpy(dtype=np.int8)
    exits = settings.exits
    stop_atr = {
        SubStrategy.MOMENTUM: exits.stop_atr_momentum,
        SubStrategy.MEAN_REVERSION: exits.stop_atr_mean_reversion,
        SubStrategy.BREAKOUT: exits.stop_atr_breakout,
    }
    target_rr = {
        SubStrategy.MOMENTUM: exits.target_rr_momentum,
        SubStrategy.MEAN_REVERSION: exits.target_rr_mean_reversion,
        SubStrategy.BREAKOUT: exits.target_rr_breakout,
    }
    min_confidence = {
        SubStrategy.MOMENTUM: settings.momentum.momentum_min_confidence,
        SubStrategy.MEAN_REVERSION: settings.mean_reversion.mean_reversion_min_confidence,
        SubStrategy.BREAKOUT: settings.breakout.breakout_min_confidence,
    }
    close = frame["close"].to_numpy(dtype=float)
    stop_distance = np.maximum(
        per_regime(regime, stop_atr) * frame["atr"].to_numpy(dtype=float), exits.min_stop * close
    )
    needed = per_regime(regime, min_confidence)
    columns: dict[str, NDArray[np.generic] | pd.Series] = {
        "regime_15m": regime_15m,
        "regime": regime,
        "stop_distance": stop_distance,
        "target_rr": per_regime(regime, target_rr),
        "min_confidence": needed,
        "inputs_ok": _inputs_ok(frame, settings),
    }
    upright = Bars.from_frame(frame)
    enters: dict[Side, NDArray[np.bool_]] = {}
    confidences: dict[Side, FloatArray] = {}
    for side, bars in ((Side.LONG, upright), (Side.SHORT, upright.mirrored())):
        own = {
            SubStrategy.MOMENTUM: momentum(bars, settings.momentum),
            SubStrategy.MEAN_REVERSION: mean_reversion(bars, settings.mean_reversion),
            SubStrategy.BREAKOUT: breakout(bars, settings.breakout),
        }
        signal = route(regime, own)
        verdicts = _verdicts(frame, side, settings)
        allowed = np.ones(len(frame), dtype=bool)
        bonus = np.zeros(len(frame))
        for name, verdict in verdicts.items():
            columns[f"{name}_allows_{side}"] = verdict.allows
            columns[f"{name}_bonus_{side}"] = verdict.bonus
            allowed &= verdict.allows
            bonus += verdict.bonus
        # Rounded, because a sum of hundredths can miss the threshold that it equals.
        confidence = np.where(signal > 0, np.clip(signal + bonus, 0.0, 1.0).round(9), signal)
        columns |= {f"{sub_strategy}_{side}": values for sub_strategy, values in own.items()}
        columns |= {f"signal_{side}": signal, f"confidence_{side}": confidence}
        confidences[side] = confidence
        # A signal without a stop that can be placed is no signal.
        placeable = stop_distance <= exits.max_stop * close
        enters[side] = allowed & placeable & (confidence > 0) & (confidence >= needed)
    columns["entry"] = _choose(enters, confidences)
    return pd.DataFrame(columns, index=frame.index)


def entry_tags(regime: pd.Series, entry: pd.Series) -> pd.Series:
    """Return ``enter_tag`` for the bars that enter, None elsewhere."""
    tags: dict[int, str] = {int(code): entry_tag(code, name) for code, name in ROUTES.items()}
    return regime.where(entry != 0).map(tags).astype(object)


def _verdicts(frame: pd.DataFrame, side: Side, settings: Settings) -> dict[str, Verdict]:
    filters = settings.filters
    return {
        "direction": direction(
            frame["trend_1h"].to_numpy(dtype=float),
            frame["trend_4h"].to_numpy(dtype=float),
            side,
            alignment_bonus=filters.alignment_bonus,
        ),
        "funding": funding(
            frame["funding_rate_8h"].to_numpy(dtype=float),
            frame["funding_state"].to_numpy(dtype=np.int8),
            side,
            filters,
        ),
    }


def _inputs_ok(frame: pd.DataFrame, settings: Settings) -> NDArray[np.bool_]:
    """Return where every input that may block is there."""
    required = ["state_1h", "state_4h"]
    if settings.filters.funding_outage == "block":
        required.append("funding_state")
    return frame[required].eq(int(Availability.OK)).all(axis=1).to_numpy(dtype=bool)


def _choose(
    enters: dict[Side, NDArray[np.bool_]], confidences: dict[Side, FloatArray]
) -> NDArray[np.int8]:
    """Pick the more confident side where both want to enter; a tie enters neither."""
    wants_long, wants_short = enters[Side.LONG], enters[Side.SHORT]
    lead = np.sign(confidences[Side.LONG] - confidences[Side.SHORT])
    both = wants_long & wants_short
    chosen = np.where(both, lead, wants_long.astype(float) - wants_short)
    return np.nan_to_num(chosen).astype(np.int8)


def regime_labels(regime: pd.Series) -> pd.Series:
    """Return readable names for `Regime` codes."""
    return regime.map({int(code): code.label for code in Regime})
