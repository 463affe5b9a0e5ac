"""Judge all models by the items that one family of models finds hard.

Is a family favoured if its own members say what is hard?  Every lineage of two or more models
lends its hardness to all others, and scores are compared with those by the hardness of all models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from hatlib.claims.agreement import UNSURE, tau_text
from hatlib.claims.alternatives import Alternatives, alternatives, tally
from hatlib.data.responses import Responses
from hatlib.metric.hardness import LINEAGE, MIN_MODELS
from hatlib.show.words import headline, markdown_text, signed
from hatlib.thresholds import BOOK, Thresholds

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice


@dataclass(frozen=True)
class Families:
    """Scores of one set with the hardness that each family of models gives, beside pooled ones.

    Attributes
    ----------
    found : Alternatives
        With the measures "pooled" and one for each lineage of at least two models.
    """

    found: Alternatives

    @property
    def lineages(self) -> list[str]:
        """Lineages that lend their hardness."""
        return [m.removeprefix(LINEAGE) for m in self.found.measures if m.startswith(LINEAGE)]

    def table(self) -> pd.DataFrame:
        """One row a lineage that lends its hardness and a model.

        Returns
        -------
        DataFrame
            ``hardness_from``, ``display_name``, ``lineage``, ``own`` (whether the model is of
            that lineage), ``hat``, ``pooled`` (score with pooled hardness), ``change``, and
            whether one of the two is ``flagged``.
        """
        f, rows = self.found, []
        if not self.lineages:
            return pd.DataFrame(columns=list(_COLUMNS))
        base = f.under("pooled").hat[:, 0]
        for lineage in self.lineages:
            b = f.under(LINEAGE + lineage)
            fine = f.sound("pooled", LINEAGE + lineage)
            for m, name in enumerate(f.names):
                rows.append(
                    {
                        "hardness_from": lineage,
                        "display_name": name,
                        "lineage": f.counts.lineages[m],
                        "own": f.counts.lineages[m] == lineage,
                        "hat": b.hat[m, 0],
                        "pooled": base[m],
                        "change": b.hat[m, 0] - base[m],
                        "flagged": not fine[m],
                    }
                )
        return pd.DataFrame(rows)

    def chart(self) -> Figure | Notice:
        """Change of each model's score by whose hardness it is judged."""
        from hatlib.show import charts

        table = self.table()
        table = table.sort_values(["lineage", "display_name"], kind="stable")
        table["column"] = table["hardness_from"].astype(str)
        return charts.heat(
            table,
            x="column",
            y="display_name",
            value="change",
            middle=0.0,
            grey="flagged",
            format_value="+.2f",
            name=f"family-hardness-{self.found.benchmark}",
            title_x="Hardness from the lineage",
            title_value="Change of HAT",
            caption=(
                f"{self.found.title}: by how much the score of each model changes if one lineage "
                "alone says how hard the items are, against the hardness from all models. Models "
                "are sorted by lineage. Grey tiles are flagged scores."
            ),
        )

    def agreements(self) -> pd.DataFrame:
        """Kendall's tau of the ranking with each family's hardness and the one with pooled."""
        table = self.found.between()
        return table[table["first"] == "pooled"].reset_index(drop=True)

    def favour(self) -> pd.DataFrame:
        """Does a family gain if its own members say what is hard?

        Returns
        -------
        DataFrame
            One row a lineage, and one for their mean (``all``): ``members`` and ``others``, mean
            change of their scores against pooled hardness; ``favour``, the first minus the
            second, with ``low`` and ``high`` from redrawn items; ``n_members``, ``verdict``.
        """
        f, rows, redrawn = self.found, [], []
        reach = stats.norm.ppf((1 + f.rules["level"]) / 2)
        for lineage in self.lineages:
            fine = f.sound("pooled", LINEAGE + lineage)
            own = np.array([each == lineage for each in f.counts.lineages])
            if not (fine & own).any() or not (fine & ~own).any():
                continue
            (hat, draws), (base, base_draws) = (
                f.redrawn(measure) for measure in (LINEAGE + lineage, "pooled")
            )
            change, changes = hat - base, draws - base_draws
            members, others = change[fine & own].mean(), change[fine & ~own].mean()
            redrawn.append(changes[:, fine & own].mean(axis=1) - changes[:, fine & ~own].mean(1))
            rows.append((lineage, int((fine & own).sum()), members, others, redrawn[-1]))
        if len(rows) > 1:
            mean = [float(np.mean([row[place] for row in rows])) for place in (2, 3)]
            rows.append(("all", sum(row[1] for row in rows), *mean, np.mean(redrawn, axis=0)))
        table = pd.DataFrame(
            [
                {
                    "hardness_from": lineage,
                    "n_members": n,
                    "members": members,
                    "others": others,
                    "favour": members - others,
                    "low": members - others - reach * draws.std(ddof=1),
                    "high": members - others + reach * draws.std(ddof=1),
                }
                for lineage, n, members, others, draws in rows
            ],
            columns=list(_FAVOURS),
        )
        words = [
            favour_verdict(low, high, f.rules["harm"])
            for low, high in zip(table["low"], table["high"], strict=True)
        ]
        return table.assign(verdict=pd.Series(words, index=table.index, dtype=str))

    def favour_chart(self) -> Figure | Notice:
        """How much a family gains if its own members say what is hard."""
        from hatlib.show import charts

        return charts.intervals(
            self.favour(),
            value="favour",
            low="low",
            high="high",
            row="hardness_from",
            sort="table",
            name=f"family-favour-{self.found.benchmark}",
            title_x="Gain of its own members (HAT)",
            title_row="Hardness from",
            format_x="+.2f",
            caption=(
                f"{self.found.title}: change of the scores of a lineage's own members minus that "
                "of all others, if that lineage alone says how hard the items are. Right of the "
                "line a family is favoured by its own hardness. Bars are intervals from redrawn "
                "items."
            ),
        )

    def summary(self) -> str:
        """Whether families are favoured by their own hardness, in sentences made from numbers."""
        table, name = self.favour(), self.found.title
        if table.empty:
            return (
                f"{headline(f'Own family, {name}', UNSURE)} There is no lineage of two or more "
                f"models, with scores, among at least {MIN_MODELS} models."
            )
        row = table.to_dict("records")[-1]
        of = "on average " if row["hardness_from"] == "all" else ""
        text = (
            f"{headline(f'Own family, {name}', row['verdict'])} If a lineage alone says how hard "
            f"the items are, its members gain {of}{signed(row['favour'], 3)} "
            f"[{signed(row['low'], 3)}, {signed(row['high'], 3)}] against the others."
        )
        taus = self.agreements().dropna(subset="tau")
        if len(taus):
            least = taus.sort_values("tau").to_dict("records")[0]
            number = tally(taus["verdict"].tolist())
            lineage = markdown_text(str(least["second"]).removeprefix(LINEAGE))
            text += (
                f" Against the ranking with pooled hardness {number}; tau is lowest with "
                f"hardness from {lineage}: {tau_text(least)}."
            )
        return text


