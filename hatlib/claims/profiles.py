"""Two transfer profiles side by side: where two models differ, and where nobody can tell.

A score is one number; a profile says on which items a model transfers.  Two models with the same
score may differ on hard and on easy items in opposite directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hatlib.errors import InputError, Problem, listing
from hatlib.metric.compare import Difference, compare_models
from hatlib.metric.results import BenchmarkScores, HatScores, thinned
from hatlib.metric.sufficient import MACRO
from hatlib.show.words import counted, headline, joined, markdown_text
from hatlib.truth.answers import Simulated
from hatlib.truth.recovery import MEASURES

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

Floats = NDArray[np.float64]

TITLE_X = "Probability of a correct answer in the source language"
TITLE_Y = "Expected accuracy in the target languages"

ENOUGH = 10
"""With fewer items near a point, a profile there rests on its shape and on the other models."""

_NEAR = 0.05  # of the range of *h*


@dataclass(frozen=True)
class ProfilePair:
    """The transfer profiles of two models on the same items, and their difference.

    Attributes
    ----------
    scores : HatScores
        Where they come from.
    benchmark, benchmark_name : str
    models, names : tuple of str
        The two models, and their readable names; fewer if there are no two with a score.
    points : DataFrame
        One row a point of the profiles: ``source_probability``, ``expected_a``, ``expected_b``,
        their ``difference`` with ``low`` and ``high``, and about how many items each model has
        within a twentieth of the range (``items_a``, ``items_b``). The band holds for all points
        at once.
    stretches : DataFrame
        Where both models have items and the band excludes 0: ``start``, ``end``, ``better``
        (readable name), the largest ``difference``, and about how many items each model has
        there (``items_a``, ``items_b``).
    reason : str
        Why there is no pair; empty if there is one.
    """

    scores: HatScores
    benchmark: str
    benchmark_name: str
    models: tuple[str, ...]
    names: tuple[str, ...]
    points: pd.DataFrame
    stretches: pd.DataFrame
    reason: str

    def table(self) -> pd.DataFrame:
        """One row a point of the profiles."""
        return self.points.copy()

    def comparison(self) -> Difference | None:
        """The paired difference of the two scores; None if there is no pair."""
        if self.reason:
            return None
        return compare_models(self.scores, *self.models, benchmark=self.benchmark)

    def measures(self) -> pd.DataFrame:
        """One row a measure: its value for each model, and the difference of the two."""
        found = self.comparison()
        if found is None:
            return pd.DataFrame()
        titles = {"a": f"A: {self.names[0]}", "b": f"B: {self.names[1]}"}
        words = {"measure": MEASURES | {"source_accuracy": "Source accuracy"}}
        return found.table().replace(words).rename(columns=titles)

    def chart(self) -> Figure | Notice:
        """Both profiles with their bands, and the groups of items that they were fitted to."""
        from hatlib.show import charts

        chosen = self.scores.benchmark(self.benchmark)
        lines, bins = self._profiles(), self._bins()
        return charts.curves(
            lines[lines["source_probability"] >= chosen.chance - 1e-9],
            x="source_probability",
            y="expected_target",
            low="low" if chosen.bands is not None else None,
            high="high" if chosen.bands is not None else None,
            series="display_name",
            points=bins.rename(columns={"target_rate": "expected_target"}),
            size="n_items",
            name=f"profiles-{self.benchmark}",
            title_x=TITLE_X,
            title_y=TITLE_Y,
            caption=(
                f"Transfer profiles on {self.benchmark_name}. Each dot is a group of items that "
                "look equally hard, and its area is their number. It stands at the probability "
                "that the group most likely has, not at the rate that was seen. Bands are "
                f"{self.scores.level:.0%} intervals at each point."
            ),
        )

    def difference_chart(self, simulated: Simulated | None = None) -> Figure | Notice:
        """The difference of the profiles with a band that holds everywhere at once.

        With `simulated` the difference that was built in is drawn, too.
        """
        from hatlib.show import charts

        if self.reason:
            return charts.Notice(self.reason)
        a, b = self.names
        frame = self.points.assign(line="estimate")
        if simulated is not None:
            truth = self._truth(simulated).pivot_table(
                "expected_target", "source_probability", "model"
            )
            built = truth[self.models[0]] - truth[self.models[1]]
            frame = pd.concat(
                [
                    frame,
                    pd.DataFrame(
                        {
                            "source_probability": built.index,
                            "difference": built.to_numpy(),
                            "low": built.to_numpy(),
                            "high": built.to_numpy(),
                            "line": "built in",
                        }
                    ),
                ],
                ignore_index=True,
            )
        return charts.curves(
            frame,
            x="source_probability",
            y="difference",
            low="low",
            high="high",
            series="line",
            zero=0.0,
            name=f"profile-difference-{self.benchmark}",
            title_x=TITLE_X,
            title_y=f"{a} minus {b}",
            caption=(
                f"{self.benchmark_name}: by how much {a} is expected to be more accurate in the "
                f"target languages than {b}, for items of each hardness. The band holds at all "
                f"points at once with {self.scores.level:.0%} confidence, from redraws of the "
                f"same items for both. {self._reach()}"
            ),
        )

    def truth_chart(self, simulated: Simulated) -> Figure | Notice:
        """For simulated models: each estimated profile beside the one that was built in."""
        from hatlib.show import charts

        found = self._profiles().assign(line="estimate")
        truth = self._truth(simulated).assign(line="built in")
        truth = truth.assign(low=truth["expected_target"], high=truth["expected_target"])
        shown = dict(zip(self.models, self.names, strict=True))
        bins = self._bins().rename(columns={"target_rate": "expected_target"})
        frame = pd.concat([found, truth], ignore_index=True)
        order = frame["model"].map(self.models.index)
        return charts.curves(
            frame.assign(panel=frame["model"].map(shown), order=order).sort_values("order"),
            x="source_probability",
            y="expected_target",
            low="low",
            high="high",
            series="line",
            facet="panel",
            points=bins.assign(line="estimate", panel=bins["model"].map(shown)),
            size="n_items",
            name=f"profiles-and-truth-{self.benchmark}",
            title_x=TITLE_X,
            title_y=TITLE_Y,
            caption=(
                f"{self.benchmark_name}, two simulated models: the estimated profile with its "
                "band, the groups of items behind it, and the profile that was built in."
            ),
        )

    def summary(self) -> str:
        """Where the two differ, in sentences made from the numbers."""
        if self.reason:
            return f"{headline(self.benchmark_name, 'nothing to compare')} {self.reason}"
        found = self.comparison()
        text = found.summary() if found is not None else ""
        text += f" {self._reach()}"
        if not self._supported.any():
            return text
        if self.stretches.empty:
            return f"{text} Where both have items, the band round their difference holds 0."
        better = self.stretches["better"].unique()
        parts = [
            f"{markdown_text(row['better'])} is ahead {_span(row['start'], row['end'])}, "
            f"by up to {abs(row['difference']):.2f}"
            for row in self.stretches.to_dict("records")
        ]
        cross = "The profiles cross: where" if len(better) > 1 else "Where"
        return f"{text} {cross} both have items, {joined(parts)}."

    @property
    def _supported(self) -> pd.Series:
        return _supported(self.points)

    def _reach(self) -> str:
        """Where both models have items, in a sentence."""
        known = self.points.loc[self._supported, "source_probability"]
        if known.empty:
            return "Nowhere do both models have enough items to compare their profiles."
        ends = [f"{known.min():.2f}", f"{known.max():.2f}"]
        text = f"Both models have items at source probabilities of {' to '.join(ends)}"
        if len(set(ends)) == 1:
            text = f"Both models have enough items only near a source probability of {ends[0]}"
        if self._supported.all():
            return f"{text}."
        return f"{text}; elsewhere the profiles rest on their shape."

    def _profiles(self) -> pd.DataFrame:
        return self._mine(self.scores.profiles(self.benchmark))

    def _bins(self) -> pd.DataFrame:
        return self._mine(self.scores.bins(self.benchmark))

    def _mine(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["model"].isin(self.models) & (frame["target"] == MACRO)]

    def _truth(self, simulated: Simulated) -> pd.DataFrame:
        truth = simulated.profiles()
        return self._mine(truth[truth["benchmark"] == self.benchmark])


def profile_pair(
    scores: HatScores, a: str = "", b: str = "", *, benchmark: str = ""
) -> ProfilePair:
    """Put the profiles of two models side by side.

    Parameters
    ----------
    scores : HatScores
        From `hatlib.hat_scores`, with redraws.
    a, b : str
        Two models, by name or display name. If they are empty: the two that are furthest apart
        among those whose scores have support, else among all with a score; if one is given, the
        one that is furthest from it.
    benchmark : str
        Which benchmark; the first if none is named.

    Returns
    -------
    ProfilePair

    Raises
    ------
    InputError
        If a name is not known, the models are the same, or there are no redraws.

    Notes
    -----
    The band is the estimate ± *c* standard errors. The standard errors come from redraws of the
    items, the same for both models, and *c* is the quantile of the largest standardised departure
    of a redraw over all points, so that the band holds everywhere at once.

    Examples
    --------
    >>> from hatlib import hat_scores, simulate_answers
    >>> simulated = simulate_answers([0, 0], profiles=["linear", "square"], n_items=800)
    >>> pair = profile_pair(hat_scores(simulated.responses, draws=200))
    >>> pair.names, bool(pair.points["low"].le(pair.points["difference"]).all())
    (('Alder', 'Aspen'), True)
    """
    chosen = scores.benchmark(benchmark)
    if chosen.curve_draws is None and np.isfinite(chosen.hat[:, 0]).any():
        raise InputError(Problem("the scores have no redraws.", "Score with draws=2000."))
    display = dict(zip(scores.models["model"], scores.models["display_name"], strict=True))
    named = [_model(chosen, display, name) for name in (a, b) if name]
    if len(named) == 2 and named[0] == named[1]:
        raise InputError(Problem("a model is compared with itself.", "Name two.", value=a))
    at = _furthest(chosen, named)
    if len(named) == 1 and len(at) == 2 and b:
        at = at[::-1]
    models = tuple(chosen.models[m] for m in at)
    names = _readable(models, display)
    title = scores.names.get(chosen.benchmark, chosen.benchmark)
    if len(at) < 2:
        reason = (
            f"Two models with a score are needed, and {counted(len(at), 'model')} of "
            f"{markdown_text(title)} {'has' if len(at) == 1 else 'have'} one. Add answers "
            "of another model, or several answers an item."
        )
        none = pd.DataFrame(columns=list(_POINTS), dtype=float)
        return ProfilePair(
            scores, chosen.benchmark, title, models, names, none, pd.DataFrame(), reason
        )
    points = _difference(chosen, at[0], at[1], scores.level)
    stretches = _stretches(chosen, points, at, names)
    return ProfilePair(scores, chosen.benchmark, title, models, names, points, stretches, "")


def profile_difference(scores: HatScores, a: str, b: str, *, benchmark: str = "") -> pd.DataFrame:
    """The difference of two macro profiles, point by point; see `profile_pair`.

    Returns
    -------
    DataFrame
        The points of `ProfilePair`.

    Examples
    --------
    >>> from hatlib import hat_scores, simulate_answers
    >>> simulated = simulate_answers([0, 0], profiles=["linear", "square"], n_items=400)
    >>> scores = hat_scores(simulated.responses, draws=50)
    >>> len(profile_difference(scores, "Alder", "Aspen"))
    21
    """
    return profile_pair(scores, a, b, benchmark=benchmark).table()


def pair_table(scores: HatScores) -> pd.DataFrame:
    """The two models of each benchmark that are furthest apart, and where they differ.

    Returns
    -------
    DataFrame
        One row a benchmark: ``benchmark_name``, ``model_a``, ``model_b``, the
        ``difference`` of their scores with ``low`` and ``high``, and ``where`` the profiles
        differ, or why there is no pair.
    """
    rows: list[dict[str, object]] = []
    for each in scores.benchmarks:
        pair = profile_pair(scores, benchmark=each.benchmark)
        found = pair.comparison()
        row: dict[str, object] = {
            "benchmark_name": pair.benchmark_name,
            "model_a": "",
            "model_b": "",
        }
        if found is None:
            rows.append(row | {"where": pair.reason})
            continue
        where = [
            f"{each['better']} ahead {_span(each['start'], each['end'])}"
            for each in pair.stretches.to_dict("records")
        ]
        rows.append(
            row
            | {
                "model_a": pair.names[0],
                "model_b": pair.names[1],
                "difference": found.difference,
                "low": found.low,
                "high": found.high,
                "where": "; ".join(where) or "nowhere clearly",
            }
        )
    columns = ["benchmark_name", "where", "model_a", "model_b", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def band_check(scores: HatScores, simulated: Simulated) -> pd.DataFrame:
    """How often the band of a difference holds the true difference of two simulated profiles.

    Every pair of scored models is tried.

    Returns
    -------
    DataFrame
        One row a benchmark: ``pairs``, the share whose band holds the truth at ``all_points``,
        and the share of points that are held, ``each_point``. Pairs share models, so that the
        shares are not as sure as their number suggests.
    """
    rows = []
    truth = simulated.profiles()
    truth = truth[truth["target"] == MACRO]
    for b in scores.benchmarks:
        grid = b.hardness.grid[thinned(b.hardness.grid, b.chance)]
        mine = truth[truth["benchmark"] == b.benchmark]
        curves = [
            np.interp(grid, part["source_probability"], part["expected_target"])
            for part in (mine[mine["model"] == m] for m in b.models)
        ]
        known = np.flatnonzero(np.isfinite(b.hat[:, 0])).tolist()
        inside = []
        for i, j in ((i, j) for i in known for j in known if i < j):
            points = _difference(b, i, j, scores.level)
            built = curves[i] - curves[j]
            inside.append((points["low"] <= built) & (built <= points["high"]))
        held = np.array(inside)
        rows.append(
            {
                "benchmark_name": scores.names.get(b.benchmark, b.benchmark),
                "pairs": len(held),
                "all_points": float(held.all(axis=1).mean()) if len(held) else np.nan,
                "each_point": float(held.mean()) if len(held) else np.nan,
            }
        )
    return pd.DataFrame(rows)


def band_summary(scores: HatScores, simulated: Simulated) -> str:
    """How often the bands hold the truth, in sentences made from the numbers."""
    table = band_check(scores, simulated)
    parts = [
        f"{markdown_text(row['benchmark_name'])} {row['all_points']:.0%} of "
        f"{counted(row['pairs'], 'pair')}"
        for row in table.to_dict("records")
        if row["pairs"]
    ]
    if not parts:
        return "**Simulated, with known truth: nothing to check.** No pair of models has scores."
    return (
        f"**Simulated, with known truth: how often the band holds the true difference at every "
        f"point.** It should do so {scores.level:.0%} of the time; it does for {joined(parts)}. "
        "Pairs share models, so these shares are rough."
    )


_POINTS = (
    *("source_probability", "expected_a", "expected_b", "difference", "low", "high"),
    *("items_a", "items_b"),
)


# Parts ------------------------------------------------------------------------------------------


def _difference(b: BenchmarkScores, i: int, j: int, level: float) -> pd.DataFrame:
    """Two macro profiles at the kept points, and their difference with a simultaneous band."""
    kept = thinned(b.hardness.grid, b.chance)
    first, second = b.curves[i, 0, kept], b.curves[j, 0, kept]
    if b.curve_draws is None:
        raise InputError(Problem("the scores have no redraws.", "Score with draws=2000."))
    redrawn = b.curve_draws[:, i] - b.curve_draws[:, j]
    se = np.maximum(redrawn.std(axis=0, ddof=1), 1e-9)
    departure = np.abs(redrawn - redrawn.mean(axis=0)) / se
    reach = np.quantile(departure.max(axis=1), level) * se
    grid = b.hardness.grid
    near = np.abs(grid[kept, None] - grid) <= _NEAR * (1 - b.chance)
    items = [b.n_items[m, 0] * (near @ b.hardness.distribution[m]) for m in (i, j)]
    return pd.DataFrame(
        {
            "source_probability": grid[kept],
            "expected_a": first,
            "expected_b": second,
            "difference": first - second,
            "low": first - second - reach,
            "high": first - second + reach,
            "items_a": items[0],
            "items_b": items[1],
        }
    )


def _supported(points: pd.DataFrame) -> pd.Series:
    """Points near which both models have enough items."""
    return (points["items_a"] >= ENOUGH) & (points["items_b"] >= ENOUGH)


def _stretches(
    b: BenchmarkScores, points: pd.DataFrame, at: list[int], names: tuple[str, ...]
) -> pd.DataFrame:
    """Runs of supported points at which the band excludes 0 on the same side."""
    clear = (points["low"] > 0) | (points["high"] < 0)
    side = np.sign(points["difference"]) * (clear & _supported(points))
    run = (side != side.shift()).cumsum()
    h = points["source_probability"].to_numpy()
    edges = np.concatenate([[-np.inf], (h[1:] + h[:-1]) / 2, [np.inf]])
    rows = []
    for _, part in points[side != 0].groupby(run[side != 0]):
        first, last = int(part.index[0]), int(part.index[-1])
        inside = (b.hardness.grid > edges[first]) & (b.hardness.grid <= edges[last + 1])
        items = [
            round(float(b.n_items[m, 0] * b.hardness.distribution[m, inside].sum())) for m in at
        ]
        most = part["difference"].abs().idxmax()
        rows.append(
            {
                "start": h[first],
                "end": h[last],
                "better": names[0] if side[first] > 0 else names[1],
                "difference": points["difference"][most],
                "items_a": items[0],
                "items_b": items[1],
            }
        )
    return pd.DataFrame(rows)


def _span(start: float, end: float) -> str:
    """Where a stretch lies, in words."""
    ends = f"{start:.2f}", f"{end:.2f}"
    return f"near {ends[0]}" if ends[0] == ends[1] else f"from {ends[0]} to {ends[1]}"


def _furthest(b: BenchmarkScores, named: list[int]) -> list[int]:
    """The two models that are furthest apart, the better one first; those named are kept."""
    if len(named) == 2:
        return named
    hat = b.hat[:, 0]
    known = np.flatnonzero(np.isfinite(hat))
    sound = [int(m) for m in known if b.flags[m, 0] == ""]
    pool = sound if len(sound) >= 2 else [int(m) for m in known]
    if named:
        rest = [m for m in pool if m != named[0]] or [int(m) for m in known if m != named[0]]
        if not np.isfinite(hat[named[0]]) or not rest:
            return named if np.isfinite(hat[named[0]]) else []
        return [named[0], max(rest, key=lambda m: abs(hat[m] - hat[named[0]]))]
    ranked = sorted(pool, key=lambda m: -hat[m])
    return [ranked[0], ranked[-1]] if len(ranked) > 1 else ranked


def _model(b: BenchmarkScores, display: dict[str, str], name: str) -> int:
    shown = [display.get(m, m) for m in b.models]
    if name in b.models:
        return b.models.index(name)
    if shown.count(name) == 1:
        return shown.index(name)
    there = f"There are: {listing(b.models, 40)}."
    raise InputError(Problem(f"there is no such model on {b.benchmark}.", there, value=name))


def _readable(models: tuple[str, ...], display: dict[str, str]) -> tuple[str, ...]:
    """Readable names; the models' own where two would read alike."""
    names = tuple(str(display.get(m, m)) for m in models)
    return names if len(set(names)) == len(names) else models
