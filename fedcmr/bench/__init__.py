"""Measurements: variants of the same work in one run, quoted as ratios."""
