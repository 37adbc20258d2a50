"""What an HTTP status means, as a typed error with the way out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import pandas as pd

from providers.errors import (
    BadAnswerError,
    BadRequestError,
    BannedError,
    BlockedError,
    NotFoundError,
    RateLimitedError,
    SourceError,
    UnavailableError,
)
from providers.transport.redaction import Asked

DEFAULT_PAUSE = timedelta(seconds=60)
DEFAULT_BAN = timedelta(minutes=5)
BYBIT_BAN = timedelta(minutes=10)
LONGEST_BAN = timedelta(days=4)  # Binance bans for up to three

_BANNED_UNTIL = re.compile(r"banned until (\d{13})\b")
_LONGEST_REMARK = 200  # characters


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is not a 200; `headers` by their names in lower case."""

    asked: Asked
    bucket: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    at: pd.Timestamp

    @property
    def remark(self) -> str:
        """Return what the source says about it, without our secrets."""
        words = self.asked.hide(self.body.decode("utf-8", "replace"))
        printable = "".join(letter for letter in words if letter.isprintable())
        return f": {printable[:_LONGEST_REMARK]}" if printable else ""

    @property
    def code(self) -> int | None:
        """Return the source's own code, wherever it stands in the body."""
        try:
            content: Any = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None
        found = content.get("code", content.get("retCode")) if isinstance(content, dict) else None
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def retry_after(self, otherwise: timedelta) -> pd.Timestamp:
        """Return when the source may be asked again."""
        value = self.headers.get("retry-after", "").strip()
        wait = otherwise
        if value.isascii() and value.isdigit():
            wait = timedelta(seconds=min(int(value[:9]), LONGEST_BAN.total_seconds()))
        elif value:
            try:
                moment = pd.Timestamp(parsedate_to_datetime(value))
                moment = moment.tz_localize("UTC") if moment.tz is None else moment
                wait = moment.tz_convert("UTC") - self.at
            except (ValueError, TypeError, OverflowError):
                wait = otherwise
        return self.at + min(max(wait, timedelta(seconds=1)), LONGEST_BAN)


def refusal(answer: Answer) -> SourceError | BadAnswerError:
    """Return the error that stands for an answer."""
    status, what = answer.status, f"{answer.asked.address} answered {answer.status}"
    if status in _MEANINGS:
        return _MEANINGS[status](answer, what)
    if 300 <= status < 400:
        target = answer.asked.hide(_host(answer.headers.get("location", "")))
        return RedirectedError(f"{what} and points to {target}; redirects are not followed")
    if 400 <= status < 500:
        return BadRequestError(f"{what}{answer.remark}", answer.code)
    if status >= 500:
        return UnavailableError(f"{what}{answer.remark}")
    return BadAnswerError(f"{what}, expected 200")


class RedirectedError(UnavailableError):
    """The source points elsewhere; asking again changes nothing."""


def _not_found(answer: Answer, what: str) -> SourceError:
    return NotFoundError(f"{what}{answer.remark}")


def _unauthorized(answer: Answer, what: str) -> SourceError:
    return BlockedError(f"{what}: the key is wrong, or its plan lacks this{answer.remark}")


def _forbidden(answer: Answer, what: str) -> SourceError:
    if answer.bucket == "bybit" and b"country" not in answer.body.lower():
        until = answer.retry_after(BYBIT_BAN)
        return BannedError(f"{what}, a ban of some ten minutes for asking too often", until)
    if answer.bucket.startswith("binance"):
        return BlockedError(f"{what}: its firewall refuses this client{answer.remark}")
    return BlockedError(f"{what}: this client, key or plan is refused{answer.remark}")


def _banned(answer: Answer, what: str) -> SourceError:
    until = answer.retry_after(DEFAULT_BAN)
    told = _BANNED_UNTIL.search(answer.body.decode("utf-8", "replace"))
    if told:
        moment = pd.Timestamp(int(told[1]), unit="ms", tz="UTC")
        until = max(answer.at, min(moment, answer.at + LONGEST_BAN))
    return BannedError(f"{what}: this address is banned until {until:%Y-%m-%d %H:%M:%S} UTC", until)


def _too_many(answer: Answer, what: str) -> SourceError:
    until = answer.retry_after(DEFAULT_PAUSE)
    return RateLimitedError(f"{what}: too many requests, pause until {until:%H:%M:%S} UTC", until)


def _location(answer: Answer, what: str) -> SourceError:
    return BlockedError(
        f"{what}: it does not serve this location{answer.remark}; the archive "
        "data.binance.vision, which has no such rule, still works, and so do the other sources"
    )


def _late(answer: Answer, what: str) -> SourceError:
    return UnavailableError(f"{what}{answer.remark}")


def _host(location: str) -> str:
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return f"{host or 'another path':.100}"


_MEANINGS: dict[int, Callable[[Answer, str], SourceError]] = {
    401: _unauthorized,
    402: _unauthorized,
    403: _forbidden,
    404: _not_found,
    408: _late,
    418: _banned,
    429: _too_many,
    451: _location,
}
