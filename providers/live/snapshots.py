"""What a bot needs of datasets that are asked for anew each time: the last answers, in memory.

An order book is gone with the next one, and the votes on a headline change as long as it is read.
Nothing is appended here: rows come in their latest version and leave when they are too old to be
used. Readers get frames that nobody changes any more, so no one needs a lock.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pandas as pd

from providers.contract import Dataset
from providers.storage.history import identity, tidy


@dataclass(slots=True)
class Snapshots:
    """A `providers.live.feed.Sink` that holds the latest version of recent rows.

    Attributes
    ----------
    keep : mapping of str to timedelta
        Of each dataset the age of ``date`` up to which rows are held; the newest always are.
    """

    keep: Mapping[str, timedelta]
    _frames: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict)

    def rows(self, dataset: str, pair: str) -> pd.DataFrame | None:
        """Return what is held, ascending by ``date``; None before the first row."""
        return self._frames.get((dataset, pair))

    def newest(self, dataset: Dataset, pair: str) -> pd.Timestamp | None:  # noqa: ARG002
        """Return None: each asking starts as far back as its poll looks, for rows may change."""
        return None

    def accept(self, dataset: Dataset, pair: str, rows: pd.DataFrame, at: pd.Timestamp) -> None:
        """Take rows in, in place of earlier versions of them; those dated after `at` are none."""
        key, fresh = (dataset.name, pair), tidy(rows, dataset)
        held = self._frames.get(key)
        whole = fresh if held is None else pd.concat([held, fresh])
        labels = [name for name in identity(dataset) if name != "known_at"]
        whole = whole.drop_duplicates(labels, keep="last")
        whole = whole[whole["date"].between(at - self.keep[dataset.name], at)]
        if len(whole):
            self._frames[key] = whole.sort_values(labels, kind="stable", ignore_index=True)

    def retain(self, keys: Collection[tuple[str, str]]) -> None:
        """Forget all but these names of dataset and pair."""
        for key in [key for key in self._frames if key not in keys]:
            self._frames.pop(key, None)
