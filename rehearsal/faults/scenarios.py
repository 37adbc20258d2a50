"""The rows of the fault matrix that a trading bot is put through, as data.

Scenarios of one act happen at the same time, each to a pair of its own; the first pair of the
market stays healthy and shows that the others' trouble is not everybody's. A scenario for the
whole exchange has its act for itself, or touches only what nobody else in the act does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

OPEN_INTEREST, KLINES = "/futures/data/openInterestHist", "/fapi/v1/klines"
DEPTH, SPOT = "/fapi/v1/depth", "/api/v3/"
ANYTHING = ("/fapi/", "/futures/", "/api/")

Rule = Mapping[str, Any]


class Effect(StrEnum):
    """What a fault may do to entries while it lasts."""

    GATED = "gated"  # none, for one reason
    UNHARMED = "unharmed"  # they go on: the fault is repaired, or in an input that none needs


class Criterion(StrEnum):
    """What is asked of every scenario; G1 to G7 as in the reliability rules."""

    ALIVE = "G1 loop alive"
    ENTRIES = "G3 entries"
    REASON = "G3 one reason"
    OTHERS = "G3 others trade"
    EXITS = "G4 exits"
    RECOVERY = "G5 recovery"
    KEPT = "G6 nothing lost"
    LOG = "G7 log lines"
    QUIET = "requests"


BOOK_EXITS = (
    "stock Freqtrade prices an exit from the order book and cannot without one; a resident stop "
    "on the exchange protects, set order_types.stoploss_on_exchange"
)
EMPTY_AT_THE_HOUR = (
    "to stock Freqtrade an empty list is an answer: it asks for a 1h or 4h candle again when the "
    "next one closes, up to four hours later, and until then the pair is not entered"
)
SILENT_LOOP = (
    "a loop that waits enters nothing and locks nothing; the age of the pulse and of last_process "
    "in /api/v1/health tells"
)
FLAT_CANDLE = (
    "stock Freqtrade takes the close before for what is no number, without a word, and the candle "
    "looks flat; stop and size are those of any trade, and bound what such an entry can lose"
)
BLOCKED_LOOP = (
    "stock Freqtrade asks for candles and exits in one thread, with 5 attempts and pauses each; "
    "a resident stop on the exchange protects meanwhile"
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the matrix.

    Attributes
    ----------
    row : int
        Its number there.
    name : str
        Short, unique; names the test.
    fault : str
        What is injected, in words.
    rules : tuple of mapping
        For the exchange; of the scenario's own pair unless `market`.
    effect : Effect
        On entries.
    market : bool
        It befalls all pairs.
    required : bool
        It befalls an input that entries need; False for one that only advises.
    datasets : tuple of str
        Feeds of ours that it may disturb; their log lines are counted here.
    due : int
        Candle closes until entries may feel it: open interest of a close is known before it.
    pairs : int
        Pairs that it befalls, unless it befalls all.
    quiet_seconds : int
        What the exchange asks us to wait, market time; 0 when it asks nothing.
    known : mapping
        Criteria that stock Freqtrade cannot meet, and what protects the trader.
    """

    row: int
    name: str
    fault: str
    rules: tuple[Rule, ...]
    effect: Effect
    market: bool = False
    required: bool = True
    datasets: tuple[str, ...] = ()
    due: int = 1
    pairs: int = 1
    quiet_seconds: int = 0
    known: Mapping[Criterion, str] = field(default_factory=dict)

    def rules_for(self, symbols: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rules, about `symbols` unless they are about all."""
        owners = [{}] if self.market else [{"symbol": symbol} for symbol in symbols]
        return [dict(rule) | owner for rule in self.rules for owner in owners]

    def flat(self, pairs: Sequence[str]) -> tuple[str, ...]:
        """Return which of its pairs must have no trade when it begins.

        Where exits are known to fail some show that, and the others that nothing is entered.
        """
        return tuple(pairs[1::2]) if Criterion.EXITS in self.known else ()


@dataclass(frozen=True, slots=True)
class Act:
    """Scenarios that happen at the same time.

    Attributes
    ----------
    candles : int
        Candle closes that the fault spans.
    at_the_hour : bool
        One of them ends an hour, so that candles of 1h or 4h are asked for as well.
    """

    name: str
    scenarios: tuple[Scenario, ...]
    candles: int = 1
    at_the_hour: bool = False


def _oi(
    row: int,
    name: str,
    fault: str,
    effect: Effect = Effect.GATED,
    *,
    due: int = 2,
    **settings: Any,
) -> Scenario:
    rule = {"path": OPEN_INTEREST, "kind": name, **settings}
    return Scenario(
        *(row, f"open-interest-{name}", f"open interest: {fault}", (rule,), effect),
        due=1 if effect is Effect.UNHARMED else due,
    )


def _candles(
    row: int,
    name: str,
    fault: str,
    effect: Effect = Effect.GATED,
    *,
    due: int = 1,
    known: Mapping[Criterion, str] | None = None,
    **settings: Any,
) -> Scenario:
    return Scenario(
        *(row, f"candles-{name}", f"candles: {fault}"),
        rules=({"path": KLINES, "kind": name, **settings},),
        effect=effect,
        datasets=("taker_flow",),  # it comes in the same rows
        due=due,
        known=known or {},
    )


def _spot(row: int, name: str, fault: str, rule: dict[str, Any], quiet: int = 0) -> Scenario:
    return Scenario(
        *(row, f"spot-{name}", f"spot taker flow: {fault}", ({"path": SPOT, **rule},)),
        effect=Effect.UNHARMED,
        market=True,
        required=False,
        datasets=("spot_taker_flow",),
        quiet_seconds=quiet,
    )


def _everything(
    row: int,
    name: str,
    fault: str,
    rule: dict[str, Any],
    known: Mapping[Criterion, str],
) -> Scenario:
    return Scenario(
        *(row, f"exchange-{name}", f"whole exchange: {fault}"),
        rules=tuple({"path": path, **rule} for path in ANYTHING),
        effect=Effect.GATED,
        market=True,
        datasets=("taker_flow", "spot_taker_flow", "order_book"),
        known=known,
    )


UNHARMED = Effect.UNHARMED
ACTS: tuple[Act, ...] = (
    Act(
        "open interest fails",
        (
            _oi(4, "status", "500 to every request", status=500),
            _oi(8, "html", "a maintenance page with status 200"),
            _oi(9, "cut", "half of the body"),
            _oi(10, "empty_list", "no rows"),
            _oi(11, "strings", "words instead of numbers"),
            _oi(12, "nan", "NaN instead of numbers"),
            _oi(23, "negative", "negative"),
            _spot(
                *(1, "429", "429 with Retry-After 300"),
                {"kind": "status", "status": 429, "retry_after": 300},
                quiet=300,
            ),
        ),
        candles=2,
    ),
    Act(
        "open interest is wrong",
        (
            _oi(13, "missing_key", "a key is missing", key="sumOpenInterest"),
            _oi(14, "duplicate", "all rows twice", UNHARMED),
            _oi(15, "shuffle", "rows in another order", UNHARMED),
            _oi(17, "future", "two rows ahead of the clock", rows=2),
            _oi(18, "shift", "stamps six hours behind", seconds=-6 * 3600),
            _oi(19, "seconds", "stamps in seconds"),
            _oi(22, "zero", "zero", fields=["sumOpenInterest", "sumOpenInterestValue"]),
            _spot(
                *(2, "418", "418, banned for 900 s"),
                {"kind": "status", "status": 418, "retry_after": 900},
                quiet=900,
            ),
        ),
        candles=2,
    ),
    Act(
        "candles of single pairs",
        (
            _candles(29, "status", "500 for one symbol", status=500),
            _candles(10, "empty_list", "no rows"),
            _candles(9, "cut", "half of the body"),
            _candles(8, "html", "a maintenance page with status 200"),
            _candles(14, "duplicate", "all rows twice", UNHARMED),
            _candles(15, "shuffle", "rows in another order", UNHARMED),
            _oi(25, "restate", "the newest row restated by half", UNHARMED, factor=1.5),
            _spot(3, "451", "451, a forbidden region", {"kind": "status", "status": 451}, 900),
        ),
    ),
    Act(
        "order book and a source that hangs",
        (
            Scenario(
                *(26, "book-empty", "order book: both sides empty"),
                rules=(
                    {
                        "path": DEPTH,
                        "kind": "json",
                        "body": {"lastUpdateId": 1, "bids": [], "asks": []},
                    },
                ),
                effect=Effect.GATED,
                datasets=("order_book",),
                pairs=2,
                known={Criterion.EXITS: BOOK_EXITS},
            ),
            Scenario(
                *(4, "book-500", "order book: 500 to every request"),
                rules=({"path": DEPTH, "kind": "status", "status": 500},),
                effect=Effect.GATED,
                datasets=("order_book",),
                pairs=2,
                known={Criterion.EXITS: BOOK_EXITS},
            ),
            # The first answer may come just after a close. The candle in it that has just opened
            # passes for a closed one at the next close, and only from the third on nothing is new.
            _candles(24, "freeze", "the same answer again and again", due=3),
            _oi(16, "gap", "200 rows missing in the middle", UNHARMED, rows=200),
            _spot(6, "hang", "never an answer", {"kind": "hang"}),
        ),
        candles=3,
    ),
    Act(
        "open interest stands still",
        # The answer holds a row that counts as known two closes later, and is old at the fourth.
        (_oi(24, "freeze", "the same answer again and again", due=4),),
        candles=4,
        at_the_hour=True,
    ),
    Act(
        "a wrong clock",
        (
            Scenario(
                *(46, "clock", "the exchange's clock is ten minutes ahead of ours"),
                rules=({"path": "/fapi/v1/time", "kind": "shift", "seconds": 600},),
                effect=Effect.GATED,
                market=True,
            ),
        ),
    ),
    Act(
        "the exchange fails",
        (
            _everything(
                *(4, "500", "500 to every request", {"kind": "status", "status": 500}),
                {Criterion.EXITS: BOOK_EXITS, Criterion.ALIVE: BLOCKED_LOOP},
            ),
        ),
    ),
    Act(
        "the exchange bans",
        (
            _everything(
                *(2, "418", "418, banned for 300 s"),
                {"kind": "status", "status": 418, "retry_after": 300},
                {
                    Criterion.EXITS: BOOK_EXITS,
                    Criterion.ALIVE: BLOCKED_LOOP,
                    Criterion.REASON: SILENT_LOOP,
                },
            ),
        ),
    ),
    Act(
        "the exchange is forbidden",
        (
            _everything(
                *(3, "451", "451, a forbidden region", {"kind": "status", "status": 451}),
                {Criterion.EXITS: BOOK_EXITS, Criterion.ALIVE: BLOCKED_LOOP},
            ),
        ),
    ),
    Act(
        "candles hang",
        (
            Scenario(
                *(6, "candles-hang", "candles of all pairs: never an answer"),
                rules=({"path": KLINES, "kind": "hang"},),
                effect=Effect.GATED,
                market=True,
                datasets=("taker_flow",),
                known={
                    Criterion.EXITS: BLOCKED_LOOP,
                    Criterion.ALIVE: BLOCKED_LOOP,
                    Criterion.REASON: SILENT_LOOP,
                },
            ),
        ),
    ),
    Act(
        "an empty answer at the hour",
        (
            Scenario(
                *(10, "candles-empty-hour", "candles: no rows when an hour ends"),
                rules=({"path": KLINES, "kind": "empty_list"},),
                effect=Effect.GATED,
                datasets=("taker_flow",),
                known={Criterion.RECOVERY: EMPTY_AT_THE_HOUR},
            ),
        ),
        at_the_hour=True,
    ),
    Act(
        "candles ahead of the clock",
        (
            _candles(17, "future", "a row ahead of the clock", rows=1),
            _candles(18, "shift", "stamps six hours behind", seconds=-6 * 3600),
            _candles(
                *(11, "strings", "words instead of numbers"),
                known=dict.fromkeys(
                    (Criterion.ENTRIES, Criterion.REASON, Criterion.RECOVERY), FLAT_CANDLE
                ),
            ),
            _candles(12, "nan", "NaN instead of numbers"),
            _candles(16, "gap", "200 rows missing in the middle", UNHARMED, rows=200),
        ),
    ),
)
FAST = Act(
    "a fast look",
    (
        _candles(29, "status", "500 for one symbol", status=500),
        _candles(10, "empty_list", "no rows"),
        _spot(6, "hang", "never an answer", {"kind": "hang"}),
    ),
)


def pairs_of(act: Act, pairs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the pairs of each scenario; the first of `pairs` stays healthy if it can.

    ValueError when there are not enough.
    """
    left, found = list(pairs[1:]), {}
    for scenario in act.scenarios:
        if scenario.market:
            found[scenario.name] = tuple(pairs) if scenario.required else tuple(pairs[:1])
            continue
        if len(left) < scenario.pairs:
            raise ValueError(f"act {act.name!r} needs more pairs than {len(pairs)}")
        found[scenario.name] = tuple(left[: scenario.pairs])
        del left[: scenario.pairs]
    return found
