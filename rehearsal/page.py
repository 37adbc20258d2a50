"""The comparison as one HTML file that needs nothing else."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from providers.storage.store import replace_file
from regimekit.reports.figures import style
from regimekit.reports.shell import page, plot
from regimekit.reports.text import count, safe
from regimekit.reports.theme import BLUE, GRAY, ORANGE, VERMILION
from rehearsal.causes import EVIDENCE, Cause
from rehearsal.findings import Kind
from rehearsal.parity import Difference, Parity
from rehearsal.tables import WORDS, cells

SIMULATED = "Simulated market: whether both sides agree means something, what they earned does not."
MOST_POINTS = 3_000  # of a price line; more only slow the page down
HEADS = ("Candle, UTC", "Pair", "Kind", "What", "Live", "Backtest", "Cause", "Evidence")
NUMBERS = ("Values", "Equal", "Explained", "Unexplained")
UNITS = (
    "Prices, stop distances and stakes are in the quote currency, the initial stop is a share of "
    "the margin, times are UTC."
)
NOWRAP = 24  # letters of a value that stay on one line
SIDES = (("live", "bot", BLUE, "circle", 12), ("backtest", "backtest", ORANGE, "x-thin", 11))


def write_page(parity: Parity, path: Path) -> None:
    """Write the page; what was there before is replaced at once or not at all.

    Raises
    ------
    OSError
        The folder is missing or full.
    """
    replace_file(path, build_page(parity).encode())


def build_page(parity: Parity) -> str:
    """Return the page as HTML."""
    window = parity.window
    title = f"{parity.strategy}: live against backtest, {window.start:%Y-%m-%d %H:%M} to "
    title += f"{window.end:%Y-%m-%d %H:%M}"
    sections = {
        "What was compared": _totals(parity),
        "Unexplained": _listed(
            parity.unexplained,
            "Nothing is unexplained." if parity.ok else "There is nothing.",
            causes=False,
        ),
        "Trades": _trades(parity),
        "Causes": _causes(parity),
        "All differences": _listed(parity.differences, "There are none."),
        "Tolerances": _tolerances(parity),
    }
    return page(
        title,
        header=_header(parity),
        sections=sections,
        footer="Times are UTC. A cause is given only where its evidence was found; everything "
        "else is unexplained.",
        style=OWN_STYLE,
    )


OWN_STYLE = """
td.long { white-space: normal; min-width: 15rem; max-width: 34rem; text-align: left; }
td.wide { white-space: normal; overflow-wrap: anywhere; min-width: 12rem; max-width: 18rem;
  text-align: left; }
