"""The period to choose on is not the one to check on."""

from itertools import combinations

import pytest

from experiments.periods import NAMED, named_samples, own_samples
from providers.coverage import parse_timerange
from providers.errors import DataMissingError


@pytest.fixture
def recorded(tmp_path):
    for folder, _, _ in NAMED.values():
        (tmp_path / folder).mkdir(exist_ok=True)
    return tmp_path


def test_periods_do_not_overlap():
    spans = [parse_timerange(timerange) for _, timerange, _ in NAMED.values()]
    for one, other in combinations(spans, 2):
        assert one.end <= other.start or other.end <= one.start


def test_only_the_period_to_choose_on_is_free(recorded):
    samples = {it.name: it for it in named_samples(["all"], recorded)}
    assert {name for name, it in samples.items() if not it.reserved} == {"choose"}
    assert samples["choose"].period.timerange == "20230115-20250101"


def test_a_period_named_twice_is_one(recorded):
    assert [it.name for it in named_samples(["check", "check"], recorded)] == ["check"]


def test_missing_candles_are_named(tmp_path):
    with pytest.raises(DataMissingError, match=r"binance_2022_2025; name another folder"):
        named_samples(["choose"], tmp_path)


def test_own_folder_has_its_own_timerange(tmp_path):
    (sample,) = own_samples([tmp_path], "20260101-20260201")
    assert sample.name == tmp_path.name
    assert sample.period.timerange == "20260101-20260201"
    assert not sample.reserved
