"""What lies in a folder of the archive, read from the listing of its bucket (S3 ListObjects v1).

The answer is XML from outside: documents that declare a type or entities are refused, because
a few such lines can unfold into gigabytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from providers.contract import Client
from providers.errors import BadAnswerError

BUCKET = "archive"

_ROOT = "ListBucketResult"


@dataclass(slots=True)
class Listing:
    """One page of a listing: files, folders, and whether and where it goes on."""

    keys: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    truncated: bool = False
    next_marker: str | None = None

    @property
    def marker(self) -> str | None:
        """Return where the next page begins, None after the last."""
        if not self.truncated:
            return None
        return self.next_marker or max(self.keys + self.folders, default=None)


def listed_keys(client: Client, base: str, prefix: str) -> Iterator[str]:
    """Yield the files in a folder in alphabetical order, which is that of their dates."""
    marker = ""
    while True:
        params: dict[str, str | int] = {"delimiter": "/", "prefix": prefix}
        if marker:
            params["marker"] = marker
        name = f"the listing of {prefix}" + (f" after {marker}" if marker else "")
        page = parse_listing(client.get(base, bucket=BUCKET, params=params), name)
        yield from page.keys
        following = page.marker
        if following is None:
            if page.truncated:
                raise BadAnswerError(f"{name} is cut short and does not say where it goes on")
            return
        if following <= marker:
            raise BadAnswerError(f"{name} goes on at {following!r}, which it has already shown")
        marker = following


def parse_listing(content: bytes, name: str) -> Listing:
    """Return what a listing says.

    Raises
    ------
    BadAnswerError
        It is not a listing, or not one that is safe to read.
    """
    listing, open_tags, text = Listing(), list[str](), list[str]()

    def start(tag: str, _: dict[str, str]) -> None:
        open_tags.append(tag.rpartition(":")[2])
        text.clear()

    def end(_: str) -> None:
        _note(listing, open_tags, "".join(text).strip())
        open_tags.pop()
        text.clear()

    def refuse(*_: object) -> None:
        raise BadAnswerError(f"{name} declares a document type, which no listing does")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise BadAnswerError(f"{name} is not XML ({error})") from error
    return listing


def _note(listing: Listing, tags: list[str], text: str) -> None:
    """Take in an element that ends; ``Prefix`` of the root is only what was asked for."""
    if tags[0] != _ROOT:
        raise BadAnswerError(f"a listing was expected, not a document about {tags[0]!r:.40}")
    match tags[1:]:
        case ["Contents", "Key"]:
            listing.keys.append(text)
        case ["CommonPrefixes", "Prefix"]:
            listing.folders.append(text)
        case ["IsTruncated"]:
            listing.truncated = text == "true"
        case ["NextMarker"]:
            listing.next_marker = text
