"""The frozen standards that come with the book: one for each real set that can carry one.

They were made with edition 0.3.0, on 24 November 2026, from the answers that the origin of each
names: the hardness that its models met together, and the shape that their profiles shared.  They
are used as they are and never made again, whatever becomes of the score or of the data: scores
that were given against them stay comparable.  A new standard takes a new name
(``hat score … --save-standard``).
"""

from __future__ import annotations

from pathlib import Path

from hatlib.data.tables import data_folder
from hatlib.errors import InputError, Problem
from hatlib.metric.reference import Standard

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
