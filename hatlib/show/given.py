"""Which answers item by item a page is run on: a user's, those of the book, or none.

A page on accuracies has a second half that needs answers item by item.  If a user gives accuracies
only, that half says so, and does not fall back on the answers of the book.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from hatlib.data.book import book
from hatlib.data.loading import has_items
from hatlib.data.responses import SETS, Responses, load_responses
from hatlib.errors import listing
from hatlib.lines.metrics import MIN_LANGUAGES
from hatlib.metric.results import HatScores
from hatlib.metric.score import hat_scores
from hatlib.resample import LEVEL
from hatlib.words import counted, joined, markdown_text

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

    def table(self) -> pd.DataFrame:
        """One row a set: how much there is; empty if there are no answers."""
        if self.responses is None:
            return pd.DataFrame()
        return self.responses.table()

    def summary(self) -> str:
        """What the answers are, and what their sources say against them; or why there are none."""
        if self.responses is None:
            return self.reason
        facts = self.responses.table().reset_index().to_dict("records")
        lines = [f"- {_about(self.responses, row)}" for row in facts]
        if self.responses.bundled:
            lines += ["", *_caveats([str(row["benchmark"]) for row in facts], self.responses)]
        return "\n".join(lines)


def _caveats(benchmarks: Sequence[str], responses: Responses) -> list[str]:
    """What the source of each set says against it, once for the sets that share one."""
    names = responses.benchmarks.set_index("benchmark")["name"]
    told = book().sources.set_index("source")["caveats"]
    lines = []
    for source in dict.fromkeys(SETS[benchmark] for benchmark in benchmarks):
        shared = [markdown_text(names[b]) for b in benchmarks if SETS[b] == source]
        lines += [f"What to mind in {joined(shared)}: {markdown_text(told[source])}", ""]
    return lines


def _about(responses: Responses, facts: Mapping[Hashable, Any]) -> str:
    """One set: how much there is, and what was left out."""
    benchmark = str(facts["benchmark"])
    name = responses.benchmarks.set_index("benchmark").loc[benchmark, "name"]
    there = responses.frame.loc[responses.frame["benchmark"] == benchmark, "model"].unique()
    about = responses.models[responses.models["model"].isin(there)]
    lineages = set(about["lineage"]) - {""}
    known = f" of {counted(len(lineages), 'lineage')}" if lineages else ""
    text = (
        f"**{markdown_text(name)}**: {counted(int(facts['models']), 'model')}{known}, "
        f"{counted(int(facts['items']), 'item')}, "
        f"{counted(int(facts['languages']) - 1, 'target language')}, "
        f"{facts['trials_median']:g} answer{'s' if facts['trials_median'] != 1 else ''} an "
        "item and language."
    )
    dropped = [
        line.removeprefix(f"{benchmark}: ")
        for line in responses.report.dropped
        if line.startswith(f"{benchmark}: ")
    ]
    if dropped:
        text += f" Left out here: {markdown_text(' '.join(dropped))}"
    return text


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
    >>> answers_of(sets=["mgsm"]).table()[["models", "languages"]].values.tolist()
    [[3, 9]]
    >>> answers_of(sets=["mgsm"], keep="models").table()[["models", "languages"]].values.tolist()
    [[4, 4]]
    >>> answers_of("accuracies.csv").responses is None
    True
    """
    own, mine = _paths(answers), _paths(data)
    files = own or [path for path in mine if has_items(path)]
    if files:
        responses = load_responses(
            files, models=models or None, source_language=source_language, chance=chance
        )
    elif mine:
        return Given(None, NO_ANSWERS)
    else:
        names = [name for name in sets or _usual() if source_language in _languages(name)]
        if not names:
            reason = f"No set of the book has answers item by item in {source_language}."
            return Given(None, reason)
        responses = load_responses(sets=names, source_language=source_language)
    return Given(_comparable(responses, keep))


def _paths(given: str | Path | Sequence[str | Path]) -> list[str | Path]:
    return [given] if isinstance(given, str | Path) else list(given)


def _usual() -> list[str]:
    return load_responses().benchmarks["benchmark"].tolist()


def _languages(name: str) -> set[str]:
    return set(load_responses(sets=name).frame["language"])


def _comparable(responses: Responses, keep: str) -> Responses:
    """Each set in the target languages that all of its models have.

    Means over different languages do not compare models. If too few languages would be left, the
    models with the fewest are left out first; to keep all models, one language is enough.
    """
    share = 0.0 if keep == "models" else MIN_LANGUAGES
    stays = pd.Series(True, responses.frame.index)
    dropped = []
    for benchmark, frame in responses.frame.groupby("benchmark", sort=False):
        is_target = frame["language"] != frame["source_language"]
        has = pd.crosstab(frame.loc[is_target, "model"], frame.loc[is_target, "language"]) > 0
        kept = has
        while len(kept) > 1 and kept.all().sum() < max(share * has.shape[1], 1):
            count = kept.sum(axis=1)
            if count.min() == count.max():  # nobody is the odd one out
                break
            kept = kept[count > count.min()]
        common = has.columns[kept.all()]
        odd = sorted(set(frame["model"]) - set(kept.index))
        gone = sorted(set(has.columns) - set(common))
        if not len(common) or not (odd or gone):
            continue
        stays[frame.index] = frame["model"].isin(kept.index) & (
            ~is_target | frame["language"].isin(common)
        )
        if odd:
            why = "too few languages in common with the others"
            dropped.append(f"{benchmark}: {listing(odd, 3)} ({why}).")
        if gone:
            dropped.append(f"{benchmark}: {listing(gone, 20)} (not every model has answers).")
    frame = responses.frame[stays].reset_index(drop=True)
    report = replace(responses.report, dropped=(*responses.report.dropped, *dropped))
    return replace(responses, frame=frame, report=report)
