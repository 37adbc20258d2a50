"""How often anybody tried and looked: an append-only file of JSON lines.

The best of many tries looks good by luck. How many there were is known only if each is written
down when it is made, so lines are only ever added, and each vouches for those before it (`chain`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.chain import Chain


@dataclass(frozen=True, slots=True)
class Tries:
    """What the ledger holds of one period: backtests, those of different results, and looks."""

    backtests: int
    distinct: int
    looks: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """The file at `path`; it need not exist yet."""

    path: Path

    @property
    def chain(self) -> Chain:
        """Return the file as a chain, which can be verified."""
        return Chain(self.path)

    def tried(
        self,
        key: str,
        variant: str,
        period: str,
        changes: Mapping[str, Any],
        curve: Sequence[float],
    ) -> None:
        """Note a backtest and its daily wallet `curve`; one that is there already is not repeated.

        Parameters
        ----------
        key : str
            What `runs` keeps it under.
        changes : mapping
            Settings that differ from the pack's defaults, by section.
        """
        entry = {"what": "tried", "key": key, "variant": variant, "period": period}
        result = digest_of(curve, decimals=6)
        self.chain.append([{**entry, "changes": changes, "result": result}], once="key")

    def looked(self, period: str, variants: int) -> None:
        """Note that somebody is about to see the results of a reserved period."""
        self.chain.append([{"what": "looked", "period": period, "variants": variants}])

    def tries(self, period: str | None = None) -> Tries:
        """Count what was noted of `period`, of all of them when it is None.

        A line that cannot be read counts as a backtest of any period.
        """
        lines = self.chain.entries()
        if period is not None:
            lines = [line for line in lines if line.get("period", period) == period]
        tried = [line for line in lines if line.get("what") != "looked"]
        results = {str(line.get("result", number)) for number, line in enumerate(tried)}
        return Tries(len(tried), len(results), len(lines) - len(tried))


def digest_of(values: Sequence[float], *, decimals: int) -> str:
    """Return a short hash of numbers, equal where they are equal to so many decimals."""
    text = ",".join(f"{value:.{decimals}f}" for value in values)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
