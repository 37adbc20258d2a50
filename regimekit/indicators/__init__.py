"""Indicators: Series in, Series out, each causal; TA-Lib computes what it has."""
