"""What happened, read back: a bot's database, journal and ledgers, or a backtest's export.

Both sides come out in one shape, so that `rehearsal.parity` can lay them side by side.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from providers.errors import CorruptDataError, DataMissingError
from providers.storage.journal import decisions_frame
from providers.storage.vetoes import ROW
from regimekit.decisions import entry_tags
from regimekit.exits.plan import ExitPlan, plan_exit
from regimekit.reports.entries import last_closed
from regimekit.reports.plans import adaptation_at, past_trades
from regimekit.reports.run import Run
from regimekit.reports.trades import trade_table
from regimekit.schema import Regime, Side

PLAN_KEY = "exit_plan"  # as the strategy names it in Freqtrade's custom data
PLAN_NUMBERS = ("risk", "reward", "trail", "squeeze_trail", "atr", "confidence")
PLAN_TEXTS = ("regime", "sub_strategy")

TRADES = {
    "trade_id": "int64",
    "pair": "object",
    "side": "object",
    "enter_tag": "object",
    "opened_at": "datetime64[ms, UTC]",
    "closed_at": "datetime64[ms, UTC]",
    "open_rate": "float64",
    "close_rate": "float64",
    "stake": "float64",
    "leverage": "float64",
    "amount": "float64",
    "exit_reason": "object",
    "initial_stop": "float64",
    "stop": "float64",
    "worst": "float64",
    "best": "float64",
    "fee_open": "float64",
    "profit_abs": "float64",
    "profit_ratio": "float64",
    **{f"plan_{name}": "float64" for name in PLAN_NUMBERS},
    **{f"plan_{name}": "object" for name in PLAN_TEXTS},
}
LOCKS = {
    "pair": "object",
    "side": "object",
    "reason": "object",
    "since": "datetime64[ms, UTC]",
    "until": "datetime64[ms, UTC]",
    "active": "bool",
}
CANCELED = {"at": "datetime64[ms, UTC]", "pair": "object", "text": "object"}
ORDERS = {
    "trade_id": "int64",
    "pair": "object",
    "side": "object",
    "kind": "object",
    "status": "object",
    "amount": "float64",
    "filled": "float64",
    "rate": "float64",
    "ordered_at": "datetime64[ms, UTC]",
    "filled_at": "datetime64[ms, UTC]",
}

# What Freqtrade logs when an entry was not filled and the trade is gone from its database.
_CANCELED = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) .*"
    r"(zero amount is fulfilled|Fully canceled|fully_canceled|order timeout|"
    r"[Oo]rder .*cancell?ed due to timeout|Trade only had fully canceled entry orders)"
)
_HEARTBEAT = re.compile(r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) .*Bot heartbeat")
_PAIR = re.compile(r"[A-Z0-9]+/[A-Z0-9]+(?::[A-Z0-9]+)?")


def empty(columns: Mapping[str, str]) -> pd.DataFrame:
    """Return a frame without rows that has typed columns."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


@dataclass(frozen=True, slots=True)
class Record:
    """What one side did.

    Attributes
    ----------
    trades : DataFrame
        `TRADES`, by ``opened_at``. ``initial_stop`` and ``stop`` are Freqtrade's first and last
        stop, price units; ``worst`` and ``best`` the extreme prices it saw while the trade was
        open. ``plan_risk`` and ``plan_reward`` are the distances from the entry to the stop and the
        target of the exit plan; they are NaN where there is no plan.
    signals : DataFrame
        Decisions by candle, as `providers.storage.journal` reads them.
    refusals : DataFrame
        A veto ledger's rows.
    locks, canceled, orders : DataFrame
        `LOCKS`, `CANCELED` (entries that were not filled) and `ORDERS`; a backtest has none.
    starts : tuple of datetime
        When the bot was started, as far as its journal says.
    beats : tuple of datetime
        When a loop of the bot ended, as far as its log says: Freqtrade tells about once a minute.
    balance : float
        Money before the first trade, stake currency; NaN when unknown.
    tradable : float
        Share of it that stakes are reckoned from, Freqtrade's ``tradable_balance_ratio``.
    """

    trades: pd.DataFrame = field(default_factory=lambda: empty(TRADES))
    signals: pd.DataFrame = field(default_factory=lambda: decisions_frame([]))
    refusals: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(ROW)))
    locks: pd.DataFrame = field(default_factory=lambda: empty(LOCKS))
    canceled: pd.DataFrame = field(default_factory=lambda: empty(CANCELED))
    orders: pd.DataFrame = field(default_factory=lambda: empty(ORDERS))
    starts: tuple[datetime, ...] = ()
    beats: tuple[datetime, ...] = ()
    balance: float = float("nan")
    tradable: float = 1.0


