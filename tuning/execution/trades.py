"""The trades of a backtest as a table, with the prices that a candle's delay would have given."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from providers.results import Result, read_market

COLUMNS = {
    "pair": "str",
    "is_short": "bool",
    "opened_at": "datetime64[ms, UTC]",
    "closed_at": "datetime64[ms, UTC]",
    "open_rate": "float64",
    "close_rate": "float64",
    "amount": "float64",
    "stake_amount": "float64",
    "leverage": "float64",
    "fee_open": "float64",
    "fee_close": "float64",
    "funding_fees": "float64",
    "profit_abs": "float64",
    "enter_tag": "str",
    "exit_reason": "str",
    "delayed_open_rate": "float64",
    "delayed_close_rate": "float64",
}
DELAYED = {"opened_at": "delayed_open_rate", "closed_at": "delayed_close_rate"}


def trades_of(result: Result, datadir: Path) -> pd.DataFrame:
    """Return the trades of an exported backtest on the candles of `datadir`, by time of closing."""
    stats = result.stats
    trades = _typed(pd.DataFrame([_row(it) for it in stats["trades"]], columns=list(COLUMNS)))
    trades = trades.sort_values("closed_at", kind="stable", ignore_index=True)
    timeframe = str(stats["timeframe"])
    candle = pd.Timedelta(timeframe)
    futures = result.config.get("trading_mode", "spot") == "futures"
    market = read_market(datadir, sorted(set(trades["pair"])), [timeframe], futures=futures)
    for pair, series in market.items():
        if timeframe in series:
            own = trades["pair"] == pair
            opens = series[timeframe].set_index("date")["open"]
            for moment, delayed in DELAYED.items():
                # An order is dated by the candle in which it filled, perhaps a finer one's
                filled = pd.DatetimeIndex(trades.loc[own, moment]).floor(candle)
                trades.loc[own, delayed] = opens.reindex(filled + candle).to_numpy()
    return trades


def pack_trades(trades: pd.DataFrame, balance: float) -> bytes:
    """Return `trades` and the wallet they began with as they are kept."""
    plain = trades.assign(**{it: trades[it].map(pd.Timestamp.isoformat) for it in DELAYED})
    known = plain.astype(object).where(plain.notna(), None)
    document = {"balance": balance, "trades": {it: known[it].tolist() for it in COLUMNS}}
    return gzip.compress(json.dumps(document, allow_nan=False).encode(), mtime=0)


def unpack_trades(content: bytes) -> tuple[pd.DataFrame, float]:
    """Read what `pack_trades` returned."""
    document = json.loads(gzip.decompress(content))
    trades = pd.DataFrame({name: document["trades"][name] for name in COLUMNS})
    return _typed(trades), float(document["balance"])


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in COLUMNS if name in record} | {
        "opened_at": pd.Timestamp(record["open_timestamp"], unit="ms", tz="UTC"),
        "closed_at": pd.Timestamp(record["close_timestamp"], unit="ms", tz="UTC"),
        "funding_fees": record.get("funding_fees") or 0.0,
        "enter_tag": record.get("enter_tag") or "",
        "exit_reason": record.get("exit_reason") or "",
    }


def _typed(trades: pd.DataFrame) -> pd.DataFrame:
    for name in DELAYED:
        trades[name] = pd.to_datetime(trades[name], utc=True, format="ISO8601")
    return trades.astype(COLUMNS)
