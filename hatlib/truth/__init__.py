"""Worlds of known truth, experiments on them, planning."""
