"""The study of doses: what each flaw does to simulated models, and from which dose on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hatlib.errors import InputError, Problem, listing
from hatlib.lines.distance import seed_of
from hatlib.show.words import capital, counted, headline, joined, signed
from hatlib.thresholds import BOOK, Thresholds
from hatlib.truth.nuisances.catalogue import FLAWS, Flaw
from hatlib.truth.nuisances.common import (
    HARMFUL,
    HARMLESS,
    UNCLEAR,
    Bools,
    Floats,
    mean_known,
    replication_problems,
)
from hatlib.truth.nuisances.effects import DoseVerdict, agreement, change_and_range, dose_verdict
from hatlib.truth.nuisances.world import MEASURES, World, known_models

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice


DOSES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Doses that every flaw is put to: a share of answers or of items."""


@dataclass(frozen=True)
class FlawStudy:
    """What each flaw does to simulated models of known transfer.

    Attributes
    ----------
    effects : DataFrame
        One row a flaw × treatment × measure × dose: ``change``, the mean change of the affected
        models against the same answers without the flaw, scored as usual, in units of transfer
        (a change of a metric is divided by what a unit of transfer moves it), with ``low`` and
        ``high``; ``others``, that of the other models; ``weakest`` and ``strongest``, that of the
        affected models of least and most ability; ``range`` of the change over models that
        transfer alike, with ``range_low`` and ``range_high``; ``tau`` of the measure with the
        truth over pairs whose truth differs, and ``tau_before`` without the flaw; ``scored``, the
        share of the scores that is given.
    between : DataFrame
        One row a flaw with two ways to score and no remedy × dose: ``between``, the share of the
        scores without the flaw that lie between the two; ``width``, how far these are apart.
    flaws : tuple of Flaw
    harm : float
        A larger change, or range, is harm.
    replications : int
        Simulations behind each number.
    level : float
        Of the Monte-Carlo intervals.
    """

    effects: pd.DataFrame
    between: pd.DataFrame
    flaws: tuple[Flaw, ...]
    harm: float
    replications: int
    level: float

    def verdict(self, flaw: str, treatment: str = "", measure: str = "hat") -> DoseVerdict:
        """From which dose on a flaw does harm; as answers are usually scored, by default."""
        return dose_verdict(self._of(flaw, treatment, measure), self.harm)

    def _flaw(self, key: str) -> Flaw:
        for flaw in self.flaws:
            if flaw.key == key:
                return flaw
        raise InputError(
            Problem(
                "there is no such flaw.",
                f"There are: {listing([flaw.key for flaw in self.flaws], 20)}.",
                value=key,
            )
        )

    def _of(self, flaw: str, treatment: str = "", measure: str = "hat") -> pd.DataFrame:
        usual = treatment or self._flaw(flaw).usual[0]
        frame = self.effects
        mine = (frame["flaw"] == flaw) & (frame["treatment"] == usual)
        return frame[mine & (frame["measure"] == measure)]

    def table(self) -> pd.DataFrame:
        """One row a flaw: what it looks like, and from which dose on it harms HAT.

        Returns
        -------
        DataFrame
            ``flaw``, ``looks_like``, ``a_dose_is_the_share_of``, ``verdict``.
        """
        rows = [
            {
                "flaw": flaw.name,
                "looks_like": flaw.looks,
                "a_dose_is_the_share_of": capital(flaw.dose),
                "verdict": self.verdict(flaw.key).full,
            }
            for flaw in self.flaws
        ]
        return pd.DataFrame(rows)

    def remedies(self) -> pd.DataFrame:
        """One row a flaw: what to do, and what the remedy leaves.

        Returns
        -------
        DataFrame
            ``flaw``; ``change`` of HAT at the dose ``at`` that does harm, or at the largest;
            ``what_to_do``; and, where a way to score is recommended, the change ``after_remedy``
            at that dose and the ``remedy_verdict``.
        """
        rows = []
        for flaw in self.flaws:
            dose = self._telling_dose(flaw.key)
            row = {
                "flaw": flaw.name,
                "at": dose,
                "change": self._at(flaw.key, dose)["change"],
                "what_to_do": flaw.advice,
                "after_remedy": np.nan,
                "remedy_verdict": "",
            }
            if flaw.remedy:
                row["after_remedy"] = self._at(flaw.key, dose, flaw.remedy)["change"]
                row["remedy_verdict"] = self.verdict(flaw.key, flaw.remedy).text
            rows.append(row)
        return pd.DataFrame(rows)

    def metrics(self) -> pd.DataFrame:
        """One row a flaw: from which dose on it harms each measure, scored as usual."""
        rows = [
            {"flaw": flaw.name}
            | {name: self.verdict(flaw.key, measure=key).text for key, name in MEASURES.items()}
            for flaw in self.flaws
        ]
        return pd.DataFrame(rows)

    def _telling_dose(self, flaw: str) -> float:
        """The smallest harmful dose, or the largest."""
        found = self.verdict(flaw).harmful_from
        return found if np.isfinite(found) else float(self.effects["dose"].max())

    def _at(
        self, flaw: str, dose: float, treatment: str = "", measure: str = "hat"
    ) -> dict[str, float]:
        rows = self._of(flaw, treatment, measure)
        row = rows[rows["dose"] == dose].iloc[0]
        numbers = ("change", "low", "high", "others", "range", "weakest", "strongest")
        return {name: float(row[name]) for name in (*numbers, "tau", "tau_before")}

    def table_of(self, *flaws: str) -> pd.DataFrame:
        """Every treatment of some flaws at every dose: change, range and agreement with the truth.

        Parameters
        ----------
        *flaws : str
            Keys of flaws.

        Returns
        -------
        DataFrame
            One row a flaw × treatment × dose above 0.
        """
        frame = self.effects[(self.effects["measure"] == "hat") & (self.effects["dose"] > 0)]
        names = {flaw: self._flaw(flaw).name for flaw in flaws}
        frame = frame[frame["flaw"].isin(names)].assign(flaw=lambda f: f["flaw"].map(names))
        columns = ["flaw", "treatment", "dose", "change", "low", "high", "others", "range"]
        if len(flaws) == 1:
            columns = columns[1:]
        return frame[[*columns, "tau", "scored"]].reset_index(drop=True)

    def changes_of(self, *flaws: str) -> pd.DataFrame:
        """One row a flaw × treatment: change of HAT at each dose, and the verdict.

        Parameters
        ----------
        *flaws : str
            Keys of flaws.
        """
        rows = []
        for key in flaws:
            for treatment in self._flaw(key).treatments:
                found = self._of(key, treatment)
                changes = zip(found["dose"], found["change"], strict=True)
                rows.append(
                    {"flaw": self._flaw(key).name, "scored": treatment}
                    | {f"at {dose:.0%}": change for dose, change in changes if dose > 0}
                    | {"verdict": self.verdict(key, treatment).text}
                )
        frame = pd.DataFrame(rows)
        return frame.drop(columns="flaw") if len(flaws) == 1 else frame

    def measures_of(self, flaw: str) -> pd.DataFrame:
        """One row a measure: what the flaw does to it as answers are usually scored."""
        dose = self._telling_dose(flaw)
        rows = []
        for measure, name in MEASURES.items():
            found = self._at(flaw, dose, measure=measure)
            wanted = ("change", "low", "high", "others", "range", "tau_before", "tau")
            rows.append(
                {"measure": name, "dose": dose}
                | {key: found[key] for key in wanted}
                | {"verdict": self.verdict(flaw, measure=measure).text}
            )
        return pd.DataFrame(rows)

    def chart(self) -> Figure | Notice:
        """Change of HAT, of HAT with the remedy, and of traditional metrics, by dose."""
        from hatlib.show import charts

        frames = []
        for flaw in self.flaws:
            lines = [
                (MEASURES[measure], self._of(flaw.key, measure=measure))
                for measure in ("hat", "ratio", "target_accuracy")
            ]
            if flaw.remedy:
                lines.append(("HAT, with the remedy", self._of(flaw.key, flaw.remedy)))
            frames += [frame.assign(line=line, name=flaw.name) for line, frame in lines]
        return charts.curves(
            pd.concat(frames, ignore_index=True),
            x="dose",
            y="change",
            series="line",
            facet="name",
            zero=0.0,
            name="nuisances-doses",
            title_x="Dose (share)",
            title_y="Change, in units of transfer",
            caption=(
                "Simulated models: mean change of the affected models by the dose of each flaw, "
                "against the same answers without it. A change of a metric is given as the change "
                "of transfer that would move the metric as much. On the line nothing changes."
            ),
        )

    def chart_by_ability(self, measure: str = "hat", *, near: float = 0.1) -> Figure | Notice:
        """Change of one measure for the weakest and the strongest models, flaws that hit all.

        Parameters
        ----------
        measure : str
            Key of `MEASURES`.
        near : float
            The dose nearest to this is shown.
        """
        from hatlib.show import charts

        doses = np.sort(self.effects["dose"].unique())
        dose = float(doses[np.abs(doses - near).argmin()])
        rows = [
            {"flaw": flaw.name, "models": who, "change": found[who]}
            for flaw in self.flaws
            if flaw.hits_all
            for found in [self._at(flaw.key, dose, measure=measure)]
            for who in ("weakest", "strongest")
        ]
        return charts.intervals(
            pd.DataFrame(rows, columns=["flaw", "models", "change"]),
            value="change",
            row="flaw",
            color="models",
            sort="table",
            name=f"nuisances-ability-{measure.replace('_', '-')}",
            title_x=f"Change of {MEASURES[measure]}, in units of transfer",
            format_x="+.2f",
            caption=(
                f"Simulated models: what flaws that hit all models alike change in "
                f"{MEASURES[measure]} at a dose of {dose:.0%}, for the weakest and the strongest "
                "models. On the line nothing changes."
            ),
        )

    def summary(self) -> str:
        """Which flaws do harm, from the smallest dose up, in one paragraph."""
        verdicts = {flaw.name: self.verdict(flaw.key) for flaw in self.flaws}
        harmful = {n: v for n, v in verdicts.items() if v.word == HARMFUL}
        harmless = [n for n, v in verdicts.items() if v.word == HARMLESS]
        unclear = [n for n, v in verdicts.items() if v.word == UNCLEAR]
        word = f"{len(harmful)} of {counted(len(verdicts), 'flaw')} harmful"
        text = (
            f"{headline('Flaws in simulated data', word)} Harm is a change of HAT, or of its range "
            f"over models that transfer alike, of more than {self.harm:g} at a dose of up to "
            f"{self.effects['dose'].max():.0%}."
        )
        if harmful:
            first = sorted(harmful.items(), key=lambda pair: pair[1].harmful_from)
            text += " Harmful: " + joined([f"{n} from {v.harmful_from:.0%}" for n, v in first])
            text += "."
        text += "\n\n"
        if harmless:
            text += f" Harmless at every dose: {joined(harmless)}."
        if unclear:
            text += f" Cannot tell: {joined(unclear)}."
        helped, others, none = self._remedies()
        if helped:
            text += f" With the remedy harmless at every dose: {joined(helped)}."
        if others:
            text += f" With the remedy: {joined(others)}."
        if none:
            text += f" No remedy here but bounds: {joined(none)}."
        return text.replace("\n\n ", "\n\n").strip()

    def _remedies(self) -> tuple[list[str], list[str], list[str]]:
        """Harmful flaws whose remedy is harmless at every dose, the others, and those without."""
        helped, others, none = [], [], []
        for flaw in self.flaws:
            if self.verdict(flaw.key).word != HARMFUL:
                continue
            if not flaw.remedy:
                none.append(flaw.name)
                continue
            after = self.verdict(flaw.key, flaw.remedy)
            if after.word == HARMLESS:
                helped.append(flaw.name)
            else:
                others.append(f"{flaw.name} {after.text}")
        return helped, others, none

    def summary_of(self, *flaws: str) -> str:
        """What flaws do, and what each other way to score leaves of them; a paragraph a flaw.

        Parameters
        ----------
        *flaws : str
            Keys of flaws.
        """
        return "\n\n".join(self._summary_of(flaw) for flaw in flaws)

    def _summary_of(self, flaw: str) -> str:
        about = self._flaw(flaw)
        dose = self._telling_dose(flaw)
        found = self._at(flaw, dose)
        who = "HAT" if about.hits_all else "HAT of the affected models"
        text = (
            f"{headline(f'{about.name}, simulated', self.verdict(flaw).full)} The dose is the "
            f"share of {about.dose}. At {dose:.0%}, scored as usual ({about.usual[0]}), {who} "
            f"changes by {signed(found['change'], 2)} ({signed(found['low'], 2)} to "
            f"{signed(found['high'], 2)}); the range over models that transfer alike is "
            f"{_size(found['range'])}."
        )
        if not about.hits_all:
            text += f" The other models change by {signed(found['others'], 2)}."
        text += (
            f" Kendall's tau with the truth goes from {found['tau_before']:.2f} to "
            f"{found['tau']:.2f}. Ratio: {self.verdict(flaw, measure='ratio').text}. Target "
            f"accuracy: {self.verdict(flaw, measure='target_accuracy').text}."
        )
        for way in about.others:
            after = self._at(flaw, dose, way)
            text += (
                f" {capital(way)}: a change of {signed(after['change'], 2)}, range "
                f"{_size(after['range'])}, tau {after['tau']:.2f}; {self.verdict(flaw, way).text}."
            )
        rows = self.between[(self.between["flaw"] == flaw) & (self.between["dose"] == dose)]
        if len(rows):
            text += (
                f" {rows['between'].iloc[0]:.0%} of the scores without the flaw lie between the "
                f"two, which are {rows['width'].iloc[0]:.2f} apart."
            )
        return text


