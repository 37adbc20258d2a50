"""What the charts of FreqUI and plot-dataframe are made of."""

from itertools import combinations

import pytest

from regimekit.decisions import decision_columns
from regimekit.hooks import plots
from regimekit.hooks.plots import NOT_PLOTTED, decision_plots
from regimekit.pipeline import analyze
from regimekit.settings import Settings
from tests.derivatives import open_interest_rows, taker_flow_rows
from tests.markets import CANDLE, market

WHITE, DARK = "#ffffff", "#1e1e1e"
# Of graphics, by WCAG 2.1, success criterion 1.4.11.
LEAST_CONTRAST = 3.0
MOST_SUBPLOTS = 7
MOST_LINES = 5


@pytest.fixture(scope="module")
def analyzed():
    shown = market(40, seed=3)
    flow = taker_flow_rows(shown)
    return analyze(
        shown.candles,
        shown.higher,
        shown.funding,
        Settings(),
        timeframe=CANDLE,
        open_interest=open_interest_rows(shown),
        taker_flow=flow,
        spot_taker_flow=flow,
    )


def panels():
    config = decision_plots()
    return {"main_plot": config["main_plot"], **config["subplots"]}


def plotted():
    return {column for panel in panels().values() for column in panel}


def test_every_plotted_column_exists(analyzed):
    assert plotted() - set(analyzed.columns) == set()


def test_every_decision_is_plotted_or_says_where_it_is_seen(analyzed):
    decided = set(decision_columns(analyzed, Settings()).columns)
    assert decided - plotted() == set(NOT_PLOTTED)
    assert all(NOT_PLOTTED.values())


def test_a_reason_names_only_columns_that_are_plotted(analyzed):
    decided = set(decision_columns(analyzed, Settings()).columns)
    for column, reason in NOT_PLOTTED.items():
        named = {word.strip(",") for word in reason.split()} & decided
        assert named <= plotted(), column


def test_each_column_is_drawn_once():
    drawn = [column for panel in panels().values() for column in panel]
    assert len(drawn) == len(set(drawn))


def test_the_candles_keep_a_third_of_the_height_and_no_panel_is_crowded():
    subplots = decision_plots()["subplots"]
    assert len(subplots) <= MOST_SUBPLOTS
    assert all(1 <= len(panel) <= MOST_LINES for panel in panels().values())


def test_no_column_has_a_type_that_freqtrade_cannot_plot():
    """``plot-dataframe`` ends with a KeyError on any other type, ``line`` included."""
    for panel in panels().values():
        assert {style.get("type", "scatter") for style in panel.values()} <= {"scatter", "bar"}


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#ffffff", "#000000") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("page", [WHITE, DARK])
def test_every_color_stands_out_on_a_light_and_on_a_dark_page(page):
    for panel in panels().values():
        for column, style in panel.items():
            assert contrast(style["color"], page) >= LEAST_CONTRAST, column


def test_lines_of_a_panel_are_told_apart():
    levels = {"resistance", "support"}  # one above the price, one below
    for panel in panels().values():
        for one, other in combinations(sorted(set(panel) - levels), 2):
            assert panel[one]["color"] != panel[other]["color"], (one, other)


def test_a_side_has_its_colors_everywhere():
    colors = {"_long": {plots.LONG, plots.LONG_TOO}, "_short": {plots.SHORT, plots.SHORT_TOO}}
    for panel in panels().values():
        for column, style in panel.items():
            for side, own in colors.items():
                assert not column.endswith(side) or style["color"] in own, column


def test_a_strategy_may_change_its_own_copy():
    decision_plots()["subplots"].clear()
    assert decision_plots()["subplots"]
