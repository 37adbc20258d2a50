"""The rows that the reader groups: complete, safe to embed, and Freqtrade's total."""

import json

import pytest

from regimekit.reports.pivot import DIMENSIONS, SUMS, embedded, pivot_data, pivot_section
from regimekit.reports.study import study
from tests.reports.builders import record, run_of


def test_every_trade_is_there_with_its_labels_and_sums(example):
    data = pivot_data(example)
    trades, width = example.trades, len(DIMENSIONS)
    assert len(data["rows"]) == len(trades)
    for place, name in enumerate(SUMS):
        total = sum(row[width + place] for row in data["rows"])
        assert total == pytest.approx(trades[name].sum())
    for place, key in enumerate(DIMENSIONS):
        if key not in {"pair", "month"}:  # shown in words
            words = trades[key].str.replace("_", " ").tolist()
            assert [data["labels"][place][row[place]] for row in data["rows"]] == words
    assert data["reported"] == {"profit": example.run.profit_total, "trades": 13}


def test_labels_come_in_the_order_of_the_other_tables(example):
    data = pivot_data(example)
    for place, key in enumerate(DIMENSIONS):
        if key in {"regime", "side", "exit"}:
            shown = [name.replace("_", " ") for (name,), _ in example.groups(key)]
            assert data["labels"][place] == shown


def test_unknown_results_are_null_and_no_zero():
    examined = study(run_of([record(), record(is_open=True, profit_abs=0.0)]), {})
    rows = pivot_data(examined)["rows"]
    assert [row[-2:] for row in rows] == [[None, 1.0], [None, None]]
    assert json.loads(embedded(rows)) == rows


def test_no_text_ends_the_script(market):
    evil = "</script><script>alert(1)</script>&"
    examined = study(run_of([record(exit_reason=evil)]), {})
    text = embedded(pivot_data(examined))
    assert not set("<>&") & set(text)
    assert evil in json.loads(text)["labels"][list(DIMENSIONS).index("exit")]
    assert pivot_section(examined).count("</script>") == 1


def test_without_trades_there_is_nothing_to_group():
    assert pivot_section(study(run_of([]), {})) == "<p>There were no trades.</p>"
