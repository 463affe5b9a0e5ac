"""What stands on the first page of the book: a guess, two sliders, and three findings."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, special

from hatlib.metric.score import hat_scores
from hatlib.publish.records import read_records
from hatlib.truth.simulate import DIFFICULTIES, profile_with, simulate_answers
from hatlib.words import joined

ENGLISH = tuple(range(30, 91, 5))
"""Accuracies in English that the slider offers, in percent."""

TRANSFER = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""True transfer that the other slider offers."""

GUESS = {"Alder": (85, 0.6), "Birch": (45, 0.6)}
"""The two models of the guess: English accuracy and true transfer."""

N_ITEMS, N_TRIALS = 500, 10
MEASURES = ["target_accuracy", "xlt_gap", "ratio", "hat", "low", "high"]
CARD_PAGES = ("small-models", "scaling", "time-trend", "languages", "all-models", "validation")
"""Pages whose first verdict makes a card, the most wanted first."""


@functools.cache
def explore(*, draws: int = 400, seed: int = 5) -> pd.DataFrame:
    """Simulate a model for each pair of English accuracy and transfer, and score them all.

    A model that answers an item in English with probability *h* answers it in the target language
    with ``sigmoid(logit(h) - d)``; *d* is chosen so that the true score is the transfer asked for.
    The index is English accuracy and transfer.

    Examples
    --------
    >>> cells = explore(draws=20)
    >>> weak, strong = cells.loc[(40, 0.6)], cells.loc[(80, 0.6)]
    >>> strong["ratio"] - weak["ratio"] > 0.15, abs(strong["hat"] - weak["hat"]) < 0.06
    (np.True_, np.True_)
    """
    difficulty = DIFFICULTIES["normal"]((np.arange(4000) + 0.5) / 4000)

    def ability_for(share: float) -> float:
        return float(optimize.brentq(lambda a: special.expit(a - difficulty).mean() - share, -9, 9))

    pairs = pd.MultiIndex.from_product([TRANSFER, ENGLISH], names=["transfer", "english"])
    simulated = simulate_answers(
        [ability_for(english / 100) for _, english in pairs],
        profiles=[profile_with(transfer) for transfer, _ in pairs],
        n_items=N_ITEMS,
        n_trials=N_TRIALS,
        targets=["de"],
        rng=seed,
    )
    scores = hat_scores(simulated.responses, draws=draws, rng=seed).macro().set_index("model")
    cells = scores.loc[simulated.models["model"], ["source_accuracy", *MEASURES]]
    return cells.set_index(pairs.swaplevel())


def guess() -> dict[str, Any]:
    """The guess between two models of the same transfer."""
    cells: Any = explore()
    models = [{"name": name, **cells.loc[pair]} for name, pair in GUESS.items()]
    return {"models": models}


def two_sliders() -> dict[str, Any]:
    """The chart with two sliders, and the three models that stand for it without JavaScript."""
    cells = explore()[MEASURES].reset_index()
    data = {"english": ENGLISH, "transfer": TRANSFER, "cells": cells.round(3).to_numpy().tolist()}
    shown = cells.set_index(["english", "transfer"], drop=False).loc[
        [(40, 0.6), (80, 0.6), (80, 0.9)]
    ]
    return {
        "data": json.dumps(data),
        "shown": shown.to_dict("records"),
        "n_items": N_ITEMS,
        "n_trials": N_TRIALS,
    }


def findings_cards(executed: Path) -> dict[str, Any]:
    """Three findings with their evidence, from the verdicts of executed notebooks."""
    records = read_records(CARD_PAGES, executed).dropna(subset=["low", "high"])
    cards = records.drop_duplicates("page").head(3).to_dict("records")
    for card in cards:  # the sentence and its number; what else is said stands on its own page
        found = re.match(r".*?% interval [^)]*\)\.", card["text"], flags=re.DOTALL)
        said = found.group() if found else card["text"]
        card["said"] = re.sub(
            r"\*\*([^*]+?[.])( [^*]+)\*\*", r"**\1**\2", said
        )  # bold: one sentence
        same = records[(records["page"] == card["page"]) & (records["about"] == card["about"])]
        fell = same.loc[same["answer"] == "lower", "subject"].str.split(" (", regex=False).str[0]
        if card["about"] == "date" and card["answer"] == "higher" and len(fell):
            card["said"] += f" Others fell back: {joined(fell.tolist())}."
    return {"cards": cards}