def _size(value: float) -> str:
    """A size that noise can make a little smaller than 0."""
    return f"{max(value, 0.0):.2f}"


def study_flaws(
    flaws: Sequence[Flaw] = FLAWS,
    *,
    doses: Sequence[float] = DOSES,
    replications: int = 6,
    n_items: int = 300,
    n_trials: int = 10,
    rules: Thresholds = BOOK,
    seed: int = 0,
) -> FlawStudy:
    """Put flaws in doses to simulated models of known transfer, and score what comes out.

    Parameters
    ----------
    flaws : sequence of Flaw
        Which.
    doses : sequence of float
        Shares; 0 is added if it is not there.
    replications : int
        How often to simulate.
    n_items, n_trials : int
        Items, and answers an item and language.
    rules : Thresholds
        ``harm`` and ``level`` are used.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    FlawStudy

    Raises
    ------
    InputError
        If a dose is no share, or there is no replication.

    Examples
    --------
    >>> found = study_flaws(FLAWS[:1], doses=[0.2], replications=2, n_items=100)
    >>> found.verdict("judge").word in (HARMFUL, UNCLEAR)
    True
    """
    shares = sorted({0.0, *map(float, doses)})
    problems = [
        Problem("a dose is not from 0 to below 0.5.", value=f"{dose:g}")
        for dose in shares
        if not 0 <= dose < 0.5
    ]
    problems += replication_problems(replications)
    if problems:
        raise InputError(problems)
    before: dict[str, list[Floats]] = {flaw.key: [] for flaw in flaws}
    after: dict[tuple[str, str], list[list[Floats]]] = {
        (flaw.key, name): [] for flaw in flaws for name in flaw.treatments
    }
    for replication in range(replications):
        world = known_models(n_items, n_trials, np.random.default_rng([seed, replication]))
        for flaw in flaws:
            # The same random numbers at every dose, so that doses differ by the dose alone.
            numbers = [seed_of(seed, flaw.key), replication]
            spoiled = [flaw.spoil(world, dose, np.random.default_rng(numbers)) for dose in shares]
            before[flaw.key].append(flaw.usual[1](world, 0.0, world.counts))
            for name, treat in flaw.treatments.items():
                pairs = zip(shares, spoiled, strict=True)
                after[flaw.key, name].append([treat(world, dose, each) for dose, each in pairs])
    rows: list[dict[str, object]] = []
    between: list[dict[str, object]] = []
    for flaw in flaws:
        affected, clean = flaw.affected(world), np.array(before[flaw.key])
        found = {name: np.array(after[flaw.key, name]) for name in flaw.treatments}
        for name, values in found.items():
            for row in _effects(values, clean, world, affected, shares, rules["level"]):
                rows.append({"flaw": flaw.key, "treatment": name} | row)
        if len(found) == 2 and not flaw.remedy:
            hats = np.stack(list(found.values()))[:, :, :, 0, affected]
            for row in _between(hats, clean[:, 0, affected], shares):
                between.append({"flaw": flaw.key} | row)
    return FlawStudy(
        pd.DataFrame(rows),
        pd.DataFrame(between, columns=["flaw", "dose", "between", "width"]),
        tuple(flaws),
        rules["harm"],
        replications,
        rules["level"],
    )


