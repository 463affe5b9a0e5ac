"""Tables of runs on a known line, for the tests of what rests on lines."""

import numpy as np
import pandas as pd


def cloud(seed, n=40, sd=0.05, slope=0.8):
    """Accuracies around a line."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.2, 0.95, n)
    return x, 0.05 + slope * x + rng.normal(0, sd, n)


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
                    "model": f"m{k}-{j}", "family": f"f{k}", "lineage": f"l{k}", "ladder": f"f{k}",
                    "params_total_b": 2.0**log2_size, "source_accuracy": x,
                    "release_date": pd.Timestamp(2024, 1, 1) + pd.Timedelta(days=365.25 * years),
                    "target_accuracy": y + rng.normal(0, 0.002),
                }
            )  # fmt: skip
    frame = pd.DataFrame(rows).assign(
        set="s", set_name="S", setup="", reasoning="none", variant="base", source_se=0.005,
        target_se=0.005, chance=0.0,
    )  # fmt: skip
    for other in ("display_name", "label"):
        frame[other] = frame["model"]
    frame["params_active_b"] = frame["params_total_b"]
    gap = frame["source_accuracy"] - frame["target_accuracy"]
    return frame.assign(xlt_gap=gap, ratio=frame["target_accuracy"] / frame["source_accuracy"])
