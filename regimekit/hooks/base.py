"""The strategy that all strategies of the pack descend from."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from freqtrade.enums import RunMode
from freqtrade.exceptions import OperationalException
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.strategy import IStrategy
from freqtrade.strategy.parameters import BaseParameter, NumericParameter

from regimekit.hooks.fingerprint import source_fingerprint
from regimekit.hooks.guard import CONTRACTS, FaultLog, fail_closed
from regimekit.hooks.live import require_acknowledgement
from regimekit.hooks.table import DecisionTable
from regimekit.settings import SECTIONS, Section, Settings, SettingsError, settings_from

LIVE = (RunMode.DRY_RUN, RunMode.LIVE)
AnySection = TypeVar("AnySection", bound=Section)


class PackStrategy(IStrategy):
    """Settings, decisions by time and fail-closed callbacks for every strategy of the pack.

    A subclass that defines a callback of the trading loop gets it wrapped with `fail_closed`;
    there is nothing to remember. No state that decides anything survives from one backtest to the
    next: `decisions` are rebuilt with the signals, and what depends on the past is read from
    Freqtrade's trades.
    """

    INTERFACE_VERSION = 3

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in CONTRACTS.keys() & vars(cls).keys():
            setattr(cls, name, fail_closed(name, vars(cls)[name]))

    def __init__(self, config: dict[str, Any]) -> None:
        try:
            self.settings: Settings = settings_from(config.get("regimekit", {}))
        except SettingsError as error:
            # ConfigurationError would be apt, but Freqtrade 2026.9 answers it with exit code 0.
            raise OperationalException(str(error)) from error
        self.accepted = require_acknowledgement(config, self.settings.live)
        config["regimekit_source"] = source_fingerprint()
        super().__init__(config)
        self.faults = FaultLog()
        self._parameter_names: dict[type[Section], tuple[str, ...]] = {}
        self._tuned: dict[type[Section], tuple[tuple[Any, ...], Any]] = {}
        self.doubtful_pairs: set[str] = set()
        self.decisions: dict[str, DecisionTable] = {}
        for name in SECTIONS:
            self._take_defaults(getattr(self.settings, name))
            if config.get("runmode") == RunMode.HYPEROPT:
                self._check_ranges(getattr(self.settings, name))

    def _take_defaults(self, section: Section) -> None:
        """Let the profile set the start value of parameters; a hyperopt result overrides it."""
        for item in dataclasses.fields(section):  # type: ignore[arg-type]
            parameter = getattr(self, item.name, None)
            if isinstance(parameter, BaseParameter):
                parameter.value = getattr(section, item.name)

    def _check_ranges(self, section: Section) -> None:
        """Refuse, before epochs run, settings that an end of a parameter's range contradicts."""
        for item in dataclasses.fields(section):  # type: ignore[arg-type]
            parameter = getattr(self, item.name, None)
            if not isinstance(parameter, NumericParameter):
                continue
            for edge in (parameter.low, parameter.high):
                try:
                    dataclasses.replace(section, **{item.name: edge})  # type: ignore[type-var]
                except SettingsError as error:
                    raise OperationalException(f"hyperopt would try it: {error}") from error

    def tuned(self, section: AnySection) -> AnySection:
        """Return `section` with the values of this strategy's parameters of the same names.

        Callbacks ask for it on every candle, and to build a section checks all of it: the last one
        is kept for as long as neither the section nor a parameter changes.
        """
        kind = type(section)
        if kind not in self._parameter_names:
            items = dataclasses.fields(section)  # type: ignore[arg-type]
            self._parameter_names[kind] = tuple(
                item.name
                for item in items
                if isinstance(getattr(self, item.name, None), BaseParameter)
            )
        names = self._parameter_names[kind]
        if not names:
            return section
        question = (section, *(getattr(self, name).value for name in names))
        kept = self._tuned.get(kind)
        if kept is None or kept[0] != question:
            values = dict(zip(names, question[1:], strict=True))
            kept = self._tuned[kind] = (question, dataclasses.replace(section, **values))  # type: ignore[type-var]
        return kept[1]

    def tuned_settings(self) -> Settings:
        """Return all settings with this strategy's parameter values in them."""
        sections = {name: self.tuned(getattr(self.settings, name)) for name in SECTIONS}
        return dataclasses.replace(self.settings, **sections)

    @property
    def timeframe_seconds(self) -> int:
        """Return the length of a candle in seconds."""
        return int(timeframe_to_seconds(self.timeframe))

    @property
    def analysis_grace(self) -> timedelta:
        """Return how long after a candle's close the decision before it stands."""
        return timedelta(seconds=self.settings.inputs.analysis_grace_seconds)

    def candle_open(self, moment: datetime) -> datetime:
        """Return when the candle that contains `moment` opened."""
        seconds = int(moment.timestamp())
        return datetime.fromtimestamp(seconds - seconds % self.timeframe_seconds, tz=UTC)
