"""What Freqtrade is asked to do for a fold: a search, or a backtest of what one found.

Equal jobs have equal results, so each is kept under a hash of all that it depends on.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from experiments.identity import engines, key_of
from providers.coverage import Period
from tuning.model import Parameters

Span = tuple[str, str]  # first and last instant, ISO 8601, UTC


@dataclass(frozen=True, slots=True)
class Common:
    """What both kinds of job need; `Plan` has the meaning of the fields.

    Attributes
    ----------
    timerange : str
        As Freqtrade takes it.
    settings : mapping
        Configuration laid over `configs`.
    source, data : str
        Fingerprints of what it is made with.
    """

    strategy: str
    strategy_folder: str
    timerange: str
    pairs: tuple[str, ...]
    fee: float
    configs: tuple[str, ...]
    settings: Mapping[str, Any]
    source: str
    data: str


@dataclass(frozen=True, slots=True)
class Search:
    """A run of hyperopt.

    Attributes
    ----------
    closed : tuple of Span
        Trades that touch them do not count, for the loss and for the returns of the epochs.
    """

    common: Common
    loss: str
    spaces: tuple[str, ...]
    epochs: int
    seed: int
    closed: tuple[Span, ...] = ()

    @property
    def key(self) -> str:
        """Return what the result is kept under."""
        return key_of({"search": asdict(self), "optuna": version("optuna")})


@dataclass(frozen=True, slots=True)
class Backtest:
    """A backtest; `parameters` are None for the strategy as it is."""

    common: Common
    parameters: Parameters | None

    @property
    def key(self) -> str:
        """Return what the result is kept under."""
        return key_of({"backtest": asdict(self)})


Job = Search | Backtest


def versions() -> dict[str, str]:
    """Return the versions of all that a key depends on."""
    return {**engines(), "optuna": version("optuna")}


def span_of(period: Period) -> Span:
    """Return `period` as plain text, for a configuration file."""
    return period.start.isoformat(), period.end.isoformat()
