"""Higher timeframes stop a side by what is demanded of them; each that agrees helps."""

from dataclasses import fields

import numpy as np
import pytest

from regimekit.filters.direction import direction
from regimekit.schema import Side
from regimekit.settings import FilterSettings

NAN = np.nan
DEMANDS = ["off", "not_opposed", "slow_agrees", "both_agree"]
LONG = {  # trend 1h, trend 4h -> allowed under each demand, bonus in agreeing timeframes
    (1, 1): ((True, True, True, True), 2),
    (1, 0): ((True, True, False, False), 1),
    (0, 1): ((True, True, True, False), 1),
    (0, 0): ((True, True, False, False), 0),
    (1, -1): ((True, True, False, False), 1),
    (-1, 1): ((True, True, True, False), 1),
    (0, -1): ((True, True, False, False), 0),
    (-1, 0): ((True, True, False, False), 0),
    (-1, -1): ((True, False, False, False), 0),
    (NAN, 1): ((False, False, False, False), 1),
    (1, NAN): ((False, False, False, False), 1),
    (NAN, -1): ((False, False, False, False), 0),
    (-1, NAN): ((False, False, False, False), 0),
    (NAN, NAN): ((False, False, False, False), 0),
}


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("column", "demand"), list(enumerate(DEMANDS)))
def test_truth_table(column, demand, side):
    trends = side.sign * np.array(list(LONG), dtype=float)
    verdict = direction(trends[:, 0], trends[:, 1], side, demand=demand, alignment_bonus=0.1)
    assert verdict.allows.tolist() == [allowed[column] for allowed, _ in LONG.values()]
    np.testing.assert_allclose(verdict.bonus, [0.1 * agreeing for _, agreeing in LONG.values()])


def test_each_demand_asks_for_more_than_the_one_before():
    for allowed, _ in LONG.values():
        assert list(allowed) == sorted(allowed, reverse=True)


def test_every_demand_that_can_be_set_is_known():
    choices = next(item for item in fields(FilterSettings) if item.name == "direction")
    assert list(choices.metadata["choices"]) == DEMANDS
