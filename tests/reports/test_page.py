"""The page: complete, self-contained, escaped, and honest about what it does not know."""

import dataclasses
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from rich.console import Console

from regimekit.reports.chart import busiest, candle_figure, chart_pair, segments
from regimekit.reports.page import build_report
from regimekit.reports.stats import Interval
from regimekit.reports.study import study
from regimekit.reports.terminal import summary_tables
from regimekit.reports.verdicts import (
    calibration_words,
    concentration_words,
    gate_words,
    ledger_words,
)
from regimekit.reports.vetoes import GateSummary
from regimekit.reports.wording import SIMULATED, conclusion
from tests.reports.builders import OTHER_PAIR, PAIR, decided, record, run_of


class Outline(HTMLParser):
    """Collects what a browser would load, the headings, and the cells of every table."""

    def __init__(self, html):
        super().__init__()
        self.loads, self.headings, self.tables, self.alerts, self.ids = [], [], [], [], []
        self._path = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.loads += [values[name] for name in ("src", "href") if name in values]
        self.ids += [values["id"]] if "id" in values else []
        if tag == "link":
            self.loads.append("link")
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("th", "td"):
            self.tables[-1][-1].append("")
        if tag in ("h1", "h2"):
            self.headings.append("")
        if values.get("role") == "alert":
            self.alerts.append("")
            self._path.append("alert")
        elif tag not in ("meta", "br", "link"):
            self._path.append(tag)

    def handle_endtag(self, tag):
        del self._path[-1:]

    def handle_data(self, data):
        inside = self._path[-1] if self._path else ""
        if inside in ("th", "td"):
            self.tables[-1][-1][-1] += data.replace("\u00a0", " ")
        if inside in ("h1", "h2"):
            self.headings[-1] += data
        if inside == "alert":
            self.alerts[-1] += data


@pytest.fixture(scope="module")
def html(example):
    return build_report(example)


def test_nothing_is_loaded_from_elsewhere(html):
    outline = Outline(html)
    assert all(link.startswith("#") for link in outline.loads)
    assert {link[1:] for link in outline.loads} <= set(outline.ids)
    assert len(outline.ids) == len(set(outline.ids))
    assert "plotly.js v" in html
    assert len(html) < 15_000_000


def test_the_structure_stands(html):
    outline = Outline(html)
    assert outline.headings == [
        "RegimeRouter backtest",
        "What this run supports",
        "Equity and drawdown",
        "Regime, sub-strategy and exit",
        "Filters and hours",
        "Any combination",
        "Results in R",
        "Excursions",
        "Candles and regimes",
        "Refused entries",
        "Confidence",
        "Concentration",
        "Pairs",
        "Long and short",
        "Months and weeks",
        "Costs",
        "Data of the filters",
        "Settings",
    ]
    by_exit = outline.tables[0]
    assert by_exit[0] == [
        "Regime", "Sub-strategy", "Exit", "Trades", "Win rate", "Profit, USDT", "% of start",
        "Mean R, gross", "Expectancy R, net", "Funding", "Fees", "Duration",
    ]  # fmt: skip
    assert by_exit[-1][:4] == ["Total", "", "", "13"]
    assert outline.alerts == []


@pytest.mark.parametrize(
    ("heads", "place", "label"),
    [
        (["Regime", "Sub-strategy", "Exit"], 2, "all exits"),
        (["Side", "Sub-strategy"], 1, "all"),
    ],
)
def test_subtotals_add_up_in_print(html, heads, place, label):
    (table,) = [
        table for table in Outline(html).tables if table and table[0][: len(heads)] == heads
    ]
    counts = {True: 0, False: 0}
    for row in table[1:-1]:
        counts[row[place] == label] += int(row[len(heads)])
    assert counts == {True: 13, False: 13}


def test_the_rows_of_every_filter_make_up_the_total(html):
    (table,) = [table for table in Outline(html).tables if table and table[0][0] == "Filter"]
    counts, own = {}, ""
    for filter_, _, trades, *_ in table[1:-1]:
        own = filter_ or own
        counts[own] = counts.get(own, 0) + int(trades)
    assert counts == dict.fromkeys(
        ["Direction, 1h and 4h", "Funding", "Squeeze risk", "Order book", "News"], 13
    )


def test_a_cost_that_is_missing_is_an_alert():
    hidden = record()
    hidden["profit_abs"] -= 0.5
    alerts = Outline(build_report(study(run_of([hidden]), {}))).alerts
    assert len(alerts) == 1
    assert alerts[0].startswith("\u22120.500 USDT of the profit come neither from the prices")


