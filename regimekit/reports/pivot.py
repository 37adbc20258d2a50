"""A table that the reader groups: any combination of what is known about the trades.

The page carries one short row a trade; its script groups and adds up. Whatever is chosen, each
trade is in exactly one row, so every table has the same total, and the script checks it against
Freqtrade's.
"""

import json
import math
from typing import Any

import pandas as pd

from regimekit.reports.breakdown import rank, with_periods
from regimekit.reports.columns import money_digits
from regimekit.reports.study import Study
from regimekit.reports.tables import basis_line
from regimekit.reports.text import name, safe

DIMENSIONS = {
    "regime": "Regime",
    "sub_strategy": "Sub-strategy",
    "side": "Side",
    "direction": "Direction filter",
    "funding": "Funding filter",
    "squeeze": "Squeeze filter",
    "exit": "Exit",
    "hour": "Hour (UTC)",
    "pair": "Pair",
    "month": "Month",
}
CHOSEN = ("regime", "sub_strategy", "direction", "exit")
# What is added up, in the order of a row.
SUMS = ("profit_abs", "fees", "funding_fees")


def pivot_section(study: Study) -> str:
    """Return the choice of dimensions, an empty table, and the rows it is made of."""
    if study.trades.empty:
        return "<p>There were no trades.</p>"
    boxes = "".join(
        f'<label><input type="checkbox" value="{place}"{" checked" if key in CHOSEN else ""}> '
        f"{safe(title)}</label>"
        for place, (key, title) in enumerate(DIMENSIONS.items())
    )
    return (
        f"{basis_line(study)}<fieldset id='pivot-choice'><legend>Group by</legend>{boxes}"
        "</fieldset><div class='scroll tall'><table id='pivot'></table></div>"
        "<p class='agrees' id='pivot-check'>This table needs JavaScript.</p>"
        f"<script>const PIVOT = {embedded(pivot_data(study))};\n{SCRIPT}</script>"
    )


def pivot_data(study: Study) -> dict[str, Any]:
    """Return labels, trades and Freqtrade's total as plain values.

    A trade is a list: the position of its label in each of `DIMENSIONS`, then `SUMS`, its result
    in R (None where unknown), and 1 for won, 0 for lost, None for still open.
    """
    trades = with_periods(study.trades)
    labels = {
        key: sorted({str(value) for value in trades[key]}, key=lambda value: rank(key, value))
        for key in DIMENSIONS
    }
    positions = pd.DataFrame(
        {key: trades[key].astype(str).map(labels[key].index) for key in DIMENSIONS}
    )
    won = trades["profit_abs"].gt(0).astype(float).where(trades["closed_at"].notna())
    numbers = trades[[*SUMS, "r_multiple"]].assign(won=won)
    rows = [
        [*places, *(None if math.isnan(value) else value for value in values)]
        for places, values in zip(positions.to_numpy().tolist(), numbers.to_numpy().tolist(),
                                  strict=True)
    ]  # fmt: skip
    check = study.reconciliation
    return {
        "heads": list(DIMENSIONS.values()),
        "labels": [[name(value) for value in labels[key]] for key in DIMENSIONS],
        "rows": rows,
        "currency": study.run.currency,
        "digits": money_digits(study.run),
        "start": study.run.starting_balance,
        "reported": {"profit": check.reported_profit, "trades": check.reported_trades},
        "tolerance": check.tolerance,
    }