tr.open td { color: var(--loss); }
.listed table { font-size: .8125rem; }
.listed th, .listed td { padding: .3rem .45rem; }
.listed tbody tr > * { vertical-align: top; }
@media (max-width: 600px) {
  section table { font-size: .8125rem; } th, td { padding: .3rem .4rem; }
  th[scope="row"] { white-space: normal; } td.long { min-width: 9rem; }
  .listed th[scope="row"] { white-space: nowrap; } .listed td.long { min-width: 18rem; }
}
"""


def _header(parity: Parity) -> str:
    banner = f'<p class="banner" role="alert">{safe(SIMULATED)}</p>' if parity.simulated else ""
    left = len(parity.unexplained)
    verdict = (
        f'<p class="differs" role="alert">{count(left, "difference")} without an explanation.</p>'
        if left or not parity.ok
        else '<p class="agrees">Every difference has a proved cause.</p>'
    )
    trades = [one for one in parity.differences if one.finding.what == "missing"]
    alone = [one for one in trades if one.finding.kind is Kind.ENTRY]
    cards = (
        ("Decisions equal", _share(parity, Kind.SIGNAL), "candles and pairs"),
        ("Trades of both", f"{parity.totals[Kind.SIZE].compared // 2:,}", "same candle and side"),
        ("Trades of one side", f"{len(alone):,}", "missing on the other"),
        ("Unexplained", f"{left:,}", f"of {count(len(parity.differences), 'difference')}"),
    )
    shown = "".join(
        f"<div><dt>{safe(head)}</dt><dd>{safe(value)}<small>{safe(note)}</small></dd></div>"
        for head, value, note in cards
    )
    window = parity.window
    return (
        f"<header><h1>{safe(parity.strategy)}: live against backtest</h1>{banner}"
        f'<p class="basis">{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC</p>'
        f"<p>{safe(parity.sentence)}</p>{verdict}<dl class='cards'>{shown}</dl></header>"
    )


def _share(parity: Parity, kind: Kind) -> str:
    total = parity.totals[kind]
    return f"{total.equal:,} of {total.compared:,}"


def _totals(parity: Parity) -> str:
    rows = [
        (WORDS[kind], *(f"{value:,}" for value in (
            total.compared, total.equal, total.explained, total.unexplained)))
        for kind, total in parity.totals.items()
    ]  # fmt: skip
    return _table(("Compared", *NUMBERS), rows) + (
        "<p class='soft'>The bot's journal is compared with decisions that are computed again from "
        "the candle files, its database with the export of the backtest. Of a trade that both made "
        "each value counts.</p>"
    )


def _causes(parity: Parity) -> str:
    if not parity.causes:
        return "<p>Nothing differs.</p>"
    by_code = {one.verdict.code: one.verdict.cause for one in parity.differences}
    rows = [
        (code, f"{number:,}", EVIDENCE[by_code.get(code, Cause.UNEXPLAINED)])
        for code, number in parity.causes.items()
    ]
    return _table(("Cause", "Differences", "Evidence it needs"), rows, text=(0, 2))


def _listed(differences: Sequence[Difference], nothing: str, *, causes: bool = True) -> str:
    if not differences:
        return f"<p>{safe(nothing)}</p>"
    heads = HEADS if causes else HEADS[:-2]
    head = "".join(f'<th scope="col" class="text">{safe(name)}</th>' for name in heads)
    body = ""
    for one in differences:
        when, where, kind, what, live, backtest = cells(one)
        why = (
            f'<td class="text">{safe(one.verdict.code)}</td>'
            f'<td class="long">{safe(one.verdict.evidence)}</td>'
        )
        body += (
            f'<tr{"" if one.explained else " class=open"}><th scope="row">{safe(when)}</th>'
            f"{''.join(map(_value, (where, kind, what, live, backtest)))}"
            f"{why if causes else ''}</tr>"
        )
    return (
        f'<p class="soft">{UNITS}</p>'
        f'<div class="scroll tall listed"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _value(text: str) -> str:
    """Return a cell that keeps a number in one piece and lets a longer text wrap."""
    return f'<td class="{"text" if len(text) <= NOWRAP else "wide"}">{safe(text)}</td>'


def _tolerances(parity: Parity) -> str:
    tolerances = parity.tolerances
    rows = [
        ("Speed of the clock", f"{tolerances.speed:g} \u00d7"),
        ("Between two looks of the bot", _seconds(tolerances.throttle)),
        ("Analysis of a new candle, at most", _seconds(tolerances.analysis)),
        ("Sending an entry, at most", _seconds(tolerances.order)),
        ("Price holds a candle's open for", _seconds(tolerances.hold)),
        ("Entries are allowed after a close for", _seconds(tolerances.late)),
        ("Prices within candles come from candles of", _seconds(tolerances.detail)),
        ("Fill outside the traded prices, at most", f"{tolerances.spread * 100:g} %"),
        ("Averages that began elsewhere, at most apart", f"{tolerances.averages:g} of the value"),
        *(("The bot could not act", str(interval)) for interval in parity.down),
    ]
    return _table(("Tolerance", "Value"), rows)


def _seconds(span: Any) -> str:
    return f"{span.total_seconds():g} s"


def _trades(parity: Parity) -> str:
    """Return a chart per pair that traded: price, and when each side was in the market."""
    charts = [_chart(parity, pair) for pair in _traded(parity)]
    if not charts:
        return "<p>Neither side traded.</p>"
    return "".join(charts)


def _traded(parity: Parity) -> list[str]:
    pairs: set[str] = set()
    for record in (parity.live, parity.backtest):
        pairs |= set(_inside(parity, record.trades)["pair"])
    return sorted(pairs)


def _inside(parity: Parity, trades: pd.DataFrame) -> pd.DataFrame:
    ends = trades["closed_at"].fillna(pd.Timestamp(parity.window.end))
    return trades[(trades["opened_at"] < parity.window.end) & (ends > parity.window.start)]


def _chart(parity: Parity, pair: str) -> str:
    figure = go.Figure()
    prices = parity.minutes.get(pair)
    if prices is not None and "close" in prices:
        inside = prices["date"].between(parity.window.start, parity.window.end)
        line = prices[inside].iloc[:: max(int(inside.sum()) // MOST_POINTS, 1)]
        figure.add_scatter(
            x=_stamps(line["date"]), y=line["close"].tolist(), mode="lines", name="price",
            line={"color": GRAY, "width": 1}, hoverinfo="skip",
        )  # fmt: skip
    unexplained = {
        (one.finding.at, one.finding.pair)
        for one in parity.unexplained
        if one.finding.kind is not Kind.SIGNAL
    }
    for (side, name, color, symbol, size), record in zip(
        SIDES, (parity.live, parity.backtest), strict=True
    ):
        own = _inside(parity, record.trades)
        for place, trade in enumerate(own[own["pair"] == pair].to_dict("records")):
            figure.add_scatter(
                x=_stamps([trade["opened_at"], _end(parity, trade)]),
                y=[trade["open_rate"], _last_price(trade)],
                mode="lines+markers",
                name=name,
                legendgroup=side,
                showlegend=place == 0,
                line={"color": color, "width": 2, "dash": "solid" if side == "live" else "dot"},
                marker={"symbol": symbol, "size": size, "line": {"width": 2, "color": color}},
                text=[_told(trade, name)] * 2,
                hovertemplate="%{text}<extra></extra>",
            )
    marked = [moment for moment, where in unexplained if where == pair]
    for moment in marked:
        figure.add_vline(x=_stamps([moment])[0], line={"color": VERMILION, "dash": "dash"})
    for interval in parity.down:
        left, right = _stamps([interval.begin, interval.end])
        figure.add_vrect(x0=left, x1=right, fillcolor=GRAY, opacity=0.25, line_width=0)
    style(figure, height=320)
    identifier = "plot-" + pair.replace("/", "-").replace(":", "-")
    dashed = " Dashed lines: something about the trade is unexplained." if marked else ""
    gray = " Gray: the bot could not act." if parity.down else ""
    return (
        f"<h3>{safe(pair)}</h3><figure>{plot(figure, identifier)}<figcaption>From entry to exit: "
        "the bot's trades as solid lines with circles, the backtest's dotted with crosses. Prices "
        f"in the quote currency, times UTC.{dashed}{gray}</figcaption></figure>"
    )


def _end(parity: Parity, trade: Any) -> Any:
    return parity.window.end if pd.isna(trade["closed_at"]) else trade["closed_at"]


def _last_price(trade: Any) -> float:
    known = not pd.isna(trade["close_rate"])
    return float(trade["close_rate"] if known else trade["open_rate"])


def _told(trade: Any, name: str) -> str:
    """Return a trade as its label; safe, because plotly reads labels as HTML."""
    ended = "open" if pd.isna(trade["closed_at"]) else trade["exit_reason"]
    return safe(
        f"{name}: {trade['side']} {trade['enter_tag']}, {trade['open_rate']:.10g} at "
        f"{trade['opened_at']:%m-%d %H:%M:%S}, {ended}"
    )


def _stamps(moments: Iterable[Any]) -> list[str]:
    return list(pd.DatetimeIndex(list(moments)).strftime("%Y-%m-%d %H:%M:%S"))


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, text: Sequence[int] = (0,)
) -> str:
    """Return a table whose columns number `text` are words."""
    head = "".join(
        f'<th scope="col"{" class=text" if place in text else ""}>{safe(name)}</th>'
        for place, name in enumerate(heads)
    )
    body = ""
    for first, *rest in rows:
        cells_ = "".join(
            f'<td class="long">{safe(cell)}</td>' if place in text else f"<td>{safe(cell)}</td>"
            for place, cell in enumerate(rest, start=1)
        )
        body += f'<tr><th scope="row">{safe(first)}</th>{cells_}</tr>'
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
