"""Every number of the pack, with unit, default, range and meaning in one place.

The defaults are the `conservative` profile. ``config/profiles/*.json`` overlay them under the
config key ``regimekit``; a hyperopted strategy parameter of the same name overrides both.
"""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

PROFILES = ("conservative", "classic")


class SettingsError(ValueError):
    """A setting is unknown, of the wrong type or out of range; the message names the way out."""


def setting(
    default: Any, low: float = -math.inf, high: float = math.inf, *, about: str, choices: Any = ()
) -> Any:
    """Declare a setting: its default, its inclusive range or choices, and what it does."""
    metadata = {"low": low, "high": high, "about": about, "choices": tuple(choices)}
    return field(default=default, metadata=metadata)


class Section:
    """Base of the settings dataclasses: checks each value against its declared range."""

    __slots__ = ()

    def __post_init__(self) -> None:
        types = get_type_hints(type(self))
        for item in fields(self):  # type: ignore[arg-type]
            _check(type(self).__name__, item, types[item.name], getattr(self, item.name))


@dataclass(frozen=True, slots=True)
class IndicatorSettings(Section):
    """How far back indicators look, in bars; `startup_candle_count` covers the largest values."""

    atr: int = setting(14, 2, 50, about="average true range")
    atr_average: int = setting(20, 2, 100, about="average of ATR that ATR is compared with")
    adx: int = setting(14, 2, 30, about="average directional index, also on 1h and 4h")
    ema_fast: int = setting(5, 2, 50, about="fastest of the three averages of momentum")
    ema_mid: int = setting(13, 3, 80, about="middle one, above ema_fast")
    ema_slow: int = setting(21, 4, 100, about="slowest one, above ema_mid")
    rsi_fast: int = setting(8, 2, 30, about="RSI of momentum")
    rsi: int = setting(14, 2, 30, about="RSI of mean reversion, breakout and divergences")
    macd_fast: int = setting(5, 2, 50, about="fast average of MACD")
    macd_slow: int = setting(13, 3, 80, about="slow average of MACD, above macd_fast")
    macd_signal: int = setting(5, 2, 50, about="average of MACD that it is compared with")
    bollinger: int = setting(10, 3, 100, about="Bollinger bands")
    bollinger_deviations: float = setting(2.0, 0.5, 5, about="their width in standard deviations")
    volume: int = setting(20, 2, 200, about="volume average and window of on-balance volume")
    breakout_range: int = setting(50, 5, 300, about="range that a breakout has to leave")
    pivot_wing: int = setting(3, 1, 20, about="bars on each side of a swing point")
    divergence_bars: int = setting(10, 1, 100, about="bars for which a divergence stands")
    trend_ema_fast: int = setting(20, 2, 50, about="fast average of the 1h and 4h trend")
    trend_ema_slow: int = setting(50, 3, 60, about="slow average of it, above trend_ema_fast")

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        for low, high in (
            ("ema_fast", "ema_mid"),
            ("ema_mid", "ema_slow"),
            ("macd_fast", "macd_slow"),
            ("trend_ema_fast", "trend_ema_slow"),
        ):
            _check_order("indicators", low, getattr(self, low), high, getattr(self, high))


@dataclass(frozen=True, slots=True)
class RegimeSettings(Section):
    """When a market counts as trending, volatile or ranging."""

    adx_enter: float = setting(25.0, 10, 60, about="ADX above which a trend begins, 0..100")
    adx_leave: float = setting(20.0, 5, 60, about="ADX below which a trend ends, <= adx_enter")
    volatile_enter: float = setting(
        1.5, 1.0, 5.0, about="ATR / SMA20(ATR) above which a market becomes volatile"
    )
    volatile_leave: float = setting(
        1.2, 0.5, 5.0, about="ATR / SMA20(ATR) below which it calms down, <= volatile_enter"
    )
    confirm_adx_4h: float = setting(
        22.0, 0, 60, about="4h ADX below which TRENDING is downgraded to RANGING"
    )

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        _check_order("regime", "adx_leave", self.adx_leave, "adx_enter", self.adx_enter)
        _check_order(
            "regime", "volatile_leave", self.volatile_leave, "volatile_enter", self.volatile_enter
        )


