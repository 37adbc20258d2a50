"""Sub-strategies: each turns a bar's indicators into the confidence of a long.

A short is the same rule asked of the mirrored market, so the two sides cannot drift apart.
"""
