"""How far the answers to one item hang together, from promptings with several answers each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from hatlib.data.responses import Responses
from hatlib.errors import InputError, Problem, listing


def answer_correlation(responses: Responses, benchmark: str = "") -> pd.DataFrame:
    """How correlated are a model's answers to one item in the source language?

    Ten answers are worth ten only if they are independent, given the item. Answers to the same
    prompt are not, if the model does better with some prompts than with others. Pairs of answers
    to *one* prompt agree more often, then, than pairs of answers to *different* prompts, and the
    two shares give the correlation without bias.

    Parameters
    ----------
    responses : Responses
        With promptings, of which some have two answers or more.
    benchmark : str
        Which benchmark; the first if none is named.

    Returns
    -------
    DataFrame
        One row a model: ``model``; ``within``, the correlation of two answers to one prompt;
        ``correlation``, what it comes to for an average pair of all answers to an item, to be
        given to `hatlib.hat_scores`; ``n_items`` that it rests on.

    Raises
    ------
    InputError
        If the benchmark has no promptings with several answers each.

    Examples
    --------
    >>> import hatlib
    >>> responses = hatlib.load_responses(sets="mgsm")
    >>> answer_correlation(responses)
    Traceback (most recent call last):
        ...
    hatlib.errors.InputError: mgsm has no item with several promptings of several answers each. \
Without them the correlation cannot be estimated.
    """
    there = responses.benchmarks["benchmark"].tolist()
    name = benchmark or there[0]
    if name not in there:
        raise InputError(
            Problem("there is no such benchmark.", f"There are: {listing(there, 20)}.", value=name)
        )
    frame = responses.frame
    frame = frame[(frame["benchmark"] == name) & (frame["language"] == frame["source_language"])]
    rows = [
        {"model": model, **found}
        for model, part in frame.groupby("model")
        if (found := _of_model(part)) is not None
    ]
    if not rows:
        raise InputError(
            Problem(
                f"{name} has no item with several promptings of several answers each.",
                "Without them the correlation cannot be estimated.",
            )
        )
    return pd.DataFrame(rows)


def _of_model(part: pd.DataFrame) -> dict[str, Any] | None:
    k, n = part["n_correct"].to_numpy(float), part["n_trials"].to_numpy(float)
    item = pd.factorize(part["item"])[0]
    both_right = np.bincount(item, k * (k - 1))
    pairs = np.bincount(item, n * (n - 1))
    total_right, total = np.bincount(item, k), np.bincount(item, n)
    across = total * (total - 1) - pairs
    usable = (pairs > 0) & (across > 0)
    if not usable.any():
        return None
    across_right = total_right * (total_right - 1) - both_right
    within = (both_right[usable] / pairs[usable]).mean()
    between = (across_right[usable] / across[usable]).mean()
    mean = (total_right[usable] / total[usable]).mean()
    rho = (within - between) / (mean - between) if mean > between else 0.0
    share = (pairs[usable] / (total * (total - 1))[usable]).mean()
    rho = float(np.clip(rho, 0, 0.99))
    return {"within": rho, "correlation": rho * share, "n_items": int(usable.sum())}
