"""From indicator columns to decision columns: regime, confidence, filters, entries.

This is the whole of what a strategy decides at a candle's close, as columns, so that a user can
see on a chart what made, changed or stopped a signal.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regimekit.exits.decay import dying
from regimekit.exits.trail import trail_factor
from regimekit.filters.direction import direction
from regimekit.filters.funding import funding
from regimekit.filters.verdict import Verdict
from regimekit.frames import with_columns
from regimekit.regime import age, classify, confirm
from regimekit.schema import ROUTES, Availability, Gate, Regime, Side, SubStrategy, entry_tag
from regimekit.settings import Settings
from regimekit.signals.bars import Bars, FloatArray
from regimekit.signals.breakout import breakout
from regimekit.signals.mean_reversion import mean_reversion
from regimekit.signals.momentum import momentum
from regimekit.signals.router import per_regime, route
from regimekit.squeeze import squeeze, squeeze_columns

BoolArray = NDArray[np.bool_]


class OneSide(NamedTuple):
    """What was decided about one side of every bar."""

    columns: dict[str, NDArray[np.generic]]
    enters: BoolArray
    confidence: FloatArray


def decision_columns(frame: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Decide every bar.

    Parameters
    ----------
    frame : DataFrame
        Candles with the columns of `indicator_columns`, `higher_timeframe_columns` for 1h and 4h,
        `funding_columns`, `open_interest_columns` and `flow_columns`.

    Returns
    -------
    DataFrame, indexed like `frame`
        ``regime_15m``, ``regime``: `Regime` codes before and after confirmation; ``regime_age``:
        bars since it changed.
        The columns of `squeeze_columns`.
        ``<sub-strategy>_<side>``: each sub-strategy's own confidence, whatever the regime.
        ``signal_<side>``: that of the selected sub-strategy.
        ``direction_allows_<side>``, ``direction_bonus_<side>`` and likewise ``funding_`` and
        ``squeeze_``: the filters' verdicts.
        ``confidence_<side>``: after all filters, 0..1, NaN where an input is missing.
        ``refused_<side>``: `Gate` that stopped a signal which was confident enough, else NONE.
        ``stop_distance``: one R in price units. ``target_rr``: target in R.
        ``trail_factor``: what the market asks of a trail's width. ``decay_<side>``: the move that
        such a trade lives on is dying.
        ``min_confidence``: what an entry needs. ``inputs_ok``: no required input is missing.
        ``entry``: +1 enter long, -1 enter short, 0 neither.
    """
    shared = _shared_columns(frame, settings)
    frame = with_columns(frame, shared)
    upright = Bars.from_frame(frame)
    sides = {
        side: _side_columns(frame, bars, side, settings)
        for side, bars in ((Side.LONG, upright), (Side.SHORT, upright.mirrored()))
    }
    columns = {**sides[Side.LONG].columns, **sides[Side.SHORT].columns, "entry": _choose(sides)}
    return pd.concat([shared, pd.DataFrame(columns, index=frame.index)], axis=1)


def entry_tags(regime: pd.Series, entry: pd.Series) -> pd.Series:
    """Return ``enter_tag`` for the bars that enter, None elsewhere."""
    tags: dict[int, str] = {int(code): entry_tag(code, name) for code, name in ROUTES.items()}
    return regime.where(entry != 0).map(tags).astype(object)


def least_confidence(settings: Settings) -> float:
    """Return what recent results may take off `min_confidence`: signals are shown from there on."""
    adapts = settings.adaptive.enabled and settings.trade_history
    return settings.adaptive.relief if adapts else 0.0


