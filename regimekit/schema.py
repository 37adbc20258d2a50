"""The vocabulary of the pack: regimes, sub-strategies, sides, availability, entry tags.

Codes are small integers because they live in columns; the names are what a trader reads in
``enter_tag``, Telegram and the report.
"""

from enum import IntEnum, StrEnum


class Regime(IntEnum):
    """What kind of market a bar belongs to; UNKNOWN while indicators warm up."""

    UNKNOWN = -1
    RANGING = 0
    TRENDING = 1
    VOLATILE = 2

    @property
    def label(self) -> str:
        """Return the lower-case name used in tags and reports."""
        return self.name.lower()


class SubStrategy(StrEnum):
    """The rules that trade a regime."""

    MEAN_REVERSION = "mean_reversion"
    MOMENTUM = "momentum"
    BREAKOUT = "breakout"


class Side(StrEnum):
    """Direction of a position, spelled as Freqtrade spells it."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """Return +1 for long, -1 for short."""
        return 1 if self is Side.LONG else -1


class Availability(IntEnum):
    """State of an input at decision time; anything but OK is missing, never neutral."""

    OUTAGE = 0
    STALE = 1
    OK = 2


class Positioning(IntEnum):
    """What a move of price and open interest says about who acted; negative while price falls."""

    NEW_SHORTS = -2  # price down, open interest up
    LONG_LIQUIDATION = -1  # price down, open interest down
    FLAT = 0  # price or open interest did not move
    SHORT_COVERING = 1  # price up, open interest down
    NEW_LONGS = 2  # price up, open interest up


class Gate(IntEnum):
    """What can refuse an entry, in the order in which it is asked; NONE refused nothing.

    Up to CONFIDENCE they are columns, decided at a candle's close; those after it are asked just
    before the order.
    """

    NONE = 0
    INPUTS = 1  # a required input is missing or stale
    DIRECTION = 2  # the higher timeframes oppose
    FUNDING = 3  # funding is missing
    SQUEEZE = 4  # the side is crowded and may be squeezed, or open interest is missing
    REGIME_WAIT = 5  # the regime has only just changed
    STOP = 6  # the stop would lie too far away
    CONFIDENCE = 7  # filters took the confidence that the signal had
    INSTANCE = 8  # another bot may use the database
    CLOCK_SKEW = 9  # the computer's clock is wrong
    DISK = 10  # there is too little free space
    ANALYSIS = 11  # the last closed candle has not been analyzed
    SIGNAL = 12  # it does not signal this side
    EXIT_CANDLE = 13  # the pair's last exit fell in this candle
    COOLDOWN = 14  # too soon after the pair's last trade
    CANDLE = 15  # too many entries within this candle
    HOUR = 16  # too many entries within an hour
    DAY = 17  # too many entries within a day
    SAME_DIRECTION = 18  # too many open trades on this side
    DAILY_LOSS = 19  # too much was lost today
    DRAWDOWN = 20  # too much was lost from the peak
    TOTAL_RISK = 21  # too much would be lost if every stop were hit
    REWARD = 22  # the price has used up too much of the target
    ORDER_BOOK = 23  # the order book is against it, or missing
    NEWS = 24  # news are against it, or missing
    ADAPTIVE = 25  # the sub-strategy's recent results ask for more confidence

    @property
    def label(self) -> str:
        """Return the lower-case name used in ledgers and reports."""
        return self.name.lower()


# The sub-strategy that a regime selects.
ROUTES: dict[Regime, SubStrategy] = {
    Regime.RANGING: SubStrategy.MEAN_REVERSION,
    Regime.TRENDING: SubStrategy.MOMENTUM,
    Regime.VOLATILE: SubStrategy.BREAKOUT,
}


def entry_tag(regime: Regime, sub_strategy: SubStrategy) -> str:
    """Return the ``enter_tag`` of a signal, for example ``trending:momentum``."""
    return f"{regime.label}:{sub_strategy.value}"


def parse_entry_tag(tag: str) -> tuple[Regime, SubStrategy]:
    """Return regime and sub-strategy of an ``enter_tag``; ValueError when it is not one of ours."""
    regime_name, _, sub_strategy = tag.partition(":")
    try:
        return Regime[regime_name.upper()], SubStrategy(sub_strategy)
    except (KeyError, ValueError):
        raise ValueError(f"enter_tag is {tag!r}, expected <regime>:<sub-strategy>") from None
