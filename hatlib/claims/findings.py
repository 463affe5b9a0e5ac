"""The paper's findings as claims that data can contradict, tested on every set that can speak.

Each claim says that a number lies above a margin: how much small models fall short, what a doubling
of size, a year or thinking adds to transfer.  Two kinds of evidence stand apart and are never
pooled: HAT scores of answers item by item, and *effective transfer* in published accuracies, the
distance from the line of target on source accuracy.

A claim is *supported* on a set if the number lies clearly above its margin, *contradicted* if
clearly below, and else nobody *can tell*.  Clear means: by a p-value that is corrected (Holm) for
the number of sets on which the claim was tested with this kind of evidence.  Beside "cannot tell"
stands the power: how often the test would have supported the claim if it were true by a stated
amount.  All thresholds come from `hatlib.thresholds` and were fixed before the tests were run.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from hatlib.claims import gains
from hatlib.claims.ladders import size_ladders
from hatlib.claims.small import small_models
from hatlib.claims.thinking import thinking_pairs
from hatlib.claims.trends import release_trends
from hatlib.metric.results import HatScores
from hatlib.resample import FEW_CLUSTERS
from hatlib.show.words import capital, counted, headline, joined, markdown_text, signed
from hatlib.thresholds import BOOK, Thresholds
from hatlib.truth.design import Scenario

if TYPE_CHECKING:
    from hatlib.show.charts import Figure, Notice

HAT = "HAT score"
LINE = "effective transfer"

SUPPORTED = "supported"
CONTRADICTED = "contradicted"
MIXED = "sets disagree"
CANNOT_TELL = "cannot tell"
NOT_TESTED = "no set can speak to it"


@dataclass(frozen=True)
class Claim:
    """Something that data can support or contradict: a number lies above a margin.

    Attributes
    ----------
    name : str
        Short name.
    says : str
        The claim in words.
    number : str
        The number, in words.
    margin : tuple of str and float
        Threshold and factor whose product is the margin; an empty name is a margin of 0.
    worth : str
        Threshold: how far above the margin is worth seeing.
    """

    name: str
    says: str
    number: str
    margin: tuple[str, float]
    worth: str

    def limit(self, rules: Thresholds, evidence: str = HAT) -> float:
        """The margin."""
        name, factor = self.margin
        if not name:
            return 0.0
        return factor * rules[f"{name}_line" if evidence == LINE else name]

    def effect(self, rules: Thresholds, evidence: str = HAT) -> float:
        """What is worth seeing: how far above the margin."""
        # Small models that fall short of nothing are above the margin by all of it.
        return abs(self.limit(rules, evidence)) if self.margin[0] else rules[self.worth]


CLAIMS = (
    Claim(
        "small",
        "Transfer in small models is not broken",
        "small minus larger models",
        ("broken", -1.0),
        "",
    ),
    Claim(
        "size",
        "Transfer grows with model size",
        "change for each doubling of size",
        ("", 0.0),
        "worth_size",
    ),
    Claim(
        "slower",
        "It grows more slowly with size than target accuracy suggests",
        "target accuracy minus HAT, change for each doubling of size",
        ("", 0.0),
        "worth_size",
    ),
    Claim(
        "time",
        "Later releases transfer better",
        "change for each year, at equal size",
        ("", 0.0),
        "worth_year",
    ),
    Claim(
        "thinking",
        "Thinking helps transfer",
        "change with more thinking",
        ("", 0.0),
        "worth_thinking",
    ),
)

NOT_FOR_LINES = (
    "In published accuracies the adjusted gain is the raw gain less what source accuracy explains. "
    "Their difference says only that source accuracy grows with size, so it is no test."
)
"""Why published accuracies are not asked whether transfer lags behind target accuracy."""

_COLUMNS = [
    "claim", "evidence", "set", "set_name", "estimate", "low", "high", "margin", "p_value",
    "holm", "verdict", "power", "smallest", "n", "interval_for",
]  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """Every claim on every set, with a verdict.

    Attributes
    ----------
    tests : DataFrame
        One row a claim × evidence × set that can speak to it; see `table`.
    silent : DataFrame
        One row a claim × evidence × set that cannot: ``claim``, ``evidence``, ``set``,
        ``set_name``, ``reason``.
    rules : Thresholds
        What was fixed before.
    simulated : bool
        Whether the models are simulated.
    """

    tests: pd.DataFrame
    silent: pd.DataFrame
    rules: Thresholds = BOOK
    simulated: bool = False

    def table(self, claim: str = "") -> pd.DataFrame:
        """Every test: one row a claim × evidence × set.

        Returns
        -------
        DataFrame
            ``estimate`` with ``low`` and ``high`` (not corrected for the number of tests),
            ``margin`` above which it should lie, ``holm``, the p-value against the margin corrected
            for the number of sets, ``verdict``, ``power`` if the claim were true by the amount
            that is worth seeing, ``smallest``, the amount that would be seen with the power that
            is asked for, ``n``, what was compared, and whom the interval speaks of.
        """
        columns = [c for c in _COLUMNS if c not in ("set", "p_value")]
        rows = self.tests[self.tests["claim"] == claim] if claim else self.tests
        return rows[columns].reset_index(drop=True)

    def verdicts(self) -> pd.DataFrame:
        """One row a claim × evidence: the verdict over all sets.

        Returns
        -------
        DataFrame
            ``claim``, ``says``, ``evidence``, ``verdict``, ``tested`` sets, how many of them
            ``supported`` and ``contradicted``, ``about``: whom the sets that decide speak of,
            ``weak``: how many had less power than is asked for, ``best_power`` among the sets,
            and ``silent``, the sets that cannot speak.
        """
        rows = []
        for claim in CLAIMS:
            for evidence in (HAT, LINE):
                mine = _of(self.tests, claim.name, evidence)
                for_it = int((mine["verdict"] == SUPPORTED).sum())
                against = int((mine["verdict"] == CONTRADICTED).sum())
                decided = mine.loc[mine["verdict"] != CANNOT_TELL, "interval_for"]
                rows.append(
                    {
                        "claim": claim.name,
                        "says": claim.says,
                        "evidence": evidence,
                        "verdict": _overall(len(mine), for_it, against),
                        "tested": len(mine),
                        "supported": for_it,
                        "contradicted": against,
                        "about": joined(list(dict.fromkeys(decided))) if len(decided) else "",
                        "weak": int((mine["power"] < self.rules["power"]).sum()),
                        "best_power": float(mine["power"].max()) if len(mine) else np.nan,
                        "silent": len(_of(self.silent, claim.name, evidence)),
                    }
                )
        return pd.DataFrame(rows)

    def verdict(self, claim: str, evidence: str = HAT) -> str:
        """The verdict over all sets, in a word or two."""
        found = self.verdicts()
        mine = found[(found["claim"] == claim) & (found["evidence"] == evidence)]
        return str(mine["verdict"].iloc[0])

    def summary(self, claim: str = "") -> str:
        """The verdict on one claim, or on all, in sentences made from the numbers."""
        chosen = [each for each in CLAIMS if claim in ("", each.name)]
        return "\n\n".join(self._sentence(each) for each in chosen)

    def _rows(self, claim: Claim) -> dict[str, Mapping[Hashable, Any]]:
        """The verdicts on a claim, by kind of evidence."""
        found = self.verdicts()
        mine = found[found["claim"] == claim.name].to_dict("records")
        return {str(row["evidence"]): row for row in mine}

    def _told(self, claim: Claim) -> str:
        """The verdicts on a claim in few words."""
        told = [
            f"by {_NAMES[evidence]} {row['verdict']}"
            + (" (in the models at hand)" if row["about"] == gains.THESE else "")
            for evidence, row in self._rows(claim).items()
            if row["tested"]
        ]
        return ", and ".join(told) or NOT_TESTED

    def _sentence(self, claim: Claim) -> str:
        rows = self._rows(claim)
        subject = f"{claim.says}{' (simulated models)' if self.simulated else ''}"
        text = [headline(subject, self._told(claim))]
        text += [self._evidence(claim, evidence, rows[evidence]) for evidence in (HAT, LINE)]
        return " ".join(filter(None, text))

    def _evidence(self, claim: Claim, evidence: str, row: Mapping[Hashable, Any]) -> str:
        mine = _of(self.tests, claim.name, evidence)
        name = capital(_NAMES[evidence])
        if mine.empty:
            silent = int(row["silent"])
            return f"{name}: none of {counted(silent, 'set')} can speak to it." if silent else ""
        text = f"{name}: {counted(len(mine), 'set')} tested"
        if row["supported"] or row["contradicted"]:
            parts = [
                f"{joined([markdown_text(n) for n in part['set_name']])} {_SAYS[str(verdict)]}"
                for verdict, part in mine[mine["verdict"] != CANNOT_TELL].groupby("verdict")
            ]
            text += f", {joined(parts)}"
        text += "."
        if row["about"] == gains.THESE:
            text += (
                f" This speaks of the models at hand only: for models in general it takes "
                f"{FEW_CLUSTERS} lineages."
            )
        open_ = mine[mine["verdict"] == CANNOT_TELL]
        if len(open_):
            best = open_.sort_values("power").iloc[-1]
            amount = claim.effect(self.rules, evidence)
            where = "the best of the others" if len(mine) > len(open_) else "the best of them"
            text += (
                f" If the claim were true by {amount:g}, {where} would support it in "
                f"{best['power']:.0%} of repetitions"
                + (", too seldom." if best["power"] < self.rules["power"] else ".")
            )
        return text

    def answer(self) -> str:
        """The verdicts on all claims, without their reasons, in one paragraph."""
        whose = "in simulated data" if self.simulated else "on every set that can speak to them"
        tests = f"{counted(len(self.tests), 'test')}"
        lines = [f"{claim.says} – {self._told(claim)}" for claim in CLAIMS]
        return f"**The paper's findings, {whose}: {tests}.** {'; '.join(lines)}."

    def votes(self) -> pd.DataFrame:
        """One row a claim × evidence: on how many sets the number lies on the claimed side."""
        rows = [
            {
                "claim": claim.says,
                "evidence": evidence,
                "sets": len(mine),
                "on_the_claimed_side": int((mine["estimate"] > mine["margin"]).sum()),
                "clearly": int((mine["verdict"] == SUPPORTED).sum()),
            }
            for claim in CLAIMS
            for evidence in (HAT, LINE)
            if len(mine := _of(self.tests, claim.name, evidence))
        ]
        return pd.DataFrame(rows, columns=["claim", "evidence", "sets", "on_the_claimed_side",
                                           "clearly"])  # fmt: skip

    def chart(self, claim: str) -> Figure | Notice:
        """The number of one claim on every set, beside its margin."""
        from hatlib.show import charts

        about = next(each for each in CLAIMS if each.name == claim)
        frame = self.tests[self.tests["claim"] == claim].copy()
        if frame.empty:
            return charts.Notice(f"Nothing to draw: {NOT_TESTED}.")
        # With a margin of its own for each kind of evidence, what counts is the distance from it.
        margin = "" if about.limit(self.rules) == 0 else ", above the margin"
        for column in ("estimate", "low", "high"):
            frame[column] -= frame["margin"]
        return charts.intervals(
            frame,
            value="estimate",
            low="low",
            high="high",
            row="set_name",
            color="verdict",
            facet="evidence",
            zero=0.0,
            name=f"{'simulated-' if self.simulated else ''}claim-{claim}",
            title_x=capital(about.number) + margin,
            caption=(
                f"{'Simulated models' if self.simulated else 'Real models'}: {about.number}"
                f"{margin}, set by set. The claim holds to the right of 0. "
                f"Bars are {self.rules['level']:.0%} intervals, not corrected for the number of "
                "sets; the verdicts are."
            ),
        )

    def untested(self) -> pd.DataFrame:
        """One row a claim × evidence × reason: which sets cannot speak to it."""
        keys = ["claim", "evidence", "reason"]
        names = self.silent.groupby(keys, sort=False)["set_name"].agg(", ".join)
        return names.rename("sets").reset_index()[["claim", "evidence", "sets", "reason"]]


_NAMES = {HAT: "HAT", LINE: "published accuracies"}
_SAYS = {SUPPORTED: "supports it", CONTRADICTED: "contradicts it"}


def _of(frame: pd.DataFrame, claim: str, evidence: str) -> pd.DataFrame:
    return frame[(frame["claim"] == claim) & (frame["evidence"] == evidence)]


def _overall(tested: int, supported: int, contradicted: int) -> str:
    if not tested:
        return NOT_TESTED
    if supported and contradicted:
        return MIXED
    if supported or contradicted:
        word, n = (SUPPORTED, supported) if supported else (CONTRADICTED, contradicted)
        return f"{word} in {n} of {counted(tested, 'set')}"
    return CANNOT_TELL


# The tests --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """A number on one set, before it is judged.

    Attributes
    ----------
    claim, evidence, set, set_name : str
    value, se, freedom : float
        The number, its standard error, and the degrees of freedom of Student's t behind it.
    n : str
        What was compared.
    interval_for : str
        Whom the interval speaks of.
    """

    claim: str
    evidence: str
    set: str
    set_name: str
    value: float
    se: float
    freedom: float
    n: str = ""
    interval_for: str = ""


def judge(measured: Sequence[Measured], rules: Thresholds = BOOK) -> pd.DataFrame:
    """Hold numbers against the margins of their claims.

    Parameters
    ----------
    measured : sequence of Measured
        Those of one claim and kind of evidence are corrected for together.
    rules : Thresholds
        Margins, error rate and power.

    Returns
    -------
    DataFrame
        The columns of `Findings.table`.

    Examples
    --------
    >>> numbers = [Measured("size", HAT, name, name, value, 0.01, 30)
    ...            for name, value in (("a", 0.05), ("b", -0.05), ("c", 0.005))]
    >>> judge(numbers)["verdict"].tolist()
    ['supported', 'contradicted', 'cannot tell']
    """
    rows = []
    for claim in CLAIMS:
        for evidence in (HAT, LINE):
            mine = [m for m in measured if (m.claim, m.evidence) == (claim.name, evidence)]
            rows += _judged(claim, evidence, mine, rules)
    return pd.DataFrame(rows, columns=_COLUMNS)


def _judged(
    claim: Claim, evidence: str, measured: Sequence[Measured], rules: Thresholds
) -> list[dict[str, object]]:
    margin, worth = claim.limit(rules, evidence), claim.effect(rules, evidence)
    value, se, freedom = (
        np.array([getattr(m, name) for m in measured], dtype=float)
        for name in ("value", "se", "freedom")
    )
    above = (value - margin) / se
    p = 2 * stats.t.sf(np.abs(above), freedom)
    corrected = holm(p)
    reach = stats.t.ppf((1 + rules["level"]) / 2, freedom) * se
    # The largest p-value that is sure to count as clear, whatever the other sets say.
    critical = stats.t.isf(rules["clear"] / 2 / max(len(measured), 1), freedom)
    power = stats.nct.sf(critical, freedom, worth / se)
    smallest = (critical + stats.t.ppf(rules["power"], freedom)) * se
    return [
        {
            "claim": claim.name,
            "evidence": evidence,
            "set": m.set,
            "set_name": m.set_name,
            "estimate": m.value,
            "low": m.value - reach[i],
            "high": m.value + reach[i],
            "margin": margin,
            "p_value": p[i],
            "holm": corrected[i],
            "verdict": CANNOT_TELL
            if not corrected[i] < rules["clear"]
            else (SUPPORTED if above[i] > 0 else CONTRADICTED),
            "power": power[i],
            "smallest": smallest[i],
            "n": m.n,
            "interval_for": m.interval_for,
        }
        for i, m in enumerate(measured)
    ]


def holm(p: np.ndarray) -> np.ndarray:
    """P-values corrected for their number (Holm 1979).

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    found = np.empty(len(p))
    found[order] = np.minimum(steps, 1)
    return found


