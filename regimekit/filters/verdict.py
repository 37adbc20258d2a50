"""What a filter says about one side of every bar."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Verdict:
    """Arrays over all bars: may this side enter, and what its confidence gains or loses."""

    allows: NDArray[np.bool_]
    bonus: NDArray[np.float64]
