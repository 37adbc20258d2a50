"""What a browser makes of our pages: Freqtrade's own plot, the report, and FreqUI where it is.

FreqUI's files come from the network (`freqtrade install-ui`); the test of FreqUI itself skips
without them. The others need Chromium only.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import freqtrade.rpc.api_server as server_of_ui
import pytest

from regimekit.hooks.plots import decision_plots
from rehearsal.bot import USER, Bot
from replay.client import running
from tests.engine.bot import CONFIG, ROOT, SPEC
from tests.engine.browser import COMMAND, browser
from tests.engine.market import CALM, CROWDED, PAIRS, write_live_market
from tests.engine.test_trade import api_environment, freqtrade, read_until, rest

INSTALLED = Path(server_of_ui.__file__).parent / "ui" / "installed" / "index.html"
WITHOUT = "FreqUI is not installed: run `freqtrade install-ui` (needs the network)"
needs_browser = pytest.mark.skipif(COMMAND is None, reason="no Chromium: apt-get install chromium")

pytestmark = [
    pytest.mark.freqtrade,
    pytest.mark.verify,
    pytest.mark.xdist_group("browser"),
    needs_browser,
]


def test_freqtrades_plot_shows_our_subplots(bot, tmp_path):
    """`plot-dataframe` draws with the strategy's own `plot_config`, as a page of plotly."""
    pair = SPEC.pairs[0]
    plots = tmp_path / "user_data"
    (plots / "plot").mkdir(parents=True)
    run = bot.run(
        "plot-dataframe",
        f"--config={CONFIG}",
        f"--userdir={plots}",
        f"--datadir={bot.datadir}",
        "--strategy=RegimeRouter",
        f"--strategy-path={ROOT / 'user_data' / 'strategies'}",
        "--timerange=20260105-20260109",
        "--trade-source=file",
        "--no-trades",
        "--pairs",
        pair,
    )
    assert run.ok, run.explain()
    (drawn,) = (plots / "plot").glob("*.html")
    with browser(tmp_path / "profile") as page:
        page.open(drawn.as_uri())
        page.wait_for("document.querySelectorAll('.legendtext').length > 5")
        legend, titles = (
            set(page.tell(f"[...document.querySelectorAll('{what}')].map(e => e.textContent)"))
            for what in (".legendtext", "[class*=title] text, text[class*=title]")
        )
        assert page.complaints == []
    config = decision_plots()
    for panel in config["subplots"].values():
        assert set(panel) <= legend
    assert set(config["main_plot"]) <= legend
    assert set(config["subplots"]) <= titles


def test_the_report_is_a_page_without_complaints(bot, tmp_path):
    """Every figure is drawn, and nothing is fetched from elsewhere."""
    run, _ = bot.backtest(timerange="20260105-20260112")
    assert run.ok, run.explain()
    (export,) = (bot.folder / "results").glob("*.zip")
    written = tmp_path / "report.html"
    command = [sys.executable, ROOT / "scripts" / "report.py", f"--result={export}"]
    subprocess.run(
        [*command, f"--datadir={bot.datadir}", f"--output={written}"],
        check=True,
        capture_output=True,
        timeout=240,
    )
    with browser(tmp_path / "profile") as page:
        page.open(written.as_uri())
        figures = page.tell("document.querySelectorAll('.js-plotly-plot').length")
        assert figures >= 5
        drawn = "document.querySelectorAll('.js-plotly-plot .main-svg').length"
        page.wait_for(f"{drawn} >= {figures}")
        text = page.tell("document.body.innerText")
        fetched = page.tell("performance.getEntriesByType('resource').map(e => e.name)")
        assert page.complaints == []
    assert "RegimeRouter" in text
    assert "simulated" in text
    assert [name for name in fetched if not name.startswith(("data:", "blob:"))] == []


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    """A bot with two open trades and its web server."""
    folder = tmp_path_factory.mktemp("browser")
    datadir = write_live_market(folder / "market")
    settings = {"exchange": {"pair_whitelist": list(PAIRS)}}
    with running(datadir) as url:
        bot = Bot(
            folder / "bot",
            url,
            clock={},
            settings=settings,
            strategy="Signals",
            strategy_path=ROOT / "tests" / "engine" / "strategies",
        )
        bot.start()
        try:
            for number in (1, 2):
                bot.wait_for(f"LIMIT_BUY has been fulfilled for Trade(id={number}")
            yield bot
        finally:
            bot.kill()


@pytest.mark.skipif(INSTALLED.exists(), reason="FreqUI is installed")
def test_make_ui_says_what_is_missing_and_how_to_get_it(exchange, tmp_path):
    """The webserver of `make ui`: its API answers, its pages say what to run."""
    environment = api_environment()
    port = environment["FREQTRADE__API_SERVER__LISTEN_PORT"]
    with freqtrade(exchange, "webserver", environment=environment) as server:
        read_until(server, "Uvicorn running on")
        with rest(environment) as api:
            assert "RegimeRouter" in api.get("/strategies").json()["strategies"]
        with browser(tmp_path / "profile") as page:
            page.open(f"http://127.0.0.1:{port}/")
            assert "freqtrade install-ui" in page.tell("document.body.innerText")


@pytest.mark.skipif(not INSTALLED.exists(), reason=WITHOUT)
def test_freq_ui_shows_the_running_bot(served, tmp_path):
    """Trades with their tags, locks with their reason, and a chart that draws."""
    with served.api() as api:
        tokens = api.post("/token/login").json()
    address = f"http://127.0.0.1:{served.port}"
    login = {
        "ftbot.1": {
            "botName": "rehearsal",
            "apiUrl": address,
            "username": USER,
            "accessToken": tokens["access_token"],
            "refreshToken": tokens["refresh_token"],
            "autoRefresh": True,
        }
    }
    with browser(tmp_path / "profile") as page:
        page.open(f"{address}/")
        page.tell(f"localStorage.setItem('ftAuthLoginInfo', {json.dumps(json.dumps(login))})")
        page.open(f"{address}/trade")
        for pair in (CALM, CROWDED):
            page.wait_for(f"document.body.innerText.includes({json.dumps(pair)})")
        page.open(f"{address}/graph")
        page.wait_for("document.querySelectorAll('canvas').length > 0")
        assert [line for line in page.complaints if "favicon" not in line] == []
