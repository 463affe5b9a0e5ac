"""Answers as dense arrays, made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hatlib import Counts


def made(source, target, n_trials=10, chance=0.0, clusters=None, **more):
    """Counts from models × items and models × (targets ×) items; one model needs no axis."""
    source, target = np.atleast_2d(source).astype(np.int64), np.array(target, dtype=np.int64)
    target = target.reshape(len(source), -1, source.shape[1])
    n = source.shape[1]
    return Counts(
        "hand", "en", chance, tuple(f"model {m}" for m in range(len(source))),
        ("de", "fr", "sw", "yo")[: target.shape[1]], tuple(f"{i:05d}" for i in range(n)),
        np.arange(n) if clusters is None else np.asarray(clusters),
        source, np.full(source.shape, n_trials), target, np.full(target.shape, n_trials), **more,
    )  # fmt: skip


def some_models(counts, picks):
    picks = list(picks)
    arrays = ("source_correct", "source_trials", "target_correct", "target_trials")
    some = {name: getattr(counts, name)[picks] for name in arrays}
    return replace(counts, models=tuple(counts.models[m] for m in picks), **some)


def some_targets(counts, picks):
    return replace(
        counts,
        targets=tuple(counts.targets[t] for t in picks),
        target_correct=counts.target_correct[:, picks],
        target_trials=counts.target_trials[:, picks],
    )


def without(counts, *, source=None, target=None):
    """No answer where a mask says so."""
    changed = {}
    for name, mask in {"source": source, "target": target}.items():
        if mask is not None:
            for part in (f"{name}_correct", f"{name}_trials"):
                changed[part] = np.where(mask, 0, getattr(counts, part))
    return replace(counts, **changed)
