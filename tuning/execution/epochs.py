"""The trials of a search, from the lines that Freqtrade writes to what is kept of them."""

import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from providers.coverage import parse_timerange
from regimekit.evaluation.returns import counted, daily_returns
from tuning.jobs import Search
from tuning.model import Epoch, TuningError


def read_epochs(lines: bytes, search: Search) -> tuple[Epoch, ...]:
    """Return the epochs in a ``.fthypt`` file, in order of number.

    Raises
    ------
    TuningError
        It is no such file.
    """
    try:
        documents = [json.loads(line) for line in lines.splitlines() if line.strip()]
        found = [_epoch(document, search) for document in documents]
    except (ValueError, KeyError, TypeError) as error:
        raise TuningError(f"Freqtrade's epochs are not readable: {error!r}") from error
    return tuple(sorted(found, key=lambda epoch: epoch.number))


def pack_epochs(epochs: Sequence[Epoch]) -> bytes:
    """Return `epochs` as they are kept."""
    document = [
        {
            "number": epoch.number,
            "parameters": epoch.parameters,
            "loss": epoch.loss,
            "trades": epoch.trades,
            "returns": epoch.returns,
        }
        for epoch in epochs
    ]
    return gzip.compress(json.dumps(document).encode(), mtime=0)


def unpack_epochs(content: bytes) -> tuple[Epoch, ...]:
    """Read what `pack_epochs` returned."""
    return tuple(
        Epoch(
            number=int(it["number"]),
            parameters=it["parameters"],
            loss=float(it["loss"]),
            trades=int(it["trades"]),
            returns=tuple(map(float, it["returns"])),
        )
        for it in json.loads(gzip.decompress(content))
    )


def _epoch(document: Mapping[str, Any], search: Search) -> Epoch:
    period = parse_timerange(search.common.timerange)
    closed = [(pd.Timestamp(first), pd.Timestamp(last)) for first, last in search.closed]
    metrics = document["results_metrics"]
    trades = pd.DataFrame(metrics["trades"], columns=["open_date", "close_date", "profit_abs"])
    opened_at, closed_at = (
        pd.to_datetime(trades[name], utc=True, format="ISO8601")
        for name in ("open_date", "close_date")
    )
    counts = counted(opened_at, closed_at, closed)
    returns = daily_returns(
        closed_at[counts],
        trades["profit_abs"][counts].astype(float),
        start=pd.Timestamp(period.start),
        end=pd.Timestamp(period.end),
        balance=float(metrics["starting_balance"]),
        closed=closed,
    )
    return Epoch(
        number=int(document["current_epoch"]),
        parameters=document["params_details"],
        loss=float(document["loss"]),
        trades=int(counts.sum()),
        returns=tuple(map(float, returns)),
    )
