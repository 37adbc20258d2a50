"""The page: complete, self-contained, escaped, and without a number that is not known."""

import dataclasses
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.tuning import made
from tests.tuning.made import weighed
from tuning.model import Mode
from tuning.report.figures import degradation_figure, equity_figure, logit_figure, parameter_figure
from tuning.report.page import build_page, write_page
from tuning.report.sheets import sheets
from tuning.weighing.evidence import weigh
from tuning.weighing.verdict import judge

pytestmark = pytest.mark.xdist_group("walks")

SECTIONS = [
    *("What decided", "Out of sample", "Luck and overfitting", "In sample and out of sample"),
    *("Parameters", "Higher costs", "Order of trades", "Chance of a drawdown", "Trials"),
    *("What this cannot know", "How it was made"),
]
PLOTS = {"plot-equity", "plot-logits", "plot-degradation", "plot-parameters"}


class Outline(HTMLParser):
    """What a browser would load, identifiers, headings and all text outside of scripts."""

    def __init__(self, html):
        super().__init__()
        self.loads, self.ids, self.tags, self.words = [], [], [], []
        self._inside = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.loads += [values[name] for name in ("src", "href") if name in values]
        self.ids += [values["id"]] if "id" in values else []
        self.tags.append(tag)
        if tag not in {"meta", "link", "br"}:
            self._inside.append(tag)

    def handle_endtag(self, tag):
        assert self._inside.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self._inside):
            self.words.append((self._inside[-1] if self._inside else "", data))

    def of(self, tag):
        return [text for inside, text in self.words if inside == tag]

    @property
    def text(self):
        return " ".join(" ".join(text for _, text in self.words).split())


def page(kind, **changes):
    evidence, walk = weighed(kind)
    walk = dataclasses.replace(walk, **changes)
    verdict = judge(evidence, walk)
    return build_page(walk, evidence, verdict), walk, evidence, verdict


def test_every_section_is_there_and_linked():
    html, walk, evidence, verdict = page("good")
    found = Outline(html)
    assert found.of("h2") == SECTIONS
    assert [it.removeprefix("#") for it in found.loads] == [
        it for it in found.ids if it in {link.removeprefix("#") for link in found.loads}
    ]
    assert len(found.loads) == len(SECTIONS)
    assert set(found.ids) >= PLOTS
    for sheet in sheets(walk, evidence, verdict):
        for row in sheet.rows:
            assert all(" ".join(cell.split()) in found.text for cell in row)
    assert verdict.headline in found.text
    assert all(limit in found.text for limit in verdict.limits)
    assert made.TRIALS.head in found.text


@pytest.mark.parametrize("kind", made.KINDS)
def test_nothing_is_loaded_and_no_number_is_unknown(kind):
    html, *_ = page(kind)
    found = Outline(html)
    assert all(link.startswith("#") for link in found.loads)
    assert "link" not in found.tags
    assert len(found.ids) == len(set(found.ids))
    words = set(re.findall(r"[\w.-]+", found.text))
    assert not {"nan", "NaN", "inf", "-inf", "Infinity", "None"} & words
    # plotly's own source has such words; what it is given has not
    data = html.split("Plotly.newPlot(")[1:]
    assert not any(re.search(r"\bNaN\b|\bInfinity\b", part.split("</script>")[0]) for part in data)


def test_paths_are_shown_for_cpcv():
    html, _, evidence, _ = page("cpcv")
    assert "Paths" in Outline(html).of("h2")
    names = [trace.name for trace in equity_figure(evidence).data]
    assert names == ["other paths", "other paths", "untuned", "tuned"]


def test_failures_are_shown():
    html, *_ = page("good", failures={3: "Freqtrade ran out of memory"})
    found = Outline(html)
    assert "Failures" in found.of("h2")
    assert "Freqtrade ran out of memory" in found.text


@pytest.mark.parametrize("changes", [{"simulated": True}, {"trials": None}])
def test_without_a_verdict_no_probability_is_shown(changes):
    html, _, _, verdict = page("good", **changes)
    found = Outline(html)
    assert "What decided" not in found.of("h2")
    assert "plot-logits" not in found.ids
    assert verdict.headline in found.text
    for words in ("More than luck", "Overfitting (PBO)", "95 %"):
        assert words not in found.text.replace("\u00a0", " ")
    assert ("unknown" in found.of("dd")) is (changes == {"trials": None})


def test_a_count_that_cannot_be_true_is_not_shown_as_one():
    html, *_ = page("good", trials=dataclasses.replace(made.TRIALS, head=""))
    assert "unknown" in Outline(html).of("dd")


