"""The frozen standards that come with the book: one for each real set that can carry one.

Write them again after a change of the score or of the data: ``python -m hatlib.metric.standards``.
"""

from __future__ import annotations

from pathlib import Path

from hatlib.data.responses import load_responses
from hatlib.data.tables import data_folder
from hatlib.errors import InputError, Problem
from hatlib.metric.reference import Standard
from hatlib.metric.score import hat_scores

STANDARDS = ("mgsm", "copa-dialects", "truthfulqa-bleu")
"""Sets whose models can be scored over the hardness that they meet."""


def standard_file(benchmark: str) -> Path:
    """Where the standard of a benchmark is kept."""
    return data_folder() / f"standards/{benchmark}.json"


def bundled_standard(benchmark: str) -> Standard:
    """The frozen standard of a benchmark of the book.

    A model that comes later is scored against the same hardness and the same common shape, so that
    its score does not depend on which other models are at hand.

    Parameters
    ----------
    benchmark : str
        One of `STANDARDS`.

    Returns
    -------
    Standard

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> bundled_standard("mgsm").origin
    '4 models on 250 items of mgsm'
    """
    if benchmark not in STANDARDS:
        raise InputError(
            Problem(
                "the book has no frozen standard of this benchmark.",
                f"It has: {', '.join(STANDARDS)}. Make one with `hat score … --save-standard`.",
                value=benchmark,
            )
        )
    return Standard.read(standard_file(benchmark))


def make_standard(benchmark: str) -> Standard:
    """The standard of a set, from its answers."""
    responses = load_responses(sets=benchmark)
    return hat_scores(responses, reference="pooled", draws=0).standard(benchmark)


def main() -> None:
    """Write the files."""
    for benchmark in STANDARDS:
        path = standard_file(benchmark)
        path.parent.mkdir(exist_ok=True)
        make_standard(benchmark).write(path, force=True)


if __name__ == "__main__":
    main()
