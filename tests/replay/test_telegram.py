"""Telegram's stand-in as a program, asked by the library that Freqtrade asks with."""

import asyncio
import json
import os
import pty
import signal
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime

import httpx
import pytest
from cryptography import x509
from telegram import Bot
from telegram.error import BadRequest, Conflict, InvalidToken, TimedOut
from telegram.request import HTTPXRequest

from replay.client import ReplayError
from replay.telegram.api import CHAT, BotApi, BotApiError, Sent
from replay.telegram.client import telegram
from replay.telegram.terminal import pictured

pytestmark = pytest.mark.xdist_group("telegram stand-in")

TOKEN = "1234567890:" + "x" * 35


@pytest.fixture(scope="module")
def chat():
    with telegram() as running:
        yield running


@pytest.fixture
def ask(chat):
    """Run a coroutine with the library's bot, which reaches the stand-in as Freqtrade's does."""

    def run(work, token=chat.environment["FREQTRADE__TELEGRAM__TOKEN"]):
        context = ssl.create_default_context(cafile=chat.environment["SSL_CERT_FILE"])
        request = [
            HTTPXRequest(proxy=chat.environment["HTTPS_PROXY"], httpx_kwargs={"verify": context})
            for _ in range(2)
        ]

        async def talk():
            bot = Bot(token, request=request[0], get_updates_request=request[1])
            async with bot:
                return await work(bot)

        return asyncio.run(talk())

    return run


def test_a_message_is_sent_changed_and_read(chat, ask):
    async def work(bot):
        message = await bot.send_message(CHAT, "*pong* `a_b`", parse_mode="Markdown")
        await message.edit_text("ping")
        with pytest.raises(BadRequest, match="Message is not modified"):
            await message.edit_text("ping")
        return message.message_id

    number = ask(work)
    assert chat.messages()[-1] == Sent(number, CHAT, "ping", [], [], silent=False, edits=1)


def test_broken_formatting_is_refused_not_mended(chat, ask):
    before = len(chat.messages())

    async def work(bot):
        with pytest.raises(BadRequest, match=r"[Cc]an't find end of the entity.* byte offset 4"):
            await bot.send_message(CHAT, "mean_reversion", parse_mode="Markdown")

    ask(work)
    assert len(chat.messages()) == before
    assert chat.refused()[-1]["text"] == "mean_reversion"


def test_what_the_trader_writes_arrives_once(chat, ask):
    chat.says("/status table")

    async def work(bot):
        (update,) = await bot.get_updates(timeout=20)
        again = await bot.get_updates(offset=update.update_id + 1, timeout=0)
        return update, again

    update, again = ask(work)
    assert (update.message.text, update.message.chat_id) == ("/status table", CHAT)
    assert [update.message.parse_entity(e) for e in update.message.entities] == ["/status"]
    assert again == ()
    assert chat.read()


def test_a_poll_waits_for_the_next_word(chat, ask):
    async def work(bot):
        polling = asyncio.create_task(bot.get_updates(timeout=20))
        await asyncio.sleep(0.2)
        assert not polling.done()
        await asyncio.to_thread(chat.says, "late")
        (update,) = await asyncio.wait_for(polling, 10)
        await bot.get_updates(offset=update.update_id + 1, timeout=0)
        return update.message.text

    assert ask(work) == "late"


def test_a_second_bot_with_the_same_token_ends_the_first_ones_poll(ask):
    async def work(bot):
        polling = asyncio.create_task(bot.get_updates(timeout=20))
        await asyncio.sleep(0.2)
        await bot.get_updates(timeout=0)
        with pytest.raises(Conflict, match="only one bot instance"):
            await asyncio.wait_for(polling, 10)

    ask(work)


def test_a_poll_that_was_hung_up_is_no_second_bot(chat, ask):
    before = len(chat.refused())

    async def work(bot):
        with pytest.raises(TimedOut):
            await bot.get_updates(timeout=20, read_timeout=-19.7)  # added to the timeout
        assert await bot.get_updates(timeout=1) == ()

    ask(work)
    assert chat.refused()[before:] == []


def test_a_button_tells_who_pressed_it(chat, ask):
    async def work(bot):
        await bot.send_message(
            CHAT,
            "x",
            reply_markup={
                "inline_keyboard": [[{"text": "Refresh", "callback_data": "update_status"}]]
            },
        )
        await asyncio.to_thread(
            chat.press, (await asyncio.to_thread(chat.messages))[-1], "update_status", user=666
        )
        (update,) = await bot.get_updates(timeout=20)
        await update.callback_query.answer()
        await bot.get_updates(offset=update.update_id + 1, timeout=0)
        return update.callback_query

    query = ask(work)
    assert chat.messages()[-1].buttons == [["Refresh", "update_status"]]
    assert (query.data, query.from_user.id, query.message.chat_id) == ("update_status", 666, CHAT)


def test_a_token_that_is_not_this_runs_is_refused_and_not_kept(chat, ask):
    secret = "123456789:" + "S" * 35

    async def work(bot):
        raise AssertionError("the library asks who it is before")

    with pytest.raises(InvalidToken):
        ask(work, token=secret)
    assert secret not in str(chat.refused())
    assert secret not in str(chat.calls())


def test_the_proxy_knows_one_host(chat):
    with (
        httpx.Client(proxy=chat.environment["HTTPS_PROXY"], trust_env=False) as client,
        pytest.raises(httpx.ProxyError, match="403"),
    ):
        client.get("https://example.org/")
    answer = httpx.get(chat.environment["HTTPS_PROXY"] + "/", trust_env=False)
    assert answer.status_code == 403
    assert "knows no other host" in answer.text