def database_trades(path: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return trades, orders and locks of a bot's database, which is only read.

    The bot may be running: SQLite gives a consistent view of each table.

    Raises
    ------
    DataMissingError
        No such file.
    CorruptDataError
        It is no database of Freqtrade 2026.9.
    """
    if not path.is_file():
        raise DataMissingError(f"{path} does not exist; name the bot's database with --db")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            trades = _all(connection, "select * from trades order by open_date, id")
            orders = _all(connection, "select * from orders order by id")
            locks = _all(connection, "select * from pairlocks order by lock_time, id")
            plans = {
                row["ft_trade_id"]: row["cd_value"]
                for row in _all(
                    connection,
                    "select ft_trade_id, cd_value from trade_custom_data where cd_key = ?",
                    PLAN_KEY,
                )
            }
    except sqlite3.Error as error:
        raise CorruptDataError(
            f"{path} cannot be read as a database of Freqtrade ({error}); name the right file "
            "with --db"
        ) from error
    try:
        return (
            _typed([_live_trade(row, plans.get(row["id"])) for row in trades], TRADES),
            _typed([_order(row) for row in orders], ORDERS),
            _typed([_lock(row) for row in locks], LOCKS),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptDataError(
            f"{path} is not a database of Freqtrade 2026.9 ({error!r}); start that version on it "
            "once, so that it is migrated"
        ) from error


def backtest_trades(run: Run, frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the trades of a backtest, their plans made again from the decisions in `frames`."""
    history = past_trades(trade_table(run.trades))
    rows = []
    for number, record in enumerate(run.trades):
        row = _backtest_trade(number, record)
        plan = _planned(row, frames.get(row["pair"]), history, run)
        rows.append(row | _plan_columns(plan))
    return _typed(rows, TRADES).sort_values("opened_at", kind="stable", ignore_index=True)


def signals_of(
    frames: Mapping[str, pd.DataFrame], start: datetime, end: datetime, step: timedelta
) -> pd.DataFrame:
    """Return the decisions of candles that opened in [start, end), as a journal holds them.

    They were made at the close, whenever that was noticed: ``at`` is the close.
    """
    parts = []
    for pair, frame in frames.items():
        inside = frame[(frame["date"] >= start) & (frame["date"] < end)]
        inside = inside.assign(enter_tag=entry_tags(inside["regime"], inside["entry"]))
        parts += [
            {**{str(name): value for name, value in row.items()}, "pair": pair}
            for row in inside.to_dict("records")
        ]
    return decisions_frame(
        {
            **{name: _cell(value) for name, value in row.items()},
            "candle": row["date"].isoformat(),
            "at": (row["date"] + step).isoformat(),
        }
        for row in parts
    )


def canceled_entries(log: Path) -> pd.DataFrame:
    """Return the entries that a bot's log says were not filled; nothing where there is no log."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return empty(CANCELED)
    rows = []
    for line in lines:
        found, pair = _CANCELED.search(line), _PAIR.search(line)
        if found and pair:
            at = pd.Timestamp(found["at"].replace(",", "."), tz="UTC")
            text = line.split(" - ", 3)[-1]
            rows.append({"at": at, "pair": pair[0], "text": text[:200]})
    return _typed(rows, CANCELED)


def heartbeats(log: Path) -> tuple[datetime, ...]:
    """Return when loops of the bot ended, ascending; nothing where there is no log."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return ()
    told = (_HEARTBEAT.match(line) for line in lines if "Bot heartbeat" in line)
    return tuple(
        sorted(
            datetime.strptime(found["at"], "%Y-%m-%d %H:%M:%S,%f").replace(tzinfo=UTC)
            for found in told
            if found
        )
    )


def _live_trade(row: Mapping[str, Any], plan: str | None) -> dict[str, Any]:
    short = bool(row["is_short"])
    return {
        "trade_id": row["id"],
        "pair": row["pair"],
        "side": (Side.SHORT if short else Side.LONG).value,
        "enter_tag": row["enter_tag"] or "",
        "opened_at": row["open_date"],
        "closed_at": None if row["is_open"] else row["close_date"],
        "open_rate": row["open_rate"],
        "close_rate": None if row["is_open"] else row["close_rate"],
        "stake": row["stake_amount"],
        "leverage": row["leverage"],
        "amount": row["amount"],
        "exit_reason": "" if row["is_open"] else row["exit_reason"] or "",
        "initial_stop": row["initial_stop_loss"],
        "stop": row["stop_loss"],
        "worst": row["max_rate"] if short else row["min_rate"],
        "best": row["min_rate"] if short else row["max_rate"],
        "fee_open": row["fee_open"],
        "profit_abs": None if row["is_open"] else row["close_profit_abs"],
        "profit_ratio": None if row["is_open"] else row["close_profit"],
        **_plan_columns(_stored_plan(plan)),
    }


def _backtest_trade(number: int, record: Mapping[str, Any]) -> dict[str, Any]:
    short, is_open = bool(record.get("is_short")), bool(record.get("is_open"))
    return {
        "trade_id": number,
        "pair": record["pair"],
        "side": (Side.SHORT if short else Side.LONG).value,
        "enter_tag": record.get("enter_tag") or "",
        "opened_at": pd.Timestamp(record["open_timestamp"], unit="ms", tz="UTC"),
        "closed_at": (
            None if is_open else pd.Timestamp(record["close_timestamp"], unit="ms", tz="UTC")
        ),
        "open_rate": record["open_rate"],
        "close_rate": None if is_open else record["close_rate"],
        "stake": record["stake_amount"],
        "leverage": record.get("leverage") or 1.0,
        "amount": record["amount"],
        "exit_reason": "" if is_open else record.get("exit_reason") or "",
        "initial_stop": record.get("initial_stop_loss_abs"),
        "stop": record.get("stop_loss_abs"),
        "worst": record.get("max_rate" if short else "min_rate"),
        "best": record.get("min_rate" if short else "max_rate"),
        "fee_open": record.get("fee_open"),
        "profit_abs": None if is_open else record.get("profit_abs"),
        "profit_ratio": None if is_open else record.get("profit_ratio"),
    }


def _planned(
    trade: Mapping[str, Any], frame: pd.DataFrame | None, history: Any, run: Run
) -> ExitPlan | None:
    """Return the plan that the strategy made at the fill, None where its signal is not known."""
    if frame is None:
        return None
    opened = trade["opened_at"].floor(run.step)
    row = last_closed(opened, pd.Index(frame["date"]), run.step)
    if row is None:
        return None
    signal, settings, side = frame.iloc[row], run.settings, Side(trade["side"])
    sub_strategy = str(trade["enter_tag"]).partition(":")[2]
    if not sub_strategy:
        return None
    adaptation = adaptation_at(history, sub_strategy, opened.to_pydatetime(), settings)
    entry, squeeze = float(trade["open_rate"]), settings.squeeze
    distance = float(signal["stop_distance"])
    try:
        return plan_exit(
            side,
            entry,
            stop_distance=adaptation.stop_distance(distance, entry, settings.exits),
            target_rr=float(signal["target_rr"]) * adaptation.reward,
            atr=float(signal["atr"]),
            fee=float(trade["fee_open"]),
            settings=settings.exits,
            squeeze_atr=squeeze.tight_trail_atr if squeeze.enabled and squeeze.tighten else 0.0,
            regime=Regime(int(signal["regime"])).label,
            sub_strategy=sub_strategy,
            confidence=float(signal[f"confidence_{side}"]),
        )
    except ValueError:
        return None


def _stored_plan(text: str | None) -> ExitPlan | None:
    try:
        return ExitPlan.from_dict(json.loads(text)) if text else None
    except ValueError:  # the comparison then says that there is none
        return None


def _plan_columns(plan: ExitPlan | None) -> dict[str, Any]:
    """Return a plan as distances, which a fill at another price does not change."""
    if plan is None:
        return {}
    return {
        "plan_risk": plan.risk,
        "plan_reward": abs(plan.target - plan.entry),
        "plan_trail": plan.trail,
        "plan_squeeze_trail": plan.squeeze_trail,
        "plan_atr": plan.atr,
        "plan_confidence": plan.confidence,
        "plan_regime": plan.regime,
        "plan_sub_strategy": plan.sub_strategy,
    }


def _order(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "trade_id": row["ft_trade_id"],
        "pair": row["ft_pair"],
        "side": row["ft_order_side"],
        "kind": row["order_type"] or "",
        "status": row["status"] or "",
        "amount": row["amount"] or row["ft_amount"],
        "filled": row["filled"] or 0.0,
        "rate": row["average"] or row["price"] or row["ft_price"],
        "ordered_at": row["order_date"],
        "filled_at": row["order_filled_date"],
    }


def _lock(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "pair": row["pair"],
        "side": row["side"],
        "reason": row["reason"] or "",
        "since": row["lock_time"],
        "until": row["lock_end_time"],
        "active": bool(row["active"]),
    }


def _all(connection: sqlite3.Connection, query: str, *values: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query, values)]


def _typed(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=list(columns))
    for name, kind in columns.items():
        if kind.startswith("datetime"):
            moments = pd.to_datetime(frame[name], utc=True, format="ISO8601")
            frame[name] = moments.dt.as_unit("ms")
        elif kind == "float64":
            frame[name] = pd.to_numeric(frame[name]).astype("float64")
        elif kind == "object":
            frame[name] = frame[name].astype("object").where(frame[name].notna(), "")
        elif kind == "bool":
            frame[name] = frame[name].astype("bool")
        else:
            frame[name] = frame[name].astype("int64")
    return frame


def _cell(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
