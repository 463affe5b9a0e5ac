"""Comparisons of scores and the verdicts on them."""