@dataclass(frozen=True, slots=True)
class MomentumSettings(Section):
    """What earns a momentum signal its confidence; weights add up and are clipped to [0, 1]."""

    momentum_min_confidence: float = setting(0.78, 0, 1, about="least confidence to enter")
    cross: float = setting(0.20, 0, 1, about="EMA 5/13/21 aligned within the last cross_bars")
    continuation: float = setting(0.10, 0, 1, about="EMAs aligned for longer than that")
    cross_bars: int = setting(3, 1, 50, about="bars for which an alignment counts as new")
    rsi: float = setting(0.15, 0, 1, about="RSI(8) inside its band")
    rsi_low: float = setting(
        45.0, 0, 100, about="lower edge of the band for longs; 100-x for shorts"
    )
    rsi_high: float = setting(70.0, 0, 100, about="upper edge of the band for longs")
    macd: float = setting(0.15, 0, 1, about="MACD(5, 13, 5) histogram on the signal's side")
    volume: float = setting(0.15, 0, 1, about="volume above volume_ratio x its average")
    volume_ratio: float = setting(1.5, 0, 20, about="multiple of the 20-bar average volume")
    obv: float = setting(0.10, 0, 1, about="on-balance volume flows with the signal")
    divergence: float = setting(0.10, 0, 1, about="RSI or OBV diverges in favor of the signal")
    divergence_both: float = setting(0.15, 0, 1, about="RSI and OBV both diverge in favor")
    extreme: float = setting(0.15, 0, 1, about="penalty when RSI(8) is beyond extreme_rsi")
    extreme_rsi: float = setting(
        80.0, 50, 100, about="overstretched RSI for longs; 100-x for shorts"
    )
    far_extreme: float = setting(0.20, 0, 1, about="penalty when RSI(8) is beyond far_extreme_rsi")
    far_extreme_rsi: float = setting(90.0, 50, 100, about="far overstretched RSI for longs")
    thin_volume: float = setting(0.10, 0, 1, about="penalty when volume is thin")
    thin_volume_ratio: float = setting(
        0.7, 0, 5, about="multiple of the average that counts as thin"
    )


@dataclass(frozen=True, slots=True)
class MeanReversionSettings(Section):
    """What earns a mean-reversion signal its confidence."""

    mean_reversion_min_confidence: float = setting(0.72, 0, 1, about="least confidence to enter")
    band: float = setting(0.25, 0, 1, about="close beyond a Bollinger(10, 2) band by band_margin")
    band_margin: float = setting(0.10, -0.5, 1, about="share of the band's width beyond its edge")
    rsi: float = setting(0.25, 0, 1, about="RSI(14) beyond rsi_extreme")
    rsi_extreme: float = setting(25.0, 1, 50, about="oversold RSI for longs; 100-x for shorts")
    reversal: float = setting(0.15, 0, 1, about="reversal candle: engulfing or long wick")
    volume: float = setting(0.12, 0, 1, about="volume above volume_ratio x its average")
    volume_ratio: float = setting(1.5, 0, 20, about="multiple of the 20-bar average volume")
    divergence: float = setting(0.20, 0, 1, about="RSI or OBV diverges in favor of the signal")
    obv: float = setting(0.08, 0, 1, about="on-balance volume flows with the signal")


@dataclass(frozen=True, slots=True)
class BreakoutSettings(Section):
    """What earns a breakout signal its confidence."""

    breakout_min_confidence: float = setting(0.70, 0, 1, about="least confidence to enter")
    break_range: float = setting(0.28, 0, 1, about="close beyond the 50-bar range by break_margin")
    break_margin: float = setting(0.002, 0, 0.1, about="fraction of price beyond the range")
    volume: float = setting(0.25, 0, 1, about="volume above volume_ratio x its average")
    volume_ratio: float = setting(2.0, 0, 20, about="multiple of the 20-bar average volume")
    body: float = setting(
        0.12, 0, 1, about="candle body above body_ratio, in the break's direction"
    )
    body_ratio: float = setting(0.70, 0, 1, about="body as a share of the candle's range")
    rsi: float = setting(0.10, 0, 1, about="RSI(14) confirms the break")
    rsi_confirm: float = setting(55.0, 50, 100, about="RSI that confirms a long; 100-x for shorts")
    obv: float = setting(0.08, 0, 1, about="on-balance volume flows with the signal")
    low_volume: float = setting(0.15, 0, 1, about="penalty when volume is below low_volume_ratio")
    low_volume_ratio: float = setting(
        1.5, 0, 20, about="multiple of the average that is too little"
    )


@dataclass(frozen=True, slots=True)
class FilterSettings(Section):
    """How higher timeframes and funding change or stop a signal."""

    alignment_bonus: float = setting(
        0.10, 0, 0.5, about="confidence for each of 1h and 4h whose trend agrees"
    )
    funding_crowded_long: float = setting(
        0.001, 0, 0.05, about="funding per 8h, as a fraction, above which longs are crowded"
    )
    funding_crowded_short: float = setting(
        -0.0005, -0.05, 0, about="funding per 8h, as a fraction, below which shorts are crowded"
    )
    funding_penalty: float = setting(0.15, 0, 1, about="confidence taken from the crowded side")
    funding_bonus: float = setting(0.08, 0, 1, about="confidence given to the other side")
    funding_delay_minutes: float = setting(
        1.0, 0.1, 60, about="minutes until a settlement counts as published"
    )
    funding_max_age_hours: float = setting(
        9.0, 1, 48, about="hours after which the last settlement no longer counts"
    )
    funding_outage: str = setting(
        "block", about="what missing funding does to entries", choices=("block", "abstain")
    )


