"""Nothing that can be switched is forgotten, and every variant is one change that is accepted."""

from dataclasses import asdict, fields, replace

import pytest

from experiments.variants import (
    DEFAULT,
    EXCLUDED,
    EXCLUDED_GATES,
    FLIP,
    GATES,
    STRATEGY,
    VARIANTS,
    Group,
    base_settings,
    choose,
    settings_document,
    switches,
)
from regimekit.schema import Gate
from regimekit.settings import Settings, SettingsError, settings_from

BASE = Settings()
OURS = [it for it in VARIANTS if it.strategy == STRATEGY and it is not DEFAULT]


def paths(variant):
    return {f"{key}.{name}" for key, given in variant.changes.items() for name in given}


def test_every_switch_choice_and_gate_is_tried_or_excluded():
    tried = set().union(*map(paths, VARIANTS))
    missing = set(switches()) - tried - EXCLUDED.keys()
    assert not missing, "neither in VARIANTS nor, with a reason, in EXCLUDED"
    assert not tried & EXCLUDED.keys()
    assert EXCLUDED.keys() <= set(switches())


def test_the_list_of_switches_is_not_empty_by_mistake():
    found = set(switches())
    assert {"adaptive.enabled", "exits.volatility_trail", "filters.direction"} <= found
    assert {"gates.reward_share", "gates.exit_candle", "regime.confirm"} <= found
    assert "exits.trail_atr" not in found


def test_every_gate_has_a_variant_that_lifts_it_or_a_reason():
    assert GATES.keys() | EXCLUDED_GATES.keys() == set(Gate)
    assert not GATES.keys() & EXCLUDED_GATES.keys()
    assert set(GATES.values()) <= {variant.name for variant in VARIANTS}
    assert all(reason for reason in (*EXCLUDED.values(), *EXCLUDED_GATES.values()))


def test_names_are_unique():
    names = [variant.name for variant in VARIANTS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("variant", OURS, ids=lambda it: it.name)
def test_a_variant_changes_what_it_names_and_nothing_else(variant):
    before, after = asdict(BASE), asdict(variant.settings(BASE))
    changed = {
        f"{key}.{name}"
        for key, section in before.items()
        if isinstance(section, dict)
        for name in section
        if section[name] != after[key][name]
    }
    assert changed <= paths(variant)
    # A choice is listed with all its values; the default's own is left out when it runs.
    assert changed == paths(variant) or variant not in choose([], BASE)


@pytest.mark.parametrize("variant", OURS, ids=lambda it: it.name)
def test_the_pack_accepts_every_variant(variant):
    document = settings_document(variant.settings(BASE))
    assert document["vetoes"]["ledger"] is False
    accepted = settings_from(document)
    assert accepted == replace(variant.settings(BASE), vetoes=replace(BASE.vetoes, ledger=False))


def test_every_choice_has_each_value_but_the_default():
    chosen = {it.name for it in choose([], BASE)}
    for path in ("filters.direction", "filters.funding_outage", "squeeze.outage"):
        key, name = path.split(".")
        section = getattr(BASE, key)
        (item,) = (it for it in fields(section) if it.name == name)
        others = set(item.metadata["choices"]) - {getattr(section, name)}
        assert {it for it in chosen if it.startswith(f"{path}=")} == {
            f"{path}={value}" for value in others
        }


def test_a_switch_follows_the_base_around_which_it_is_tried():
    base = base_settings({"exits": {"volatility_trail": True}})
    (variant,) = (it for it in VARIANTS if it.name == "exits.volatility_trail")
    assert variant.settings(BASE).exits.volatility_trail is True
    assert variant.settings(base).exits.volatility_trail is False
    assert variant.label(BASE) == "exits.volatility_trail on"
    assert variant.label(base) == "exits.volatility_trail off"


def test_a_variant_that_equals_the_base_is_left_out():
    base = base_settings({"gates": {"entries_per_day": 0}})
    assert "gates.entries_per_day" in {it.name for it in choose([], BASE)}
    assert "gates.entries_per_day" not in {it.name for it in choose([], base)}


def test_each_sub_strategy_is_left_out_and_left_alone():
    for name in ("momentum", "mean_reversion", "breakout"):
        (without,) = (it for it in VARIANTS if it.name == f"{name}.enabled")
        assert without.changes == {name: {"enabled": FLIP}}
        (alone,) = (it for it in VARIANTS if it.name == f"{name} alone")
        settings = alone.settings(BASE)
        enabled = {key for key in ("momentum", "mean_reversion", "breakout")
                   if getattr(settings, key).enabled}  # fmt: skip
        assert enabled == {name}


def test_bias_is_no_choice():
    (biased,) = (it for it in VARIANTS if it.group is Group.BIAS)
    assert biased.name == "gates.exit_candle"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("adaptive", ["adaptive.enabled"]),
        ("exits.break_even", ["exits.break_even"]),
        ("gate/gates.cooldown*", ["gates.cooldown_loss_bars", "gates.cooldown_profit_bars"]),
        ("baseline", ["ATRBreakout", "Supertrend"]),
        ("default", []),
    ],
)
def test_only_names_groups_and_variants(pattern, names):
    assert [it.name for it in choose([pattern], BASE)] == ["default", *names]


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(ValueError, match=r"--only exit/nothing names no variant.*adaptive"):
        choose(["exit", "exit/nothing"], BASE)


def test_a_wrong_base_is_refused():
    with pytest.raises(SettingsError, match="did you mean 'exits'"):
        base_settings({"exit": {}})
