"""A Binance USDT-M look-alike on loopback: recorded or simulated markets for the real Freqtrade."""