@dataclass(frozen=True, slots=True)
class InputSettings(Section):
    """Open interest, funding and taker flow: where from, how old, over what windows."""

    open_interest: bool = setting(
        True, about="ask Freqtrade for open interest; false for an exchange that has none"
    )
    open_interest_delay_minutes: float = setting(
        5.0, 0.1, 15, about="minutes until a snapshot of open interest counts as published"
    )
    open_interest_max_age_hours: float = setting(
        0.5, 0.25, 6, about="hours after which the last snapshot no longer counts"
    )
    open_interest_z_bars: int = setting(
        96, 8, 192, about="15m snapshots that open interest is compared with"
    )
    open_interest_change_bars: int = setting(
        8, 1, 96, about="15m snapshots over which open interest and price change"
    )
    funding_z_days: float = setting(
        14.0, 2, 15, about="days of settlements that funding is compared with"
    )
    taker_flow: bool = setting(True, about="use taker flow, spot and perpetual")
    feed: str = setting(
        "thread",
        about="where a trading bot reads taker flow: fetched by a thread, or the store only",
        choices=("thread", "store"),
    )
    flow_delay_minutes: float = setting(
        1.0, 0, 15, about="minutes after its close until a candle's taker flow counts as published"
    )
    flow_max_age_hours: float = setting(
        0.5, 0.25, 6, about="hours after which the last taker flow no longer counts"
    )
    cvd_bars: int = setting(
        16, 1, 192, about="15m candles over which taker buys and sells are summed"
    )


@dataclass(frozen=True, slots=True)
class RiskSettings(Section):
    """How large a position is and how much leverage it may carry."""

    base_fraction: float = setting(
        0.05, 0.0001, 0.5, about="stake of a full-size position as a share of equity"
    )
    equity_at_risk: float = setting(
        0.01, 0.0001, 0.05, about="most equity lost at the stop, fees included (0.01 is 1 %)"
    )
    volatile_scale: float = setting(0.67, 0.05, 1, about="size factor while VOLATILE")
    confidence_floor: float = setting(
        1.0, 0.05, 1, about="size factor at the least confidence; 1 ignores confidence"
    )
    drawdown_start: float = setting(0.10, 0, 0.9, about="drawdown from which size shrinks")
    drawdown_full: float = setting(0.20, 0.01, 1, about="drawdown at which it stops shrinking")
    drawdown_floor: float = setting(0.25, 0, 1, about="size factor at and beyond drawdown_full")
    target_leverage: float = setting(3.0, 1, 50, about="leverage before the liquidation bound")
    stop_within_liquidation: float = setting(
        0.6, 0.1, 0.6, about="stop distance as a share of the distance to liquidation, at most"
    )

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        _check_order(
            "risk", "drawdown_start", self.drawdown_start, "drawdown_full", self.drawdown_full
        )


