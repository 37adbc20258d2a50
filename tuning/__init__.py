"""Walk-forward: tune on the past, trade what comes after, and say what the result is worth.

`folds` divides time, `jobs` says what Freqtrade is to do, `walk` hands the jobs to a `pool` and
goes on from what is kept, and `trials` counts everything that was ever tried. `execution` does the
jobs, here or elsewhere; `weighing` turns a finished walk into a verdict, and `report` shows it.
"""
