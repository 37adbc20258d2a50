"""Columns derived from open interest, funding and taker flow.

Each is computed on the rows of its own series, dated by when they were known, and joined to
candles afterwards. Missing rows are never filled: a window with a hole in it has no value.
"""
