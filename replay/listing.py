"""What lies in the archive: the listing of its bucket (S3 ListObjects v1).

``/?delimiter=/&prefix=data/futures/um/daily/metrics/BTCUSDT/&marker=...`` answers up to a thousand
files or folders behind the marker, in the order of their names.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from replay.archive import Archive, checksum

MOST_KEYS = 1000


def add(app: FastAPI, archive: Archive) -> None:
    """Add the listing to `app`."""

    @app.get("/")
    def listing(request: Request) -> Response:
        query = request.query_params
        if "prefix" not in query:
            return JSONResponse({"detail": "Not Found"}, 404)
        delimiter, marker = query.get("delimiter", ""), query.get("marker", "")
        text = query.get("max-keys", str(MOST_KEYS))
        most = min(int(text), MOST_KEYS) if text.isdecimal() else MOST_KEYS
        page = document(archive, query["prefix"], delimiter, marker, max(most, 1))
        return Response(page, media_type="application/xml")


def document(archive: Archive, prefix: str, delimiter: str, marker: str, most: int) -> str:
    """Return one page of the listing as XML."""
    entries = sorted(set(_entries(archive, prefix, delimiter)))
    entries = [entry for entry in entries if entry[0] > marker]
    page = entries[:most]
    truncated = len(entries) > most
    # Without a delimiter S3 leaves it to the caller to go on behind the last key
    following = f"<NextMarker>{escape(page[-1][0])}</NextMarker>" if truncated and delimiter else ""
    head = (
        f"<Name>data.binance.vision</Name><Prefix>{escape(prefix)}</Prefix>"
        f"<Marker>{escape(marker)}</Marker>{following}<MaxKeys>{most}</MaxKeys>"
        f"<Delimiter>{escape(delimiter)}</Delimiter>"
        f"<IsTruncated>{str(truncated).lower()}</IsTruncated>"
    )
    body = "".join(
        f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
        if published is None
        else _contents(archive, name, published)
        for name, published in page
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{head}{body}'
        "</ListBucketResult>"
    )


def _entries(archive: Archive, prefix: str, delimiter: str) -> Iterator[tuple[str, int | None]]:
    """Yield files with the time of their publication, and folders with None."""
    for series in archive.series(prefix):
        rest = series.folder.removeprefix(prefix)
        if delimiter and series.folder.startswith(prefix) and delimiter in rest:
            if next(archive.days(series), None) is not None:
                yield prefix + rest[: rest.index(delimiter) + 1], None
            continue
        for day in archive.days(series):
            key, published = series.key(day), series.published_at(day)
            for name in (key, f"{key}.CHECKSUM"):
                if name.startswith(prefix):
                    yield name, published


def _contents(archive: Archive, key: str, published: int) -> str:
    content = archive.find(key.removesuffix(".CHECKSUM")) or b""
    if key.endswith(".CHECKSUM"):
        content = checksum(key.removesuffix(".CHECKSUM"), content).encode()
    modified = f"{datetime.fromtimestamp(published / 1000, UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    tag = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>{modified}</LastModified>"
        f"<ETag>&quot;{tag}&quot;</ETag><Size>{len(content)}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )
