"""The report of a backtest: what it earned, where, and how far the numbers carry.

A `Study` holds one run and what was recomputed for it; `page.build_report` renders it as HTML and
`terminal.summary_tables` for a terminal. Nothing here reads a file or a clock.
"""
