"""What a benchmark found, as a table for people and as JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

from rich.table import Table

from providers.storage.store import replace_file

_FORMATS = {
    "s": "{:.2f} s",
    "ms": "{:.1f} ms",
    "us": "{:.0f} µs",
    "MB": "{:.0f} MB",
    "x": "{:.2f} x",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Attributes
    ----------
    group, name, note : str
        Which benchmark, what of it, and what else to know.
    unit : str
        ``s``, ``ms`` or ``us`` of time, ``MB`` (1e6 bytes), ``x`` for a ratio.
    value : float
        What is compared with the aim.
    median : float, optional
        Of the repetitions, where there were some.
    aim : float, optional
        The most that `value` should be; None for a figure that only explains.
    """

    group: str
    name: str
    unit: str
    value: float
    median: float | None = None
    aim: float | None = None
    note: str = ""

    @classmethod
    def fastest(cls, group: str, name: str, unit: str, times: Sequence[float], **more: Any) -> Self:
        """Take the minimum: whatever disturbs a run can only make it longer."""
        return cls(group, name, unit, min(times), median(times), **more)

    @classmethod
    def ratio(
        cls, group: str, name: str, times: Sequence[float], floor: Sequence[float], **more: Any
    ) -> Self:
        """Compare minima; the median is that of the rounds, in which both ran back to back."""
        rounds = [mine / its for mine, its in zip(times, floor, strict=True)]
        return cls(group, name, "x", min(times) / min(floor), median(rounds), **more)

    @classmethod
    def memory(cls, group: str, name: str, peaks: Sequence[int], **more: Any) -> Self:
        """Take the largest peak, given in bytes."""
        return cls(group, name, "MB", max(peaks) / 1e6, median(peaks) / 1e6, **more)

    @property
    def met(self) -> bool | None:
        """Tell whether the aim is met; None when there is none."""
        return None if self.aim is None else self.value <= self.aim

    def show(self, number: float | None) -> str:
        """Return `number` with this figure's unit."""
        return "" if number is None else _FORMATS[self.unit].format(number)


def as_table(figures: Sequence[Figure], facts: dict[str, str]) -> Table:
    """Lay the figures out with the aim beside each."""
    table = Table(
        title="RegimeRouter on the simulated market",
        caption=f"{', '.join(f'{name} {value}' for name, value in facts.items())}.\n"
        "Value: least of the repetitions, ratio of the least, most for memory.",
    )
    table.add_column("Measured")
    for column in ("Value", "Median", "Aim"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("")
    table.add_column("Note")
    group = ""
    for figure in figures:
        if figure.group != group:
            group = figure.group
            table.add_section()
            table.add_row(f"[bold]{group}")
        verdict = {None: "", True: "[green]pass", False: "[red]miss"}[figure.met]
        aim = f"≤ {figure.show(figure.aim)}" if figure.aim is not None else ""
        value, middle = figure.show(figure.value), figure.show(figure.median)
        table.add_row(f"  {figure.name}", value, middle, aim, verdict, figure.note)
    return table


def write_json(figures: Sequence[Figure], facts: dict[str, str], path: Path) -> None:
    """Write facts and figures; a reader sees the old file or the new one."""
    rows = [asdict(figure) | {"met": figure.met} for figure in figures]
    content = json.dumps({"facts": facts, "figures": rows}, indent=2, ensure_ascii=False)
    replace_file(path, content.encode() + b"\n")