def test_a_hand_made_row_reads_as_computed():
    trade = record()
    trades = study(run_of([trade]), {}).trades
    run = run_of([trade])
    rows = Outline(build_report(study(run, {}))).tables[0]
    assert trades["profit_abs"].sum() == pytest.approx(7.786)
    assert rows[1] == [
        "trending", "momentum", "trailing stop loss", "1", "100.0 %", "+7.79", "+0.78 %",
        "\u2013", "\u2013", "\u22120.01", "\u22120.20", "05:00",
    ]  # fmt: skip


def test_a_total_that_differs_is_an_alert(example):
    broken = dataclasses.replace(
        example, reconciliation=dataclasses.replace(example.reconciliation, reported_profit=1e6)
    )
    alerts = Outline(build_report(broken)).alerts
    assert len(alerts) == 1
    assert alerts[0].startswith("Does not reconcile")
    assert "+1,000,000.000 USDT in 13 trades" in alerts[0]
    assert "DOES NOT RECONCILE" in printed(broken)


def test_what_comes_from_data_is_escaped(market):
    evil = "<script>alert(1)</script>&\"'"
    trades = [record(enter_tag=evil, exit_reason=evil), record(pair=evil)]
    run = run_of(trades, stake_currency="<b>", pairlist=[PAIR, evil])
    run = dataclasses.replace(run, strategy=evil, config_files=(evil,), timerange=evil)
    candles = {PAIR: market[PAIR], evil: market[PAIR]}
    page = build_report(study(run, candles, command=evil), pair=evil)
    assert "<script>alert" not in page
    assert "<b>" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_simulated_market_only_says_that_profits_mean_nothing(example):
    invented = dataclasses.replace(example, simulation={"note": "invented"})
    page = build_report(invented)
    outline = Outline(page)
    assert outline.alerts == [SIMULATED]
    assert "What this run supports" not in outline.headings
    assert conclusion(invented) == SIMULATED
    assert page.count("simulated market \u00b7 2026-01-05") >= 5
    assert "interval is" not in page


def judged(example, **verdicts):
    """The example with gates whose interval of the mean is as given."""
    gates = tuple(
        GateSummary(gate, 9, 5, 5, 0.4, sum(edges) / 2, Interval(*edges))
        for gate, edges in verdicts.items()
    )
    return dataclasses.replace(example, gates=gates)


def test_gates_are_judged_in_a_plain_sentence(example):
    examined = judged(
        example, day=(-0.9, -0.1), hour=(-0.5, 0.5), cooldown=(0.1, 0.9), news=(-1.2, -0.3)
    )
    text = gate_words(examined)
    assert "Earned their keep, for what they refused would have lost: day, news." in text
    assert "Cost money, for what they refused would have won: cooldown." in text
    assert "Cannot tell, the interval holds zero or there is too little: hour." in text
    assert "earned its keep" in printed(examined)


def test_gates_of_an_invented_market_are_not_judged(example):
    invented = dataclasses.replace(judged(example, day=(-0.9, -0.1)), simulation={})
    for text in (build_report(invented), printed(invented)):
        assert "earned its keep" not in text
        assert "Earned their keep" not in text
        assert "\u22120.90 to" not in text
    assert "in an invented market it says nothing" in gate_words(invented)
    assert "cannot be judged" in calibration_words(invented)


def test_what_a_ledger_leaves_out_is_said(example):
    assert "No veto ledger of this run was found" in ledger_words(example)
    assert ledger_words(dataclasses.replace(example, ledger_rows=12)) == ""
    most = example.run.settings.vetoes.most_rows
    assert "its 20,000 latest rows" in ledger_words(dataclasses.replace(example, ledger_rows=most))


