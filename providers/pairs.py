"""Which pairs to fetch, from the command line or from Freqtrade's config."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from providers.errors import DataMissingError
from providers.symbols import perpetual

_NAME = re.compile(r"[\w-]+/[\w-]+(:[\w-]+)?")


def listed_pairs(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the pairs that a loaded Freqtrade config lists.

    Raises
    ------
    DataMissingError
        The pairs depend on the live market, or there are none.
    """
    methods = [entry.get("method", "?") for entry in config.get("pairlists", [])]
    if methods[:1] not in ([], ["StaticPairList"]):
        raise DataMissingError(
            f"the config takes its pairs from {methods[0]}, which asks the live market; "
            "name the pairs with --pairs"
        )
    pairs = config.get("exchange", {}).get("pair_whitelist", [])
    if not pairs:
        raise DataMissingError(
            "the config has no exchange.pair_whitelist; name the pairs with --pairs"
        )
    patterns = [pair for pair in pairs if not _NAME.fullmatch(pair)]
    if patterns:
        raise DataMissingError(
            f"exchange.pair_whitelist has {patterns[0]!r}, which stands for what the live market "
            "lists; name the pairs with --pairs"
        )
    return perpetuals(pairs)


def perpetuals(pairs: Sequence[str]) -> tuple[str, ...]:
    """Return `pairs` once each, in order; ValueError names one that is no linear perpetual."""
    for pair in pairs:
        perpetual(pair)
    return tuple(dict.fromkeys(pairs))
