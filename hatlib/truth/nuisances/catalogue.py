"""The flaws of the book: each in a dose, how such answers are scored, and what helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from hatlib.data.responses import Counts
from hatlib.metric.judge import Judge
from hatlib.truth.nuisances.common import Bools, Floats
from hatlib.truth.nuisances.flaws import (
    broken_translations,
    erring_judge,
    lost_answers,
    lost_items,
    memorised,
    self_preference,
)
from hatlib.truth.nuisances.remedies import (
    counted_wrong,
    suspect_translations,
    without,
    without_items,
)
from hatlib.truth.nuisances.world import World, measured_by_group

Spoil = Callable[[World, float, np.random.Generator], Counts]
Treat = Callable[[World, float, Counts], Floats]


@dataclass(frozen=True)
class Flaw:
    """A flaw of evaluations, in doses.

    Attributes
    ----------
    key, name : str
        Short and readable.
    looks : str
        How it shows in real evaluations.
    dose : str
        What a dose is a share of.
    spoil : callable
        From a world, a dose and random numbers to flawed answers.
    usual : tuple of (str, callable)
        How such answers are usually scored: what it is called, and from world, dose and flawed
        answers to the measures.
    others : mapping of str to callable
        Other ways to score them.
    remedy : str
        Which of these is recommended; empty if none is.
    advice : str
        What to do.
    affected : callable
        From a world to the models whose change is given.
    """

    key: str
    name: str
    looks: str
    dose: str
    spoil: Spoil
    usual: tuple[str, Treat]
    others: Mapping[str, Treat]
    remedy: str
    advice: str
    affected: Callable[[World], Bools]

    @property
    def treatments(self) -> dict[str, Treat]:
        """All ways to score, the usual one first."""
        return {self.usual[0]: self.usual[1], **self.others}

    @property
    def hits_all(self) -> bool:
        """Whether all models are affected."""
        return self.affected is _everyone


def _everyone(world: World) -> Bools:
    return np.ones(len(world.transfer), dtype=bool)


def _own(world: World) -> Bools:
    return world.own


def _weakest(world: World) -> Bools:
    return np.asarray(world.ability == 0)


def _as_it_is(
    world: World,
    dose: float,
    counts: Counts,
    *,
    profile: str = "adaptive",
    reference: str = "uniform",
) -> Floats:
    return world.measured(counts, profile=profile, reference=reference)


def _wrong(world: World, dose: float, counts: Counts) -> Floats:
    return world.measured(counted_wrong(counts, world.counts))


def _judged(world: World, dose: float, rng: np.random.Generator) -> Counts:
    return erring_judge(world.counts, _symmetric(dose), rng)


def _symmetric(error: float) -> Judge:
    return Judge(1 - error, 1 - error)


def _corrected(world: World, dose: float, counts: Counts) -> Floats:
    return world.measured(counts, _symmetric(dose))


def _preferred(world: World, dose: float, rng: np.random.Generator) -> Counts:
    return self_preference(world.counts, world.own, dose, rng)


def _average_judge(world: World, dose: float, counts: Counts) -> Floats:
    """One specificity for all: the share of all wrong answers that was accepted."""
    clean = world.counts
    wrong = sum(
        (trials - correct).reshape(len(world.own), -1).sum(axis=1)
        for correct, trials in (
            (clean.source_correct, clean.source_trials),
            (clean.target_correct, clean.target_trials),
        )
    )
    share = float(wrong[world.own].sum() / wrong.sum())
    return world.measured(counts, Judge(1.0, 1 - dose * share))


def _judge_by_family(world: World, dose: float, counts: Counts) -> Floats:
    judges = {0: Judge(), 1: Judge(1.0, 1 - dose)}
    return measured_by_group(counts, world.own.astype(int), judges, world.measured)


def _seen_items(world: World, dose: float) -> Bools:
    """Items that were memorised, and those that are known to be: the same in every treatment."""
    order = np.random.default_rng(len(world.counts.items)).permutation(len(world.counts.items))
    return order < round(dose * len(order))


def _contaminated(
    world: World,
    dose: float,
    rng: np.random.Generator,
    *,
    recall: float = 1.0,
    in_targets: bool = False,
) -> Counts:
    seen = _seen_items(world, dose)
    return memorised(world.counts, seen, world.own, rng, recall=recall, in_targets=in_targets)


def _listed_out(
    world: World,
    dose: float,
    counts: Counts,
    *,
    listed: float = 1.0,
    reference: str = "uniform",
) -> Floats:
    """Leave out the part of the memorised items that a list names."""
    seen = np.flatnonzero(_seen_items(world, dose))
    out = np.zeros(len(counts.items), dtype=bool)
    out[seen[: round(listed * len(seen))]] = True
    return world.measured(without_items(counts, out), reference=reference)


def _broken(world: World, dose: float, rng: np.random.Generator) -> Counts:
    """Items of their own in each language."""
    shape = world.counts.target_trials.shape[1:]
    return broken_translations(
        world.counts, rng.permuted(np.indices(shape)[1], axis=1) < dose * shape[1], rng
    )


def _suspects_out(world: World, dose: float, counts: Counts) -> Floats:
    return world.measured(without(counts, suspect_translations(counts)))


def _unreadable(
    world: World, dose: float, rng: np.random.Generator, *, if_wrong: float = 1.0
) -> Counts:
    """Most in weak models, and four times as often in target languages as in the source."""
    weakness = 1 - world.ability / world.ability.max()
    target, wrong = dose * weakness, np.minimum(if_wrong * dose * weakness, 1)
    return lost_answers(
        world.counts,
        rng,
        right_source=target / 4,
        wrong_source=wrong / 4,
        right_target=target,
        wrong_target=wrong,
    )


def _hard_items_lost(world: World, dose: float, rng: np.random.Generator) -> Counts:
    """The harder an item for the model, the more probably; twice as often in the last language."""
    hard = (1 - world.solved)[:, None, :]
    return lost_items(world.counts, dose * hard * np.array([0.5, 1.0])[:, None], rng)


def _wrong_answers_lost(world: World, dose: float, rng: np.random.Generator) -> Counts:
    return lost_answers(world.counts, rng, wrong_target=dose, right_target=dose / 4)


_LEFT_OUT: Mapping[str, Treat] = {
    "memorised items left out": _listed_out,
    "half of them left out": partial(_listed_out, listed=0.5),
}
_RECALL = 0.8  # where memory is not sure
_LIST = "Leave out items that a contamination test names, or write new ones."

FLAWS: tuple[Flaw, ...] = (
    Flaw(
        key="judge",
        name="Judge errs",
        looks="A language model judges, and people who check some answers disagree with it.",
        dose="right answers lost, and of wrong ones accepted",
        spoil=_judged,
        usual=("not corrected", _as_it_is),
        others={"corrected for the judge": _corrected},
        remedy="corrected for the judge",
        advice="Label some answers, and correct for the judge.",
        affected=_everyone,
    ),
    Flaw(
        key="family",
        name="Judge prefers a family",
        looks="The judge is a relative of some models, and errs more often in their favour.",
        dose="wrong answers of one family accepted",
        spoil=_preferred,
        usual=("not corrected", _as_it_is),
        others={
            "corrected by family": _judge_by_family,
            "corrected for the average judge": _average_judge,
        },
        remedy="corrected by family",
        advice="Label answers of each family, and correct each for its own errors; or take "
        "another judge.",
        affected=_own,
    ),
    Flaw(
        key="memorised",
        name="Source memorised",
        looks="The benchmark is older than the model, and its source items are on the web.",
        dose="items that one family knows by heart in the source language",
        spoil=_contaminated,
        usual=("all items", _as_it_is),
        others={**_LEFT_OUT, "all items, profile direct": partial(_as_it_is, profile="direct")},
        remedy="memorised items left out",
        advice=_LIST,
        affected=_own,
    ),
    Flaw(
        key="memorised-partly",
        name="Source half remembered",
        looks="The same, and what is remembered is not always recalled.",
        dose="items that one family recalls four times in five in the source language",
        spoil=partial(_contaminated, recall=_RECALL),
        usual=("all items", _as_it_is),
        others=_LEFT_OUT,
        remedy="memorised items left out",
        advice=_LIST,
        affected=_own,
    ),
    Flaw(
        key="memorised-pooled",
        name="Memorised, pooled",
        looks="Known by heart, and scores are averaged over the hardness that models meet.",
        dose="items that one family knows by heart in the source language",
        spoil=_contaminated,
        usual=("all items", partial(_as_it_is, reference="pooled")),
        others={"memorised items left out": partial(_listed_out, reference="pooled")},
        remedy="memorised items left out",
        advice=_LIST,
        affected=_own,
    ),
    Flaw(
        key="memorised-everywhere",
        name="All languages memorised",
        looks="The translations are on the web as well.",
        dose="items that one family knows by heart in every language",
        spoil=partial(_contaminated, in_targets=True),
        usual=("all items", _as_it_is),
        others={"memorised items left out": _listed_out},
        remedy="memorised items left out",
        advice=_LIST,
        affected=_own,
    ),
    Flaw(
        key="translations",
        name="Broken translations",
        looks="All models fail on some items in one language, strong ones too.",
        dose="items that nobody can answer in a target language",
        spoil=_broken,
        usual=("all items", _as_it_is),
        others={"suspect items left out": _suspects_out},
        remedy="suspect items left out",
        advice="Leave out items that all models fail on far more often than in the source "
        "language, after a look at them.",
        affected=_everyone,
    ),
    Flaw(
        key="unreadable",
        name="Unreadable answers",
        looks="No answer is found in the text of a model, most often of a weak one.",
        dose="target answers of the weakest models that cannot be read",
        spoil=_unreadable,
        usual=("counted as wrong", _wrong),
        others={"dropped": _as_it_is},
        remedy="dropped",
        advice="Drop them, if a sample shows that right answers are as often unreadable as wrong "
        "ones.",
        affected=_weakest,
    ),
    Flaw(
        key="unreadable-wrong",
        name="Unreadable if wrong",
        looks="The same, and wrong answers are unreadable twice as often as right ones.",
        dose="right target answers of the weakest models that cannot be read",
        spoil=partial(_unreadable, if_wrong=2.0),
        usual=("counted as wrong", _wrong),
        others={"dropped": _as_it_is},
        remedy="",
        advice="Mend the reading of answers, or state both scores.",
        affected=_weakest,
    ),
    Flaw(
        key="hard-items",
        name="Hard items missing",
        looks="Answers to hard items ran too long and are not in the files.",
        dose="items missing in the worst language, where a model never solves them in the source",
        spoil=_hard_items_lost,
        usual=("items in both", _as_it_is),
        others={"missing counted as wrong": _wrong},
        remedy="",
        advice="Score the items that are there in both languages.",
        affected=_everyone,
    ),
    Flaw(
        key="wrong-answers",
        name="Wrong answers missing",
        looks="Runs that ended in a loop are not in the files, and most were wrong.",
        dose="wrong target answers missing, and of right ones a quarter of that",
        spoil=_wrong_answers_lost,
        usual=("answers that are there", _as_it_is),
        others={"missing counted as wrong": _wrong},
        remedy="",
        advice="Run them again, or state both scores.",
        affected=_everyone,
    ),
)
"""The flaws of the book."""
