"""Binance's public archive: listing, download, cache, and files as columns."""
