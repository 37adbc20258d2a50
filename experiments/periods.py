"""Which candles an ablation may use, and which it must not get used to.

A number that was chosen on a period says nothing more about it. What is chosen is chosen on
``choose``; ``check`` and ``recent`` are looked at when the choice is made, and each look spends
them a little.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from providers.coverage import Period, longest_period, parse_timerange
from providers.errors import DataMissingError


@dataclass(frozen=True, slots=True)
class Sample:
    """A period of one data folder; `reserved` when every look at it counts."""

    name: str
    datadir: Path
    period: Period
    reserved: bool = False


# By name: the folder below the recorded data, the period, and whether it is reserved.
NAMED = {
    "choose": ("binance_2022_2025", "20230115-20250101", False),
    "check": ("binance_2022_2025", "20250101-20250531", True),
    "recent": ("binance", "20251205-20260128", True),
}


def named_samples(names: Sequence[str], recorded: Path) -> tuple[Sample, ...]:
    """Return the named periods of the folder `recorded`; ``all`` stands for every one.

    Raises
    ------
    DataMissingError
        The recorded candles are not there.
    """
    wanted = list(NAMED) if "all" in names else list(dict.fromkeys(names))
    samples = []
    for name in wanted:
        folder, timerange, reserved = NAMED[name]
        if not (recorded / folder).is_dir():
            raise DataMissingError(
                f"period {name} needs the recorded candles in {recorded / folder}; name another "
                "folder with --datadir"
            )
        samples.append(Sample(name, recorded / folder, parse_timerange(timerange), reserved))
    return tuple(samples)


def own_samples(datadirs: Sequence[Path], timerange: str | None) -> tuple[Sample, ...]:
    """Return a sample for each folder, over `timerange` or the longest period that it covers."""
    return tuple(
        Sample(
            datadir.resolve().name,
            datadir.resolve(),
            parse_timerange(timerange) if timerange else longest_period(datadir),
        )
        for datadir in datadirs
    )
