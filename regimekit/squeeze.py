"""SQUEEZE_RISK: one side is crowded in a market that was compressed, so that it may be squeezed.

A cascade is over within two or three 15m bars, so what is looked for is the build-up before it.
Open interest confirms; alone it triggers nothing.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regimekit.filters.verdict import Verdict
from regimekit.schema import Availability, Positioning, Side
from regimekit.settings import SqueezeSettings

FloatArray = NDArray[np.float64]


def squeeze_columns(frame: pd.DataFrame, settings: SqueezeSettings) -> pd.DataFrame:
    """Return which side may be squeezed, and the three conditions behind it.

    The risk begins on the bar on which all three hold. It ends when funding no longer leans to
    that side by `leave_z` and open interest is below it too, when the other side becomes crowded,
    or in an outage.

    Parameters
    ----------
    frame : DataFrame
        ``atr_rank``, and the columns of `funding_columns`, `open_interest_columns` and
        `flow_columns`.

    Returns
    -------
    DataFrame, indexed like `frame`
        ``squeeze_compression`` : 1 where ATR ranked low within the last `memory_bars` bars.
        ``squeeze_build_up`` : 1 where open interest grew fast, or stands unusually high.
        ``squeeze_extreme`` : +1 where longs are crowded, -1 where shorts are, else 0: by the sign
        of an extreme funding score, else by who opened the positions of extreme open interest.
        ``squeeze_risk`` : +1 longs may be squeezed, -1 shorts, 0 neither, NaN in an outage.
        ``squeeze_state`` : that of open interest, OUTAGE also where a window over it or the ATR
        rank is incomplete. Without funding open interest can still show a risk, but not that there
        is none: the state is then the worse of both. A score that funding has not, because it does
        not vary or its window is not full, is not extreme.
        ``squeeze_cvd_confirms`` : 1 where spot does not follow the takers of the crowded side, 0
        where it does or where there is no risk, NaN in an outage or without taker flow.
    """
    oi_z, oi_change, funding_z, rank, quadrant = (
        frame[name].to_numpy(dtype=float)
        for name in ("oi_z", "oi_change", "funding_z", "atr_rank", "price_oi_quadrant")
    )
    state = _state(frame["oi_state"].to_numpy(dtype=np.int8), oi_z, oi_change, quadrant, rank)
    seen = state == int(Availability.OK)
    compression = _recently(rank <= settings.compression_rank, settings.memory_bars)
    build_up = (oi_change > settings.build_up_change) | (oi_z > settings.build_up_z)
    extreme = _crowded(funding_z, oi_z, quadrant, settings.extreme_z)
    begins = np.where(seen & compression & build_up, extreme, 0)
    risk = np.zeros(len(frame))
    for side in Side:
        # A score that is missing keeps nothing alive, nor does funding that the other side pays.
        calm = ~(side.sign * funding_z >= settings.leave_z) & ~(oi_z >= settings.leave_z)
        risk += side.sign * _held(begins == side.sign, calm | ~seen | (begins == -side.sign))
    absent = risk == 0
    state[absent] = np.minimum(state, frame["funding_state"].to_numpy(dtype=np.int8))[absent]
    risk = np.where(state == int(Availability.OK), risk, np.nan)
    return pd.DataFrame(
        {
            "squeeze_compression": compression.astype(np.int8),
            "squeeze_build_up": build_up.astype(np.int8),
            "squeeze_extreme": extreme,
            "squeeze_risk": risk,
            "squeeze_state": state,
            "squeeze_cvd_confirms": _confirmed(risk, frame["cvd_divergence"].to_numpy(dtype=float)),
        },
        index=frame.index,
    )


def squeeze(
    risk: FloatArray, state: NDArray[np.int8], side: Side, settings: SqueezeSettings
) -> Verdict:
    """Refuse the crowded side; the other one may gain confidence.

    Parameters
    ----------
    risk : array of float
        ``squeeze_risk``; NaN in an outage, which refuses under the ``block`` policy.
    """
    missing = state != int(Availability.OK)
    blocked = missing & (settings.outage == "block")
    return Verdict(
        allows=~(risk == side.sign) & ~blocked,
        bonus=np.where(risk == -side.sign, settings.bonus, 0.0),
    )


def _state(oi_state: NDArray[np.int8], *needed: FloatArray) -> NDArray[np.int8]:
    """Return the state of open interest, OUTAGE also where one of `needed` is missing."""
    blank = np.isnan(needed).any(axis=0)
    incomplete = (oi_state == int(Availability.OK)) & blank
    return np.where(incomplete, int(Availability.OUTAGE), oi_state).astype(np.int8)


def _recently(holds: NDArray[np.bool_], bars: int) -> NDArray[np.bool_]:
    """Tell where `holds` was true on one of the last `bars` bars, this one included."""
    position = np.arange(len(holds))
    last = np.maximum.accumulate(np.where(holds, position, -bars))
    return np.asarray(position - last < bars)


def _crowded(
    funding_z: FloatArray, oi_z: FloatArray, quadrant: FloatArray, extreme: float
) -> NDArray[np.int8]:
    opened = np.select(
        [quadrant == int(Positioning.NEW_LONGS), quadrant == int(Positioning.NEW_SHORTS)], [1, -1]
    )
    by_open_interest = np.where(oi_z > extreme, opened, 0)
    by_funding = np.where(np.abs(funding_z) > extreme, np.sign(funding_z), 0)
    return np.where(by_funding != 0, by_funding, by_open_interest).astype(np.int8)


def _held(begins: NDArray[np.bool_], ends: NDArray[np.bool_]) -> FloatArray:
    """Return 1 from each beginning until an end, else 0."""
    decided = np.select([begins, ends], [1.0, 0.0], np.nan)
    # doctor: allow neutral because before the first beginning nothing is held
    return pd.Series(decided).ffill().fillna(0.0).to_numpy()


def _confirmed(risk: FloatArray, divergence: FloatArray) -> FloatArray:
    """Spot minus perpetual flow points away from the crowded side."""
    apart = risk * divergence
    return np.where(np.isnan(apart), np.nan, (apart < 0).astype(float))
