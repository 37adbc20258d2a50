"""The live loop rehearsed: the real Freqtrade trades a recorded market under a fast clock."""
