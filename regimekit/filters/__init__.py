"""Filters change a signal's confidence or stop it; each verdict becomes columns of its own."""
