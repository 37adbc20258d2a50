"""Errors: those of the exchange, in Binance's words, and those that keep it from starting."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from providers.errors import ProviderError

_LOG = logging.getLogger("uvicorn.error")
_OUT_OF_RANGE = {"greater_than_equal", "less_than_equal"}


class StartUpError(Exception):
    """A setting or a port cannot be used; the message says which and what to do."""


class BinanceError(Exception):
    """An answer that is an error: HTTP status, Binance's code and message."""

    def __init__(self, code: int, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.content = {"code": code, "msg": message}


def invalid_symbol() -> BinanceError:
    """Return the error for a symbol that is not listed."""
    return BinanceError(-1121, "Invalid symbol.")


def invalid_interval() -> BinanceError:
    """Return the error for an interval that no candles have."""
    return BinanceError(-1120, "Invalid interval.")


def invalid_parameter(name: str) -> BinanceError:
    """Return the error for a value out of range, for example a start beyond the retention."""
    return BinanceError(-1130, f"parameter '{name}' is invalid.")


def malformed_parameter(name: str) -> BinanceError:
    """Return the error for a parameter that is missing or unreadable."""
    return BinanceError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def invalid_depth_limit(limit: int) -> BinanceError:
    """Return the error for a number of book levels that is not on the menu."""
    return BinanceError(-4021, f"{limit} is not valid depth limit.")


def start_after_end() -> BinanceError:
    """Return the error for bounds in the wrong order."""
    return BinanceError(-1023, "Start time is greater than end time.")


def install_handlers(app: FastAPI) -> None:
    """Let `app` answer in Binance's format whatever goes wrong."""

    @app.exception_handler(BinanceError)
    def _refused(_: Request, error: BinanceError) -> JSONResponse:
        return JSONResponse(error.content, error.status)

    @app.exception_handler(RequestValidationError)
    def _unreadable(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        out_of_range = first["type"] in _OUT_OF_RANGE
        return _refused(
            request, invalid_parameter(name) if out_of_range else malformed_parameter(name)
        )

    @app.exception_handler(ProviderError)
    def _damaged(_: Request, error: ProviderError) -> JSONResponse:
        _LOG.error("%s", error)
        return JSONResponse({"code": -1000, "msg": str(error)}, 500)
