"""Colors, style sheet and the little script of the report.

The colors are those of Okabe and Ito, which stay apart for color-blind readers; shape or a sign
always says the same as the color.
"""

from regimekit.reports.trades import OTHER
from regimekit.schema import ROUTES, Regime

BLUE, SKY, GREEN = "#0072b2", "#56b4e9", "#009e73"
ORANGE, VERMILION, PURPLE, GRAY = "#e69f00", "#d55e00", "#cc79a7", "#8a8f98"

WIN, LOSS = GREEN, VERMILION

REGIME_COLORS = {
    Regime.RANGING.label: SKY,
    Regime.TRENDING.label: ORANGE,
    Regime.VOLATILE.label: PURPLE,
    Regime.UNKNOWN.label: GRAY,
}
# A sub-strategy wears the color of the regime that selects it.
SUB_STRATEGY_COLORS = {
    **{sub.value: REGIME_COLORS[regime.label] for regime, sub in ROUTES.items()},
    OTHER: GRAY,
}

STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f6f7f9; --ink: #1b1f24; --soft: #57606a; --line: #d8dde3;
  --gain: #00704f; --loss: #b34700; --alert: #fff4e5; --alert-line: #e69f00;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --panel: #1c2026; --ink: #e6e8eb; --soft: #a3abb5; --line: #343a42;
    --gain: #3fc79a; --loss: #ff9a52; --alert: #33270f; --alert-line: #e69f00;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1200px; padding: 2rem 1.5rem 4rem;
  background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.2rem; margin: 3rem 0 .25rem; }
h3 { font-size: 1rem; margin: 1.75rem 0 .5rem; }
p { margin: .5rem 0; max-width: 80ch; }
a { color: inherit; }
.soft, figcaption, .basis { color: var(--soft); font-size: .875rem; }
.basis { margin: 0 0 .75rem; font-variant-numeric: tabular-nums; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0;
  margin: 1rem 0 0; font-size: .875rem; }
.banner, .note { border-left: 4px solid var(--alert-line); background: var(--alert);
  padding: .75rem 1rem; margin: 1rem 0; border-radius: 0 4px 4px 0; }
.banner { font-size: 1.05rem; font-weight: 600; }
.note p { margin: .15rem 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr));
  gap: .75rem; margin: 1.25rem 0 .5rem; padding: 0; }
.cards div { background: var(--panel); border-radius: 6px; padding: .75rem 1rem; }
.cards dt { color: var(--soft); font-size: .8125rem; }
.cards dd { margin: 0; font-size: 1.35rem; font-weight: 600; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.cards dd small { display: block; font-size: .8125rem; font-weight: 400; color: var(--soft); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: 1rem 0;
  font-size: .9rem; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; margin: .5rem 0; }
.tall { max-height: 36rem; overflow: auto; }
.tall thead th { position: sticky; top: 0; background: var(--page); }
.tall tfoot tr > * { position: sticky; bottom: 0; background: var(--page); }
table { border-collapse: collapse; width: 100%; font-size: .875rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .35rem; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th { font-weight: 600; }
th[scope="row"], th.text, td.text { text-align: left; font-weight: 400; }
thead th, thead th.text { color: var(--soft); font-weight: 600; vertical-align: bottom;
  white-space: normal; border-bottom: 2px solid var(--line); }
tr.subtotal > *, tr.subtotal th[scope="row"] { background: var(--panel); font-weight: 600; }
tfoot tr > *, tfoot th[scope="row"] { font-weight: 700;
  border-top: 2px solid var(--ink); border-bottom: 0; }
.gain { color: var(--gain); } .loss { color: var(--loss); }
.agrees, .differs { font-size: .875rem; }
.agrees { color: var(--soft); }
.differs { border: 2px solid var(--loss); color: var(--loss); padding: .5rem .75rem;
  font-weight: 600; max-width: none; }
figure { margin: .5rem 0 0; }
figcaption { max-width: 90ch; margin-top: .25rem; }
fieldset { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; font-size: .875rem;
  display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: .5rem 1rem; }
legend { color: var(--soft); padding: 0 .35rem; }
fieldset label { white-space: nowrap; cursor: pointer; }
input { accent-color: #0072b2; }
summary { cursor: pointer; color: var(--soft); font-size: .875rem; margin: .75rem 0; }
footer { margin-top: 3rem; color: var(--soft); font-size: .8125rem; }
@media (max-width: 600px) {
  body { padding: 1rem .75rem 3rem; }
  .facts { grid-template-columns: 1fr; } .facts dd { margin-bottom: .5rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 11px; }
  nav { display: none; }
  figure, .scroll, .cards { break-inside: avoid; }
  .scroll, .tall { overflow: visible; max-height: none; }
  h2 { break-after: avoid; }
}
"""

# Plots take the page's text color, on screen and on paper, and the candle chart fits its prices
# to the days in view: plotly scales an axis to all data, visible or not.
SCRIPT = """
(() => {
  const plots = () => document.querySelectorAll(".js-plotly-plot");
  const paint = () => {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    plots().forEach((plot) => Plotly.relayout(plot, {
      "font.color": color("--ink"),
      "hoverlabel.bgcolor": color("--panel"),
      "hoverlabel.font.color": color("--ink"),
    }));
  };
  const fitPrices = (plot) => {
    const candles = plot.data.find((trace) => trace.type === "candlestick");
    const [from, to] = plot.layout.xaxis.range.map((edge) => String(edge).replace("T", " "));
    let low = Infinity, high = -Infinity;
    candles.x.forEach((moment, row) => {
      if (moment >= from.slice(0, 16) && moment <= to.slice(0, 16)) {
        low = Math.min(low, candles.low[row]);
        high = Math.max(high, candles.high[row]);
      }
    });
    if (high > low) {
      const margin = 0.06 * (high - low);
      Plotly.relayout(plot, {"yaxis2.range": [low - margin, high + margin]});
    }
  };
  addEventListener("load", () => {
    paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
    matchMedia("print").addEventListener("change", paint);
    const chart = document.getElementById("plot-candles");
    if (chart) {
      chart.on("plotly_relayout", (change) => {
        if (Object.keys(change).some((key) => key.startsWith("xaxis"))) fitPrices(chart);
      });
    }
  });
})();
"""
