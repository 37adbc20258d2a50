"""Documentation is held to the code where both name the same things."""

import ast
import dataclasses
import importlib
import json
import re
from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.strategy.parameters import BaseParameter

from experiments.periods import NAMED
from regimekit.hooks.exits import PLAN_KEY
from regimekit.hooks.notes import LEVELS_KEY, WHY_KEY
from regimekit.hooks.plots import decision_plots
from regimekit.pipeline import analyze
from regimekit.schema import Gate
from regimekit.settings import SECTIONS, Settings, settings_from
from tests.engine.bot import ROOT
from tests.profiles import profile

STRATEGY = (ROOT / "docs" / "strategy.md").read_text()
CLASSIC = settings_from(profile("classic"))
PAGES = (
    "README.md",
    *(
        f"docs/{name}.md"
        for name in ("strategy", "architecture", "operations", "rehearsal", "tuning")
    ),
)
NOTHING = "\u2013"


def section(heading):
    """Return the text from a heading to the next of its level or above."""
    level = heading.partition(" ")[0]
    following = rf"^#{{2,{len(level)}}} "
    text = STRATEGY.split(f"\n{heading}\n", 1)[1]
    return re.split(following, text, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text, columns):
    """Return the cells of the table rows with so many columns, without heads and rules."""
    lines = text.splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("|") and not line.startswith("|---") and not following.startswith("|---")
    ]
    return [row for row in cells if len(row) == columns]


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


def name(cell):
    (found,) = names(cell)
    return found


def value(cell):
    """Return a cell as the configuration would hold it."""
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def setting(settings, path):
    for part in path.split("."):
        settings = getattr(settings, part)
    return settings


def paths(wanted):
    """Yield the path of every setting for which `wanted(section, item)` holds."""
    for key, kind in SECTIONS.items():
        for item in dataclasses.fields(kind):
            if wanted(key, item):
                yield f"{key}.{item.name}"


def is_switch(item):
    return isinstance(item.default, bool) or bool(item.metadata["choices"])


@pytest.fixture(scope="module")
def parameters():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "user_data" / "strategies"))
        strategy = importlib.import_module("RegimeRouter").RegimeRouter
    return {
        attribute: parameter
        for attribute, parameter in vars(strategy).items()
        if isinstance(parameter, BaseParameter)
    }


def test_strategy_page_names_exactly_the_columns_that_exist():
    documented = {
        found
        for cell, *_ in rows(section("## Columns"), 3)
        for found in re.findall(r"`(\w+)`", cell)
    }
    candles = pd.DataFrame(
        {
            "date": pd.date_range("2026-01-01", periods=60, freq="15min", tz="UTC"),
            **dict.fromkeys(("open", "high", "low", "close", "volume"), 100.0),
        }
    )
    none = candles.iloc[:0]
    funding = pd.DataFrame({"date": none["date"], "funding_rate": []})
    frame = analyze(
        candles, {"1h": none, "4h": none}, funding, Settings(), timeframe=timedelta(minutes=15)
    )
    assert documented == set(frame.columns) - set(candles.columns)


def test_codes_of_refusals_are_those_of_the_gates():
    (row,) = [row for row in rows(section("## Columns"), 3) if "`refused_long`" in row[0]]
    documented = re.findall(r"(\d+) ([a-z ]+)", row[2])
    assert documented == [
        (str(int(gate)), gate.label.replace("_", " ")) for gate in Gate if gate <= Gate.CONFIDENCE
    ]


def test_every_parameter_of_the_strategy_stands_with_space_default_and_range(parameters):
    documented = {
        name(row[0]): (row[1], *map(float, row[3:6]))
        for row in rows(section("## Settings and parameters"), 7)
    }
    declared = {
        attribute: (parameter.space, parameter.value, parameter.low, parameter.high)
        for attribute, parameter in parameters.items()
    }
    assert documented == declared


def test_every_parameter_is_a_setting_with_the_same_default(parameters):
    found = {
        path.partition(".")[2]: setting(Settings(), path)
        for path in paths(lambda _, item: item.name in parameters)
    }
    assert found == {attribute: parameter.value for attribute, parameter in parameters.items()}


def test_every_gate_stands_in_the_order_in_which_it_is_asked():
    documented = [found for row in rows(section("## 5. Gates"), 6) for found in names(row[0])]
    assert documented == [gate.label for gate in Gate if gate is not Gate.NONE]


def test_settings_of_gates_are_those_of_both_profiles():
    documented = {
        name(row[2]): (value(row[3]), value(row[4]), value(row[5]))
        for row in rows(section("## 5. Gates"), 6)
        if row[2] != NOTHING
    }
    assert documented.keys() >= set(paths(lambda key, _: key == "gates"))
    for path, (default, classic, off) in documented.items():
        assert default == setting(Settings(), path), path
        assert classic == setting(CLASSIC, path), path
        key, _, own = path.partition(".")
        settings_from({key: {own: off}})  # raises where the value is out of range


def test_every_switch_stands_with_its_value_in_both_profiles():
    documented = {
        name(row[0]): (value(row[1]), value(row[2])) for row in rows(section("## Switches"), 4)
    }
    switches = {"trade_history", *paths(lambda _, item: is_switch(item))}
    assert documented == {
        path: (setting(Settings(), path), setting(CLASSIC, path)) for path in switches
    }


