"""What each part of the strategy is worth: one change at a time, through the real Freqtrade.

Variants are data (`variants`), a run is kept under a hash of everything it depends on (`identity`,
`runs`), its daily wallet is compared with the default's (`outcome`, `statistics`, `comparison`),
and how often anybody tried or looked is written down (`ledger`).
"""
