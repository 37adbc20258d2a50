"""Data that stay fresh: polls, streams, and where their rows go."""
