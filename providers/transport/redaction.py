"""Keeps keys and tokens out of messages and logs."""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote, urlencode, urlsplit

HIDDEN = "***"
SECRET_NAMES = (
    *("auth_token", "api_key", "apikey", "api-key", "cg-api-key", "key", "signature", "token"),
    *("secret", "password", "access_token", "authorization", "x-mbx-apikey"),
)

_QUERY = re.compile(rf"(?i)([?&](?:{'|'.join(map(re.escape, SECRET_NAMES))})=)[^&\s\"'#]*")
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/?#\s]*@")
_LOGGERS = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "proxy", "socks")))
_SHORTEST = 4  # characters; a shorter value is no secret, and hiding it would mangle messages


def is_secret(name: str) -> bool:
    """Tell whether a parameter or header of this name is a key or token."""
    return name.lower() in SECRET_NAMES


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without `secrets`, values of secret parameters, and who logs in to a host."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            for spelling in {secret, quote(secret, safe=""), quote_plus(secret)}:
                text = text.replace(spelling, HIDDEN)
    return _USERINFO.sub(rf"\1{HIDDEN}@", _QUERY.sub(rf"\1{HIDDEN}", text))


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, as messages may show it, and what they must not show."""

    address: str
    secrets: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        url: str,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "Asked":
        """Return what a request may be called."""
        given = {**(params or {}), **(headers or {})}
        secrets = tuple(str(value) for name, value in given.items() if is_secret(name))
        secrets += _passwords(url)
        shown = {name: HIDDEN if is_secret(name) else v for name, v in (params or {}).items()}
        query = urlencode(shown, safe="*:/,")
        address = f"{url}{'&' if '?' in url else '?'}{query}" if query else url
        return cls(redacted(address, secrets), secrets)

    def hide(self, text: str) -> str:
        """Return words of the source without our secrets, as one line."""
        return redacted(" ".join(text.split()), self.secrets)


def _passwords(url: str) -> tuple[str, ...]:
    """Return the password in an address, as it is written and as it is meant."""
    try:
        password = urlsplit(url).password
    except ValueError:
        password = None
    return (password, unquote(password)) if password else ()


class _Redact(logging.Filter):
    """httpx logs every address at INFO, which is the level that Freqtrade logs at."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), None
        return True


def guard_logs() -> None:
    """Hide secrets in what the HTTP library logs; doing it twice does no harm."""
    for name in _LOGGERS:  # a filter does not hold for the loggers below its own
        logger = logging.getLogger(name)
        if not any(isinstance(known, _Redact) for known in logger.filters):
            logger.addFilter(_Redact())
