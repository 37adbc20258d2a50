"""A headless Chromium, driven over its own protocol: open a page, ask it, hear its complaints."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
COMMAND = next((found for name in NAMES if (found := shutil.which(name))), None)
PATIENCE = 60.0
LARGEST = 1 << 26  # bytes of an answer


@dataclass
class Page:
    """One tab.

    Attributes
    ----------
    complaints : list of str
        Exceptions of its scripts, and what it logged as an error, a missing file included.
    """

    connection: ClientConnection
    complaints: list[str] = field(default_factory=list)
    _number: int = 0

    def open(self, address: str) -> None:
        """Go to `address` and wait until it is loaded."""
        self.ask("Page.navigate", url=address)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def tell(self, script: str) -> Any:
        """Return what a line of JavaScript evaluates to."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, script: str, patience: float = PATIENCE) -> None:
        """Wait until `script` is true; AssertionError when it does not become so."""
        deadline = time.monotonic() + patience
        while not self.tell(script):
            if time.monotonic() > deadline:
                shown = self.tell("document.body.innerText")
                raise AssertionError(f"not true: {script}; {self.complaints}; the page: {shown}")
            time.sleep(0.1)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._number += 1
        call = {"id": self._number, "method": method, "params": parameters}
        self.connection.send(json.dumps(call))
        while True:
            message = json.loads(self.connection.recv(timeout=PATIENCE))
            self._hear(message)
            if message.get("id") == self._number:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]

    def _hear(self, message: dict[str, Any]) -> None:
        told = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", str(details)))
        elif message.get("method") == "Runtime.consoleAPICalled" and told["type"] == "error":
            self.complaints.append(str([part.get("value") for part in told["args"]]))
        elif message.get("method") == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Start a browser with a profile of its own in `folder`; yield a tab."""
    assert COMMAND is not None
    arguments = [
        COMMAND,
        "--headless=new",
        "--no-sandbox",  # the tests may run as root; the pages are our own
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--window-size=1400,1000",
        f"--user-data-dir={folder}",
        "--remote-debugging-port=0",
        "about:blank",
    ]
    process = subprocess.Popen(
        arguments,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "NO_PROXY": "127.0.0.1,localhost"},
    )
    try:
        with connect(_tab(folder, process), max_size=LARGEST, proxy=None) as connection:
            page = Page(connection)
            for domain in ("Page", "Runtime", "Log"):
                page.ask(f"{domain}.enable")
            yield page
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _tab(folder: Path, process: "subprocess.Popen[bytes]") -> str:
    """Wait for the browser and return the address of its tab."""
    active = folder / "DevToolsActivePort"
    deadline = time.monotonic() + PATIENCE
    while not (active.exists() and active.read_text().count("\n")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"{COMMAND} did not start, exit code {process.poll()}")
        time.sleep(0.1)
    port = active.read_text().split()[0]
    while True:
        targets = httpx.get(f"http://127.0.0.1:{port}/json", trust_env=False).json()
        for target in targets:
            if target["type"] == "page":
                return str(target["webSocketDebuggerUrl"])
        if time.monotonic() > deadline:
            raise AssertionError(f"{COMMAND} has no tab: {targets}")
        time.sleep(0.1)
