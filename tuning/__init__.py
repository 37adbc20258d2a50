"""Walk-forward: tune on the past, trade what comes after, and say what the result is worth.

`folds` divides time, `jobs` says what Freqtrade is to do and `execute` has it done on one machine,
`cluster` on many; `shelf` keeps what is finished, `trials` counts everything that was ever tried.
`walk` joins them; `evidence` weighs the result, `verdict` says it in words, `page` shows it.
"""
