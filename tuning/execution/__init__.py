"""Jobs and where they are done: one Freqtrade on one machine, carried to as many as there are."""
