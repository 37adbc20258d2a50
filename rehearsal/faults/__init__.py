"""Faults while the bot trades: scripts, the scenarios of the matrix, and what must hold in them."""