def favour_verdict(low: float, high: float, harm: float) -> str:
    """Judge the interval of what a family gains by its own hardness.

    Examples
    --------
    >>> favour_verdict(0.01, 0.2, 0.05), favour_verdict(-0.2, -0.01, 0.05)
    ('favoured', 'put behind')
    >>> favour_verdict(-0.03, 0.03, 0.05), favour_verdict(-0.1, 0.1, 0.05)
    ('no favour to speak of', 'cannot tell')
    """
    if low > 0:
        return "favoured"
    if high < 0:
        return "put behind"
    return "no favour to speak of" if -harm < low and high < harm else UNSURE


def family_hardness(
    responses: Responses,
    benchmark: str,
    *,
    reference: str = "auto",
    draws: int = 300,
    seed: int = 0,
    kind: str = "real",
    rules: Thresholds = BOOK,
) -> Families:
    """Score all models with the hardness that one lineage gives, lineage by lineage.

    Parameters are those of `alternatives`.

    Returns
    -------
    Families

    Examples
    --------
    >>> from hatlib import load_responses
    >>> found = family_hardness(load_responses(sets="copa-dialects"), "copa-dialects", draws=50)
    >>> found.lineages
    ['GPT', 'GaMS', 'Gemini']
    """
    lineages = responses.counts(benchmark).lineages
    several = sorted({each for each in lineages if lineages.count(each) > 1})
    some = ["pooled", *(LINEAGE + each for each in several)] if len(set(lineages)) > 1 else []
    return Families(
        alternatives(
            responses,
            benchmark,
            measures=some,
            reference=reference,
            draws=draws,
            seed=seed,
            kind=kind,
            rules=rules,
        )
    )


_COLUMNS: Sequence[str] = (
    *("hardness_from", "display_name", "lineage", "own", "hat", "pooled", "change", "flagged"),
)
_FAVOURS: Sequence[str] = (
    *("hardness_from", "n_members", "members", "others", "favour", "low", "high"),
)
