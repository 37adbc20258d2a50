"""The trader's side of the stand-in: start it, write to the bot, read what it says."""

import json
import os
import select
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import IO, Any
from urllib.parse import urlsplit

from replay.client import CONTROL_SECONDS, START_SECONDS, STOP_SECONDS, ReplayError
from replay.telegram.api import CHAT, Sent
from replay.telegram.server import READY

PATIENCE = 60.0  # real seconds that the bot may take for an answer
POLL = 0.05


@dataclass(frozen=True, slots=True)
class Telegram:
    """A running stand-in.

    Attributes
    ----------
    environment : dict
        What the bot is to be started with.
    control : str
        Address of the trader's side.
    """

    environment: dict[str, str]
    control: str

    def says(
        self, text: str, *, chat: int = CHAT, user: int | None = None, topic: int | None = None
    ) -> int:
        """Write to the bot; return the number of messages before its answer."""
        before = len(self.messages())
        self._ask("POST", "/ctl/say", {"text": text, "chat": chat, "user": user, "topic": topic})
        return before

    def press(self, message: Sent, data: str, *, user: int | None = None) -> None:
        """Press the button that holds `data`, or pretend that there is one."""
        self._ask("POST", "/ctl/press", {"message": message.message_id, "data": data, "user": user})

    def messages(self) -> list[Sent]:
        """Return what the bot said, oldest first."""
        return [Sent(**message) for message in self._ask("GET", "/ctl/messages")]

    def refused(self) -> list[dict[str, str]]:
        """Return the calls of the bot that Telegram would have refused, and why."""
        return list(self._ask("GET", "/ctl/state")["refused"])

    def calls(self) -> dict[str, int]:
        """Return how often each method was called."""
        return dict(self._ask("GET", "/ctl/state")["calls"])

    def read(self) -> bool:
        """Tell whether the bot has seen everything that was written to it."""
        return int(self._ask("GET", "/ctl/state")["waiting"]) == 0

    def answer(self, text: str, *wanted: str, patience: float = PATIENCE, **who: Any) -> Sent:
        """Write `text` and return the first message after it with all of `wanted`."""
        since = self.says(text, **who)
        return self.wait_for(*wanted, since=since, patience=patience)

    def wait_for(self, *wanted: str, since: int = 0, patience: float = PATIENCE) -> Sent:
        """Return the first message behind `since` that holds all of `wanted`.

        Raises
        ------
        ReplayError
            There is none after `patience` seconds; the message tells what came instead.
        """
        found: list[Sent] = []

        def arrived() -> bool:
            later = self.messages()[since:]
            found[:] = [m for m in later if all(text in m.text for text in wanted)]
            return bool(found)

        try:
            self.wait_until(arrived, patience)
        except ReplayError:
            later = [message.text for message in self.messages()[since:]]
            raise ReplayError(
                f"the bot did not say {wanted} within {patience:g} s, but {later}; "
                f"refused: {self.refused()}"
            ) from None
        return found[0]

    def wait_until(self, true: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Wait until a condition holds; ReplayError after `patience` seconds."""
        deadline = time.monotonic() + patience
        while not true():
            if time.monotonic() > deadline:
                raise ReplayError(f"it did not come true within {patience:g} s")
            time.sleep(POLL)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        # Straight to the socket, like the control of the exchange
        address = urlsplit(self.control)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=CONTROL_SECONDS)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ReplayError(str(said))
        return said


@contextmanager
def telegram(
    environment: Mapping[str, str] | None = None, *, chat: int = CHAT
) -> Iterator[Telegram]:
    """Run the stand-in in a process of its own until the block ends.

    Parameters
    ----------
    environment : mapping, optional
        Further variables, such as those of a clock that runs fast: both sides of a long poll must
        agree on what a second is.
    chat : int
        That the bot is configured for; negative for a group.

    Raises
    ------
    ReplayError
        It did not start; the message has what it wrote to stderr.
    """
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "replay", "telegram", f"--chat={chat}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            yield _ready(process, complaints)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _ready(process: "subprocess.Popen[str]", complaints: IO[str]) -> Telegram:
    """Read the variables up to the line that says where the control is."""
    variables: dict[str, str] = {}
    output = process.stdout
    if output is not None and select.select([output], [], [], START_SECONDS)[0]:
        for line in output:
            if line.startswith(READY):
                return Telegram(variables, line.removeprefix(READY).strip())
            name, _, value = line.rstrip("\n").partition("=")
            variables[name] = shlex.split(value)[0]
    process.kill()
    process.wait()
    complaints.seek(0)
    raise ReplayError(f"the Telegram stand-in did not start: {complaints.read().strip()}")
