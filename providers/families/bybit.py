"""Bybit's envelope: an error comes with HTTP 200 and a ``retCode``."""

from datetime import timedelta
from typing import Any

from providers.contract import Page
from providers.errors import BadAnswerError, BadRequestError, RateLimitedError, UnavailableError
from providers.rows.parsing import json_of

TOO_MANY_VISITS = 10006
_SERVER = {10016, 10000}  # internal error, timeout
_WINDOW = timedelta(seconds=5)  # in which Bybit counts requests


def result_of(page: Page) -> dict[str, Any]:
    """Return ``result`` of an answer.

    Raises
    ------
    SourceError
        Bybit refused: `RateLimitedError`, `UnavailableError` or `BadRequestError`.
    BadAnswerError
        The page is no such envelope.
    """
    answer = json_of(page)
    code = answer.get("retCode") if isinstance(answer, dict) else None
    if isinstance(code, bool) or not isinstance(code, int):
        raise BadAnswerError(f"{page.name} has no retCode, expected an answer of Bybit")
    if code:
        message = f"{page.name} was refused: {answer.get('retMsg')!r:.200} (retCode {code})"
        if code == TOO_MANY_VISITS:
            raise RateLimitedError(message, page.fetched_at + _WINDOW)
        if code in _SERVER:
            raise UnavailableError(message)
        raise BadRequestError(message, code)
    result = answer.get("result")
    if not isinstance(result, dict):
        raise BadAnswerError(f"{page.name} has no result")
    return result