def test_all_text_is_escaped():
    bad = "<script>alert(1)</script>&'\""
    evidence, walk = weighed("good")
    plan = dataclasses.replace(walk.plan, strategy=bad, loss=bad, pairs=(bad,), settings={bad: bad})
    parameters = {"buy": {bad: 1.0}}
    folds = tuple(
        dataclasses.replace(
            fold,
            chosen=dataclasses.replace(fold.chosen, parameters=parameters),
            epochs=tuple(
                dataclasses.replace(epoch, parameters={"buy": {bad: float(place)}})
                for place, epoch in enumerate(fold.epochs)
            ),
        )
        for fold in walk.folds[:1]
    )
    walk = dataclasses.replace(
        walk, plan=plan, folds=folds, failures={2: bad}, source=bad, data=bad,
        trials=dataclasses.replace(made.TRIALS, head=bad),
    )  # fmt: skip
    evidence = weigh(walk, resamples=50)
    html = build_page(walk, evidence, judge(evidence, walk))
    assert "<script>alert" not in html
    assert bad in Outline(html).text


def test_signs_on_the_cards_are_escaped():
    html, *_ = page("overfit")
    assert "<dd>&lt; 0.1\u00a0%<small>" in html


def test_a_page_without_any_fold_says_why():
    walk = made.good(failed=(1, 2, 3, 4), trials=None)
    evidence = weigh(walk, resamples=50)
    found = Outline(build_page(walk, evidence, judge(evidence, walk)))
    assert "Freqtrade ran out of memory" in found.text
    assert not {"nan", "None"} & set(re.findall(r"\w+", found.text))
    assert "plot-degradation" not in found.ids


def test_the_page_is_written_whole(tmp_path):
    html, walk, evidence, verdict = page("good")
    path = tmp_path / "page.html"
    path.write_text("what was there before")
    write_page(walk, evidence, verdict, path)
    assert path.read_text(encoding="utf-8") == html


def levels(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_the_line_ends_where_the_money_ended():
    evidence, _ = weighed("good")
    line = levels(equity_figure(evidence), "tuned")
    profit = evidence.tuned.performance.profit.value
    assert line.y[-1] == pytest.approx(profit * 100, abs=1e-3)
    assert line.y[1] == 0.0
    assert line.x[1] == "2024-03-02 00:00"
    assert line.x[-1] == "2024-06-30 00:00"
    assert [place for place, level in enumerate(line.y) if level is None] == [0]


def test_a_gap_breaks_the_line_and_is_shaded():
    walk = made.good(failed=(2,))
    figure = equity_figure(weigh(walk, resamples=50))
    line = levels(figure, "tuned")
    breaks = [place for place, level in enumerate(line.y) if level is None]
    assert len(breaks) == 2
    before, after = line.y[breaks[1] - 1], line.y[breaks[1] + 1]
    assert before == after  # nothing is known to have been earned
    assert (line.x[breaks[1] - 1], line.x[breaks[1]]) == ("2024-04-01 00:00", "2024-05-01 00:00")
    assert not line.connectgaps
    shades = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert [(shape.x0, shape.x1) for shape in shades] == [("2024-04-01 00:00", "2024-05-01 00:00")]


def test_the_histogram_counts_every_fold_alike():
    """20 days of training are halved in 6 ways, 80 days in 12,870."""
    walk = made.overfit(mode=Mode.ANCHORED, folds=2, train=20, test=60)
    evidence = weigh(walk, resamples=50)
    assert [fold.overfitting.combinations for fold in evidence.folds] == [6, 12_870]
    below, above = logit_figure(evidence).data
    assert sum(below.y) + sum(above.y) == pytest.approx(100, abs=0.1)
    assert max(below.x) < 0 < min(above.x)
    expected = np.mean([(fold.overfitting.logits < 0).mean() for fold in evidence.folds])
    assert sum(below.y) == pytest.approx(expected * 100, abs=0.1)


def test_there_is_no_histogram_without_overfitting():
    evidence, _ = weighed("good")
    folds = tuple(dataclasses.replace(fold, overfitting=None) for fold in evidence.folds)
    assert logit_figure(dataclasses.replace(evidence, folds=folds)) is None


def test_a_point_for_each_fold():
    evidence, _ = weighed("good")
    points = levels(degradation_figure(evidence), "a fold")
    assert list(points.x) == [round(fold.in_sample, 3) for fold in evidence.folds]
    assert list(points.y) == [round(fold.out_of_sample, 3) for fold in evidence.folds]
    assert list(points.text) == ["1", "2", "3", "4"]


def test_a_cell_for_each_parameter_and_fold():
    evidence, walk = weighed("good")
    (cells,) = parameter_figure(evidence).data
    names = list(cells.y)
    chosen = [fold.chosen.parameters["buy"]["adx_enter"] for fold in walk.folds]
    low, high = evidence.ranges["buy.adx_enter"]
    row = cells.z[names.index("buy.adx_enter")]
    assert list(row) == pytest.approx([(value - low) / (high - low) for value in chosen])
    assert set(cells.z[names.index("buy.confirm")]) == {None}
    assert list(cells.text[names.index("buy.adx_enter")]) == [str(value) for value in chosen]
    assert json.loads(parameter_figure(evidence).to_json())


def test_there_is_no_map_where_nothing_was_tuned():
    evidence, _ = weighed("good")
    empty = dataclasses.replace(evidence, stability=evidence.stability.iloc[:0])
    assert parameter_figure(empty) is None
