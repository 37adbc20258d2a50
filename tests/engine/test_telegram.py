"""The bot's Telegram chat, end to end: the stock Freqtrade against a Bot API on loopback.

Real time, one bot for all of it. Formatting is judged as strictly as Telegram's own parser does,
so a message that would not arrive there fails here.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from providers.coverage import Period
from rehearsal.bot import Bot
from rehearsal.market import stage_market
from rehearsal.stage import staged
from replay.client import running
from replay.telegram.client import Telegram, telegram
from tests.engine.bot import ROOT
from tests.engine.market import (
    CALM,
    CROWDED,
    PAIRS,
    UNFUNDED,
    crowd_shorts,
    write_live_market,
)

pytestmark = [pytest.mark.freqtrade, pytest.mark.xdist_group("telegram")]

GROUP, TRADER, STRANGER = -1001234567890, 7000001, 666
PATIENCE = 20.0  # seconds for an answer
TAG = "trending:mean_reversion"


@dataclass(frozen=True)
class Talk:
    """A bot that trades, and the group in which it is spoken to."""

    bot: Bot
    chat: Telegram

    def answer(self, text: str, *wanted: str) -> str:
        """Write `text` as the trader; return the first message after it with all of `wanted`."""
        return self.chat.answer(text, *wanted, chat=GROUP, user=TRADER, patience=PATIENCE).text

    def ignores(self, text: str, **who: int) -> None:
        """Somebody else writes; what the trader asks next is the next thing that is answered."""
        before = self.chat.says(text, **who)
        self.answer("/version", "Version")
        since = [message.text for message in self.chat.messages()[before:]]
        assert [line for line in since if "Version" not in line] == []

    @property
    def trades(self) -> dict[str, int]:
        """Return the number of each open trade."""
        with self.bot.api() as api:
            return {trade["pair"]: trade["trade_id"] for trade in api.get("/status").json()}


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    folder = tmp_path_factory.mktemp("telegram")
    datadir = write_live_market(folder / "market")
    settings = {
        "telegram": {
            "authorized_users": [str(TRADER)],
            "notification_settings": {"entry_fill": "on", "exit_fill": "on"},
        },
        "exchange": {"pair_whitelist": list(PAIRS)},
        "internals": {"process_throttle_secs": 1},
        # As early as the market of any day allows: that it was calm before is not what is told.
        "regimekit": {
            "gates": {"entries_per_candle": 0},
            "squeeze": {"compression_rank": 0.9, "memory_bars": 96, "extreme_z": 3.0},
        },
    }
    with running(datadir) as url, telegram(chat=GROUP) as chat:
        bot = Bot(
            folder / "bot",
            url,
            clock={},
            settings=settings,
            strategy="Signals",
            strategy_path=ROOT / "tests" / "engine" / "strategies",
            environment=chat.environment,
        )
        bot.start()
        try:
            for number in (1, 2):
                bot.wait_for(f"LIMIT_BUY has been fulfilled for Trade(id={number}")
            bot.wait_for("Bot heartbeat")
            yield Talk(bot, chat)
            refused = [call for call in chat.refused() if "not modified" not in call["description"]]
            assert refused == [], "Telegram would not have taken these"
            noisy = [line for line in bot.lines() if "TelegramError" in line or " ERROR " in line]
            # Of the order that the last test is refused.
            assert not [line for line in noisy if "Forcebuy error" not in line]
        finally:
            bot.kill()


def test_entries_and_the_state_of_the_bot_are_told_unasked(talk):
    talk.chat.wait_for("Status", "running")
    talk.chat.wait_for("Strategy:", "Signals")
    for pair in (CALM, CROWDED):
        told = talk.chat.wait_for("New Trade filled", pair).text
        assert f"Enter Tag: {TAG}" in told
        assert "Direction: Long (3x)" in told


def test_a_squeeze_risk_of_the_market_is_told_once_with_its_numbers(talk):
    told = talk.chat.wait_for(f"{CROWDED} squeeze risk").text
    assert re.fullmatch(
        rf"{CROWDED} squeeze risk: shorts are crowded \(funding z -\d+\.\d, open interest z "
        r"-?\d+\.\d, open interest [+-]\d+\.\d % in \d+ h\)\. Short entries are refused, open "
        r"shorts are trailed at 6\.0 ATR\.",
        told,
    )
    of_risk = [m for m in talk.chat.messages() if f"{CROWDED} squeeze risk" in m.text]
    assert len(of_risk) == 1


def test_status_tells_the_trades_and_their_tag(talk):
    number = talk.trades[CALM]
    told = talk.answer("/status", f"Current Pair: {CALM}")
    assert f"Trade ID: {number}" in told
    assert f"Enter Tag: {TAG}" in told
    assert "Stoploss:" in told
    # Each trade was told in a message of its own; the table has both.
    table = talk.answer("/status table", "BTC/USDT", "ETH/USDT")
    assert "Profit" in table


def test_custom_data_say_why_and_what_ends_the_trade(talk):
    number = talk.trades[CALM]
    told = talk.answer(f"/list_custom_data {number} why", "Key: why")
    assert re.search(r"Value: \w+:mean_reversion, confidence 1\.00 \(needs \d\.\d\d\)", told)
    told = talk.answer(f"/list_custom_data {number} plan", "Key: plan")
    assert re.search(r"Value: stop [\d,.]+ \(-\d+\.\d %\), target [\d,.]+ \(\+\d+\.\d %", told)


def test_a_missing_input_is_a_lock_with_its_reason(talk):
    told = talk.answer("/locks", UNFUNDED)
    assert f"{UNFUNDED}: a required input is missing or stale" in " ".join(told.split())


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("/profit", "No closed trade"),
        ("/balance", "USDT"),
        ("/count", "current"),
        ("/daily", "Daily Profit"),
        ("/performance", "Performance"),
        ("/health", "Last process"),
        ("/whitelist", "ETH/USDT:USDT"),
        ("/show_config", "Strategy: Signals"),
        ("/logs", "INFO"),
        ("/help", "/forceexit"),
    ],
)
def test_every_question_is_answered(talk, command, wanted):
    talk.answer(command, wanted)


def test_the_refresh_button_changes_the_message(talk):
    talk.answer("/status table", "Pair", "Profit")
    message = talk.chat.messages()[-1]
    assert message.buttons == [["Refresh", "update_status_table"]]
    talk.chat.press(message, "update_status_table", user=TRADER)
    talk.chat.wait_until(lambda: talk.chat.messages()[-1].edits == 1)
    assert "Updated:" in talk.chat.messages()[-1].text


@pytest.mark.parametrize(
    "who",
    [
        {"chat": GROUP, "user": STRANGER},
        {"chat": STRANGER, "user": STRANGER},
        {"chat": TRADER, "user": TRADER},
    ],
    ids=["a stranger in the group", "a stranger's own chat", "another chat of the trader"],
)
@pytest.mark.parametrize("text", ["/status", "/forceexit all", "/stop", "/show_config"])
def test_nobody_else_is_answered_and_nothing_is_done(talk, who, text):
    before = talk.trades
    talk.ignores(text, **who)
    assert talk.trades == before
    with talk.bot.api() as api:
        assert api.get("/show_config").json()["state"] == "running"


def test_a_bot_that_was_stopped_says_so_and_starts_again(talk):
    assert "stopping" in talk.answer("/stop", "Status:")
    talk.chat.wait_for("Status", "stopped")
    assert "starting" in talk.answer("/start", "Status:")
    with talk.bot.api() as api:
        talk.chat.wait_until(lambda: api.get("/show_config").json()["state"] == "running")


def test_a_trade_is_closed_from_the_chat_and_its_exit_told(talk):
    talk.answer("/pause", "Status:")  # or the next signal would open it again
    number = talk.trades[CALM]
    told = talk.answer(f"/forceexit {number}", "Exited", CALM)
    assert "Exit Reason: force_exit" in told
    assert f"Enter Tag: {TAG}" in told
    assert CALM not in talk.trades
    assert "ROI: Closed trades" in talk.answer("/profit", "ROI")
    talk.answer("/exits", "force_exit")
    for question in ("/entries", "/mix_tags"):
        talk.answer(question, TAG)


def test_freqtrade_does_not_ask_who_presses_its_buttons(talk):
    """A hole of Freqtrade 2026.9, kept here so that docs/rehearsal.md can warn while it is true.

    ``/tg_info`` answers everybody, and the handler of ``force_exit__<id>`` is not guarded like the
    commands are. Telegram says that a client may send any data with a press.
    """
    number = talk.trades[CROWDED]
    told = talk.chat.answer("/tg_info", "Freqtrade Bot Info", chat=STRANGER, patience=PATIENCE)
    assert told.chat == STRANGER
    assert str(GROUP) not in told.text, "it tells a stranger nothing but his own number"
    talk.chat.press(told, f"force_exit__{number}", user=STRANGER)
    talk.chat.wait_for("Exited", CROWDED, patience=PATIENCE)
    assert CROWDED not in talk.trades
    before = talk.trades
    talk.chat.press(told, f"force_enter__{CROWDED}_||_long", user=STRANGER)
    talk.chat.wait_for("Force_entry not enabled", patience=PATIENCE)
    assert talk.trades == before, "opening one is another setting, which is off"


SLOW = 10.0  # Telegram's library gives up after five seconds of this clock, which are 500 ms


@pytest.mark.verify
@pytest.mark.skipif(
    shutil.which("faketime") is None, reason="no libfaketime: see docs/rehearsal.md"
)
def test_a_squeeze_risk_is_told_when_it_begins_and_when_it_ends(simulated, tmp_path):
    """In January 2026, minutes before the settlement after which shorts are no longer crowded."""
    over = datetime(2026, 1, 15, 16, tzinfo=UTC)
    shutil.copytree(simulated, tmp_path / "market")
    crowd_shorts(tmp_path / "market", CROWDED, over - timedelta(hours=10), over)
    period = Period(over - timedelta(days=1), over + timedelta(days=1))
    market = stage_market(tmp_path / "market", tmp_path / "staged", period, (CALM, CROWDED))
    start = over - timedelta(minutes=6)
    with (
        staged(market, tmp_path / "stage", start=start, speed=SLOW) as stage,
        telegram(stage.clock.environment) as chat,
    ):
        squeeze = {"compression_rank": 0.9, "memory_bars": 96, "extreme_z": 3.0}
        bot = stage.bot(settings={"regimekit": {"squeeze": squeeze}}, environment=chat.environment)
        bot.start()
        began = chat.wait_for(f"{CROWDED} squeeze risk: shorts are crowded")
        ended = chat.wait_for(f"{CROWDED} squeeze risk is over", patience=180)
        said = [message.text for message in chat.messages()]
        assert said.index(began.text) < said.index(ended.text)
        assert "Short entries are possible again." in ended.text
        assert over + timedelta(minutes=15) < stage.clock.now() < over + timedelta(minutes=30)
        assert len([text for text in said if text.startswith(CROWDED)]) == 2
        assert chat.refused() == []
        bot.stop()