def weigh_findings(
    scores: HatScores | None = None,
    accuracies: pd.DataFrame | None = None,
    *,
    rules: Thresholds = BOOK,
    size: str = "params_total_b",
    draws: int = 1000,
    seed: int = 0,
    simulated: bool = False,
) -> Findings:
    """Test the paper's findings on every set.

    Parameters
    ----------
    scores : HatScores, optional
        From `hatlib.hat_scores`, with redraws.
    accuracies : DataFrame, optional
        From `hatlib.Metrics.table`.
    rules : Thresholds
        What was fixed before.
    size : {"params_total_b", "params_active_b"}
        Which size.
    draws, seed : int
        Redraws of published accuracies, and the seed.
    simulated : bool
        Whether the models are simulated.

    Returns
    -------
    Findings

    Examples
    --------
    >>> import hatlib
    >>> simulated = hatlib.paper_design(n_items=(250, 20, 20))
    >>> scores = hatlib.hat_scores(simulated.responses, benchmarks="sim-free-form", draws=100)
    >>> weigh_findings(scores, simulated=True).verdict("time")
    'supported in 1 of 1 set'
    """
    found: list[Measured | _Silent] = []
    if scores is not None:
        found += _from_scores(scores, rules, size, seed)
    if accuracies is not None:
        found += _from_accuracies(accuracies, rules, size, draws, seed)
    silent = [each for each in found if isinstance(each, _Silent)]
    return Findings(
        judge([each for each in found if isinstance(each, Measured)], rules),
        pd.DataFrame(silent, columns=["claim", "evidence", "set", "set_name", "reason"]),
        rules,
        simulated,
    )


