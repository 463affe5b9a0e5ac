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
from collections.abc import Callable, Iterator
from pathlib import Path

import hatlib
from hatlib.claims import contrast
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
        lag = contrast.on_scores(scores, question, measure="lag")
        found[f"{question}, lag"] = lag
    for name, each in found.items():
        for row in each.sets.to_dict("records"):
            for column in ("estimate", "low", "high", "target_gain", "true_gain"):
                yield f"{name} | {row['set']} | {column}", float(row.get(column, math.nan))


SECTIONS: dict[str, Callable[[], Numbers]] = {"contrasts": contrasts}


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
