"""One backtest as Freqtrade exported it, with the settings it ran under."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import Any, Self

import pandas as pd

from regimekit.settings import SECTIONS, Settings, settings_from


class RunError(ValueError):
    """The export is not a backtest this report can read; one line."""


@dataclass(frozen=True, slots=True)
class Run:
    """What Freqtrade says about a backtest; build it with `from_export`.

    Attributes
    ----------
    timeframe_detail : str
        Finer candles that filled the orders; empty when there were none.
    start, end : Timestamp
        First candle's open and end of the backtest, UTC.
    pairs : tuple of str
        All pairs the run could trade, also those it did not.
    currency, decimals
        Stake currency and the decimals Freqtrade counts it with.
    starting_balance, final_balance, profit_total : float
        Stake currency; `profit_total` is Freqtrade's ``profit_total_abs``.
    total_trades : int
        As Freqtrade counts them.
    trades : tuple of mappings
        Freqtrade's own trade records.
    settings : Settings
        Profile, overlaid with the parameter file where the run had one.
    parameters : bool
        Whether a hyperopt parameter file took part.
    """

    strategy: str
    timeframe: str
    timeframe_detail: str
    trading_mode: str
    start: pd.Timestamp
    end: pd.Timestamp
    timerange: str
    pairs: tuple[str, ...]
    currency: str
    decimals: int
    starting_balance: float
    final_balance: float
    profit_total: float
    total_trades: int
    max_open_trades: float
    rejected_signals: int
    trades: tuple[Mapping[str, Any], ...]
    settings: Settings
    parameters: bool
    config_files: tuple[str, ...]

    @classmethod
    def from_export(
        cls,
        strategy: str,
        stats: Mapping[str, Any],
        config: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
    ) -> Self:
        """Read the statistics of one strategy and the config and parameter file beside them.

        Raises
        ------
        RunError
            A statistic is missing or not of the expected kind.
        SettingsError
            The config's ``regimekit`` section is not one of ours.
        """
        settings = tuned(settings_from(config.get("regimekit", {})), parameters or {})
        try:
            return cls(
                strategy=strategy,
                timeframe=str(stats["timeframe"]),
                timeframe_detail=str(stats.get("timeframe_detail") or ""),
                trading_mode=str(stats.get("trading_mode") or "spot"),
                start=_instant(stats["backtest_start_ts"]),
                end=_instant(stats["backtest_end_ts"]),
                timerange=str(stats.get("timerange") or ""),
                pairs=tuple(stats["pairlist"]),
                currency=str(stats["stake_currency"]),
                decimals=int(stats.get("stake_currency_decimals", 2)),
                starting_balance=float(stats["starting_balance"]),
                final_balance=float(stats["final_balance"]),
                profit_total=float(stats["profit_total_abs"]),
                total_trades=int(stats["total_trades"]),
                max_open_trades=float(stats.get("max_open_trades_setting", -1)),
                rejected_signals=int(stats.get("rejected_signals", 0)),
                trades=tuple(stats["trades"]),
                settings=settings,
                parameters=bool(parameters),
                config_files=tuple(_short(name) for name in config.get("config_files", ())),
            )
        except KeyError as error:
            raise RunError(
                f"the result of {strategy} has no {error}; export it again with Freqtrade 2026.9"
            ) from None
        except (TypeError, ValueError) as error:
            raise RunError(
                f"the result of {strategy} is damaged ({error}); export it again"
            ) from None

    @property
    def step(self) -> timedelta:
        """Return the length of one candle."""
        return pd.Timedelta(self.timeframe).to_pytimedelta()

    @property
    def days(self) -> float:
        """Return the length of the period in days."""
        return (self.end - self.start) / pd.Timedelta(days=1)


def tuned(settings: Settings, parameters: Mapping[str, Any]) -> Settings:
    """Return `settings` with the values of a hyperopt parameter file, as the strategy applies them.

    Parameters
    ----------
    parameters : mapping
        The file's content: ``{"params": {"buy": {name: value}, ...}}``. Names that are no setting
        (``roi``, ``stoploss``) belong to Freqtrade and are passed over.
    """
    spaces = parameters.get("params", {})
    values = {name: value for space in spaces.values() for name, value in space.items()}
    sections = {}
    for key in SECTIONS:
        section = getattr(settings, key)
        own = {
            item.name: values[item.name]
            for item in dataclasses.fields(section)
            if item.name in values
        }
        sections[key] = dataclasses.replace(section, **own)
    return dataclasses.replace(settings, **sections)


def changed_settings(settings: Settings) -> list[tuple[str, Any, Any]]:
    """Return ``(name, value, default)`` of every setting that differs from its default."""
    changed = []
    for key, section in SECTIONS.items():
        default = section()
        for item in dataclasses.fields(section):  # type: ignore[arg-type]
            value, usual = getattr(getattr(settings, key), item.name), getattr(default, item.name)
            if value != usual:
                changed.append((f"{key}.{item.name}", value, usual))
    return changed


def _instant(milliseconds: Any) -> pd.Timestamp:
    return pd.Timestamp(int(milliseconds), unit="ms", tz="UTC")


def _short(name: str) -> str:
    """Return folder and name only: where a checkout lies is nobody's business."""
    parts: list[str] = []
    for part in PurePath(name).parts:
        if part == "..":
            del parts[-1:]
        else:
            parts.append(part)
    return "/".join(parts[-2:])
