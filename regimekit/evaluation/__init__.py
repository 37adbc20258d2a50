"""What a series of returns or trades is worth: statistics that know how much was tried.

Pure: arrays and tables in, numbers out. Losses for hyperopt (`losses`) and the evidence of a
walk-forward use the same functions.
"""
