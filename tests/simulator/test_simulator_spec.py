from datetime import UTC, datetime, timedelta, timezone

import pytest

from replay.simulator import DEFAULT_PAIRS, MarketSpec


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pairs": ()}, "pairs is empty"),
        ({"pairs": ("FOO/USDT:USDT",)}, "pairs has 'FOO/USDT:USDT', expected some of BTC/USDT"),
        ({"pairs": ("BTC/USDT:USDT",) * 2}, "BTC/USDT:USDT 2 times; name it once"),
        ({"start": datetime(2026, 1, 1)}, "expected a time in UTC"),  # noqa: DTZ001
        ({"start": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))}, "in UTC"),
        ({"start": datetime(2026, 1, 1, 1, tzinfo=UTC)}, "the open of a 4h candle"),
        ({"days": 0}, "days is 0, expected at least 1"),
        ({"warmup_days": -1}, "warmup_days is -1, expected 0 or more"),
        ({"days": 9999}, "add up to 9999, expected at most"),
        ({"seed": -1}, "seed is -1, expected 0 or more"),
    ],
)
def test_a_spec_refuses_what_cannot_be_simulated(settings, message):
    with pytest.raises(ValueError, match=message):
        MarketSpec(**settings)


def test_warm_up_comes_before_the_traded_days():
    spec = MarketSpec(start=datetime(2026, 1, 1, tzinfo=UTC), days=10, warmup_days=75)
    assert spec.start - spec.first == timedelta(days=75)
    assert spec.end - spec.start == timedelta(days=10)


def test_there_are_ten_default_pairs():
    assert len(DEFAULT_PAIRS) == 10
    assert MarketSpec().pairs == DEFAULT_PAIRS