def _shared_columns(frame: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Return the columns that hold for both sides."""
    regime_15m = classify(frame["adx"], frame["atr_ratio"], settings.regime)
    confirmed = confirm(regime_15m, frame["adx_4h"], least_adx=settings.regime.confirm_adx_4h)
    regime = (confirmed if settings.regime.confirm else regime_15m).to_numpy(dtype=np.int8)
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
    stop = per_regime(regime, stop_atr) * frame["atr"].to_numpy(dtype=float)
    columns = {
        "regime_15m": regime_15m,
        "regime": regime,
        "regime_age": age(regime),
        "stop_distance": np.maximum(stop, exits.min_stop * close),
        "target_rr": per_regime(regime, target_rr),
        "trail_factor": trail_factor(regime, frame["atr_rank"].to_numpy(dtype=float), exits),
        "min_confidence": per_regime(regime, min_confidence),
        "inputs_ok": _inputs_ok(frame, settings),
    }
    risk = squeeze_columns(frame, settings.squeeze)
    return pd.concat([pd.DataFrame(columns, index=frame.index), risk], axis=1)


def _side_columns(frame: pd.DataFrame, bars: Bars, side: Side, settings: Settings) -> OneSide:
    """Decide one side."""
    own = {
        SubStrategy.MOMENTUM: momentum(bars, settings.momentum),
        SubStrategy.MEAN_REVERSION: mean_reversion(bars, settings.mean_reversion),
        SubStrategy.BREAKOUT: breakout(bars, settings.breakout),
    }
    trades = {
        SubStrategy.MOMENTUM: settings.momentum.enabled,
        SubStrategy.MEAN_REVERSION: settings.mean_reversion.enabled,
        SubStrategy.BREAKOUT: settings.breakout.enabled,
    }
    regime = frame["regime"].to_numpy(dtype=np.int8)
    signal = route(regime, {name: own[name] * trades[name] for name in own})
    verdicts = _verdicts(frame, side, settings)
    bonuses = np.array([verdict.bonus for verdict in verdicts.values()])
    confidence = _confidence(signal, bonuses.sum(axis=0))
    least = frame["min_confidence"].to_numpy(dtype=float) - least_confidence(settings)
    confident = (confidence > 0) & (confidence >= least.round(9))
    unpunished = _confidence(signal, np.maximum(bonuses, 0.0).sum(axis=0))
    wanted = (signal > 0) & (unpunished >= least.round(9))
    close = frame["close"].to_numpy(dtype=float)
    # A signal without a stop that can be placed is no signal.
    placeable = frame["stop_distance"].to_numpy(dtype=float) <= settings.exits.max_stop * close
    waited = frame["regime_age"].to_numpy() >= settings.gates.regime_wait_bars
    refused = {  # in the order of `Gate`
        Gate.INPUTS: ~frame["inputs_ok"].to_numpy(dtype=bool),
        Gate.DIRECTION: ~verdicts["direction"].allows,
        Gate.FUNDING: ~verdicts["funding"].allows,
        Gate.SQUEEZE: ~verdicts["squeeze"].allows,
        Gate.REGIME_WAIT: ~waited,
        Gate.STOP: ~placeable,
        Gate.CONFIDENCE: ~confident,
    }
    stopped_by = np.select(list(refused.values()), [int(gate) for gate in refused])
    columns: dict[str, NDArray[np.generic]] = {
        f"{sub_strategy}_{side}": values for sub_strategy, values in own.items()
    }
    for name, verdict in verdicts.items():
        columns[f"{name}_allows_{side}"] = verdict.allows
        columns[f"{name}_bonus_{side}"] = verdict.bonus
    sign = side.sign
    histogram, rsi = (frame[name].to_numpy(dtype=float) for name in ("macd_hist", "rsi"))
    decay = dying(sign * histogram, rsi if sign > 0 else 100.0 - rsi, settings.exits)
    columns |= {
        f"signal_{side}": signal,
        f"confidence_{side}": confidence,
        f"refused_{side}": np.where(wanted, stopped_by, int(Gate.NONE)).astype(np.int8),
        f"decay_{side}": decay & settings.exits.momentum_decay,
    }
    return OneSide(columns, stopped_by == int(Gate.NONE), confidence)


def _confidence(signal: FloatArray, bonus: FloatArray) -> FloatArray:
    """Add a bonus where there is a signal; rounded, or a sum of hundredths misses its threshold."""
    return np.where(signal > 0, np.clip(signal + bonus, 0.0, 1.0).round(9), signal)


def _verdicts(frame: pd.DataFrame, side: Side, settings: Settings) -> dict[str, Verdict]:
    filters = settings.filters
    verdicts = {
        "direction": direction(
            frame["trend_1h"].to_numpy(dtype=float),
            frame["trend_4h"].to_numpy(dtype=float),
            side,
            demand=filters.direction,
            alignment_bonus=filters.alignment_bonus,
        ),
        "funding": funding(
            frame["funding_rate_8h"].to_numpy(dtype=float),
            frame["funding_state"].to_numpy(dtype=np.int8),
            side,
            filters,
        ),
        "squeeze": squeeze(
            frame["squeeze_risk"].to_numpy(dtype=float),
            frame["squeeze_state"].to_numpy(dtype=np.int8),
            side,
            settings.squeeze,
        ),
    }
    silent = Verdict(allows=np.ones(len(frame), dtype=bool), bonus=np.zeros(len(frame)))
    if not filters.funding:
        verdicts["funding"] = silent
    if not settings.squeeze.enabled:
        verdicts["squeeze"] = silent
    return verdicts


def _inputs_ok(frame: pd.DataFrame, settings: Settings) -> BoolArray:
    """Return where every input that may block is there."""
    required = ["state_1h", "state_4h"]
    if settings.filters.funding and settings.filters.funding_outage == "block":
        required.append("funding_state")
    if settings.squeeze.enabled and settings.squeeze.outage == "block":
        required.append("oi_state")
    return frame[required].eq(int(Availability.OK)).all(axis=1).to_numpy(dtype=bool)


def _choose(sides: dict[Side, OneSide]) -> NDArray[np.int8]:
    """Pick the more confident side where both want to enter; a tie enters neither."""
    long, short = sides[Side.LONG], sides[Side.SHORT]
    lead = np.sign(long.confidence - short.confidence)
    chosen = np.where(long.enters & short.enters, lead, long.enters.astype(float) - short.enters)
    # doctor: allow neutral because 0 is the code of no entry, not a value
    return np.nan_to_num(chosen).astype(np.int8)


def regime_labels(regime: pd.Series) -> pd.Series:
    """Return readable names for `Regime` codes."""
    return regime.map({int(code): code.label for code in Regime})
