"""Tags are written and read back."""

import pytest

from regimekit.schema import ROUTES, Gate, Positioning, Regime, Side, entry_tag, parse_entry_tag


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


def test_gates_are_numbered_in_the_order_in_which_they_are_asked():
    assert [int(gate) for gate in Gate] == list(range(len(Gate)))
    decided_at_the_close = [gate.label for gate in Gate if Gate.NONE < gate <= Gate.CONFIDENCE]
    assert decided_at_the_close == [
        *("inputs", "direction", "funding", "squeeze", "regime_wait", "stop", "confidence")
    ]


def test_gate_codes_fit_a_column_and_their_names_a_report():
    assert max(Gate) <= 127
    assert all(gate.label == gate.name.lower() for gate in Gate)


def test_positioning_turns_with_the_price():
    assert {int(code) for code in Positioning} == {-int(code) for code in Positioning}
    assert Positioning.NEW_LONGS == -Positioning.NEW_SHORTS
    assert Positioning.SHORT_COVERING == -Positioning.LONG_LIQUIDATION
