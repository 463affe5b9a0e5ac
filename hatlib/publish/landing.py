"""The first page of the book: a guess, a chart with two sliders, and three findings."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special

from hatlib.metric.score import hat_scores
from hatlib.show.conclusion import read_verdicts
from hatlib.truth.simulate import DIFFICULTIES, POINTS, WEIGHTS, simulate_answers

ENGLISH = tuple(range(30, 91, 5))
"""Accuracies in English that the slider offers, in percent."""

TRANSFER = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""True transfer that the other slider offers."""

GUESS = {"Alder": (85, 0.6), "Birch": (45, 0.6)}
"""The two models of the guess: English accuracy and true transfer."""

N_ITEMS, N_TRIALS = 500, 10
MEASURES = ("source_accuracy", "target_accuracy", "xlt_gap", "ratio", "hat")


@dataclass(frozen=True)
class Explorer:
    """What each pair of English accuracy and transfer gives.

    Attributes
    ----------
    cells : DataFrame
        One row a pair: ``english`` (percent), ``transfer`` (true), and as measured on simulated
        responses ``source_accuracy``, ``target_accuracy``, ``xlt_gap``,
        ``ratio``, ``hat``, ``low``, ``high``.
    """

    cells: pd.DataFrame

    def at(self, english: int, transfer: float) -> dict[str, float]:
        """The row of one pair."""
        rows = self.cells[(self.cells["english"] == english) & (self.cells["transfer"] == transfer)]
        return {str(k): float(v) for k, v in rows.iloc[0].items()}


