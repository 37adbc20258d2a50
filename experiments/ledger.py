"""How often anybody tried and looked: an append-only file of JSON lines.

The best of many tries looks good by luck. How many there were is known only if each is written
down when it is made, so lines are only ever added, by one process at a time.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


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
        if any(line.get("key") == key for line in self._lines("tried")):
            return
        text = ",".join(f"{value:.6f}" for value in curve)
        result = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._append(
            {"what": "tried", "key": key, "variant": variant, "period": period}
            | {"changes": changes, "result": result}
        )

    def looked(self, period: str, variants: int) -> None:
        """Note that somebody is about to see the results of a reserved period."""
        self._append({"what": "looked", "period": period, "variants": variants})

    def tries(self, period: str) -> Tries:
        """Count what was noted; a line that cannot be read counts as a backtest of any period."""
        lines = [line for line in self._lines() if line.get("period", period) == period]
        tried = [line for line in lines if line.get("what") != "looked"]
        results = {str(line.get("result", number)) for number, line in enumerate(tried)}
        return Tries(len(tried), len(results), len(lines) - len(tried))

    def _lines(self, what: str | None = None) -> list[dict[str, Any]]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        lines = [_parsed(line) for line in text.splitlines() if line.strip()]
        return [line for line in lines if what in {None, line.get("what")}]

    def _append(self, entry: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        stamped = {"at": datetime.now(tz=UTC).isoformat(timespec="seconds"), **entry}
        with self.path.open("a+b") as file:
            file.seek(0, os.SEEK_END)
            # A line that a crash cut short must not swallow this one
            torn = file.tell() > 0 and _last_byte(self.path) != b"\n"
            file.write((b"\n" if torn else b"") + json.dumps(stamped).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _parsed(line: str) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
