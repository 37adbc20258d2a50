"""``python -m replay telegram``: the Bot API behind a proxy, and a chat in the terminal.

Freqtrade asks ``https://api.telegram.org`` and has no setting for another address. But the library
that it asks with goes through the proxy that the environment names, and trusts the certificates
that the environment names. So this is a proxy that knows one host, which it is itself.
"""

import argparse
import asyncio
import copy
import secrets
import shlex
import signal
import socket
import ssl
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from replay.errors import StartUpError
from replay.telegram.api import CHAT, BotApi
from replay.telegram.app import create_app
from replay.telegram.certificates import server_context
from replay.telegram.terminal import Terminal

HOST = "api.telegram.org"
READY = "telegram stand-in at "
MOST_HEADER = 1 << 14
CHUNK = 1 << 16
DESCRIPTION = """\
Be Telegram for a bot on this computer. Prints the variables to start the bot with; with
--environment FILE they are also written to a file, for another terminal:

  env $(cat FILE) freqtrade trade ...

In a terminal it is a chat as well: what you type is sent to the bot, what the bot says is shown.
/press N presses the N-th button under the bot's last message. Ctrl-D ends it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the settings of ``telegram``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = DESCRIPTION
    parser.add_argument(
        "--port", type=int, default=0, help="of the proxy; default: 0, any free port"
    )
    parser.add_argument(
        "--chat",
        type=int,
        default=CHAT,
        help="the trader's chat; a group is negative (%(default)s)",
    )
    parser.add_argument(
        "--environment", type=Path, metavar="FILE", help="write the variables to this file too"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM, SIGINT, or the end of the chat; return the exit code.

    Raises
    ------
    StartUpError
        It cannot listen on the port.
    """
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _exit_cleanly)
    number = 10**9 + secrets.randbelow(9 * 10**9)  # a token begins with the bot's number
    api = BotApi(f"{number}:{secrets.token_urlsafe(26)[:35]}", arguments.chat)
    with tempfile.TemporaryDirectory(prefix="replay-telegram-") as folder:
        authority = Path(folder) / "authority.pem"
        context = server_context(HOST, authority)
        proxy, inner = _listen(arguments.port), _listen(0)
        variables = {
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.getsockname()[1]}",
            "NO_PROXY": "127.0.0.1,localhost",
            "SSL_CERT_FILE": str(authority),
            "FREQTRADE__TELEGRAM__ENABLED": "true",
            "FREQTRADE__TELEGRAM__TOKEN": api.token,
            "FREQTRADE__TELEGRAM__CHAT_ID": str(arguments.chat),
        }
        lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
        if arguments.environment is not None:
            _write_private(arguments.environment, lines)
        control = f"http://127.0.0.1:{inner.getsockname()[1]}"
        config = uvicorn.Config(
            create_app(api),
            loop="asyncio",  # its TLS can begin in the middle of a connection
            lifespan="off",
            log_config=_log_config(),
            log_level="warning",
            access_log=False,  # a path holds the token
            timeout_graceful_shutdown=1,
        )
        ready = f"{lines}{READY}{control}\n"
        server = _Server(config, ready, proxy, Proxy(context, inner.getsockname()[1]))
        if sys.stdin.isatty():
            server.chat = Terminal(api, arguments.chat, server.end)
        server.run(sockets=[inner])
    return 0


class Proxy:
    """Opens tunnels to `HOST`, and TLS at its end; refuses every other host."""

    def __init__(self, context: ssl.SSLContext, port: int) -> None:
        self._context = context
        self._port = port

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            await self._tunnel(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one side is gone, or never spoke HTTP
        finally:
            writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, *_ = [*head.split("\r\n", 1)[0].split(), "", ""]
        if (method, target) != ("CONNECT", f"{HOST}:443"):
            said = f"this proxy is a stand-in for {HOST} and knows no other host\n".encode()
            writer.write(
                b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n"
                + f"Content-Length: {len(said)}\r\n\r\n".encode()
                + said
            )
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        await writer.start_tls(self._context)
        inner_reader, inner = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(_pump(reader, inner), _pump(inner_reader, writer))
        finally:
            inner.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until their end, then end the other side."""
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    finally:
        writer.close()


class _Server(uvicorn.Server):
    """The application, with the proxy before it; says so once both listen."""

    chat: Terminal | None = None
    _accepting: asyncio.Server | None = None

    def __init__(
        self, config: uvicorn.Config, ready: str, listener: socket.socket, proxy: Proxy
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._listener = listener
        self._proxy = proxy
        self._tasks: list[asyncio.Task[None]] = []

    def end(self) -> None:
        """Stop serving."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._accepting = await asyncio.start_server(
            self._proxy.handle, sock=self._listener, limit=MOST_HEADER
        )
        if self.chat is not None:
            self._tasks.append(asyncio.create_task(self.chat.run()))
        sys.stdout.write(self._ready)
        sys.stdout.flush()


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        raise StartUpError(
            f"cannot listen on port {port} ({error}); pass another --port, 0 finds a free one"
        ) from None


def _write_private(path: Path, text: str) -> None:
    """Write `text` where only the user can read it: it holds the token of this run."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(text)
    except OSError as error:
        raise StartUpError(
            f"--environment {path} cannot be written ({error.strerror}); choose another file"
        ) from None


def _log_config() -> dict[str, Any]:
    """Return uvicorn's log settings with stdout kept free for the variables."""
    config: dict[str, Any] = copy.deepcopy(LOGGING_CONFIG)
    config["handlers"]["access"]["stream"] = "ext://sys.stderr"
    return config


def _exit_cleanly(*_: object) -> NoReturn:
    # uvicorn shuts down first and then raises the signal again, which ends here
    sys.exit(0)
