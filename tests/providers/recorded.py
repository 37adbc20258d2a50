"""A client that answers from recordings and remembers what it was asked."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from providers.errors import NotFoundError

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
NOW = pd.Timestamp("2026-10-01 12:00", tz="UTC")

Params = dict[str, Any]
Answer = Callable[[str, Params], bytes]


def recording(name: str) -> bytes:
    """Return a recorded payload, for example ``binance_um/basis_doc.json``."""
    return (RECORDINGS / name).read_bytes()


class Recording:
    """A `providers.contract.Client`.

    `answers` is a function of URL and parameters, or a mapping. A key of the mapping is the URL
    with its parameters (``url?a=1&b=2``, in the order in which they are asked), or without them
    for whatever the parameters are. An exception is raised instead of answered; what is not
    recorded is a `NotFoundError`, as from a server.
    """

    def __init__(
        self,
        answers: Mapping[str, bytes | Exception] | Answer,
        now: pd.Timestamp = NOW,
    ) -> None:
        self.answers = answers
        self.time = now
        self.asked: list[tuple[str, Params]] = []
        self.calls: list[dict[str, Any]] = []  # bucket, weight and headers of each
        self._lock = threading.Lock()

    def get(
        self,
        url: str,
        *,
        bucket: str,
        params: dict[str, str | int] | None = None,
        headers: dict[str, str] | None = None,
        weight: int = 1,
    ) -> bytes:
        asked: Params = dict(params or {})
        with self._lock:
            self.asked.append((url, asked))
            self.calls.append({"bucket": bucket, "weight": weight, "headers": headers})
        if callable(self.answers):
            return self.answers(url, asked)
        answer = self.answers.get(f"{url}?{urlencode(asked)}", self.answers.get(url))
        if answer is None:
            raise NotFoundError(f"{url} is not recorded")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def now(self) -> pd.Timestamp:
        return self.time