@dataclass(frozen=True, slots=True)
class ExitSettings(Section):
    """Where a trade's stop, target, break-even and trail lie; ATR(14) of the signal candle."""

    stop_atr_momentum: float = setting(1.5, 0.5, 6, about="initial stop in ATR, momentum")
    stop_atr_mean_reversion: float = setting(
        1.2, 0.5, 6, about="initial stop in ATR, mean reversion"
    )
    stop_atr_breakout: float = setting(1.5, 0.5, 6, about="initial stop in ATR, breakout")
    min_stop: float = setting(0.02, 0.001, 0.2, about="least stop distance, fraction of price")
    max_stop: float = setting(
        0.15, 0.01, 0.4, about="stop distance beyond which a signal is refused, fraction of price"
    )
    target_rr_momentum: float = setting(2.0, 0.5, 6, about="target in R, momentum")
    target_rr_mean_reversion: float = setting(1.2, 0.5, 6, about="target in R, mean reversion")
    target_rr_breakout: float = setting(2.0, 0.5, 6, about="target in R, breakout")
    break_even_r: float = setting(
        1.8, 0.3, 10, about="gain in R at which the stop moves to break-even, fees included"
    )
    taker_fee: float = setting(
        0.0005, 0, 0.01, about="fee of one side that stops and sizes reckon with, fraction"
    )
    hybrid_trail: bool = setting(
        True, about="reaching the target arms the trail; false closes the trade there"
    )
    trail_atr: float = setting(2.5, 0.8, 10, about="width of the trail in ATR")

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        _check_order("exits", "min_stop", self.min_stop, "max_stop", self.max_stop)
        farthest = max(
            self.target_rr_momentum, self.target_rr_mean_reversion, self.target_rr_breakout
        )
        if self.max_stop * farthest >= 1:
            raise SettingsError(
                f"regimekit.exits.max_stop is {self.max_stop:g} with a target of {farthest:g} R, "
                "which puts a short's target below zero; lower one of them"
            )


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a strategy; build it with `settings_from`."""

    profile: str = "conservative"
    # False makes decisions independent of past trades, as lookahead-analysis needs.
    trade_history: bool = True
    indicators: IndicatorSettings = field(default_factory=IndicatorSettings)
    regime: RegimeSettings = field(default_factory=RegimeSettings)
    momentum: MomentumSettings = field(default_factory=MomentumSettings)
    mean_reversion: MeanReversionSettings = field(default_factory=MeanReversionSettings)
    breakout: BreakoutSettings = field(default_factory=BreakoutSettings)
    filters: FilterSettings = field(default_factory=FilterSettings)
    inputs: InputSettings = field(default_factory=InputSettings)
    risk: RiskSettings = field(default_factory=RiskSettings)
    exits: ExitSettings = field(default_factory=ExitSettings)


SECTIONS: dict[str, type[Section]] = {
    "indicators": IndicatorSettings,
    "regime": RegimeSettings,
    "momentum": MomentumSettings,
    "mean_reversion": MeanReversionSettings,
    "breakout": BreakoutSettings,
    "filters": FilterSettings,
    "inputs": InputSettings,
    "risk": RiskSettings,
    "exits": ExitSettings,
}


def settings_from(config: Mapping[str, Any]) -> Settings:
    """Build settings from the config section ``regimekit``.

    Raises
    ------
    SettingsError
        Unknown key or profile, wrong type, or value out of range; one line.
    """
    if not isinstance(config, Mapping):
        raise SettingsError(f"regimekit is {config!r}, expected an object with settings")
    _reject_unknown("regimekit", config, {"profile", "trade_history", *SECTIONS})
    profile = config.get("profile", "conservative")
    if profile not in PROFILES:
        raise SettingsError(
            f"regimekit.profile is {profile!r}, expected one of {', '.join(PROFILES)}; "
            "add -c config/profiles/<name>.json to the command instead of setting it by hand"
        )
    trade_history = config.get("trade_history", True)
    if not isinstance(trade_history, bool):
        raise SettingsError(f"regimekit.trade_history is {trade_history!r}, expected true or false")
    sections: dict[str, Any] = {}
    for name, section in SECTIONS.items():
        values = config.get(name, {})
        if not isinstance(values, Mapping):
            raise SettingsError(f"regimekit.{name} is {values!r}, expected an object with settings")
        _reject_unknown(f"regimekit.{name}", values, {item.name for item in fields(section)})  # type: ignore[arg-type]
        sections[name] = section(**values)
    return Settings(profile=profile, trade_history=trade_history, **sections)


def _reject_unknown(path: str, given: Mapping[str, Any], known: set[str]) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
            raise SettingsError(f"{path}.{key} is not a setting; {hint}")


def _check(section: str, item: Any, kind: type, value: Any) -> None:
    name = f"regimekit.{_section_key(section)}.{item.name}"
    choices = item.metadata["choices"]
    if choices:
        if value not in choices:
            raise SettingsError(f"{name} is {value!r}, expected one of {', '.join(choices)}")
        return
    if kind is bool or isinstance(value, bool):
        if kind is not bool or not isinstance(value, bool):
            raise SettingsError(f"{name} is {value!r}, expected {_kind_name(kind)}")
        return
    if not isinstance(value, int | float) or (kind is int and value % 1 != 0):
        raise SettingsError(f"{name} is {value!r}, expected {_kind_name(kind)}")
    low, high = item.metadata["low"], item.metadata["high"]
    if not low <= value <= high:  # written so that NaN fails
        raise SettingsError(
            f"{name} is {value}, expected {low:g} to {high:g} "
            f"(default {item.default:g}: {item.metadata['about']})"
        )


def _check_order(section: str, low: str, low_value: float, high: str, high_value: float) -> None:
    if low_value > high_value:
        raise SettingsError(
            f"regimekit.{section}.{low} is {low_value:g}, above {high} with {high_value:g}; "
            f"lower {low} or raise {high}"
        )


def _section_key(class_name: str) -> str:
    return next(key for key, section in SECTIONS.items() if section.__name__ == class_name)


def _kind_name(kind: type) -> str:
    return {bool: "true or false", int: "a whole number"}.get(kind, "a number")
