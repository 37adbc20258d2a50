"""Headlines about a coin and how readers voted on them, from CryptoPanic; needs a paid key.

A row is a post: ``date`` is when it was published, ``known_at`` when we received it, for votes go
on changing after publication and a history of them would be look-ahead. Rows exist from the day a
recorder runs. Votes are counts, NaN where the plan leaves them out.

Title, address and coins are text from strangers. It is data: cut to a length, kept as it is and
never interpreted; whoever shows it escapes it.

Source: CryptoPanic developer API, version 2; version 1 has the same rows under other names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, quote_plus

import pandas as pd

from providers.contract import Bounds, Checked, Dataset, Page, Span
from providers.errors import BadAnswerError, BadRequestError
from providers.rows.parsing import json_of, numbers, rows_of, written
from providers.rows.quality import vouch
from providers.sources import Entry, Sources
from providers.symbols import coin, is_market

KEY = "CRYPTOPANIC_TOKEN"
WHERE = "https://cryptopanic.com/developers/api/"
MOST_PAGES = 10  # per asking; requests are dear
LONGEST = 500  # characters of a text

VOTES = (
    *("positive", "negative", "important", "liked", "disliked"),
    *("lol", "toxic", "saved", "comments"),
)

DATASET = Dataset(
    name="news",
    values={f"votes_{vote}": Bounds(0.0) for vote in VOTES},
    texts=("title", "url", "currencies"),
    keys=("url",),
    step=None,
    max_age=timedelta(hours=6),
    summary="headlines about the coin with readers' votes (counts); dated by publication, known "
    "when received; recorded only",
)


@dataclass(frozen=True, slots=True)
class CryptoPanic:
    """The newest posts about a coin; of `MARKET`, about anything."""

    sources: Sources
    dataset: Dataset = DATASET
    source: str = "cryptopanic"

    def covers(self, span: Span, now: pd.Timestamp) -> Span | None:
        """Return the present moment where `span` holds it: votes of the past are gone."""
        return Span(now, now) if span.start <= now <= span.end else None

    def pages(self, pair: str, span: Span) -> Iterator[Page]:
        """Yield the posts published since ``span.start``, the oldest page first."""
        token = self.sources.key(KEY, "CryptoPanic", WHERE)
        newest_first = []
        for number in range(1, MOST_PAGES + 1):
            page = self._page(pair, number, token)
            newest_first.append(page)
            answer = _answer(page)
            published = _published(rows_of(page, "results"))
            if not answer.get("next") or not len(published) or published.min() < span.start:
                break
        yield from reversed(newest_first)

    def _page(self, pair: str, number: int, token: str) -> Page:
        path = "/api/developer/v2/posts/"
        asked: dict[str, str | int] = {"public": "true", "page": number}
        if not is_market(pair):
            asked["currencies"] = coin(pair)
        content = self.sources.client.get(
            f"{self.sources.endpoints.cryptopanic}{path}",
            bucket="cryptopanic",
            params={**asked, "auth_token": token},
        )
        received = self.sources.client.now()
        name = f"{path}?{'&'.join(f'{key}={value}' for key, value in asked.items())}"
        # The address of the next page repeats the token, and pages may be kept
        for spelling in (token, quote(token, safe=""), quote_plus(token)):
            content = content.replace(spelling.encode(), b"REDACTED")
        return Page(content, f"{name} of {received.isoformat()}", pair, received)

    def parse(self, page: Page) -> pd.DataFrame:
        """Return a row per post."""
        _answer(page)
        posts = rows_of(page, "results")
        votes = [post.get("votes") for post in posts]
        counts = [vote if isinstance(vote, dict) else {} for vote in votes]
        frame = pd.DataFrame({"date": _published(posts)})
        for vote in VOTES:
            frame[f"votes_{vote}"] = numbers(counts, vote, page, optional=True)
        frame["title"] = [_text(post.get("title")) for post in posts]
        frame["url"] = [_text(post.get("original_url") or post.get("url")) for post in posts]
        frame["currencies"] = [_coins(post) for post in posts]
        received = pd.Series(page.fetched_at, index=frame.index).astype(frame["date"].dtype)
        return frame.assign(known_at=received)

    def check(self, frame: pd.DataFrame, page: Page) -> Checked:
        """Apply the general rules."""
        return vouch(frame, self.dataset, page)


def _answer(page: Page) -> dict[str, Any]:
    answer = json_of(page)
    if not isinstance(answer, dict):
        raise BadAnswerError(f"{page.name} is a {type(answer).__name__}, expected an object")
    if "info" in answer and "results" not in answer:
        raise BadRequestError(
            f"{page.name} was refused: {answer.get('status')!r:.40}, {answer['info']!r:.200}; "
            f"check {KEY} and the plan at {WHERE}"
        )
    return answer


def _published(posts: list[dict[str, Any]]) -> "pd.Series[pd.Timestamp]":
    return written((post.get("published_at") for post in posts), "ISO8601")


def _coins(post: dict[str, Any]) -> str:
    """Return the codes of the coins of a post; version 1 calls them currencies."""
    coins = post.get("instruments", post.get("currencies"))
    found = coins if isinstance(coins, list) else []
    codes = [_text(item.get("code")) for item in found if isinstance(item, dict)]
    return ",".join(code for code in codes if code)[:LONGEST]


def _text(words: Any) -> str:
    return words[:LONGEST] if isinstance(words, str) else ""


ENTRY = Entry(
    DATASET,
    lambda sources: (CryptoPanic(sources),),
    recorded=True,
    key=KEY,
    poll=timedelta(minutes=10),
)
