"""Numbers of the book, frozen: does the code still say what it said?

    python benchmarks/frozen.py            # compare with the record, section by section
    python benchmarks/frozen.py --write    # write the record anew

A section is a function that gives numbers by name.  A change of code that changes no method must
leave them as they are (1e-9).  Where data were added, new names are told and not counted as errors.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import hatlib
from hatlib.claims import contrast
from hatlib.data.responses import Responses
from hatlib.metric.score import hat_scores

RECORD = Path(__file__).with_name("frozen.json")
CLOSE = 1e-9
Numbers = Iterator[tuple[str, float]]


def contrasts() -> Numbers:
    """Size, date, thinking and small models: on every published set, and on simulated models."""
    table = hatlib.summarise(hatlib.load()).table()
    found = {q: contrast.on_line(table, q, draws=200) for q in contrast.QUESTIONS}
    found["date, equal size"] = contrast.on_line(table, "date", equal_size=True, draws=200)
    simulated = hatlib.paper_design(n_items=(120, 40, 40))
    scores = hat_scores(simulated.responses, reference="uniform", profile="adaptive", draws=100)
    for question in contrast.QUESTIONS:
        found[f"{question}, hat"] = contrast.on_scores(scores, question, truth=simulated.truth)
    for name, each in found.items():
        for row in each.sets.to_dict("records"):
            gains = () if "equal size" in name else ("target_gain", "true_gain")
            for column in ("estimate", "low", "high", *gains):
                yield f"{name} | {row['set']} | {column}", float(row.get(column, math.nan))


def lines() -> Numbers:
    """One line and other shapes through every published set."""
    columns = ["slope", "slope_low", "slope_high", "r_squared", "slope_if_binomial", "residual_sd"]
    table = hatlib.summarise(hatlib.load()).table()
    for name, runs in table.groupby("set", sort=False):
        part = runs.dropna(subset=["source_accuracy", "target_accuracy"])
        x, y = part["source_accuracy"], part["target_accuracy"]
        if len(part) < 5 or x.nunique() < 2:
            continue
        same = {"clusters": part["family"], "n_items": part["n_items"]}
        line = hatlib.fit_line(x, y, **same)
        yield from ((f"{name} | {column}", float(getattr(line, column))) for column in columns)
        newer = (part["release_date"] > part["release_date"].median()).astype(str)
        groups = {
            "thinking": part["reasoning"] == "none",
            "way of asking": part["setup"],
            "generation": newer.mask(part["release_date"].isna(), None),
        }
        for row in hatlib.compare_shapes(x, y, groups=groups, draws=2, **same).table.itertuples():
            for column in ("lr", "bic"):
                yield f"{name} | {row.shape} | {column}", float(getattr(row, column))


SETS = {  # and where their hardness comes from
    "mgsm": "self",
    "gsm-symbolic": "self",
    "copa-dialects": "pooled",
    "truthfulqa-bleu": "pooled",
}
SIMULATED = [(10, 0.0, 1.0), (5, 0.0, 2.0), (3, 0.25, 1.0), (20, 0.0, 0.5), (10, 0.1, 1.5)]


def scores() -> Numbers:
    """Scores by estimators and references that are named, on real and on simulated responses."""
    for name, hardness in SETS.items():
        responses = hatlib.load_responses(sets=name)
        if name == "mgsm":
            responses = _without_promptings(responses)
        for profile in ("direct", "shared", "adaptive"):
            for reference in ("uniform", "pooled"):
                label = f"{name} | {profile} | {reference}"
                yield from _macro(label, responses, hardness, profile, reference)
    for i, (trials, chance, steepness) in enumerate(SIMULATED):
        responses = _simulated(np.random.default_rng(i), trials, chance, steepness)
        for profile in ("direct", "adaptive"):
            yield from _macro(f"simulated {i} | {profile}", responses, "self", profile, "uniform")


def _macro(
    label: str, responses: Responses, hardness: str, profile: str, reference: str
) -> Numbers:
    found = hat_scores(responses, hardness=hardness, profile=profile, reference=reference, draws=0)
    for row in found.macro().to_dict("records"):
        yield f"{label} | {row['model']}", float(math.nan if row["hat"] is None else row["hat"])


def _without_promptings(responses: Responses) -> Responses:
    """The counts alone: promptings are used since 0.4, which changes scores."""
    key = ["model", "language", "item"]
    return _loaded(responses.frame.groupby(key)[["n_correct", "n_trials"]].sum().reset_index())


def _loaded(frame: pd.DataFrame) -> Responses:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "responses.csv"
        frame.to_csv(path, index=False)
        return hatlib.load_responses(path, chance=None if "chance_level" in frame else 0.0)


def _simulated(rng: np.random.Generator, trials: int, chance: float, steepness: float) -> Responses:
    """Seven models, 200 items, two targets, drawn here, so that no simulator can change them."""
    difficulty = rng.normal(size=200)
    rows = []
    for m, ability in enumerate(np.linspace(-2, 2, 7)):
        logit = ability - difficulty
        for language, at in (("en", logit), ("de", steepness * logit - 1), ("sw", logit - 2)):
            p = chance + (1 - chance) / (1 + np.exp(-at))
            for item, right in enumerate(rng.binomial(trials, p)):
                rows.append((f"m{m}", language, item, right, trials, chance))
    columns = ["model", "language", "item", "n_correct", "n_trials", "chance_level"]
    return _loaded(pd.DataFrame(rows, columns=columns))


SECTIONS: dict[str, Callable[[], Numbers]] = {
    "contrasts": contrasts,
    "lines": lines,
    "scores": scores,
}


def main() -> None:
    """Compare with the record, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; by default all")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    wrong = 0
    for name in options.sections or SECTIONS:
        seen = {key: value for key, value in SECTIONS[name]() if math.isfinite(value)}
        if options.write:
            record[name] = {key: float(f"{value:.12g}") for key, value in seen.items()}
            continue
        old = record.get(name, {})
        off = [key for key in old if abs(seen.get(key, math.inf) - old[key]) > CLOSE]
        new = [key for key in seen if key not in old]
        print(f"{name}: {len(old)} numbers, {len(off)} differ, {len(new)} new")
        for key in off[:20]:
            print(f"  {key}: was {old[key]:.9g}, is {seen.get(key, math.nan):.9g}")
        wrong += len(off)
    if options.write:
        RECORD.write_text(json.dumps(record, indent=0) + "\n", encoding="utf-8")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
