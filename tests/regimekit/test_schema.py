"""Tags are written and read back."""

import pytest

from regimekit.schema import ROUTES, Regime, Side, entry_tag, parse_entry_tag


@pytest.mark.parametrize(("regime", "sub_strategy"), ROUTES.items())
def test_an_entry_tag_says_regime_and_sub_strategy(regime, sub_strategy):
    tag = entry_tag(regime, sub_strategy)
    assert tag == f"{regime.label}:{sub_strategy}"
    assert parse_entry_tag(tag) == (regime, sub_strategy)


@pytest.mark.parametrize("tag", ["", "force_entry", "trending", "trending:", ":momentum", "a:b"])
def test_a_foreign_tag_is_refused_by_name(tag):
    with pytest.raises(ValueError, match=f"enter_tag is '{tag}', expected <regime>"):
        parse_entry_tag(tag)


def test_every_known_regime_selects_a_sub_strategy():
    assert set(ROUTES) == set(Regime) - {Regime.UNKNOWN}


def test_sides_are_opposite():
    assert [side.sign for side in Side] == [1, -1]
