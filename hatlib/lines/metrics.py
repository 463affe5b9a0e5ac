"""The traditional metrics: source accuracy, target accuracy, XLT gap and ratio.

An average over target languages compares models only if it covers the same languages for all
of them.  `summarise` therefore chooses the target languages of each set, leaves out what does
not fit, and says so in `Metrics.coverage()`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hatlib.data.loading import MODEL_COLUMNS
from hatlib.data.tables import Tables, set_ids
from hatlib.errors import InputError, Problem, listing

#: Averages keep every model as long as this share of the target languages is left.
MIN_LANGUAGES = 0.5

_RUN = ["set", "set_name", "model", "reasoning", "setup", "label"]
_CONSTANT = ["source", "benchmark", "version", "source_language", "chance"]
_REASONING_WORDS = {"on": "thinking", "none": "no thinking"}


@dataclass(frozen=True)
class Metrics:
    """Traditional metrics of every model, set by set.

    A *set* holds the models that can be compared: same source, benchmark and version.

    Attributes
    ----------
    models : DataFrame
        One row a model run, see `table`.
    languages : DataFrame
        One row a model run × target language, see `by_language`.
    left_out : DataFrame
        What the averages leave out: ``set``, ``kind`` (language or model), ``name``, ``reason``.
    """

    models: pd.DataFrame
    languages: pd.DataFrame
    left_out: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row a model run, with averages over the target languages of its set.

        Columns: ``set``, ``set_name``, ``source``, ``benchmark``, ``version``, ``setup``,
        ``model``, ``reasoning``, ``label``, the description of the model,
        ``source_accuracy``, ``target_accuracy`` (mean over target languages), ``xlt_gap``
        (source minus target), ``ratio`` (target over source), ``n_targets``, ``targets``,
        ``n_promptings``, ``n_items``, ``source_se`` and ``target_se`` (binomial standard
        errors; missing where the number of items is), ``chance``.
        """
        return self.models.copy()

    def by_language(self) -> pd.DataFrame:
        """One row a model run × target language.

        Columns as in `table`, with ``language``, ``language_name``, the accuracy in that
        language as ``target_accuracy``, and ``source_accuracy`` over the same promptings.
        """
        return self.languages.copy()

    def coverage(self) -> pd.DataFrame:
        """One row a set: models and languages in the averages, and what was left out and why."""
        of_set = ["set", "set_name"]
        counts = {"models": ("model", "size"), "targets": ("targets", "first"),
                  "n_targets": ("n_targets", "first")}  # fmt: skip
        frame = self.models.groupby(of_set, sort=False).agg(**counts)
        left_out = self.left_out.groupby(of_set)["reason"].agg(lambda r: " ".join(r.unique()))
        every = frame.index.append(left_out.index.difference(frame.index))
        frame = frame.reindex(every).assign(left_out=left_out)
        nothing = {"models": 0, "targets": "", "n_targets": 0, "left_out": ""}
        whole = {"models": int, "n_targets": int}
        return frame.fillna(nothing).astype(whole).reset_index()


def summarise(tables: Tables, *, lead: str = "") -> Metrics:
    """Compute the traditional metrics of every model in every set.

    Promptings are averaged within a model; source and targets are averaged over the same
    promptings.  The target languages of a set are those that all of its models have; if that
    leaves fewer than half of them, the models with the fewest languages are left out first.

    Parameters
    ----------
    tables : Tables
        From `hatlib.load`.
    lead : str
        A set that must be there, as named in the column ``set``.

    Returns
    -------
    Metrics

    Raises
    ------
    InputError
        If there is no set `lead`.

    Examples
    --------
    >>> import hatlib
    >>> metrics = hatlib.summarise(hatlib.load())
    >>> lead = metrics.table().query("set == 'euroeval/hellaswag/test-split'")
    >>> len(lead), int(lead["n_targets"].iloc[0])
    (176, 8)
    """
    frame = tables.accuracies.assign(set=set_ids(tables.accuracies))
    benchmarks = tables.benchmarks.set_index("benchmark")
    frame["source_language"] = frame["benchmark"].map(benchmarks["source_language"])
    frame["chance"] = frame["benchmark"].map(benchmarks["chance_level"]).astype(float)
    # A readable name for each set: its benchmark, version and, where needed, source.
    of_set = frame[["set", "source", "benchmark", "version"]].drop_duplicates()
    title = of_set["benchmark"].map(benchmarks["name"]).fillna(of_set["benchmark"])
    title = title.where(of_set["version"] == "", title + ", " + of_set["version"])
    title = title.where(~title.duplicated(keep=False), title + " (" + of_set["source"] + ")")
    frame["set_name"] = frame["set"].map(dict(zip(of_set["set"], title, strict=True)))
    frame["label"] = _labels(frame, tables.models)
    sets = list(dict.fromkeys(frame["set"]))
    if lead and lead not in sets:
        raise InputError(
            Problem("there is no such set.", f"Use one of: {listing(sets, 20)}.", value=lead)
        )
    languages = _by_language(frame)
    parts, left_out = [languages.iloc[:0]], []
    for name, runs in frame.groupby("set", sort=False):
        mine = languages[languages["set"] == name]
        # A language counts for a model only if the model has it in all of its promptings, since
        # an average over other promptings would compare other things.
        most = mine.groupby(_RUN)["n_promptings"].transform("max")
        full = mine[mine["n_promptings"] == most]
        has = full.pivot_table(index="label", columns="language", aggfunc="size", fill_value=0) > 0
        kept, chosen = common(has)
        parts.append(full[full["language"].isin(chosen) & full["label"].isin(kept)])
        source = runs["source_language"].iloc[0]
        gone, odd = set(mine["language"]) - set(chosen), set(has.index) - set(kept)
        unpaired = set(runs["label"]) - set(mine["label"])
        out = [("model", unpaired, f"No pair of a figure in {source} and one in a target"),
               ("language", gone, "Not every model has, in all its promptings"),
               ("model", odd, "Too few languages in common with the others")]  # fmt: skip
        left_out += [
            {"set": name, "set_name": runs["set_name"].iloc[0], "kind": kind, "name": each,
             "reason": f"{why}: {listing(sorted(names), 20)}."}
            for kind, names, why in out for each in sorted(names)
        ]  # fmt: skip
    columns = ["set", "set_name", "kind", "name", "reason"]
    return Metrics(
        models=_finish(_averages(pd.concat(parts)), tables),
        languages=_finish(languages, tables),
        left_out=pd.DataFrame(left_out, columns=columns, dtype=str),
    )


