"""Which answers item by item a page is run on: a user's, those of the book, or none.

A page on accuracies has a second half that needs answers item by item.  If a user gives accuracies
only, that half says so, and does not fall back on the answers of the book.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from hatlib.data.loading import has_items
from hatlib.data.responses import Responses, load_responses
from hatlib.errors import listing
from hatlib.lines.metrics import MIN_LANGUAGES, common
from hatlib.metric.results import HatScores
from hatlib.metric.score import hat_scores
from hatlib.resample import LEVEL

NO_ANSWERS = (
    "**Your data have accuracies only.** The HAT score needs answers item by item: a file with one "
    "row a model, language and item, and the columns `model`, `language`, `item`, `n_correct` and "
    "`n_trials`. Give it as `-p answers=answers.csv`, or as your only `data`; see "
    "[Rerun with your own data](../rerun.md)."
)
"""What a page says to a user who gives accuracies only."""


@dataclass(frozen=True)
class Given:
    """Answers item by item, or why there are none.

    Attributes
    ----------
    responses : Responses or None
        The answers, in the target languages that all models of a set have.
    reason : str
        Why there are none; empty if there are.
    """

    responses: Responses | None
    reason: str = ""

    def scores(self, *, draws: int = 1000, seed: int = 0) -> HatScores:
        """HAT scores of every set; of no set if there are no answers.

        Parameters
        ----------
        draws, seed : int
            Redraws of the items, and their seed.
        """
        if self.responses is None:
            nobody = pd.DataFrame({"model": [], "display_name": []}, dtype=str)
            nothing = pd.DataFrame({"language": [], "name": []}, dtype=str)
            return HatScores((), nobody, nothing, {}, draws, LEVEL, seed)
        return hat_scores(self.responses, draws=draws, rng=seed)

    @property
    def report(self) -> str:
        """What was read and what was left out; or why there is nothing."""
        return str(self.responses.report) if self.responses else self.reason


def answers_of(
    data: str | Path | Sequence[str | Path] = (),
    answers: str | Path | Sequence[str | Path] = (),
    *,
    sets: Sequence[str] | None = None,
    models: str | Path | None = None,
    source_language: str = "en",
    chance: float | None = None,
    keep: Literal["languages", "models"] = "languages",
) -> Given:
    """Find the answers item by item that a page on accuracies can use.

    Parameters
    ----------
    data : path or sequence of paths
        What the user gave for the page; files in it that hold answers item by item are used.
    answers : path or sequence of paths
        What the user gave as answers item by item; they come first.
    sets : sequence of str, optional
        Which sets of the book, if the user gave nothing; by default all but the large ones.
    models : path, optional
        The user's table of models.
    source_language, chance
        As in `hatlib.load_responses`.
    keep : {"languages", "models"}
        Which to keep more of, where the models of a set were asked in different languages.

    Returns
    -------
    Given

    Raises
    ------
    InputError
        If a file of answers cannot be used.

    Examples
    --------
    >>> for keep in ("languages", "models"):
    ...     found = answers_of(sets=["mgsm"], keep=keep).responses
    ...     print(found.table()[["models", "languages"]].values.tolist())
    [[3, 9]]
    [[4, 4]]
    >>> answers_of("accuracies.csv").responses is None
    True
    """
    own, mine = (
        [given] if isinstance(given, str | Path) else list(given) for given in (answers, data)
    )
    files = own or [path for path in mine if has_items(path)]
    if files:
        responses = load_responses(
            files, models=models or None, source_language=source_language, chance=chance
        )
        return Given(_comparable(responses, keep))
    if mine:
        return Given(None, NO_ANSWERS)
    every = load_responses(sets=sets)
    asked = every.frame.loc[every.frame["language"] == source_language, "benchmark"]
    if asked.empty:
        return Given(None, f"No set of the book has item-level responses in {source_language}.")
    names = [name for name in every.benchmarks["benchmark"] if name in set(asked)]
    responses = load_responses(sets=names, source_language=source_language)
    return Given(_comparable(responses, keep))


def _comparable(responses: Responses, keep: str) -> Responses:
    """Each set in the target languages that all of its models have.

    Means over different languages do not compare models. If too few languages would be left, the
    models with the fewest are left out first; to keep all models, one language is enough.
    """
    share = 0.0 if keep == "models" else MIN_LANGUAGES
    every = responses.frame
    target = every["language"] != every["source_language"]
    stays = pd.Series(True, every.index)
    dropped = []
    for benchmark, rows in every[target].groupby("benchmark", sort=False):
        has = pd.crosstab(rows["model"], rows["language"]) > 0
        kept, shared = common(has, share)
        odd, gone = has.index.difference(kept), has.columns.difference(shared)
        if not len(shared):
            continue
        stays &= (every["benchmark"] != benchmark) | (
            every["model"].isin(kept) & ~(target & every["language"].isin(gone))
        )
        if len(odd):
            why = "too few languages in common with the others"
            dropped.append(f"{benchmark}: {listing(odd, 3)} ({why}).")
        if len(gone):
            dropped.append(f"{benchmark}: {listing(gone, 20)} (not every model has answers).")
    frame = every[stays].reset_index(drop=True)
    report = replace(responses.report, dropped=(*responses.report.dropped, *dropped))
    return replace(responses, frame=frame, report=report)
