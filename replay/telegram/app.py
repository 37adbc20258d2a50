"""The stand-in as a web application: `/bot<token>/<method>`, and `/ctl/` for the trader."""

import asyncio
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from replay.telegram.api import CHAT, MOST_UPDATES, BotApi, BotApiError

POLL_SECONDS = 0.05  # between two looks for an update while a bot waits for one
MOST_WAIT = 50.0  # seconds, Telegram's own bound of a long poll


class Says(BaseModel):
    """What a person writes."""

    text: str
    chat: int = CHAT
    user: int | None = None
    topic: int | None = None


class Press(BaseModel):
    """What a person presses."""

    message: int
    data: str
    user: int | None = None


def create_app(api: BotApi) -> FastAPI:
    """Return the application that speaks for `api`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(BotApiError)
    def _refused(_: Request, error: BotApiError) -> JSONResponse:
        return JSONResponse(error.content, error.status)

    app.include_router(_bot(api))
    app.include_router(_control(api))
    return app


def _bot(api: BotApi) -> APIRouter:
    """Return the side that the bot asks."""
    router = APIRouter()
    polls = _Polls(api)

    @router.api_route("/bot{token}/{method}", methods=["GET", "POST"])
    async def _call(token: str, method: str, request: Request) -> dict[str, Any]:
        if not secrets.compare_digest(token.encode(), api.token.encode()):
            # A token of another shape is an address that Telegram does not have.
            known = re.fullmatch(r"\d+:[\w-]{30,}", token)
            raise BotApiError(401, "Unauthorized") if known else BotApiError(404, "Not Found")
        body = (await request.body()).decode(errors="replace")
        form = {**request.query_params, **dict(parse_qsl(body, keep_blank_values=True))}
        api.calls[method] += 1
        try:
            polling = method.lower() == "getupdates"
            result = await polls.wait(form, request) if polling else api.answer(method, form)
        except BotApiError as error:
            api.note(method, form, error)
            raise
        return {"ok": True, "result": result}

    return router


class _Polls:
    """Answers ``getUpdates``: at once where there is one, else when there is or time is up."""

    def __init__(self, api: BotApi) -> None:
        self._api = api
        self._newest = 0

    async def wait(self, form: Mapping[str, str], request: Request) -> list[dict[str, Any]]:
        self._newest += 1
        mine = self._newest
        offset, limit = int(form.get("offset") or 0), int(form.get("limit") or MOST_UPDATES)
        until = time.monotonic() + min(float(form.get("timeout") or 0), MOST_WAIT)
        while not (updates := self._api.pending(offset, limit)) and time.monotonic() < until:
            await asyncio.sleep(POLL_SECONDS)
            if await request.is_disconnected():
                return []  # it hung up; that is no conflict with the poll after it
            if self._newest != mine:
                raise BotApiError(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure that only one "
                    "bot instance is running",
                )
        return updates


def _control(api: BotApi) -> APIRouter:
    """Return the trader's side."""
    router = APIRouter(prefix="/ctl")

    @router.post("/say")
    async def _say(words: Says) -> dict[str, int]:
        told = api.says(words.text, chat=words.chat, user=words.user, topic=words.topic)
        return {"update_id": told}

    @router.post("/press")
    async def _press(button: Press) -> dict[str, int]:
        return {"update_id": api.press(button.message, button.data, user=button.user)}

    @router.get("/messages")
    async def _messages() -> list[dict[str, Any]]:
        return api.messages()

    @router.get("/state")
    async def _state() -> dict[str, Any]:
        return {
            "calls": dict(api.calls),
            "refused": api.refused,
            "answered": api.answered,
            "waiting": len(api.pending(0)),
        }

    return router