@dataclass(frozen=True)
class _Silent:
    """Why a set cannot speak to a claim."""

    claim: str
    evidence: str
    set: str
    set_name: str
    reason: str


def _from_scores(
    scores: HatScores, rules: Thresholds, size: str, seed: int
) -> Iterator[Measured | _Silent]:
    asked: dict[str, gains.Gains] = {
        "small": gains.hat_of_small(
            scores, rules["small"], size=size, broken=rules["broken"], rng=seed
        ),
        "size": gains.hat_by_size(scores, size=size, rng=seed),
        "time": gains.hat_by_date(scores, rng=seed),
        "thinking": gains.hat_by_thinking(scores, rng=seed),
    }
    asked["slower"] = asked["size"]
    doubtful = _above_perfect(scores, rules)
    for claim in CLAIMS:
        found = asked[claim.name]
        for row in found.sets.to_dict("records"):
            benchmark, name = str(row["benchmark"]), str(row["benchmark_name"])
            place = (claim.name, HAT, benchmark, name)
            if benchmark not in found.estimates:
                yield _Silent(*place, str(row["reason"]))
                continue
            if benchmark in doubtful:
                yield _Silent(*place, _DOUBTFUL)
                continue
            number = found.estimates[benchmark]["lag" if claim.name == "slower" else "hat"]
            if not number.se > 0:
                yield _Silent(*place, "There is no interval without redraws.")
                continue
            asks = found.question
            n = (
                f"{counted(int(row['n_models']), asks.member)}, "
                f"{counted(int(row['n_groups']), asks.group, asks.groups)}"
            )
            yield Measured(
                *place, number.value, number.se, number.freedom, n, interval_for=number.about
            )


