"""What a walk-forward is asked, and what comes back of each fold; the other modules share these."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import pandas as pd

from experiments.outcome import Outcome
from providers.coverage import Period

Parameters = Mapping[str, Mapping[str, Any]]


class TuningError(RuntimeError):
    """A walk-forward cannot go on; the message names the thing, its value and the way out."""


class Mode(StrEnum):
    """How time is divided."""

    ROLLING = "rolling"  # the training window moves along
    ANCHORED = "anchored"  # it grows from the start
    CPCV = "cpcv"  # every choice of groups is tested once, the rest is trained on


@dataclass(frozen=True, slots=True)
class Fold:
    """One search and the spans on which its choice is tried.

    Attributes
    ----------
    number : int
        From 1, in order of time; in cpcv in the order of the combinations.
    train : Period
        What hyperopt is given. In cpcv the whole span, of which `closed` does not count.
    tests : tuple of Period
        One after the training; in cpcv each group that was held out, in order of time.
    closed : tuple of Period
        Spans of `train` that the search must not learn from: the tests with purge before and
        embargo after them, merged where they touch. Empty where training ends before the test.
    """

    number: int
    train: Period
    tests: tuple[Period, ...]
    closed: tuple[Period, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides what a walk-forward comes to, apart from source and data.

    Attributes
    ----------
    strategy : str
        Class name; its file lies in `strategy_folder`, relative to the root of the source.
    loss : str
        Class name of the hyperopt loss.
    spaces : tuple of str
        As ``--spaces`` takes them.
    epochs : int
        Trials of each fold's search.
    seed : int
        Of the sampler; fold ``n`` uses ``seed + n``, so that folds do not try the same points.
    span : Period
        All of the time that is divided.
    train, test, purge, embargo : timedelta
        Whole days. Purge lies between training and test, embargo after a test.
    groups, held_out : int
        Only for cpcv: into how many groups the span is cut, and how many are tested at a time.
    pairs : tuple of str
        What is traded.
    fee : float
        Of one side, a fraction.
    configs : tuple of str
        Configuration files, relative to the root of the source, later ones win.
    settings : mapping
        Configuration laid over them, such as ``{"regimekit": {"exits": {...}}}``.
    """

    strategy: str
    loss: str
    spaces: tuple[str, ...]
    epochs: int
    seed: int
    mode: Mode
    span: Period
    train: timedelta
    test: timedelta
    purge: timedelta
    embargo: timedelta
    pairs: tuple[str, ...]
    fee: float
    groups: int = 6
    held_out: int = 2
    configs: tuple[str, ...] = ("user_data/config.json",)
    settings: Mapping[str, Any] | None = None
    strategy_folder: str = "user_data/strategies"


@dataclass(frozen=True, slots=True)
class Epoch:
    """One trial of a search.

    Attributes
    ----------
    parameters : mapping
        By space and name, as Freqtrade notes them in ``params_details``.
    returns : tuple of float
        Realized return of each day of the training that counts: profit of the trades closed on
        it over the wallet before it. Closed spans are left out, for all epochs of a fold alike.
    """

    number: int
    parameters: Parameters
    loss: float
    trades: int
    returns: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Tested:
    """A backtest of one span: what it came to, and its trades.

    Attributes
    ----------
    trades : DataFrame
        ``pair``, ``is_short``, ``opened_at``, ``closed_at`` (UTC), ``open_rate``, ``close_rate``
        (price), ``amount`` (base coin), ``stake_amount``, ``leverage``, ``fee_open``,
        ``fee_close`` (fractions), ``funding_fees`` (stake currency, positive is received),
        ``profit_abs`` (stake currency, after all costs), ``enter_tag``, ``exit_reason``,
        ``delayed_open_rate``, ``delayed_close_rate`` (price one candle later: the open of the
        candle after the one in which the order filled; NaN where there is none).
    balance : float
        Wallet at the start, stake currency.
    """

    period: Period
    outcome: Outcome
    trades: pd.DataFrame
    balance: float


@dataclass(frozen=True, slots=True)
class FoldResult:
    """What a fold came to.

    Attributes
    ----------
    epochs : tuple of Epoch
        Every trial of the search; `chosen` is the one of least loss.
    tested, untuned : tuple of Tested
        The chosen parameters, and the strategy as it is, on each of the fold's test spans.
    seconds : float
        Work time of the search and the backtests.
    """

    fold: Fold
    epochs: tuple[Epoch, ...]
    chosen: Epoch
    tested: tuple[Tested, ...]
    untuned: tuple[Tested, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Trials:
    """How much was tried of a strategy, by everybody who wrote it down.

    Attributes
    ----------
    epochs : int
        Distinct trials of all walk-forwards in the ledger, these included.
    backtests : int
        Distinct results of ablations.
    unrecorded : int
        Epochs found in results of plain ``freqtrade hyperopt``, and what the user declared.
    walks : int
        Walk-forwards, these included, whose test spans share days with these.
    head : str
        Hash of the ledger's last line when it was counted; the count can be proved by it.
    """

    epochs: int
    backtests: int
    unrecorded: int
    walks: int
    head: str

    @property
    def total(self) -> int:
        """Return everything that was tried."""
        return self.epochs + self.backtests + self.unrecorded


@dataclass(frozen=True, slots=True)
class Walk:
    """A finished walk-forward.

    Attributes
    ----------
    failures : mapping
        Why a fold has no result, by number.
    trials : Trials or None
        None when the ledger is missing or broken; `trials_unknown` says why.
    simulated : bool
        Whether the market was invented.
    source, data : str
        Fingerprints of what it was made with.
    """

    plan: Plan
    folds: tuple[FoldResult, ...]
    failures: Mapping[int, str]
    trials: Trials | None
    trials_unknown: str
    simulated: bool
    source: str
    data: str
