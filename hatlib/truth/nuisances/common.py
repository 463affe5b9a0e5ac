"""What several modules of the package need: types, words of verdicts, a mean without gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hatlib.data.responses import Responses
from hatlib.errors import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

HARMFUL, HARMLESS, UNCLEAR = "harmful", "harmless", "cannot tell"


def mean_known(values: Floats) -> Floats:
    """Mean over the last axis without nan; nan if nothing is there.

    Examples
    --------
    >>> mean_known(np.array([[1.0, np.nan], [np.nan, np.nan]])).tolist()
    [1.0, nan]
    """
    known = np.isfinite(values)
    n = known.sum(axis=-1)
    total = np.where(known, values, 0).sum(axis=-1)
    return np.asarray(np.where(n > 0, total / np.maximum(n, 1), np.nan))


def displayed(responses: Responses) -> dict[str, str]:
    """Readable name of every model."""
    models = responses.models
    return dict(zip(models["model"], models["display_name"].astype(str), strict=True))


def replication_problems(replications: int) -> list[Problem]:
    """What is wrong with a number of replications, if anything."""
    if replications >= 1:
        return []
    return [Problem("replications is below 1.", "Use 6.", value=str(replications))]
