"""Accuracies to lines and the distance from them."""
