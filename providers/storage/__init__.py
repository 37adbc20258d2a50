"""Data on disk: paths, atomic writes, append-only history, Freqtrade's own files."""