def embedded(data: Any) -> str:
    """Return `data` as JSON that no text in it can break out of a script element with."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


# Text enters the page through textContent only.
SCRIPT = """
(() => {
  const {heads, labels, rows, currency, digits, start, reported, tolerance} = PIVOT;
  const width = heads.length, table = document.getElementById("pivot");
  const boxes = [...document.querySelectorAll("#pivot-choice input")];
  const show = (value, places, signed) => {
    if (!Number.isFinite(value)) return "\\u2013";
    const rounded = Number(value.toFixed(places)) || 0;
    const text = Math.abs(rounded).toLocaleString("en-US",
      {minimumFractionDigits: places, maximumFractionDigits: places});
    return (rounded < 0 ? "\\u2212" : signed && rounded > 0 ? "+" : "") + text;
  };
  const percent = (share, places, signed) =>
    Number.isFinite(share) ? show(100 * share, places, signed) + "\\u00a0%" : "\\u2013";
  const blank = () => ({trades: 0, closed: 0, won: 0, known: 0, r: 0, sums: [0, 0, 0]});
  const add = (sum, row) => {
    sum.trades += 1;
    for (let place = 0; place < 3; place += 1) sum.sums[place] += row[width + place] || 0;
    if (row[width + 3] !== null) { sum.known += 1; sum.r += row[width + 3]; }
    if (row[width + 4] !== null) { sum.closed += 1; sum.won += row[width + 4]; }
  };
  const columns = [
    ["Trades", (sum) => show(sum.trades, 0)],
    ["Win rate", (sum) => percent(sum.won / sum.closed, 1)],
    [`Profit, ${currency}`, (sum) => show(sum.sums[0], digits, true)],
    ["% of start", (sum) => percent(sum.sums[0] / start, 2, true)],
    ["Expectancy R, net", (sum) => show(sum.r / sum.known, 2, true)],
    ["Fees", (sum) => show(-sum.sums[1], digits)],
    ["Funding", (sum) => show(sum.sums[2], digits, true)],
  ];
  const cell = (kind, text, words) => {
    const made = document.createElement(kind);
    made.textContent = text;
    if (words) made.className = "text";
    return made;
  };
  const line = (names, sum) => {
    const made = document.createElement("tr");
    names.forEach((text, place) => {
      const head = cell(place ? "td" : "th", text, true);
      if (!place) head.scope = "row";
      made.append(head);
    });
    columns.forEach(([title, print]) => {
      const value = cell("td", print(sum));
      const tone = title.startsWith("Profit") ? sum.sums[0] : 0;
      if (tone) value.className = tone > 0 ? "gain" : "loss";
      made.append(value);
    });
    return made;
  };
  const draw = () => {
    const by = boxes.filter((box) => box.checked).map((box) => Number(box.value));
    const groups = new Map(), total = blank();
    rows.forEach((row) => {
      const key = by.map((place) => String(row[place]).padStart(6, "0")).join(",");
      if (!groups.has(key)) groups.set(key, [row, blank()]);
      add(groups.get(key)[1], row);
      add(total, row);
    });
    const head = document.createElement("tr");
    (by.length ? by.map((place) => heads[place]) : [""]).forEach(
      (title) => head.append(cell("th", title, true)));
    columns.forEach(([title]) => head.append(cell("th", title)));
    head.querySelectorAll("th").forEach((made) => { made.scope = "col"; });
    const parts = ["thead", "tbody", "tfoot"].map((kind) => document.createElement(kind));
    parts[0].append(head);
    let before = [];
    if (by.length) [...groups.keys()].sort().forEach((key) => {
      const [row, sum] = groups.get(key);
      const names = by.map((place) => labels[place][row[place]]);
      const same = names.findIndex((text, place) => text !== before[place]);
      // What repeats the row above is left out, as in a table of contents.
      parts[1].append(line(names.map((text, place) => place < same ? "" : text), sum));
      before = names;
    });
    parts[2].append(line(["Total", ...by.slice(1).map(() => "")], total));
    table.replaceChildren(...parts);
    const agrees = total.trades === reported.trades
      && Math.abs(total.sums[0] - reported.profit) <= tolerance;
    const check = document.getElementById("pivot-check");
    check.className = agrees ? "agrees" : "differs";
    check.textContent = `${show(groups.size, 0)} ${groups.size === 1 ? "group" : "groups"}. `
      + (agrees ? "Reconciles with Freqtrade" : "Does not reconcile with Freqtrade")
      + `: ${show(reported.profit, digits, true)} ${currency} in ${show(reported.trades, 0)} `
      + `${reported.trades === 1 ? "trade" : "trades"}.`;
  };
  boxes.forEach((box) => box.addEventListener("change", draw));
  draw();
})();
"""
