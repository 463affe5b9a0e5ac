"""Answers to HAT scores with their uncertainty."""