def test_the_ledger_of_the_run_is_measured(example, market, trades):
    at = example.run.start + pd.Timedelta(hours=30)
    ledger = pd.DataFrame(
        [{"at": at.isoformat(), "pair": PAIR, "side": "long", "gate": "cooldown",
          "stop_distance": 1.0, "target_rr": 1.0}]
    )  # fmt: skip
    examined = study(run_of(trades), market, vetoes=ledger)
    (own,) = [row for row in examined.gates if row.gate == "cooldown"]
    assert (own.refused, own.known, examined.ledger_rows) == (1, 1, 1)
    assert examined.taken.setups == 12
    rows = [row for table in Outline(build_report(examined)).tables for row in table]
    assert [row[:4] for row in rows if row[0] == "cooldown"] == [["cooldown", "1", "1", "1"]]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.55, 0.7, "Among the trades more of it did mean better chances of a profit."),
        (0.3, 0.45, "Among the trades more of it meant worse chances of a profit."),
        (0.4, 0.6, "Among the trades it cannot be told whether more of it means better chances"),
    ],
)
def test_confidence_is_judged_in_words(example, low, high, words):
    won = dataclasses.replace(example.won, auc=(low + high) / 2, auc_interval=Interval(low, high))
    text = calibration_words(dataclasses.replace(example, won=won))
    assert text.startswith("Confidence is a score made of points, and no claim")
    assert words in text


def test_silent_filters_are_named_where_a_reader_looks(example):
    text = "Without data in this run: open interest, perpetual taker flow, spot taker flow."
    assert build_report(example).count(text) == 2  # at the top, and beside the shares
    assert "order book and news are asked" in build_report(example).lower()


def test_concentration_says_what_is_left(example):
    text = concentration_words(example)
    assert "without the best 5 trades" in text
    assert "pairs" not in text  # two of two: nothing would be left to speak of
    assert "of all that winning trades made" in text


def test_recorded_data_states_what_the_run_supports(example):
    text = conclusion(example)
    assert "13 trades in 10 days" in text
    assert "0.050\u00a0% fee per side" in text
    assert "Fewer than 30 trades" in text
    assert "variant" not in text
    assert "17 variants tried" in conclusion(dataclasses.replace(example, variants=17))


def test_an_interval_over_zero_is_not_distinguishable(example):
    interval = dataclasses.replace(example.interval, low=-0.3, high=0.2)
    text = conclusion(dataclasses.replace(example, interval=interval))
    assert "\u22120.30 to +0.20 R" in text
    assert text.count("not distinguishable from zero") == 1


def test_no_trades_make_a_report_all_the_same(market):
    page = build_report(study(run_of([]), market))
    assert "There were no trades" in page
    assert Outline(page).tables[0][-1][:4] == ["Total", "", "", "0"]


def test_without_candles_what_is_missing_is_said():
    page = build_report(study(run_of([record()]), {}))
    assert "R unknown for 1 trade: no candles of the pair (1)" in page
    assert f"No candles were at hand for {PAIR}, {OTHER_PAIR}." in page
    assert "Equity counts closed trades only" in page
    assert "not known whether the market was recorded or simulated" in page
    assert page.count("No trade could be measured in R.") == 2


def test_open_trades_are_counted(market):
    trades = [record(is_open=True, profit_abs=0.0)]
    page = build_report(study(run_of(trades), market))
    assert "1 trade still open at the end." in page


def test_the_chart_follows_the_wish_else_the_most_traded_pair(example):
    assert chart_pair(example) == PAIR
    assert chart_pair(example, OTHER_PAIR) == OTHER_PAIR
    with pytest.raises(ValueError, match="pair CCC has no candles to draw; pairs with candles"):
        chart_pair(example, "CCC")


def test_regimes_need_one_trace_each_whatever_their_number(example):
    figure = candle_figure(example, PAIR)
    names = [trace.name for trace in figure.select_traces({"type": "scatter", "fill": "toself"})]
    assert len(names) == len(set(names)) <= 4
    assert len(figure.layout.shapes) == 0


def test_segments_cover_every_bar_once():
    labels = ["a", "a", "b", "a", "c", "c"]
    frame = decided().iloc[: len(labels)].assign(label=labels)
    runs = segments(frame["label"])
    assert [label for label, first, last in runs for _ in range(first, last + 1)] == labels


def test_the_busiest_window_stays_within_the_run(example):
    run, span = example.run, example.run.step * 96
    opened = example.trades["opened_at"]
    start = busiest(opened, span, run.start, run.end)
    assert run.start <= start <= run.end - span
    assert ((opened >= start) & (opened < start + span)).any()
    assert busiest(opened.iloc[:0], span, run.start, run.end) == run.start


def test_the_terminal_shows_what_the_page_shows(example):
    text = printed(example)
    assert "TOTAL" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "2026-01-05 to 2026-01-15 (10 days)" in text


def printed(examined):
    console = Console(width=80, file=None, record=True, quiet=False)
    with console.capture() as capture:
        for table in summary_tables(examined):
            console.print(table)
    return capture.get()
