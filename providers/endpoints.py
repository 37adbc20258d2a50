"""Where the sources live; one address for all keeps tests and rehearsals on loopback."""

from dataclasses import dataclass, fields

ARCHIVE = "https://data.binance.vision"
LISTING = "https://s3-ap-northeast-1.amazonaws.com/data.binance.vision"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base addresses, without a slash at the end."""

    binance_futures: str = "https://fapi.binance.com"
    binance_spot: str = "https://api.binance.com"
    binance_archive: str = ARCHIVE
    bybit: str = "https://api.bybit.com"
    alternative_me: str = "https://api.alternative.me"
    senticrypt: str = "https://api.senticrypt.com"
    cryptopanic: str = "https://cryptopanic.com"
    coinglass: str = "https://open-api-v4.coinglass.com"
    coinalyze: str = "https://api.coinalyze.net"
    aggr: str = "http://127.0.0.1:8086"
    binance_stream: str = "wss://fstream.binance.com"
    bybit_stream: str = "wss://stream.bybit.com"
    binance_listing: str = LISTING

    @classmethod
    def all_at(cls, url: str) -> "Endpoints":
        """Return endpoints that all point at one server, the replay exchange for example."""
        base = url.rstrip("/")
        stream = base.replace("http", "ws", 1)
        return cls(**{f.name: stream if f.name.endswith("_stream") else base for f in fields(cls)})