def test_its_certificate_is_for_telegram_alone_and_holds_in_every_rehearsed_year(chat):
    with open(chat.environment["SSL_CERT_FILE"], "rb") as file:  # noqa: PTH123
        authority = x509.load_pem_x509_certificate(file.read())
    assert authority.not_valid_before_utc < datetime(2017, 1, 1, tzinfo=UTC)
    assert authority.not_valid_after_utc > datetime(2040, 1, 1, tzinfo=UTC)
    limits = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    assert [name.value for name in limits.permitted_subtrees] == ["api.telegram.org"]
    environment = chat.environment
    with (
        httpx.Client(proxy=environment["HTTPS_PROXY"], trust_env=False) as stranger,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        stranger.get("https://api.telegram.org/")


def test_it_ends_cleanly_and_leaves_nothing_behind(tmp_path):
    variables = tmp_path / "telegram.env"
    command = [sys.executable, "-m", "replay", "telegram", f"--environment={variables}"]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        try:
            printed = [process.stdout.readline() for _ in range(7)]
            assert printed[-1].startswith("telegram stand-in at http://127.0.0.1:")
            assert variables.read_text() == "".join(printed[:-1])
            assert stat.S_IMODE(variables.stat().st_mode) == 0o600
            process.send_signal(signal.SIGTERM)
            assert process.communicate(timeout=30) == ("", "")
            assert process.returncode == 0
        finally:
            process.kill()
    assert [path.name for path in tmp_path.iterdir()] == ["telegram.env"]


def test_a_port_in_use_is_named(chat):
    port = chat.environment["HTTPS_PROXY"].rsplit(":", 1)[1]
    command = [sys.executable, "-m", "replay", "telegram", f"--port={port}"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 2
    assert f"cannot listen on port {port}" in second.stderr


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    command = [sys.executable, "-m", "replay", "telegram", f"--environment={tmp_path}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert f"--environment {tmp_path} cannot be written" in ended.stderr


def test_a_wait_that_was_in_vain_tells_what_came_instead(chat):
    with pytest.raises(ReplayError, match="did not say \\('never',\\)"):
        chat.wait_for("never", patience=0.1)


@pytest.mark.parametrize(
    ("method", "form", "status", "why"),
    [
        ("sendMessage", {"chat_id": "5", "text": "x"}, 400, "chat not found"),
        ("sendMessage", {"text": "x"}, 400, "chat_id is empty"),
        ("sendMessage", {"chat_id": str(CHAT), "text": " "}, 400, "message text is empty"),
        ("sendMessage", {"chat_id": str(CHAT), "text": "x", "reply_markup": "{"}, 400, "keyboard"),
        (
            "editMessageText",
            {"chat_id": str(CHAT), "message_id": "9", "text": "x"},
            400,
            "not found",
        ),
        ("sendPhoto", {"chat_id": str(CHAT)}, 404, "no such method"),
    ],
)
def test_errors_are_telegrams(method, form, status, why):
    with pytest.raises(BotApiError, match=why) as refusal:
        BotApi(TOKEN).answer(method, form)
    assert refusal.value.content["error_code"] == status


def test_updates_are_dropped_where_a_bot_asks_for_it_at_its_start():
    api = BotApi(TOKEN)
    api.says("/start")
    assert api.answer("deleteWebhook", {"drop_pending_updates": "true"}) is True
    assert api.pending(0) == []


def test_the_terminal_shows_buttons_with_their_numbers():
    message = Sent(1, CHAT, "Which trade?\nNow", [["1 BTC", "a"], ["Cancel", "b"]], [], silent=True)
    assert pictured(message) == "bot (silent):\n  Which trade?\n  Now\n  [1 1 BTC] [2 Cancel]\n"


def test_a_person_chats_in_the_terminal():
    """What is typed reaches the bot, what it says is shown, Ctrl-D ends it."""
    keyboard, terminal = pty.openpty()
    command = [sys.executable, "-m", "replay", "telegram"]
    with subprocess.Popen(
        command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            printed = [process.stdout.readline() for _ in range(7)]
            variables = dict(line.rstrip("\n").split("=", 1) for line in printed[:-1])
            base = f"{printed[-1].split()[-1]}/bot{variables['FREQTRADE__TELEGRAM__TOKEN']}"
            with httpx.Client(trust_env=False, timeout=30) as bot:
                markup = {"inline_keyboard": [[{"text": "Refresh", "callback_data": "again"}]]}
                words = {"chat_id": CHAT, "text": "*Hello*", "parse_mode": "Markdown"}
                bot.post(f"{base}/sendMessage", data=words | {"reply_markup": json.dumps(markup)})
                shown = [process.stdout.readline() for _ in range(3)]
                assert shown == ["bot:\n", "  Hello\n", "  [1 Refresh]\n"]
                os.write(keyboard, b"/status\n/press 1\n/press 7\n")
                assert process.stdout.readline() == "no button 7\n"
                updates = bot.post(f"{base}/getUpdates").json()["result"]
                assert updates[0]["message"]["text"] == "/status"
                assert updates[1]["callback_query"]["data"] == "again"
            os.write(keyboard, b"\x04")
            assert process.wait(30) == 0
        finally:
            process.kill()
            os.close(keyboard)
            os.close(terminal)