@functools.cache
def explore(*, draws: int = 400, seed: int = 5) -> Explorer:
    """Simulate a model for each pair of English accuracy and transfer, and score them all.

    A model that answers an item in English with probability *h* answers it in the target language
    with ``sigmoid(logit(h) - d)``; *d* is chosen so that the true score is the transfer asked for.

    Parameters
    ----------
    draws : int
        Redraws of the items for the intervals.
    seed : int
        Of the simulated answers.

    Returns
    -------
    Explorer

    Examples
    --------
    >>> explorer = explore(draws=20)
    >>> weak, strong = explorer.at(40, 0.6), explorer.at(80, 0.6)
    >>> strong["ratio"] - weak["ratio"] > 0.15, abs(strong["hat"] - weak["hat"]) < 0.06
    (True, True)
    """
    difficulty = DIFFICULTIES["normal"]((np.arange(4000) + 0.5) / 4000)

    def ability_for(share: float) -> float:
        return float(optimize.brentq(lambda a: special.expit(a - difficulty).mean() - share, -9, 9))

    def loss_for(transfer: float) -> float:
        def missing(loss: float) -> float:
            return float(2 * WEIGHTS @ special.expit(special.logit(POINTS) - loss) - transfer)

        return float(optimize.brentq(missing, -1, 15))

    pairs = [(e, t, ability_for(e / 100), loss_for(t)) for t in TRANSFER for e in ENGLISH]

    def profile(loss: float):  # type: ignore[no-untyped-def]
        def curve(h: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(special.expit(special.logit(h) - loss), dtype=np.float64)

        return curve

    simulated = simulate_answers(
        [ability for _, _, ability, _ in pairs],
        profiles=[profile(loss) for *_, loss in pairs],
        n_items=N_ITEMS,
        n_trials=N_TRIALS,
        targets=["de"],
        rng=seed,
    )
    scores = hat_scores(simulated.responses, draws=draws, rng=seed).macro().set_index("model")
    cells = scores.loc[simulated.models["model"], [*MEASURES, "low", "high"]]
    cells.insert(0, "english", [e for e, *_ in pairs])
    cells.insert(1, "transfer", [t for _, t, *_ in pairs])
    return Explorer(cells.reset_index(drop=True))


def guess(root: Path) -> str:
    """The guess and the chart with two sliders, as HTML that also reads without JavaScript.

    Parameters
    ----------
    root : Path
        Not used; every page maker has it.

    Returns
    -------
    str
        Markdown with raw HTML.
    """
    explorer = explore()
    a, b = (explorer.at(*pair) for pair in GUESS.values())
    names = list(GUESS)
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = [
        ("English accuracy", *(f"{100 * v['source_accuracy']:.1f} %" for v in (a, b))),
        ("German accuracy", *(f"{100 * v['target_accuracy']:.1f} %" for v in (a, b))),
        ("Gap", *(f"{100 * v['xlt_gap']:.1f} points" for v in (a, b))),
        ("Ratio", *(f"{v['ratio']:.2f}" for v in (a, b))),
    ]
    body = "".join(
        f'<tr><th scope="row">{name}</th><td>{one}</td><td>{other}</td></tr>'
        for name, one, other in rows
    )
    buttons = "".join(
        f'<button type="button" data-guess="{key}" aria-pressed="false">{label}</button>'
        for key, label in (("better", names[0]), ("other", names[1]), ("same", "Neither"))
    )
    markup = f"""<section class="hat-guess" aria-label="A guess">
<table class="hat-plain"><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>
<p class="hat-ask"><strong>Which one carries over more of what it knows?</strong></p>
<p class="hat-choices" hidden>{buttons}</p>
<details class="hat-reveal"><summary>Show the answer</summary>
<p><strong class="hat-said" data-better="You ranked English." data-other="Neither does."
 data-same="Right: neither does.">If you said {names[0]}, you ranked English.</strong>
Both models are simulated, and we gave both the same transfer.
The questions are easier for {names[0]}, and a model loses least on what it finds easy.
At the same hardness, the HAT score reads {_score(a)} for {names[0]} and {_score(b)} for
{names[1]}.</p></details>
</section>"""
    return _raw(markup)


def two_sliders(root: Path) -> str:
    """The chart with two sliders, with a table in its place where there is no JavaScript."""
    explorer = explore()
    columns = ["english", "transfer", *MEASURES[1:], "low", "high"]
    grid = explorer.cells[columns].round(3).to_numpy().tolist()
    shown = [(40, 0.6), (80, 0.6), (80, 0.9)]
    rows = "".join(
        f"<tr><td>{e} %</td><td>{t:.1f}</td>"
        + "".join(f"<td>{explorer.at(e, t)[name]:.2f}</td>" for name in MEASURES[1:])
        + f"<td>{explorer.at(e, t)['low']:.2f} to {explorer.at(e, t)['high']:.2f}</td></tr>"
        for e, t in shown
    )
    heads = ("English", "transfer", "target accuracy", "gap", "ratio", "HAT", "its interval")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    data = json.dumps({"english": ENGLISH, "transfer": TRANSFER, "cells": grid})
    return _raw(f"""<figure class="hat-explorer" id="two-sliders">
<div class="hat-explorer-live" hidden></div>
<div class="hat-explorer-static hat-scroll" role="region" tabindex="0" aria-label="Three models">
<table class="hat-plain"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>
<script type="application/json">{data}</script>
<figcaption>Target accuracy, gap and ratio all move with English accuracy.
HAT moves with transfer only. It is estimated, with its 95 % interval, from {N_TRIALS} simulated
answers to each of {N_ITEMS} questions.</figcaption>
</figure>
<script defer src="_static/hat-landing.js"></script>""")


def _score(cell: dict[str, float]) -> str:
    return f"{cell['hat']:.2f} [{cell['low']:.2f}, {cell['high']:.2f}]"


#: Pages whose first verdict makes a card, the most wanted first.
CARD_PAGES = ("small-models", "scaling", "time-trend", "languages", "all-models", "validation")


def findings_cards(root: Path) -> str:
    r"""Three findings with their evidence, from the verdicts of executed notebooks.

    Parameters
    ----------
    root : Path
        Root of the repository, with ``book/_generated/executed``.

    Returns
    -------
    str
        Markdown; a pointer to the findings where no notebook has a verdict yet.

    Examples
    --------
    >>> findings_cards(Path("nowhere"))
    'The pages of the analyses say what they find, and how good the evidence is.\n'
    """
    cards: list[str] = []
    for name in CARD_PAGES:
        executed = root / "book" / "_generated" / "executed" / f"{name}.ipynb"
        if len(cards) == 3 or not executed.is_file():
            continue
        records = read_verdicts(nbformat.read(executed, as_version=4))
        known = [r for r in records if r["low"] is not None and r["high"] is not None]
        if known:
            cards.append(_card(name, known[0]))
    if not cards:
        return "The pages of the analyses say what they find, and how good the evidence is.\n"
    body = "\n\n".join(cards)
    return f'<div class="hat-cards">\n\n{body}\n\n</div>\n'


def _card(name: str, record: dict[str, Any]) -> str:
    # The sentence and its number; what else is said of it stands on its own page.
    found = re.match(r".*?% interval [^)]*\)\.", record["text"], flags=re.DOTALL)
    said = found.group() if found else record["text"]
    return (
        f'<div class="hat-card">\n\n{said}\n\n{_interval(record)}\n\n'
        f"[How we know](analyses/{name}.ipynb)\n\n</div>"
    )


def _interval(record: dict[str, Any]) -> str:
    """The number with its interval, 0, and the margin that matters."""
    low, high, margin = record["low"], record["high"], record["margin"]
    reach = 1.15 * max(abs(low), abs(high), margin)

    def x(value: float) -> float:
        return round(150 + 140 * value / reach, 1)

    words = f"{record['estimate']:+.3f}, interval from {low:+.3f} to {high:+.3f}"
    return (
        f'<svg viewBox="0 0 300 52" role="img" aria-label="{words}">'
        f'<rect x="{x(-margin)}" y="4" width="{x(margin) - x(-margin):.1f}" height="26" '
        'fill="currentColor" fill-opacity="0.1"/>'
        '<line x1="150" x2="150" y1="4" y2="30" stroke="currentColor" stroke-dasharray="3"/>'
        f'<line x1="{x(low)}" x2="{x(high)}" y1="17" y2="17" stroke="currentColor" '
        'stroke-width="2"/>'
        f'<circle cx="{x(record["estimate"])}" cy="17" r="5" fill="#d95f02"/>'
        '<text x="150" y="46" text-anchor="middle" font-size="12" fill="currentColor">0</text>'
        f'<text x="{x(margin)}" y="46" text-anchor="middle" font-size="12" '
        f'fill="currentColor">+{margin:g}</text>'
        f'<text x="{x(-margin)}" y="46" text-anchor="middle" font-size="12" '
        f'fill="currentColor">−{margin:g}</text></svg>'
    )


def _raw(markup: str) -> str:
    """HTML inside a Markdown page."""
    return f"```{{raw}} html\n{markup}\n```\n"
