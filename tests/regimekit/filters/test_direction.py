"""Both higher timeframes against a side stop it; each that agrees helps."""

import numpy as np
import pytest

from regimekit.filters.direction import direction
from regimekit.schema import Side

NAN = np.nan
LONG = {  # trend 1h, trend 4h -> allowed, bonus in agreeing timeframes
    (1, 1): (True, 2),
    (1, 0): (True, 1),
    (0, 1): (True, 1),
    (0, 0): (True, 0),
    (1, -1): (True, 1),
    (-1, 1): (True, 1),
    (0, -1): (True, 0),
    (-1, 0): (True, 0),
    (-1, -1): (False, 0),
    (NAN, 1): (False, 1),
    (1, NAN): (False, 1),
    (NAN, -1): (False, 0),
    (-1, NAN): (False, 0),
    (NAN, NAN): (False, 0),
}


@pytest.mark.parametrize("side", Side)
def test_truth_table(side):
    trends = side.sign * np.array(list(LONG), dtype=float)
    verdict = direction(trends[:, 0], trends[:, 1], side, alignment_bonus=0.1)
    assert verdict.allows.tolist() == [allowed for allowed, _ in LONG.values()]
    np.testing.assert_allclose(verdict.bonus, [0.1 * agreeing for _, agreeing in LONG.values()])
