"""The section ``loss``: what it accepts, and the one line that says what is wrong."""

from dataclasses import fields

import pandas as pd
import pytest

from regimekit.evaluation.loss_settings import LossConfig, LossSettings, loss_config_from
from regimekit.settings import SettingsError


def test_an_empty_section_has_the_defaults():
    assert loss_config_from({}) == LossConfig(LossSettings(), ())


def test_every_setting_can_be_set():
    document = {
        "least_trades_a_month": 12.5,
        "folds": 4,
        "spread_weight": 1,
        "max_drawdown": 0.2,
        "earlier_trials": 1_000,
    }
    assert document.keys() == {item.name for item in fields(LossSettings)}
    assert loss_config_from(document).settings == LossSettings(**document)


def test_closed_spans_are_instants_in_utc():
    document = {"closed": [["2024-01-01", "2024-02-03T02:00:00+02:00"], ("2024-03-01T06", "2025")]}
    assert loss_config_from(document).closed == (
        (pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-02-03", tz="UTC")),
        (pd.Timestamp("2024-03-01 06:00", tz="UTC"), pd.Timestamp("2025-01-01", tz="UTC")),
    )


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (5, "loss is 5, expected an object with settings"),
        ({"fold": 5}, "loss.fold is not a setting; did you mean 'folds'?"),
        ({"zzz": 5}, "loss.zzz is not a setting; known: closed, earlier_trials, folds"),
        ({"folds": 0}, "loss.folds is 0, expected 1 to 50"),
        ({"folds": 2.5}, "loss.folds is 2.5, expected a whole number"),
        ({"folds": True}, "loss.folds is True, expected a whole number"),
        ({"spread_weight": 1.1}, "loss.spread_weight is 1.1, expected 0 to 1"),
        ({"spread_weight": "1"}, "loss.spread_weight is '1', expected a number"),
        ({"max_drawdown": 0}, "loss.max_drawdown is 0, expected 0.01 to 1"),
        ({"max_drawdown": float("nan")}, "loss.max_drawdown is nan, expected 0.01 to 1"),
        ({"earlier_trials": -1}, "loss.earlier_trials is -1, expected 0 to 1e"),
        ({"least_trades_a_month": -1}, "loss.least_trades_a_month is -1, expected 0 to"),
        ({"closed": "2024"}, "loss.closed is '2024', expected a list of spans"),
        ({"closed": {"a": 1}}, "loss.closed is {'a': 1}, expected a list of spans"),
        ({"closed": [["2024-01-01"]]}, "loss.closed[0] is ['2024-01-01'], expected its first"),
        ({"closed": [["2024", "2025"], "ab"]}, "loss.closed[1] is 'ab', expected its first"),
        ({"closed": [["2024", "soon"]]}, "loss.closed[0] has 'soon', expected an instant as"),
        ({"closed": [["2024", 2025]]}, "loss.closed[0] has 2025, expected an instant as"),
        ({"closed": [["", "2025"]]}, "loss.closed[0] has '', expected an instant as"),
        ({"closed": [["2025", "2025"]]}, "loss.closed[0] ends at 2025-01-01 00:00:00+00:00, which"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(document, told):
    with pytest.raises(SettingsError) as caught:
        loss_config_from(document)
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)
