"""How the market is read: indicators, regime, and the slower inputs."""

from dataclasses import dataclass
from typing import ClassVar

from regimekit.settings.section import Section, setting


@dataclass(frozen=True, slots=True)
class IndicatorSettings(Section):
    """How far back indicators look, in bars; `startup_candle_count` covers the largest values."""

    key: ClassVar[str] = "indicators"

    atr: int = setting(14, 2, 50, about="average true range")
    atr_average: int = setting(20, 2, 100, about="average of ATR that ATR is compared with")
    atr_rank: int = setting(
        192, 20, 300, about="bars among which ATR as a share of price is ranked"
    )
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
            self.check_order(low, high)


@dataclass(frozen=True, slots=True)
class RegimeSettings(Section):
    """When a market counts as trending, volatile or ranging."""

    key: ClassVar[str] = "regime"

    adx_enter: float = setting(25.0, 10, 60, about="ADX above which a trend begins, 0..100")
    adx_leave: float = setting(20.0, 5, 60, about="ADX below which a trend ends, <= adx_enter")
    volatile_enter: float = setting(
        1.5, 1.0, 5.0, about="ATR / SMA20(ATR) above which a market becomes volatile"
    )
    volatile_leave: float = setting(
        1.2, 0.5, 5.0, about="ATR / SMA20(ATR) below which it calms down, <= volatile_enter"
    )
    confirm: bool = setting(True, about="confirm TRENDING on 4h; false takes the 15m regime alone")
    confirm_adx_4h: float = setting(
        25.0, 0, 60, about="4h ADX below which TRENDING is downgraded to RANGING"
    )

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        self.check_order("adx_leave", "adx_enter")
        self.check_order("volatile_leave", "volatile_enter")


@dataclass(frozen=True, slots=True)
class InputSettings(Section):
    """Open interest, funding and taker flow: where from, how old, over what windows."""

    key: ClassVar[str] = "inputs"

    open_interest: bool = setting(
        True,
        about="ask Freqtrade for open interest; false for an exchange that has none: Freqtrade "
        "stops at the start when it lacks a kind of candle",
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
    request_seconds: float = setting(
        10.0, 1, 86400, about="seconds that a request of that thread may take, and the start waits"
    )
    analysis_grace_seconds: float = setting(
        90.0,
        5,
        600,
        about="seconds after a close by which it must be analyzed; then it is an outage",
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
