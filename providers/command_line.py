"""What our commands understand alike: pairs and instants."""

from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from providers.errors import DataMissingError
from providers.pairs import listed_pairs, perpetuals


def wanted_pairs(named: Sequence[str] | None, config: Path) -> tuple[str, ...]:
    """Return the pairs that were named, else those that a Freqtrade config lists.

    Raises
    ------
    DataMissingError
        The config cannot be read or lists none.
    """
    if named:
        return perpetuals(named)
    from freqtrade.configuration.load_config import load_from_files  # noqa: PLC0415 - slow
    from freqtrade.exceptions import FreqtradeException  # noqa: PLC0415

    try:
        return listed_pairs(load_from_files([str(config)]))
    except FreqtradeException as error:
        raise DataMissingError(f"{error}; name the pairs with --pairs") from error


def instant(text: str) -> pd.Timestamp:
    """Return the instant that an argument means, UTC unless it says otherwise."""
    stamp = pd.to_datetime(text, errors="coerce")
    if pd.isna(stamp):  # as of an empty shell variable
        raise ArgumentTypeError(f"{text!r} is no date; write 2026-03-01 or 2026-03-01T12:00")
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
