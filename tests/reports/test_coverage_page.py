"""The coverage page: bars where rows are, ticks where they are missing."""

import json
import re

import pandas as pd

from regimekit.reports.coverage import Lane, coverage_page

NOW = pd.Timestamp("2026-02-01", tz="UTC")
START = pd.Timestamp("2026-01-01", tz="UTC")
DAY, MINUTE = pd.Timedelta(days=1), pd.Timedelta(minutes=1)
GAPS = ((START + 10 * DAY, START + 15 * DAY), (START + 20 * DAY, START + 20 * DAY + MINUTE))


def traces(lane: Lane) -> list[dict]:
    """Return what plotly is given to draw."""
    html = coverage_page([lane], NOW, "data")
    drawn = re.search(r"Plotly\.newPlot\(\s*\"plot-0\",\s*(\[.*?\]),\s*\{\"", html, re.DOTALL)
    assert drawn
    return json.loads(drawn[1])


def test_a_wide_gap_parts_the_bar_and_every_gap_has_its_tick():
    lane = Lane("BTC/USDT:USDT", "futures-15m", "fresh", START, NOW, GAPS, {"Rows": "7"})
    bar, ticks = traces(lane)
    assert bar["base"] == ["2026-01-01 00:00", "2026-01-16 00:00"]
    assert bar["x"] == [10 * DAY.total_seconds() * 1000, 16 * DAY.total_seconds() * 1000]
    assert ticks["text"][0] == "2026-01-11 00:00 to 2026-01-16 00:00"
    assert len(ticks["x"]) == 2
    assert "Rows: 7" in bar["hovertemplate"]


def test_a_stale_series_has_a_line_up_to_now():
    bar, tail = traces(Lane("P", "n", "stale", START, START + DAY))
    assert tail["x"] == ["2026-01-02 00:00", "2026-02-01 00:00"]
    assert bar["x"] == [DAY.total_seconds() * 1000]


def test_what_is_not_there_is_marked_and_not_drawn_as_data():
    (mark,) = traces(Lane("P", "n", "missing", None, None, facts={"Problem": "not there"}))
    assert mark["type"] == "scatter"
    assert "not there" in mark["hovertemplate"]


def test_states_are_counted_and_names_are_escaped():
    lanes = [
        Lane("<i>", "a", "fresh", START, NOW),
        Lane("<i>", "b", "stale", START, START + DAY),
        Lane("X", "%{x}", "corrupt", None, None),
    ]
    html = coverage_page(lanes, NOW, "<data>")
    assert "<i>" not in html.split("</script>", 1)[1]
    assert "&lt;data&gt; \u00b7 3 series" in html
    assert re.search(r"corrupt</dt><dd>1</dd>", html)