def _effects(
    after: Floats,
    before: Floats,
    world: World,
    affected: Bools,
    doses: Sequence[float],
    level: float,
) -> Iterator[dict[str, object]]:
    """Boil values, replications × doses × measures × models, down to one row a measure × dose."""
    scale = _units(before.mean(axis=0), world)
    ends = [affected & (world.ability == world.ability[affected].min())]
    ends.append(affected & (world.ability == world.ability[affected].max()))
    for place, measure in enumerate(MEASURES):
        sign = -1 if measure == "xlt_gap" else 1
        was = before[:, place]
        tau_before = float(np.mean([agreement(sign * row, world.transfer) for row in was]))
        for d, dose in enumerate(doses):
            now = after[:, d, place]
            change = (now - was) / scale[place]
            yield {
                "measure": measure,
                "dose": dose,
                **change_and_range(change, world.level, affected, level),
                "others": float(mean_known(mean_known(change[:, ~affected]))),
                "weakest": float(mean_known(mean_known(change[:, ends[0]]))),
                "strongest": float(mean_known(mean_known(change[:, ends[1]]))),
                "tau": float(np.mean([agreement(sign * row, world.transfer) for row in now])),
                "tau_before": tau_before,
                "scored": float(np.isfinite(now).mean()),
            }


def _between(hats: Floats, clean: Floats, doses: Sequence[float]) -> Iterator[dict[str, object]]:
    """How often the score without the flaw lies between two ways to score; one row a dose.

    `hats` is of shape 2 × replications × doses × models, `clean` replications × models.
    """
    low, high = np.sort(hats, axis=0)
    for d, dose in enumerate(doses):
        inside = (low[:, d] <= clean) & (clean <= high[:, d])
        width = float((high[:, d] - low[:, d]).mean())
        yield {"dose": dose, "between": float(inside.mean()), "width": width}


def _units(values: Floats, world: World) -> Floats:
    """How far each measure moves for a unit of true transfer, at equal ability."""
    transfer = world.transfer - world.transfer.mean()
    return np.asarray(values @ transfer / (transfer @ transfer))
