"""Sources that serve several datasets in one shape: candles, metrics, snapshots, streams."""
