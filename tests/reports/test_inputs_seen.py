"""Which inputs were there is told from the columns, and what was not asked is not missed."""

import math

import pytest

from regimekit.reports.inputs_seen import inputs_seen, silent
from regimekit.schema import Availability
from regimekit.settings import FilterSettings, InputSettings, Settings, SqueezeSettings
from tests.reports.builders import OTHER_PAIR, PAIR, decided

OK, OUTAGE = int(Availability.OK), int(Availability.OUTAGE)


def seen(settings=None, **states):
    frames = {PAIR: decided(**states), OTHER_PAIR: decided(**states)}
    return inputs_seen(frames, settings or Settings())


def test_the_share_counts_candles_of_all_pairs():
    frames = {PAIR: decided(oi_state=OK), OTHER_PAIR: decided(oi_state=OUTAGE)}
    found = {item.name: item for item in inputs_seen(frames, Settings())}
    assert found["open interest"].share == pytest.approx(0.5)
    assert found["open interest"].policy == "abstain"
    assert math.isnan(found["funding rate"].share)


@pytest.mark.parametrize("state", [Availability.STALE, Availability.OUTAGE])
def test_an_input_that_never_was_is_silent(state):
    found = seen(oi_state=int(state), flow_state=OK, funding_state=OK)
    assert silent(found) == ["open interest"]


@pytest.mark.parametrize(
    "settings",
    [
        Settings(squeeze=SqueezeSettings(enabled=False)),
        Settings(inputs=InputSettings(open_interest=False)),
    ],
)
def test_what_was_switched_off_is_not_missed(settings):
    assert silent(seen(settings, oi_state=OUTAGE)) == []


def test_order_time_inputs_have_no_share():
    found = seen(Settings(filters=FilterSettings(order_book=False, news_outage="block")))
    asked = {item.name: (item.policy, item.order_time) for item in found if item.order_time}
    assert asked == {"order book": ("off", True), "news": ("block", True)}
    assert silent(found) == []


def test_without_candles_nothing_is_said():
    found = inputs_seen({}, Settings())
    assert all(math.isnan(item.share) for item in found)
    assert silent(found) == []
