"""Exit plans: where a trade's stop, target, break-even and trail lie, in price space."""
