"""Checks of the page that could have failed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hatlib.data.responses import Responses
from hatlib.metric.judge import Judge
from hatlib.show.words import headline, joined
from hatlib.truth.nuisances.flaws import erring_judge, lost_answers
from hatlib.truth.nuisances.missing import Holes
from hatlib.truth.nuisances.rejudging import rejudged
from hatlib.truth.nuisances.remedies import fill_in
from hatlib.truth.nuisances.study import FlawStudy
from hatlib.truth.nuisances.world import known_models, measured

_EXACT = 1e-9


@dataclass(frozen=True)
class Checks:
    """What must be true of this page, and whether it is.

    Attributes
    ----------
    rows : DataFrame
        One row a check: ``check``, what was ``found``, what it ``should_be`` and whether it
        ``holds`` (yes or no).
    """

    rows: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a check."""
        return self.rows.copy()

    def summary(self) -> str:
        """How many hold, and which do not."""
        failed = self.rows[self.rows["holds"] != "yes"]["check"].tolist()
        n = len(self.rows)
        verdict = "all hold" if not failed else f"{n - len(failed)} of {n} hold"
        text = headline("Checks", verdict)
        return f"{text} Not: {joined(failed)}." if failed else f"{text} There are {n}."


def check(study: FlawStudy, holes: Holes, responses: Responses, *, seed: int = 0) -> Checks:
    """Check that no flaw is no change, and that bounds hold what they should.

    Parameters
    ----------
    study : FlawStudy
        Whose doses of 0 are looked at.
    holes : Holes
        Whose bounds are looked at.
    responses : Responses
        The answers behind `holes`.
    seed : int
        Seed of a simulation of missing answers.

    Returns
    -------
    Checks
    """
    none = study.effects[study.effects["dose"] == 0]
    usual = {(flaw.key, flaw.usual[0]) for flaw in study.flaws}
    remedies = {(flaw.key, flaw.remedy) for flaw in study.flaws if flaw.remedy}
    keys = pd.Series(list(zip(none["flaw"], none["treatment"], strict=True)), none.index)
    as_usual = float(np.nanmax(none.loc[keys.isin(usual), ["change", "range"]].abs().to_numpy()))
    mended_rows = keys.isin(remedies) & (none["measure"] == "hat")
    mended = float(np.nanmax(none.loc[mended_rows, "change"].abs().to_numpy()))
    plain = known_models(rng=seed).counts
    same = erring_judge(plain, Judge(), seed)
    moved = float(np.nanmax(np.abs(measured(plain) - measured(same, Judge()))))
    rows: list[tuple[str, float, str, bool]] = [
        ("largest change at a dose of 0, scored as usual", as_usual, "0", as_usual == 0),
        (
            "largest change of HAT by a remedy where there is no flaw",
            mended,
            f"at most {study.harm:g}",
            mended <= study.harm,
        ),
        ("largest change by a perfect judge, simulated", moved, "0", moved < _EXACT),
    ]
    real = rejudged(responses, holes.benchmark, Judge(), draws=0)
    if not real.reason:
        change = float((real.models["corrected"] - real.models["hat"]).abs().max())
        rows.append(("largest change by a perfect judge, real", change, "0", change < _EXACT))
    held = _held_by_bounds(seed)
    rows.append(("share of scores without holes within bounds, simulated", held, "1", held == 1))
    known = holes.models.dropna(subset=["all_wrong", "all_right"])
    if len(known):
        inside = (known["all_wrong"] <= known["hat"] + _EXACT) & (
            known["hat"] <= known["all_right"] + _EXACT
        )
        share = float(inside.mean())
        rows.append(("share of scores as reported within bounds, real", share, "1", share == 1))
    frame = pd.DataFrame(rows, columns=["check", "found", "should_be", "holds"])
    return Checks(frame.assign(holds=np.where(frame["holds"], "yes", "no")))


def _held_by_bounds(seed: int, dose: float = 0.2) -> float:
    """Share of the simulated models whose score without holes lies within their bounds."""
    world = known_models(rng=seed)
    spoiled = lost_answers(
        world.counts, np.random.default_rng(seed), wrong_target=dose, right_target=dose / 4
    )
    planned = world.counts.target_trials.max(axis=0)
    clean = measured(world.counts)[0]
    ends = np.array(
        [
            [measured(fill_in(spoiled, m, planned, right))[0, m] for m in range(len(clean))]
            for right in (False, True)
        ]
    )
    return float(((ends[0] <= clean) & (clean <= ends[1])).mean())
