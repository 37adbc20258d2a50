"""The real ``freqtrade trade`` under a moved clock: start it, listen to it, end it."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from rehearsal.errors import RehearsalError
from replay.client import freqtrade_environment
from replay.runner import WIDE

ROOT = Path(__file__).resolve().parents[1]
USER = "regimerouter"
PATIENCE = 120.0  # real seconds for a start, a loop or a clean end on a busy machine
POLL = 0.05
# Freqtrade makes an exception of the signal, and Python drops one that is raised in a finalizer.
ASK_AGAIN = 10.0
CLEAN_STOP = 130  # Freqtrade's own code for SIGTERM and SIGINT


def free_port() -> int:
    """Return a port that nobody listens on: Freqtrade hangs at its start where somebody does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Bot:
    """One bot: its folder, its database, and the process while it runs.

    A bot that was killed can be started again; database, log and user folder go on.

    Parameters
    ----------
    folder : Path
        Gets ``config.json``, ``bot.log``, ``trades.sqlite``, ``data`` and ``user_data``.
    url : str
        Exchange.
    clock : mapping
        Environment that moves the clock.
    settings : mapping
        Freqtrade configuration, over the pack's own.
    strategy : str
        Class name.
    strategy_path : Path
        Where the strategy lies.
    configs : sequence of Path
        Configuration files between the pack's own and `settings`, such as a profile.
    environment : mapping
        Further variables.
    rest : bool
        Whether it has a REST server, which costs a fast clock a fifth of a processor.
    """

    folder: Path
    url: str
    clock: Mapping[str, str]
    settings: Mapping[str, Any]
    strategy: str = "RegimeRouter"
    strategy_path: Path = ROOT / "user_data" / "strategies"
    configs: Sequence[Path] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    rest: bool = True
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: "p" + secrets.token_urlsafe(24))
    process: "subprocess.Popen[bytes] | None" = None
    killed: bool = False
    _read_until: int = 0

    @property
    def database(self) -> Path:
        """Return the trades' database."""
        return self.folder / "trades.sqlite"

    @property
    def log(self) -> Path:
        """Return the log of all starts."""
        return self.folder / "bot.log"

    @property
    def user_data(self) -> Path:
        """Return where the strategy writes, such as its ledgers."""
        return self.folder / "user_data"

    @property
    def running(self) -> bool:
        """Tell whether the process lives."""
        return self.process is not None and self.process.poll() is None

    @property
    def arguments(self) -> list[str]:
        """Return the command after ``freqtrade``."""
        return [
            "trade",
            "--config=user_data/config.json",
            *(f"--config={path}" for path in self.configs),
            f"--config={self.folder / 'config.json'}",
            f"--userdir={self.user_data}",
            f"--datadir={self.folder / 'data'}",
            f"--strategy={self.strategy}",
            f"--strategy-path={self.strategy_path}",
            f"--db-url=sqlite:///{self.database}",
        ]

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment of the process; that it is a dry run on loopback comes last."""
        server = "FREQTRADE__API_SERVER"
        return {
            **os.environ,
            **WIDE,
            f"{server}__ENABLED": str(self.rest).lower(),
            f"{server}__LISTEN_PORT": str(self.port),
            f"{server}__USERNAME": USER,
            f"{server}__PASSWORD": self.password,
            f"{server}__JWT_SECRET_KEY": "k" + self.password * 2,
            **self.environment,
            **freqtrade_environment(self.url),
            **self.clock,
        }

    def start(self) -> None:
        """Start the process; it is not ready yet."""
        if self.running:
            raise RehearsalError("the bot runs already")
        self.killed = False
        for folder in (self.user_data, self.folder / "data"):
            folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.json").write_text(json.dumps(self.settings, indent=2))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-m", "freqtrade", *self.arguments],
                cwd=ROOT,
                env=self.variables,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.killed = True
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """Ask it to end, wait for it, and return its exit code; `CLEAN_STOP` is Freqtrade's own.

        Raises
        ------
        RehearsalError
            It did not end within `PATIENCE`, and was killed.
        """
        if self.process is None:
            raise RehearsalError("the bot was never started")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                return self.process.wait(ASK_AGAIN)
        self.kill()
        raise RehearsalError(f"the bot ignored SIGTERM for {PATIENCE:g} s")

    def lines(self) -> list[str]:
        """Return the whole log."""
        return self.log.read_text(errors="replace").splitlines() if self.log.exists() else []

    def news(self) -> list[str]:
        """Return the lines logged since this was asked last."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as log:
            log.seek(self._read_until)
            said = log.read()
        whole = said[: said.rfind(b"\n") + 1]
        self._read_until += len(whole)
        return whole.decode(errors="replace").splitlines()

    def wait_for(
        self, text: str | Callable[[], bool], patience: float = PATIENCE, *, since: int = 0
    ) -> None:
        """Wait until `text` stands in the log behind line `since`, or until it is true.

        Raises
        ------
        RehearsalError
            It ended before, or `patience` real seconds are over; the last lines are in the message.
        """
        told = (
            text if callable(text) else lambda: any(text in line for line in self.lines()[since:])
        )
        deadline = time.monotonic() + patience
        while not told():
            if not self.running:
                raise RehearsalError(self._ended(f"before {text!r}"))
            if time.monotonic() > deadline:
                raise RehearsalError(self._ended(f"without {text!r} for {patience:g} s", "goes on"))
            time.sleep(POLL)

    def _ended(self, when: str, how: str = "ended") -> str:
        tail = "\n".join(self.lines()[-15:])
        return f"the bot {how} {when}; it logged last:\n{tail}"

    @contextmanager
    def api(self) -> Iterator[httpx.Client]:
        """Talk to its REST API, as FreqUI does."""
        with httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/api/v1",
            auth=(USER, self.password),
            timeout=PATIENCE,
            trust_env=False,
        ) as client:
            yield client
