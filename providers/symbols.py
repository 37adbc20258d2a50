"""How venues spell the pairs that Freqtrade calls ``BTC/USDT:USDT``."""

import re

from providers.contract import MARKET

_PERPETUAL = re.compile(r"(?P<base>[^/:]+)/(?P<quote>[^/:]+):(?P<settle>[^/:]+)")
_MULTIPLE = re.compile(r"^(1000+)(?=[A-Z])")  # 1000PEPE is a thousand PEPE


def perpetual(pair: str) -> tuple[str, str]:
    """Return base and quote of a linear perpetual; ValueError names a pair that is none."""
    match = _PERPETUAL.fullmatch(pair)
    if match is None or match["quote"] != match["settle"]:
        raise ValueError(f"pair is {pair!r}, expected a linear perpetual such as BTC/USDT:USDT")
    return match["base"], match["quote"]


def binance_symbol(pair: str) -> str:
    """Return Binance's and Bybit's name: BTC/USDT:USDT -> BTCUSDT."""
    return "".join(perpetual(pair))


def binance_spot_symbol(pair: str) -> str:
    """Return the spot market of the same coin: 1000PEPE/USDT:USDT -> PEPEUSDT."""
    base, quote = perpetual(pair)
    return f"{_MULTIPLE.sub('', base)}{quote}"


def coin(pair: str) -> str:
    """Return the coin that news are about: 1000PEPE/USDT:USDT -> PEPE."""
    return _MULTIPLE.sub("", perpetual(pair)[0])


def is_market(pair: str) -> bool:
    """Tell whether `pair` stands for the market as a whole."""
    return pair == MARKET
