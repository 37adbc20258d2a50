"""Freqtrade's trade records as a typed table, with every cost named.

One row a trade. Prices are in the quote currency, money in the stake currency, times UTC. The
split of a result always adds up: ``gross_profit - fees + funding_fees == profit_abs``.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from regimekit.schema import Side, parse_entry_tag

OTHER = "other"  # regime and sub-strategy of a trade that none of our signals opened

COLUMNS = {
    "pair": "str",
    "side": "str",
    "enter_tag": "str",
    "regime": "str",
    "sub_strategy": "str",
    "exit_reason": "str",
    "opened_at": "datetime64[ms, UTC]",
    "closed_at": "datetime64[ms, UTC]",
    "open_rate": "float64",
    "close_rate": "float64",
    "min_rate": "float64",
    "max_rate": "float64",
    "amount": "float64",
    "leverage": "float64",
    "fee_open": "float64",
    "fee_close": "float64",
    "profit_ratio": "float64",
    "profit_abs": "float64",
    "price_gain": "float64",
    "fees": "float64",
    "funding_fees": "float64",
}


def trade_table(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row a trade in the order they were closed.

    A trade that is still open has neither ``closed_at`` nor ``close_rate``, and its ``profit_abs``
    is what Freqtrade gives, NaN where it gives nothing. ``regime`` and ``sub_strategy`` come from
    the entry tag and are `OTHER` where the tag is not one of ours.

    Returns
    -------
    DataFrame, shape (n_trades, 23)
        `COLUMNS`, and ``gross_profit`` (before fees and funding) and ``duration``.
        ``profit_ratio`` is Freqtrade's, of the margin. ``price_gain`` is what the prices of the
        fills give, NaN while a trade is open: ``gross_profit`` found another way.
    """
    rows = [_row(record) for record in records]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for moment in ("opened_at", "closed_at"):
        table[moment] = pd.to_datetime(table[moment], unit="ms", utc=True)
    table = table.astype(COLUMNS)
    table = table.sort_values("closed_at", kind="stable", ignore_index=True)
    return table.assign(
        gross_profit=table["profit_abs"] + table["fees"] - table["funding_fees"],
        duration=table["closed_at"] - table["opened_at"],
    )


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    is_open = bool(record.get("is_open"))
    tag = str(record.get("enter_tag") or "")
    regime, sub_strategy = _route(tag)
    return {
        "pair": str(record["pair"]),
        "side": (Side.SHORT if record.get("is_short") else Side.LONG).value,
        "enter_tag": tag,
        "regime": regime,
        "sub_strategy": sub_strategy,
        "exit_reason": "" if is_open else str(record.get("exit_reason") or ""),
        "opened_at": record.get("open_timestamp"),
        "closed_at": None if is_open else record.get("close_timestamp"),
        "close_rate": math.nan if is_open else _number(record.get("close_rate")),
        "leverage": _number(record.get("leverage") or 1.0),
        "fees": _fees(record, is_open=is_open),
        "price_gain": _price_gain(record, is_open=is_open),
        "funding_fees": _number(record.get("funding_fees") or 0.0),
    } | {
        name: _number(record.get(name))
        for name in (
            "open_rate", "min_rate", "max_rate", "amount", "fee_open", "fee_close", "profit_ratio",
            "profit_abs",
        )
    }  # fmt: skip


def _route(tag: str) -> tuple[str, str]:
    try:
        regime, sub_strategy = parse_entry_tag(tag)
    except ValueError:
        return OTHER, OTHER
    return regime.label, sub_strategy.value


def _fills(record: Mapping[str, Any], *, is_open: bool) -> list[tuple[bool, float]]:
    """Return whether it was an entry, and its notional, of every fill.

    An order's own ``cost`` already contains the fee, so price and amount are multiplied instead.
    """
    fills = [
        (bool(order.get("ft_is_entry")), _number(order["amount"]) * _number(order["safe_price"]))
        for order in record.get("orders") or ()
        if order.get("order_filled_timestamp")
    ]
    if not fills:
        amount = _number(record.get("amount"))
        fills = [(True, amount * _number(record.get("open_rate")))]
        if not is_open:
            fills.append((False, amount * _number(record.get("close_rate"))))
    return fills


def _fees(record: Mapping[str, Any], *, is_open: bool) -> float:
    """Return what both sides paid, from the fills."""
    rates = {True: _number(record.get("fee_open")), False: _number(record.get("fee_close"))}
    fills = _fills(record, is_open=is_open)
    return sum(rates[is_entry] * notional for is_entry, notional in fills)


def _price_gain(record: Mapping[str, Any], *, is_open: bool) -> float:
    """Return what the fills alone made; NaN of a trade that is open."""
    if is_open:
        return math.nan
    bought_first = -1.0 if record.get("is_short") else 1.0
    fills = _fills(record, is_open=is_open)
    return bought_first * sum(-cost if is_entry else cost for is_entry, cost in fills)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
