"""Everything that reads or writes market data: the only package that does I/O."""
