"""The folder that keeps finished jobs, ``<key>/``, whole or not at all."""

import json
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from experiments.outcome import Outcome
from providers.coverage import Period
from tuning.execution.epochs import unpack_epochs
from tuning.execution.trades import unpack_trades
from tuning.model import Epoch, Tested, TuningError
from tuning.pool import Files

RECORD = "record.json"  # every job's: what was run, where, and for how long
EPOCHS, RAW_EPOCHS = "search.json.gz", "epochs.fthypt.gz"  # a search's
RESULT, OUTCOME, TRADES = "result.zip", "outcome.json", "trades.json.gz"  # a backtest's

# Freqtrade gives this to a trial with too few trades to ask the loss about
NO_TRADES = 100_000.0


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is kept below `folder`; it need not exist yet."""

    folder: Path

    def keep(self, key: str, files: Files) -> None:
        """Keep the `files` of a finished job; what is kept already stays as it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".keep-", dir=self.folder) as name:
            ready = Path(name) / key
            ready.mkdir()
            for file, content in files.items():
                (ready / file).write_bytes(content)
            if self.has(key):
                return
            # What has lost its record is not whole, so nobody can be using it
            shutil.rmtree(self.folder / key, ignore_errors=True)
            try:
                ready.rename(self.folder / key)
            except OSError:
                if not self.has(key):
                    raise

    def has(self, key: str) -> bool:
        """Tell whether the job of `key` is kept."""
        return (self.folder / key / RECORD).is_file()

    def searches(self) -> set[str]:
        """Return the keys of all searches that are kept."""
        return {path.parent.name for path in self.folder.glob(f"*/{EPOCHS}")}

    def epochs(self, key: str) -> tuple[Epoch, ...]:
        """Return the trials of a finished search, in order of number.

        Raises
        ------
        TuningError
            It is not kept, or damaged.
        """
        with self._reading(key) as kept:
            return unpack_epochs((kept / EPOCHS).read_bytes())

    def tested(self, key: str, period: Period) -> Tested:
        """Return what a finished backtest of `period` came to.

        Raises
        ------
        TuningError
            It is not kept, or damaged.
        """
        with self._reading(key) as kept:
            outcome = Outcome.from_document(json.loads((kept / OUTCOME).read_bytes()))
            trades, balance = unpack_trades((kept / TRADES).read_bytes())
            return Tested(period, outcome, trades, balance)

    def seconds(self, key: str) -> float:
        """Return how long a finished job took.

        Raises
        ------
        TuningError
            It is not kept, or damaged.
        """
        with self._reading(key) as kept:
            return float(json.loads((kept / RECORD).read_bytes())["seconds"])

    def sweep(self) -> None:
        """Remove what killed processes have left; nobody else may be keeping anything."""
        for left in self.folder.glob(".keep-*"):
            shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def _reading(self, key: str) -> Iterator[Path]:
        kept = self.folder / key
        try:
            yield kept
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
            raise TuningError(
                f"{kept} cannot be read ({error!r}); delete the folder and run again"
            ) from error


def best_of(epochs: Sequence[Epoch]) -> Epoch:
    """Return the trial of least loss, the first of equals.

    Raises
    ------
    TuningError
        None of them traded, so there is nothing to choose from.
    """
    traded = [epoch for epoch in epochs if epoch.loss < NO_TRADES]
    if not traded:
        raise TuningError(
            f"no trial of {len(epochs)} had a trade; train on a longer span or on more pairs"
        )
    return min(traded, key=lambda epoch: (epoch.loss, epoch.number))