_DOUBTFUL = (
    "Too many scores lie above perfect transfer: answers in the target languages were easier, or "
    "were judged more kindly."
)


def _above_perfect(scores: HatScores, rules: Thresholds) -> set[str]:
    """Benchmarks on which many scores lie above perfect transfer, interval and all."""
    found = set()
    for b in scores.benchmarks:
        scored = np.isfinite(b.hat[:, 0])
        if (b.low[scored, 0] > 1).sum() > rules["above_perfect"] * scored.sum():
            found.add(b.benchmark)
    return found


def _from_accuracies(
    table: pd.DataFrame, rules: Thresholds, size: str, draws: int, seed: int
) -> Iterator[Measured | _Silent]:
    options: dict[str, Any] = {"draws": draws, "seed": seed}
    small = small_models(table, threshold=rules["small"], size=size, **options).table_of_sets()
    ladders = size_ladders(table, size=size, **options).table_of_sets()
    trends = release_trends(table, **options).table_of_sets()
    thinking = thinking_pairs(table, **options).table_of_sets()
    yield from _of_sets("small", small, "effective_transfer", "n_used", "run")
    yield from _of_sets("size", ladders, "off_line_gain", "n_ladders", "ladder")
    for row in ladders.to_dict("records"):
        yield _Silent("slower", LINE, str(row["set"]), str(row["set_name"]), NOT_FOR_LINES)
    yield from _of_sets("time", trends, "off_line_gain_equal_size", "n_runs", "run", "_equal_size")
    yield from _of_sets("thinking", thinking, "off_line_gain", "n_pairs", "pair")


