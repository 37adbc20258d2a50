"""Freqtrade's callbacks, thin: unpack the arguments, ask a decision, return it.

Every class here descends from `IStrategy`, because parallel hyperopt cannot pickle a strategy
with any other mixin. This is the only part of regimekit that imports Freqtrade.
"""