def test_choices_are_all_explained():
    explained = {name(row[0]): row[3] for row in rows(section("## Switches"), 4)}
    for choice in ("not_opposed", "slow_agrees", "off"):
        assert f"`{choice}`" in explained["filters.direction"]


def test_outage_policies_are_those_that_exist():
    documented = {
        found: policy
        for row in rows(section("### When an input is missing"), 3)
        if (pair := names(row[2])) and "." in pair[0]
        for found, policy in [pair]
    }
    assert documented == {
        path: setting(Settings(), path) for path in paths(lambda _, item: "outage" in item.name)
    }


def test_bounds_of_the_adaptive_layer_are_its_settings():
    documented = {
        found for row in rows(section("## 8. Adaptive layer"), 4) for found in names(row[3])
    }
    fields = {path.partition(".")[2] for path in paths(lambda key, _: key == "adaptive")}
    assert documented == fields - {"enabled", "window", "least_trades"}


def test_settings_that_are_named_in_words_exist():
    sections = "|".join(SECTIONS)
    for key, found in re.findall(rf"`(?:regimekit\.)?({sections})\.(\w+)[`:]", STRATEGY):
        assert hasattr(getattr(Settings(), key), found), f"{key}.{found}"


def texts():
    """Yield every text of what speaks but docstrings, those of f-strings piece by piece."""
    for pattern in ("hooks/*.py", "exits/*.py", "live.py"):
        for path in sorted((ROOT / "regimekit").glob(pattern)):
            nodes = list(ast.walk(ast.parse(path.read_text())))
            alone = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
            for node in nodes:
                if isinstance(node, ast.Constant) and id(node) not in alone:
                    yield str(node.value)


def test_messages_are_those_that_are_sent():
    spoken = "\0".join(texts())
    messages = [name(row[0]) for row in rows(section("### Messages"), 2)]
    assert len(messages) > 10
    for message in messages:
        # What stands between placeholders; the code joins some clauses itself.
        parts = [part.strip(" .,:") for part in re.split(r"<[^>]*>|[;,] ", message)]
        assert any(parts), message
        for part in parts:
            assert part in spoken, f"{part!r} of {message!r}"


def test_subplots_are_those_of_the_chart():
    documented = [name(row[0]) for row in rows(section("### On the chart"), 2)]
    assert documented == list(decision_plots()["subplots"])


def test_keys_that_are_stored_with_a_trade():
    documented = {name(row[0]) for row in rows(section("### With each trade"), 3)}
    assert documented == {PLAN_KEY, WHY_KEY, LEVELS_KEY}


def test_sections_of_the_report_are_those_of_the_page():
    tree = ast.parse((ROOT / "regimekit" / "reports" / "page.py").read_text())
    (made,) = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "sections"
    ]
    assert isinstance(made, ast.Dict)
    documented = [row[0] for row in rows(section("## The report"), 3)]
    assert documented == [ast.literal_eval(key) for key in made.keys if key]


def test_periods_of_the_ablation_are_those_that_are_reserved():
    text = " ".join(section("## Ablation").split())
    for period, (_, timerange, _) in NAMED.items():
        first, last = (f"{pd.Timestamp(day):%Y-%m-%d}" for day in timerange.split("-"))
        assert re.search(rf"`{period}` \({first} to {last}\)", text), period


@pytest.mark.parametrize("page", PAGES)
def test_pages_point_at_files_and_headings_that_exist(page):
    text = (ROOT / page).read_text()
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]+))?\)", text):
        if target.startswith("http"):
            continue
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.read_text()), f"{target}#{anchor}"


def anchors(text):
    """Return the anchors that GitHub makes of headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_scripts_and_make_targets_that_exist(page):
    text, makefile = (ROOT / page).read_text(), (ROOT / "Makefile").read_text()
    for script in re.findall(r"python\s+(scripts/\w+\.py)", text):
        assert (ROOT / script).exists(), script
    for target in re.findall(r"(?:^|`)make ([\w-]+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_rooms_of_the_architecture_exist():
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text.split("## Rooms", 1)[1].split("\n## ", 1)[0]
    places = [found for row in rows(table, 3) for found in names(row[0]) if "/" in found]
    assert len(places) > 20
    for place in places:
        assert (ROOT / place).exists(), place


def test_offline_overlay_points_where_make_serve_listens():
    ports = set(re.findall(r"--port (\d+)", (ROOT / "Makefile").read_text()))
    asked = set(re.findall(r"127\.0\.0\.1:(\d+)", (ROOT / "config" / "offline.json").read_text()))
    assert len(ports) == 1
    assert asked == ports


def test_no_configuration_file_holds_a_secret_and_one_trades_for_real():
    for path in (ROOT / "config").rglob("*.json"):
        text = path.read_text()
        for key in ("key", "secret", "password", "token", "chat_id"):
            for found in re.findall(rf'"{key}"\s*:\s*"([^"]*)"', text):
                assert found == "", f"{path.name}: {key}"
        real = re.search(r'"dry_run"\s*:\s*false', text) is not None
        assert real == (path.name == "live.json"), path.name
