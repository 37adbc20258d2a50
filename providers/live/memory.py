"""What a feed keeps for a bot: the newest rows of each dataset, in memory, as immutable snapshots.

The threads of a feed write and any number of others read. A snapshot is replaced by the next one
and never changed. A reader gets a shallow copy: pandas copies its values only should the reader
write to it, so neither can disturb the other, and neither needs a lock.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta

import pandas as pd

from providers.contract import Dataset
from providers.storage.history import columns_of, empty, merge, tidy

Seed = Callable[[str, str], pd.DataFrame | None]  # of the names of dataset and pair


def no_seed(dataset: str, pair: str) -> None:
    """Begin with nothing."""


@dataclass(slots=True)
class Memory:
    """A `providers.live.feed.Sink` that holds the last `keep` of every dataset it was given.

    Attributes
    ----------
    keep : timedelta
        Counted back from the newest row, not from the clock, which may be wrong.
    seed : callable
        Returns what was known before, None or no rows where nothing was. It is asked once per
        dataset and pair, by the thread that polls.
    """

    keep: timedelta = timedelta(days=30)
    seed: Seed = no_seed
    _frames: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict)
    _seeds: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict)

    def rows(self, dataset: str, pair: str) -> pd.DataFrame | None:
        """Return what is known, ascending by ``date``; None before the first row."""
        frame = self._frames.get((dataset, pair))
        return None if frame is None or frame.empty else frame.copy(deep=False)

    def newest(self, dataset: Dataset, pair: str) -> pd.Timestamp | None:
        """Return the latest label, None before the first."""
        rows = self._known(dataset, pair)
        return None if rows.empty else rows["date"].iloc[-1]

    def accept(self, dataset: Dataset, pair: str, rows: pd.DataFrame, at: pd.Timestamp) -> None:
        """Add rows that are new; what is already known stays as it was first known.

        Rows dated after `at` are none: a clock was wrong when they came.
        """
        merged = merge(self._known(dataset, pair), rows, dataset, at).frame
        merged = merged[merged["date"] <= at]
        if len(merged):
            merged = merged[merged["date"] >= merged["date"].iloc[-1] - self.keep]
        self._frames[dataset.name, pair] = merged.reset_index(drop=True)
        self._seeds.pop((dataset.name, pair), None)

    def retain(self, keys: Collection[tuple[str, str]]) -> None:
        """Forget all but these names of dataset and pair."""
        for held in (self._frames, self._seeds):
            for key in [key for key in list(held) if key not in keys]:
                held.pop(key, None)

    def _known(self, dataset: Dataset, pair: str) -> pd.DataFrame:
        key = dataset.name, pair
        known = self._frames.get(key)  # another thread may forget either at any time
        if known is None:
            known = self._seeds.get(key)
        if known is None:  # shown to readers with the first rows that prove the present
            rows = self.seed(*key)
            if rows is None or not set(columns_of(dataset)) <= set(rows):
                rows = empty(dataset)
            known = self._seeds[key] = tidy(rows, dataset)
        return known
