"""Run the stock Freqtrade as a subprocess against a replay exchange.

Freqtrade's commands are driven from outside because importing them is not a supported interface.
Its exit code does not tell everything: a backtest whose callbacks raise still ends with 0, so the
log is read too.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from replay import keeper
from replay.client import freqtrade_environment

# What Freqtrade and the pack's own guard write when strategy code misbehaves.
_TROUBLE = re.compile(r"Strategy caused the following|Unexpected error|failed: .*until it recovers")
# Without a terminal tables and log lines are cut at 80 columns, log lines in the middle of words.
WIDE = {"COLUMNS": "400"}
TICK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """How a Freqtrade command ended."""

    command: tuple[str, ...]
    returncode: int
    output: str
    log: str

    @property
    def trouble(self) -> list[str]:
        """Return the log lines of failing strategy code."""
        return trouble_in(self.log.splitlines())

    @property
    def ok(self) -> bool:
        """Tell whether the command succeeded and no callback failed in it."""
        return self.returncode == 0 and not self.trouble

    def explain(self) -> str:
        """Return one line that says what went wrong."""
        lines = [line for line in self.log.splitlines() if " - ERROR - " in line or "Error" in line]
        reason = (self.trouble or lines or self.log.splitlines()[-1:] or ["it said nothing"])[-1]
        return f"freqtrade {self.command[0]} ended with exit code {self.returncode}: {reason}"


def trouble_in(lines: Iterable[str]) -> list[str]:
    """Return the log lines of failing strategy code."""
    return [line for line in lines if _TROUBLE.search(line)]


def run_freqtrade(
    arguments: Sequence[str],
    *,
    url: str | None = None,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    on_log: Callable[[str], None] | None = None,
    on_tick: Callable[[], None] | None = None,
    timeout: float | None = None,
) -> Run:
    """Run ``freqtrade <arguments>`` to its end, or to ours.

    Parameters
    ----------
    arguments : sequence of str
        Command and options.
    url : str, optional
        Replay exchange to ask instead of Binance.
    cwd : Path, optional
        Where Freqtrade looks for ``user_data``; by default here.
    environment : mapping, optional
        Further environment variables.
    on_log : callable, optional
        Receives each log line while the command runs.
    on_tick : callable, optional
        Called about once a second while the command runs, from another thread. What it raises ends
        the command and is raised here.
    timeout : float, optional
        Seconds after which it is killed; the exit code is then negative.
    """
    variables = {**os.environ, **WIDE, **(environment or {})}
    if url is not None:
        variables |= freqtrade_environment(url)
    with tempfile.TemporaryFile("w+", errors="replace") as captured:
        process = keeper.start(
            [sys.executable, "-m", "freqtrade", *arguments],
            stdout=captured,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=variables,
        )
        watchdog = threading.Timer(timeout, keeper.kill, [process]) if timeout else None
        if watchdog:
            watchdog.start()
        try:
            with _ticking(process, on_tick):
                lines = _read(process, on_log)
        finally:
            if watchdog:
                watchdog.cancel()
        captured.seek(0)
        return Run(tuple(arguments), process.returncode, captured.read(), "".join(lines))


def _read(process: subprocess.Popen[str], on_log: Callable[[str], None] | None) -> list[str]:
    """Return what it logs until it ends; end it when we are interrupted."""
    lines: list[str] = []
    with process:
        try:
            for line in process.stderr or ():
                lines.append(line)
                if on_log:
                    on_log(line.rstrip("\n"))
        except BaseException:
            keeper.kill(process)  # leaving the block waits for it
            raise
    return lines


@contextmanager
def _ticking(process: subprocess.Popen[str], on_tick: Callable[[], None] | None) -> Iterator[None]:
    """Call `on_tick` until the block ends; raise what it raised, after ending `process`."""
    if on_tick is None:
        yield
        return
    over, raised = threading.Event(), list[BaseException]()

    def tick() -> None:
        try:
            while not over.wait(TICK_SECONDS):
                on_tick()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that called
            raised.append(error)
            keeper.kill(process)

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        over.set()
        ticker.join()
    if raised:
        raise raised[0]
