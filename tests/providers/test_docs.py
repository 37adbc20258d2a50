"""The page about the data is held to the code, and recordings to their checksums."""

import functools
import hashlib
import json
import re
import subprocess
import sys
import types
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from providers.contract import MARKET, Bounds, Page, Provider, Quality, Scope, Span
from providers.datasets.recorder_uptime import uptime_row
from providers.errors import BadAnswerError
from providers.live.health import State
from providers.registry import DATASETS
from providers.sources import Entry
from providers.transport.limits import BUCKETS, VENUES
from regimekit.schema import Availability
from tests.providers.asking import BTC, a_page, at, collected, ms, sources, vouched
from tests.providers.recorded import NOW, RECORDINGS, Recording, recording

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "providers.md").read_text()
PEDIGREE = (RECORDINGS / "README.md").read_text()
NAMES = sorted(DATASETS)
ROSE = "ROSE/USDT:USDT"


def section(title: str, page: str = PAGE) -> str:
    """Return what stands below a heading, up to the next one of its level or above."""
    match = re.search(rf"^(#+) {re.escape(title)}\n", page, re.MULTILINE)
    assert match, f"there is no section {title}"
    rest = page[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def table(text: str, *header: str) -> dict[str, list[str]]:
    """Return the rows of a table by their first cell, which may be code or a link."""
    start = f"| {' | '.join(header)} |\n"
    assert start in text, f"there is no table of {header}"
    rows = text.split(start, 1)[1].splitlines()[1:]
    cells = [re.split(r" ?\| ?", row.strip())[1:-1] for row in _until_blank(rows)]
    return {re.sub(r"\[?`([^`]+)`.*", r"\1", first): rest for first, *rest in cells}


def _until_blank(rows: list[str]) -> list[str]:
    return rows[: rows.index("")] if "" in rows else rows


def fences(page: str, language: str = "") -> list[str]:
    """Return what stands between fences of a language."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [block for its, block in blocks if its == language]


def prose(page: str) -> str:
    """Return a page without what stands between fences."""
    return re.sub(r"^```\w*\n.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)


def words(span: timedelta) -> str:
    minutes = int(span / timedelta(minutes=1))
    parts = {"d": minutes // 1440, "h": minutes % 1440 // 60, "min": minutes % 60}
    return " ".join(f"{count} {unit}" for unit, count in parts.items() if count)


def spelled(bounds: Bounds) -> str:
    """Return bounds as the page says them."""
    least, most = bounds.least, bounds.most
    if least == most:
        return f"only {least:g}"
    if (least, most) == (float("-inf"), float("inf")):
        return "any number"
    if most == float("inf"):
        return "above 0" if bounds.zero_is_missing else f"{least:g} or more"
    return f"{least:g} to {most:g}{', not 0' if bounds.zero_is_missing else ''}"


def facts(name: str) -> dict[str, str]:
    text = section(name).split("| | |\n|---|---|\n", 1)[1]
    rows = [re.split(r" ?\| ?", row)[1:-1] for row in _until_blank(text.splitlines())]
    return dict(rows)


# Datasets


def test_every_dataset_has_a_section_and_no_section_is_about_nothing():
    assert set(re.findall(r"^### (\w+)$", section("Datasets"), re.MULTILINE)) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_section_tells_columns_units_and_bounds(name):
    dataset = DATASETS[name].dataset
    told = table(section(name), "column", "unit and sign", "may be")
    assert {column: row[1] for column, row in told.items()} == {
        **{column: spelled(bounds) for column, bounds in dataset.values.items()},
        **dict.fromkeys(dataset.texts, "words"),
    }
    assert all(unit for unit, _ in told.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_section_tells_age_path_key_and_terms(name):
    entry, told = DATASETS[name], facts(name)
    pair = MARKET if entry.dataset.scope is Scope.MARKET else "<PAIR>"
    tail = "events/<DAY>" if entry.recorded else entry.dataset.timeframe
    assert told["stale after"] == words(entry.dataset.max_age)
    assert told["stored"].startswith(f"`regimekit/{name}/{pair}-{tail}.feather`")
    assert ("Freqtrade's own" in told["stored"]) >= bool(entry.native)
    assert told["needs"] == (f"`{entry.key}`" if entry.key else "nothing")
    assert {"source", "label", "known", "history", "rules", "terms"} <= {
        fact for fact, words_ in told.items() if words_
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_table_of_clocks_agrees_with_the_dataset_and_its_section(name):
    dataset = DATASETS[name].dataset
    timeframe, label, known, age = table(
        section("Time"), "dataset", "every", "its label is", "known", "stale after"
    )[name]
    assert (timeframe, age) == (dataset.timeframe, words(dataset.max_age))
    assert facts(name)["label"].startswith(label)
    assert facts(name)["known"].startswith(known)


# When a row was known, as the code says about a recorded page


def _coinglass_open_interest() -> bytes:
    prices = dict.fromkeys(("open", "high", "low", "close"), "5")
    rows = [{"time": ms("2026-09-30"), **prices}]
    return json.dumps({"code": "0", "data": rows}).encode()


def _read(file: str, which: int = 0, pair: str = BTC, received: str = "") -> pd.DataFrame:
    """Return the rows of a recording as the provider `which` of its dataset understands it."""
    name, _, file = file.partition("=")
    provider = DATASETS[name].providers(sources())[which]
    content = recording(file) if file else _coinglass_open_interest()
    if getattr(provider, "parts", ()) and len(provider.parts) > 1:
        content = json.dumps(
            {p.endpoint: json.loads(content) if p.endpoint in file else [] for p in provider.parts}
        ).encode()
    pair = MARKET if provider.dataset.scope is Scope.MARKET else pair
    page = Page(content, file, pair, at(received) if received else NOW)
    return provider.check(provider.parse(page), page).frame


LATER = {  # what the page says about a dataset, and a page that proves it
    "open_interest": lambda: _read("open_interest=binance_um/openInterestHist_5m_2026.json"),
    "bybit_open_interest": lambda: _read(
        "bybit_open_interest=bybit/open_interest_linear_1h_rows_real.json"
    ),
    "funding_rate": lambda: _read("funding_rate=binance_um/fundingRate_100_2020.json"),
    "taker_flow": lambda: _candles("taker_flow"),
    "spot_taker_flow": lambda: _candles("spot_taker_flow"),
    "long_short_ratio": lambda: _read(
        "long_short_ratio=binance_um/globalLongShortAccountRatio_4h_2020.json"
    ),
    "basis": lambda: _read("basis=binance_um/basis_doc.json"),
    "premium_index": lambda: _read(
        "premium_index=binance_vision/constructed_premiumIndexKlines_1h.csv", 1
    ),
    "fear_greed": lambda: _read("fear_greed=alternative_me/fng_limit3_real_2026-02-27.json"),
    "senticrypt": lambda: _read("senticrypt=senticrypt/constructed_v2_all.json"),
    "order_book": lambda: _read(
        "order_book=binance_um/depth_100_2024.json", received="2024-11-01 05:53:06.600"
    ),
    "liquidations": lambda: _read("liquidations=binance_um/ws_forceOrder_real_2022.json"),
    "bybit_liquidations": lambda: _read(
        "bybit_liquidations=bybit/ws_allLiquidation_doc.json", pair=ROSE
    ),
    "recorder_uptime": lambda: uptime_row("liquidations", NOW),
    "news": lambda: _read("news=cryptopanic/v1_posts_real_2025-02-26.json"),
    "coinalyze_open_interest": lambda: _read(
        "coinalyze_open_interest=coinalyze/constructed_open_interest_history.json"
    ),
    "coinalyze_liquidations": lambda: _read(
        "coinalyze_liquidations=coinalyze/constructed_liquidation_history.json"
    ),
    "coinalyze_taker_flow": lambda: _read(
        "coinalyze_taker_flow=coinalyze/constructed_ohlcv_history.json"
    ),
    "coinglass_open_interest": lambda: _read("coinglass_open_interest="),
    "coinglass_liquidations": lambda: _read(
        "coinglass_liquidations=coinglass/liquidation_history_doc.json"
    ),
    "coinglass_taker_flow": lambda: _read(
        "coinglass_taker_flow=coinglass/taker_buy_sell_volume_history_doc.json"
    ),
    "aggr_flow": lambda: _read("aggr_flow=aggr_server/constructed_influx_query_trades_1m.json"),
}


def _candles(name: str) -> pd.DataFrame:
    """Return the rows of a page with one quarter of an hour."""
    opened, step = ms("2026-09-30 12:00"), 15 * 60_000
    candle = [opened, *["1"] * 5, opened + step - 1, "1", 1, "1", "1", "0"]
    return vouched(DATASETS[name].providers(sources())[0], [candle]).frame


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_known_when_the_page_says(name):
    rows = LATER[name]()
    assert len(rows)
    told = facts(name)["known"]
    if told == "when received":
        received = at("2024-11-01 05:53:06.600") if name == "order_book" else NOW
        assert (rows["known_at"] == received).all()
        return
    after = re.search(r"label \+ (\d+) (min|h)", told)
    assert after, told
    delay = timedelta(minutes=int(after[1])) * (60 if after[2] == "h" else 1)
    assert (rows["known_at"] - rows["date"] == delay).all()


# Flags, states, limits


def test_the_table_of_flags_is_that_of_the_code():
    told = table(section("Quality"), "flag", "number", "meaning", "the value")
    assert {name: int(row[0]) for name, row in told.items()} == {
        **{str(flag.name): flag.value for flag in Quality},
        "OK": 0,
    }


def test_the_flags_that_blank_a_value_are_those_that_say_so():
    told = table(section("Quality"), "flag", "number", "meaning", "the value")
    provider = DATASETS["open_interest"].providers(sources())[0]
    row = {"symbol": "BTCUSDT", "timestamp": ms("2026-10-01")}
    amounts = {"BLANK": "", "ZERO": "0", "INVALID": "-1"}
    for name, amount in amounts.items():
        values = {"sumOpenInterest": amount, "sumOpenInterestValue": "5"}
        frame = vouched(provider, [row | values]).frame
        assert frame["quality"].tolist() == [Quality[name]]
        assert frame["open_interest_amount"].isna().all()
    assert {name for name, cells in told.items() if cells[-1] == "NaN"} == set(amounts)


def test_the_states_are_those_of_the_code():
    assert set(table(section("Three commands"), "state", "meaning")) == set(State)
    told = table(section("Availability"), "state", "code", "when", "the values")
    assert {name: int(row[0]) for name, row in told.items()} == {
        state.name: state.value for state in Availability
    }


def test_the_limits_are_those_of_the_code():
    told = table(
        section("Request limits"),
        *("bucket", "at most", "documented limit", "bans are shared with"),
    )
    rates = {
        name: ", ".join(f"{rate.weight} in {rate.seconds:g} s" for rate in bucket.rates)
        for name, bucket in BUCKETS.items()
    }
    assert {name: row[0] for name, row in told.items()} == rates
    for name, bucket in BUCKETS.items():
        assert set(re.findall(r"`([\w-]+)`", told[name][2])) == {*VENUES[bucket.venue]} - {name}


# Links and commands


def _anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", ["docs/providers.md", "tests/recordings/README.md", "README.md"])
def test_links_resolve(path):
    page, folder = (ROOT / path).read_text(), (ROOT / path).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", page):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        linked = folder / file if file else ROOT / path
        assert linked.exists(), target
        assert not anchor or anchor in _anchors(linked.read_text()), target


@functools.cache
def _options(*command: str) -> set[str]:
    """Return the options that a command knows."""
    run = subprocess.run(
        [sys.executable, *command, "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return set(re.findall(r"--[a-z][a-z-]*", run.stdout))


COMMANDS = sorted(
    {
        line.strip()
        for page in (PAGE, (ROOT / "README.md").read_text())
        for fence in fences(page)
        for line in fence.replace("\\\n", " ").splitlines()
        if re.match(r"python (scripts/(backfill|data_status)\.py|-m (providers|replay))", line)
    }
)


def test_the_page_shows_the_commands_a_trader_needs():
    shown = " ".join(COMMANDS)
    for command in ("scripts/backfill.py", "scripts/data_status.py", "-m providers record"):
        assert command in shown


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_exists_with_its_options_and_datasets(line):
    words_ = line.partition("#")[0].split()[1:]
    command = words_[:1] if words_[0] != "-m" else words_[:3]
    assert set(re.findall(r"--[a-z][a-z-]*", line)) <= _options(*command)
    if "--datasets" in words_:
        named = words_[words_.index("--datasets") + 1 :]
        end = next((n for n, word in enumerate(named) if word.startswith("--")), len(named))
        assert set(named[:end]) <= {*DATASETS, "all"}


def test_the_options_in_the_prose_exist():
    known = {
        *_options("scripts/backfill.py"),
        *_options("scripts/data_status.py"),
        *_options("-m", "providers", "record"),
    }
    assert set(re.findall(r"`(--[a-z][a-z-]*)", prose(PAGE))) <= known


# The worked example


@pytest.fixture(scope="module")
def example():
    (source,) = fences(PAGE, "python")
    module = types.ModuleType("settlement_price")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    exec(compile(source, "docs/providers.md", "exec"), module.__dict__)  # noqa: S102 - our own page
    yield module
    del sys.modules[module.__name__]


def test_the_worked_example_reads_a_recorded_page(example):
    entry: Entry = example.ENTRY
    provider: Provider = entry.providers(sources())[0]
    rows = vouched(provider, recording("binance_um/fundingRate_doc_markPrice.json")).frame
    assert rows["date"].tolist() == [at("2019-10-09 08:00"), at("2019-10-09 16:00")]
    assert rows["known_at"].tolist() == [at("2019-10-09 08:01"), at("2019-10-09 16:01")]
    assert rows["settlement_price"].tolist() == [34287.54619963] * 2
    assert rows["quality"].tolist() == [Quality.OK] * 2
    assert entry.dataset.name not in DATASETS, "it is no example any more"


def test_the_worked_example_takes_old_rows_without_a_price(example):
    (provider,) = example.ENTRY.providers(sources())
    rows = vouched(provider, recording("binance_um/fundingRate_100_2020.json")).frame
    assert len(rows) == 100
    assert rows["settlement_price"].isna().all()


def test_the_worked_example_asks_for_what_it_promises(example):
    content = recording("binance_um/fundingRate_doc_markPrice.json")
    settings = sources(lambda url, asked: content)
    (provider,) = example.ENTRY.providers(settings)
    span = provider.covers(Span(at("2019-08-01"), at("2019-10-15")), NOW)
    assert span == Span(at("2019-09-01"), at("2019-10-15"))
    assert len(collected(provider, span)) == 4  # two windows, the same answer each
    client = settings.client
    assert isinstance(client, Recording)
    assert [asked["startTime"] for _, asked in client.asked] == [ms("2019-09-01"), ms("2019-10-01")]
    assert client.asked[1][1]["endTime"] == ms("2019-10-15") - 1
    assert {call["bucket"] for call in client.calls} == {"binance-funding"}


def test_the_worked_example_refuses_what_is_no_list_of_settlements(example):
    (provider,) = example.ENTRY.providers(sources())
    with pytest.raises(BadAnswerError, match="a page"):
        provider.parse(a_page({"code": -1}))


# Recordings


def test_every_recording_has_a_pedigree_and_its_checksum():
    files = {
        path.relative_to(RECORDINGS).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in RECORDINGS.rglob("*")
        if path.is_file() and path.suffix != ".md"
    }
    sums = re.findall(r"^([0-9a-f]{64})  (\S+)$", PEDIGREE, re.MULTILINE)
    assert {file: digest for digest, file in sums} == files
    told = table(PEDIGREE, "file", "kind", "from", "what it shows")
    assert set(told) == set(files)
    kinds = set(table(PEDIGREE, "kind", "meaning"))
    for file, (kind, origin, shows) in told.items():
        assert kind.split()[0] in kinds, file
        assert origin, file
        assert shows, file
        constructed = "constructed" in file.rpartition("/")[2]
        assert not constructed or kind == "constructed", f"{file} is called otherwise"
