"""Tables of runs on a known line, for the tests of what rests on lines."""

from __future__ import annotations

import numpy as np
import pandas as pd


def runs(n_lineages=8, per_lineage=4, slope=0.8, size_effect=0.0, time_effect=0.0, seed=0):
    """Runs on a known line, with effects of size and time that we set."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n_lineages):
        own = rng.normal(0, 0.01)
        for j in range(per_lineage):
            log2_size = j + rng.uniform(0, 0.2)
            years = j * 0.5
            x = np.clip(0.4 + 0.1 * j + rng.normal(0, 0.03), 0, 1)
            y = 0.1 + slope * x + own + size_effect * log2_size + time_effect * years
            rows.append(
                {
                    "set": "s",
                    "set_name": "S",
                    "model": f"m{k}-{j}",
                    "display_name": f"m{k}-{j}",
                    "label": f"m{k}-{j}",
                    "setup": "",
                    "reasoning": "none",
                    "family": f"f{k}",
                    "lineage": f"l{k}",
                    "ladder": f"f{k}",
                    "variant": "base",
                    "params_total_b": 2.0**log2_size,
                    "params_active_b": 2.0**log2_size,
                    "release_date": pd.Timestamp(2024, 1, 1) + pd.Timedelta(days=365.25 * years),
                    "source_accuracy": x,
                    "target_accuracy": y + rng.normal(0, 0.002),
                    "source_se": 0.005,
                    "target_se": 0.005,
                    "chance": 0.0,
                }
            )
    frame = pd.DataFrame(rows)
    gap = frame["source_accuracy"] - frame["target_accuracy"]
    return frame.assign(xlt_gap=gap, ratio=frame["target_accuracy"] / frame["source_accuracy"])
