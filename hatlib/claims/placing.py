"""Where each model stands in a contrast: its x, and the group of models that are alike in the rest.

A function takes the runs of one set, and adds ``x`` and ``group``; an empty group leaves one out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hatlib.data.loading import REASONING
from hatlib.lines.distance import DAYS_A_YEAR

#: A reasoning setting that nobody stated.
UNKNOWN = "unknown"
_RANK = {setting: rank for rank, setting in enumerate(REASONING)}


def ladders(runs: pd.DataFrame, size: str, _: float) -> pd.DataFrame:
    """Runs of one generation, variant, reasoning setting and, if there are two, setup.

    A ladder is named by what tells it from the others of its generation.
    """
    words = runs["reasoning"].replace({"none": "", "on": "thinking"})
    parts = runs[["ladder", "variant", "setup"]].astype(object)
    parts.insert(2, "reasoning", words.astype(object))
    for word in ("variant", "reasoning"):
        parts[word] = parts[word].where(parts.groupby("ladder")[word].transform("nunique") > 1, "")
    n_setups = runs.groupby(["ladder", "variant", "reasoning"])["setup"].transform("nunique")
    parts["setup"] = parts["setup"].where(n_setups > 1, "")
    called = [" ".join(filter(None, part)) for part in parts.itertuples(index=False)]
    names = pd.Series(called, runs.index, dtype=object)
    known = (runs["ladder"] != "") & runs[size].notna()
    return runs.assign(x=runs[size].astype(float).map(np.log2), group=names.where(known, ""))


def pairs(runs: pd.DataFrame) -> pd.DataFrame:
    """Each run of a model beside the run at its lowest reasoning setting."""
    found = [runs.iloc[:0].assign(x=0.0, group="")]
    two = runs.groupby(["model", "reasoning"])["setup"].transform("nunique") > 1
    ranked = runs.assign(
        rank=runs["reasoning"].map(_RANK),
        shown=runs["display_name"] + (" (" + runs["setup"] + ")").where(two, ""),
    )
    told = (ranked["left_out"] == "") & (ranked["reasoning"] != UNKNOWN)
    for _, same in ranked[told].sort_values("rank").groupby(["model", "setup"], sort=False):
        for n in range(1, len(same)):
            pair = same.iloc[[0, n]]
            name = f"{pair['shown'].iloc[0]}: {' to '.join(pair['reasoning'])}"
            found.append(pair.drop(columns=["rank", "shown"]).assign(x=[0.0, 1.0], group=name))
    return pd.concat(found[1:] or found, ignore_index=True)


def small(runs: pd.DataFrame, size: str, threshold: float) -> pd.DataFrame:
    """Small runs, each a group of its own, beside the larger ones that draw the line."""
    small = (runs[size] < threshold).to_numpy()
    unfit = (runs["unfit"] != "").to_numpy()
    off_range = runs["extrapolated"].to_numpy(bool)
    role = np.select(
        [runs["unfit"] == "doubtful", small & unfit, small & off_range, small,
         runs["defines"].to_numpy(bool), (runs[size] >= threshold).to_numpy()],
        ["doubtful", "small, near chance", "small, off the range", "small", "draws the line",
         "larger, near chance"],
        "size unknown",
    )  # fmt: skip
    left_out = np.where(role == "small", np.where(runs["y"].isna(), "no line", ""), role)
    return runs.assign(
        x=1.0,
        group=np.where(small, runs["label"], ""),
        role=role,
        left_out=np.where(small, left_out, runs["unfit"]),
    )


def score_lineages(rows: pd.DataFrame) -> pd.DataFrame:
    """Models of a lineage by their dates, with size held fixed where all sizes are known."""
    known = rows["release_date"].notna() & (rows["lineage"] != "")
    # A lineage with a size that is not known counts as one of equal size.
    log_size = rows["params_total_b"].astype(float).map(np.log2)
    unknown = log_size.isna().groupby(_track(rows)).transform("any")
    return rows.assign(
        x=years(rows), group=_track(rows).where(known, ""), held=log_size.mask(unknown, 0.0)
    )


def score_pairs(rows: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """Models are one and the same if lineage, family and size agree."""
    given = models.get("reasoning", pd.Series("", models.index))
    given = given.where(given.isin(REASONING) & (given != UNKNOWN), "")
    settings = dict(zip(models["model"], given, strict=True))
    setting = rows["model"].map(settings).fillna("")
    size = rows["params_total_b"].map(lambda s: "" if pd.isna(s) else f" {s:g}B")
    key = (rows["lineage"] + "\n" + rows["family"] + "\n" + size).where(
        (setting != "") & (rows["family"] != ""), ""
    )
    rank = setting.map(_RANK).fillna(0)
    several = (key != "") & (rank.groupby(key).transform("nunique") > 1)
    twice = several & rows.assign(key=key, rank=rank).duplicated(["key", "rank"], keep=False)
    return rows.assign(
        x=(rank > rank.groupby(key).transform("min")).astype(float),
        group=(rows["family"] + size).where(several, ""),
        left_out=np.where(twice, "another model of its family and size has the same setting", ""),
    )


def score_small(rows: pd.DataFrame, size: str, threshold: float) -> pd.DataFrame:
    """Small and larger models of a lineage that has both; if none has, all are one group."""
    known, small = rows[size].notna(), rows[size] < threshold
    group = _track(rows).where(known & (rows["lineage"] != ""), "")
    good = small[known & (rows["weak"] == "")]
    both = good.groupby(group[good.index]).nunique()[lambda n: n > 1]
    if not (both.index != "").any():
        group = pd.Series("all models", rows.index).where(known, "")
    return rows.assign(x=small.astype(float), group=group)


def _track(rows: pd.DataFrame) -> pd.Series:
    """The lineage; base, fine-tuned and quantised models stand apart from those that chat."""
    chats = rows["variant"].isin(["instruct", "reasoning", ""])
    return rows["lineage"].where(chats, rows["lineage"] + " " + rows["variant"])


def years(rows: pd.DataFrame) -> pd.Series:
    """Dates of release as years since 2020."""
    return (rows["release_date"] - pd.Timestamp(2020, 1, 1)).dt.days / DAYS_A_YEAR