def _of_sets(
    claim: str, sets: pd.DataFrame, value: str, n: str, what: str, suffix: str = ""
) -> Iterator[Measured | _Silent]:
    """The mean over lineages of each set, or why there is none."""
    for row in sets.to_dict("records"):
        place = (claim, LINE, str(row["set"]), str(row["set_name"]))
        low, high = row[f"low{suffix}"], row[f"high{suffix}"]
        lineages = int(row[f"n_lineages{suffix}"] or 0)
        if not np.isfinite(row[value]):
            yield _Silent(*place, str(row["reason"]) or "No run can be used.")
        elif not high > low:
            yield _Silent(*place, f"Too few lineages for an interval: {lineages}.")
        else:
            # The interval is the mean plus or minus Student's t times its standard error.
            se = (high - low) / 2 / float(stats.t.ppf(0.975, lineages - 1))
            yield Measured(
                *place,
                float(row[value]),
                se,
                lineages - 1,
                f"{counted(int(row[n]), what)}, {counted(lineages, 'lineage')}",
                gains.GENERAL,
            )


# The check --------------------------------------------------------------------------------------


def findings_under_known_truth(
    scenarios: Sequence[Scenario] = ("findings", "no-trend", "small-broken"),
    *,
    rules: Thresholds = BOOK,
    draws: int = 500,
    seed: int = 0,
    turned: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> dict[str, Findings]:
    """The same tests on simulated models, whose transfer is known.

    Parameters
    ----------
    scenarios : sequence of str
        Of `hatlib.paper_design`.
    rules : Thresholds
        What was fixed before.
    draws, seed : int
        Redraws of the items, and the seed.
    turned : callable, optional
        What to do to the table of models before the tests, such as `turn_round`.

    Returns
    -------
    dict of str to Findings
        By scenario.
    """
    found: dict[str, Findings] = {}
    for scenario in scenarios:
        scores, _ = gains.scored_design(scenario, draws, seed)
        if turned:
            scores = replace(scores, models=turned(scores.models))
        found[scenario] = weigh_findings(scores, rules=rules, seed=seed, simulated=True)
    return found


def turn_round(models: pd.DataFrame) -> pd.DataFrame:
    """The models with sizes, dates and settings turned round: the largest becomes the smallest.

    Every verdict on a trend must then turn round, too.

    Examples
    --------
    >>> frame = pd.DataFrame({"params_total_b": [1.0, 4.0, None], "reasoning": ["none", "on", ""],
    ...                       "release_date": pd.to_datetime(["2024-01-01", "2025-01-01", None])})
    >>> turn_round(frame)["params_total_b"].tolist()[:2]
    [4.0, 1.0]
    """
    turned = models.copy()
    for column in ("params_total_b", "params_active_b"):
        if column in turned:
            sizes = turned[column].astype(float)
            turned[column] = sizes.min() * sizes.max() / sizes
    if "release_date" in turned:
        dates = turned["release_date"]
        turned["release_date"] = dates.min() + (dates.max() - dates)
    if "reasoning" in turned:
        swap = {"none": "high", "minimal": "medium", "low": "low", "medium": "minimal"}
        swap |= {"high": "none", "on": "none"}
        turned["reasoning"] = turned["reasoning"].replace(swap)
    return turned


def other_margins(
    scores: HatScores, margins: Sequence[float] = (0.05, 0.1, 0.15, 0.2, 0.3), *, seed: int = 0
) -> pd.DataFrame:
    """What would be said of small models, had another shortfall been called broken.

    Returns
    -------
    DataFrame
        One row a set; one column a margin, with the verdict.
    """
    rows: dict[str, dict[str, str]] = {}
    for margin in margins:
        broken = replace(BOOK.every["broken"], value=margin)
        rules = Thresholds({**BOOK.every, "broken": broken})
        found = weigh_findings(scores, rules=rules, seed=seed)
        for row in found.table("small").to_dict("records"):
            rows.setdefault(row["set_name"], {})[f"{margin:g}"] = row["verdict"]
    return pd.DataFrame([{"set_name": name, **verdicts} for name, verdicts in rows.items()])


def known_table(found: dict[str, Findings]) -> pd.DataFrame:
    """One row a claim: the verdict under each truth."""
    rows = []
    for claim in CLAIMS:
        row: dict[str, object] = {"claim": claim.says}
        row |= {scenario: each.verdict(claim.name) for scenario, each in found.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def known_summary(found: dict[str, Findings]) -> str:
    """What the tests say where the truth is known."""
    parts = []
    for scenario, each in found.items():
        table = each.verdicts()
        told = table[(table["evidence"] == HAT) & (table["tested"] > 0)]
        words = [f"{claim}: {verdict}" for claim, verdict in zip(told["claim"], told["verdict"],
                                                                strict=True)]  # fmt: skip
        parts.append(f"{headline(f'Simulated, {scenario}', joined(words) or NOT_TESTED)}")
    return "\n\n".join(parts)


def as_stated(rules: Thresholds) -> pd.DataFrame:
    """The claims as they are tested: number, margin, and what is worth seeing."""
    return pd.DataFrame(
        [
            {
                "claim": claim.name,
                "says": claim.says,
                "number": claim.number,
                "should lie above": signed(claim.limit(rules), 2),
                "worth seeing": f"{claim.effect(rules):g} above",
            }
            for claim in CLAIMS
        ]
    )
