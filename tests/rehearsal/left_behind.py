"""What a bot and a backtest leave behind when they agree, in files with their real shapes."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pandas as pd
from freqtrade.persistence import Trade
from freqtrade.persistence.base import ModelBase
from freqtrade.persistence.custom_data import _CustomData
from freqtrade.persistence.pairlock import PairLock
from freqtrade.persistence.trade_model import Order
from sqlalchemy import create_engine

from providers.storage.journal import JournalFile, journal_path
from providers.storage.store import native_path, write_frame
from providers.storage.vetoes import LedgerFile, ledger_path
from regimekit.decisions import entry_tags
from regimekit.exits.plan import plan_exit
from regimekit.reports.run import Run
from regimekit.schema import ROUTES, Regime, Side, entry_tag
from rehearsal.examine import decided
from rehearsal.minutes import minutes_of
from tests.reports.builders import OTHER_PAIR, PAIR, START, STEP, record, series_of_pair, statistics

PAIRS = (PAIR, OTHER_PAIR)
FIRST = START + timedelta(days=2)
LAST = FIRST + timedelta(days=1)
MARKS = ("candle", "pair", "at")
STEM = "backtest-result-2026-01-20_00-00-00"


@dataclass(frozen=True)
class Left:
    """Where everything lies."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "trades.sqlite"

    @property
    def datadir(self) -> Path:
        return self.folder / "data"

    @property
    def user_data(self) -> Path:
        return self.folder / "user_data"

    @property
    def result(self) -> Path:
        return self.folder / f"{STEM}.zip"

    @property
    def journal(self) -> Path:
        return journal_path(self.user_data / "journal", "RegimeRouter", "freqtrade-0")

    def execute(self, statement: str) -> None:
        """Change something in the database."""
        with create_engine(f"sqlite:///{self.database}").begin() as connection:
            connection.exec_driver_sql(statement)


def leave(folder: Path) -> Left:
    """Write a market, a backtest's export, and a bot's database and journal that agree with it."""
    left = Left(folder)
    market = {PAIR: series_of_pair(1), OTHER_PAIR: series_of_pair(2)}
    for pair, series in market.items():
        for name, frame in series.items():
            funding = name == "funding_rate"
            kind, timeframe = (name, "1h") if funding else ("futures", name)
            write_frame(frame, native_path(left.datadir, pair, timeframe, kind))
        own = series["15m"]
        traded = own[(own["date"] >= FIRST - STEP) & (own["date"] <= LAST)]
        write_frame(minutes_of(traded), native_path(left.datadir, pair, "1m", "futures"))
    run = Run.from_export("RegimeRouter", statistics([]), {})
    frames = decided(left.datadir, run)
    trades = _trades(frames)
    stats = statistics(trades, backtest_run_start_ts=int(START.timestamp()))
    with ZipFile(left.result, "w") as archive:
        archive.writestr(f"{STEM}.json", json.dumps({"strategy": {"RegimeRouter": stats}}))
        archive.writestr(f"{STEM}_config.json", json.dumps({"exchange": {"name": "nowhere"}}))
    _database(left.database, trades, frames, run)
    _journal(left.journal, frames)
    return left


