"""What a sub-strategy sees of the market, and the same market upside down."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bars:
    """Indicators of all bars as arrays, oriented so that larger means better for a long.

    Build it with `from_frame`; `mirrored` answers for a short. Every array has shape (n_bars,).
    """

    ema_fast: FloatArray
    ema_mid: FloatArray
    ema_slow: FloatArray
    rsi_fast: FloatArray
    rsi: FloatArray
    macd_hist: FloatArray
    bb_percent: FloatArray
    volume_ratio: FloatArray
    obv_flow: FloatArray
    break_up: FloatArray
    break_down: FloatArray
    body: FloatArray
    reversal: FloatArray
    rsi_divergence: FloatArray
    obv_divergence: FloatArray

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Self:
        """Take the columns of `regimekit.indicators.frame.indicator_columns`."""
        return cls(**{item.name: frame[item.name].to_numpy(dtype=float) for item in fields(cls)})

    def mirrored(self) -> "Bars":
        """Return the market with up and down exchanged."""
        return Bars(
            ema_fast=-self.ema_fast,
            ema_mid=-self.ema_mid,
            ema_slow=-self.ema_slow,
            rsi_fast=100.0 - self.rsi_fast,
            rsi=100.0 - self.rsi,
            macd_hist=-self.macd_hist,
            bb_percent=1.0 - self.bb_percent,
            volume_ratio=self.volume_ratio,
            obv_flow=-self.obv_flow,
            break_up=self.break_down,
            break_down=self.break_up,
            body=-self.body,
            reversal=-self.reversal,
            rsi_divergence=-self.rsi_divergence,
            obv_divergence=-self.obv_divergence,
        )


def weigh(
    trigger: NDArray[np.bool_], evidence: list[tuple[float, NDArray[np.bool_]]], *needed: FloatArray
) -> FloatArray:
    """Add up the weights of what holds, clipped to [0, 1].

    Parameters
    ----------
    trigger : array of bool
        Bars at which the setup exists at all; elsewhere the confidence is 0.
    evidence : list of (weight, array of bool)
        Positive weights support the signal, negative ones speak against it.
    needed : arrays of float
        Everything the evidence was read from. Where one is NaN the confidence is NaN: a missing
        input is not a neutral one.
    """
    total = np.zeros(len(trigger))
    for weight, holds in evidence:
        total += weight * holds
    confidence = np.where(trigger, np.clip(total, 0.0, 1.0), 0.0)
    missing = np.zeros(len(trigger), dtype=bool)
    for values in needed:
        missing |= np.isnan(values)
    confidence[missing] = np.nan
    return confidence