def _by_language(frame: pd.DataFrame) -> pd.DataFrame:
    """Pair every target figure with the source figure of the same promptings, and average."""
    key = [*_RUN, "prompting"]
    of_source = frame["language"] == frame["source_language"]
    named = {"accuracy": "source_accuracy", "n_items": "n_items_source"}
    at_source = frame.loc[of_source, [*key, *named]].rename(columns=named)
    pairs = frame[~of_source].merge(at_source, on=key)
    result = (
        pairs.groupby([*_RUN, "language"], sort=False)
        .agg(
            **{column: (column, "first") for column in _CONSTANT},
            source_accuracy=("source_accuracy", "mean"),
            target_accuracy=("accuracy", "mean"),
            n_promptings=("prompting", "size"),
            n_items_source=("n_items_source", "min"),
            n_items=("n_items", "min"),
        )
        .reset_index()
    )
    for end, n_items in (("source", "n_items_source"), ("target", "n_items")):  # binomial
        p, n = result[f"{end}_accuracy"], result[n_items].astype("Float64").astype(float)
        result[f"{end}_se"] = np.sqrt(p * (1 - p) / n)
    return result


def common(has: pd.DataFrame, share: float = MIN_LANGUAGES) -> tuple[pd.Index, pd.Index]:
    """The models that stay, and the languages that all of them have.

    Models with fewest languages go as long as less than `share` of the languages is left.
    """
    kept = has
    while len(kept) > 1 and kept.all().sum() < max(share * has.shape[1], 1):
        count = kept.sum(axis=1)
        if count.min() == count.max():  # nobody is the odd one out
            break
        kept = kept[count > count.min()]
    return kept.index, has.columns[kept.all()]


def _averages(cells: pd.DataFrame) -> pd.DataFrame:
    """Macro averages over the target languages, one row a model run."""
    cells = cells.assign(target_variance=cells["target_se"] ** 2)
    return (
        cells.groupby(_RUN, sort=False)
        .agg(
            **{column: (column, "first") for column in _CONSTANT},
            source_accuracy=("source_accuracy", "first"),
            target_accuracy=("target_accuracy", "mean"),
            n_targets=("language", "nunique"),
            targets=("language", lambda codes: " ".join(sorted(codes))),
            n_promptings=("n_promptings", "first"),
            n_items=("n_items_source", "first"),
            source_se=("source_se", "first"),
            target_se=("target_variance", lambda v: np.sqrt(v.sum(skipna=False)) / len(v)),
        )
        .reset_index()
    )


def _labels(frame: pd.DataFrame, models: pd.DataFrame) -> pd.Series:
    """A readable name for each run that no other run of its set has."""
    runs = frame[["set", "model", "reasoning", "setup"]].drop_duplicates()
    names = models.set_index("model")["display_name"]
    name = runs["model"].map(names).fillna(runs["model"])
    # Two models may share a display name; the model's own name tells them apart.
    shared = runs["model"].groupby([runs["set"], name]).transform("nunique") > 1
    name = name.where(~shared, runs["model"])
    n_settings = runs.groupby(["set", "model"])["reasoning"].transform("nunique")
    n_setups = runs.groupby(["set", "model", "reasoning"])["setup"].transform("nunique")
    thinking = runs["reasoning"].replace(_REASONING_WORDS)
    thinking = thinking.where((runs["reasoning"] != "none") | (n_settings > 1), "")
    setup = runs["setup"].where(n_setups > 1, "")
    notes = [", ".join(filter(None, pair)) for pair in zip(thinking, setup, strict=True)]
    runs["label"] = [f"{n} ({note})" if note else n for n, note in zip(name, notes, strict=True)]
    labels = frame[["set", "model", "reasoning", "setup"]].merge(runs)["label"]
    return labels.set_axis(frame.index)


def _finish(frame: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Add gap and ratio, what describes the models, and names of languages; order the columns.

    The ratio is missing where the source accuracy is 0.
    """
    source, target = frame["source_accuracy"], frame["target_accuracy"]
    frame = frame.assign(xlt_gap=source - target, ratio=target / source.where(source > 0))
    frame = frame.merge(tables.models[["model", *MODEL_COLUMNS]], on="model", how="left")
    first = ["set", "set_name", "source", "benchmark", "version", "setup", "model", "reasoning"]
    if "language" in frame:
        names = tables.languages.set_index("language")["name"]
        frame["language_name"] = frame["language"].map(names).fillna(frame["language"])
        first += ["language", "language_name"]
    order = [*first, "label", *MODEL_COLUMNS]
    return frame[[*order, *(c for c in frame if c not in order)]]