def _trades(frames: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    trades = []
    for number, pair in enumerate((PAIR, OTHER_PAIR, PAIR)):
        frame = frames[pair].set_index("date")
        opened = FIRST + timedelta(hours=4 + 6 * number)
        signal, after = frame.loc[opened - STEP], frame.loc[opened : opened + 8 * STEP]
        regime = Regime(int(signal["regime"]))
        entry, close = float(after["open"].iloc[0]), float(after["open"].iloc[-1])
        trades.append(
            record(
                pair=pair, opened=opened, hours=2.0, open_rate=entry, close_rate=close,
                enter_tag=entry_tag(regime, ROUTES[regime]), exit_reason="stop_loss",
                is_short=number == 1, stake_amount=round(2.0 * entry / 3, 8),
                initial_stop_loss_abs=entry * (1.2 if number == 1 else 0.8), stop_loss_abs=close,
                min_rate=float(after["low"].min()), max_rate=float(after["high"].max()),
            )
        )  # fmt: skip
    return trades


def _database(path: Path, trades: list[dict[str, Any]], frames: Any, run: Run) -> None:
    engine = create_engine(f"sqlite:///{path}")
    ModelBase.metadata.create_all(engine)
    with engine.begin() as connection:
        for number, trade in enumerate(trades, start=1):
            opened, closed = (
                pd.Timestamp(trade[name], unit="ms").to_pydatetime()
                for name in ("open_timestamp", "close_timestamp")
            )
            connection.execute(
                Trade.__table__.insert().values(
                    id=number, exchange="binance", pair=trade["pair"], is_open=False,
                    fee_open=trade["fee_open"], fee_close=trade["fee_close"],
                    open_rate=trade["open_rate"], close_rate=trade["close_rate"],
                    stake_amount=trade["stake_amount"], amount=trade["amount"],
                    close_profit=trade["profit_ratio"], close_profit_abs=trade["profit_abs"],
                    open_date=opened, close_date=closed, stop_loss=trade["stop_loss_abs"],
                    initial_stop_loss=trade["initial_stop_loss_abs"],
                    is_stop_loss_trailing=False, max_rate=trade["max_rate"],
                    min_rate=trade["min_rate"], exit_reason=trade["exit_reason"],
                    enter_tag=trade["enter_tag"], leverage=trade["leverage"],
                    is_short=trade["is_short"], interest_rate=0.0, record_version=2,
                )
            )  # fmt: skip
            plan = _plan(trade, frames[trade["pair"]].set_index("date"), opened, run)
            connection.execute(
                _CustomData.__table__.insert().values(
                    ft_trade_id=number, cd_key="exit_plan", cd_type="dict",
                    cd_value=json.dumps(plan), created_at=opened,
                )
            )  # fmt: skip
            connection.execute(
                Order.__table__.insert().values(
                    ft_trade_id=number, ft_order_side="buy", ft_pair=trade["pair"],
                    ft_is_open=False, ft_amount=2.0, ft_price=trade["open_rate"],
                    order_id=f"order-{number}", order_date=opened, status="closed",
                )
            )  # fmt: skip
        connection.execute(
            PairLock.__table__.insert().values(
                pair=PAIR, side="*", reason="inputs", active=True,
                lock_time=FIRST.to_pydatetime().replace(tzinfo=None),
                lock_end_time=(FIRST + STEP).to_pydatetime().replace(tzinfo=None),
            )
        )  # fmt: skip


def _plan(trade: dict[str, Any], frame: pd.DataFrame, opened: datetime, run: Run) -> Any:
    signal = frame.loc[pd.Timestamp(opened, tz="UTC") - STEP]
    side = Side.SHORT if trade["is_short"] else Side.LONG
    regime, squeeze = Regime(int(signal["regime"])), run.settings.squeeze
    plan = plan_exit(
        side,
        trade["open_rate"],
        stop_distance=float(signal["stop_distance"]),
        target_rr=float(signal["target_rr"]),
        atr=float(signal["atr"]),
        fee=trade["fee_open"],
        settings=run.settings.exits,
        squeeze_atr=squeeze.tight_trail_atr if squeeze.enabled and squeeze.tighten else 0.0,
        regime=regime.label,
        sub_strategy=ROUTES[regime].value,
        confidence=float(signal[f"confidence_{side}"]),
    )
    return plan.to_dict()


def _journal(path: Path, frames: dict[str, pd.DataFrame]) -> None:
    file = JournalFile(path, {"strategy": "RegimeRouter", "run_mode": "dry_run"}, 100_000)
    file.note_start((FIRST - timedelta(hours=1)).to_pydatetime())
    rows = []
    for pair, frame in frames.items():
        inside = frame[(frame["date"] >= FIRST - STEP) & (frame["date"] < LAST)]
        tags = entry_tags(inside["regime"], inside["entry"])
        for row, tag in zip(inside.to_dict("records"), tags, strict=True):
            at = row["date"] + STEP + timedelta(seconds=6)
            rows.append(
                {
                    **{k: _cell(v) for k, v in row.items() if k not in ("date", *MARKS)},
                    "enter_tag": tag if isinstance(tag, str) else None,
                    "at": at.isoformat(), "candle": row["date"].isoformat(), "pair": pair,
                }
            )  # fmt: skip
    file.append(rows)


def _cell(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return float(f"{value:.10g}") if isinstance(value, float) else value


def refuse(left: Left, mode: str, **row: Any) -> None:
    """Write a line into a bot's ledger."""
    folder = left.user_data / "vetoes"
    LedgerFile(
        ledger_path(folder, "RegimeRouter", mode, "freqtrade-0"), {"strategy": "X"}, 100
    ).append([row])
