"""Answers as dense arrays, made by hand."""

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


def part(counts, models=None, targets=None, items=None):
    """Some of the models, targets or items, by place; an item that is taken twice is two items."""
    m = np.arange(len(counts.models)) if models is None else np.array(models)
    t = np.arange(len(counts.targets)) if targets is None else np.array(targets)
    i = np.arange(len(counts.items)) if items is None else np.array(items)
    arrays = {}
    for name in ("correct", "trials"):
        arrays[f"source_{name}"] = getattr(counts, f"source_{name}")[np.ix_(m, i)]
        arrays[f"target_{name}"] = getattr(counts, f"target_{name}")[np.ix_(m, t, i)]
    if items is not None:
        arrays |= {"clusters": np.arange(len(i)), "items": tuple(f"{k:05d}" for k in range(len(i)))}
    names = {"models": [counts.models[k] for k in m], "targets": [counts.targets[k] for k in t]}
    return replace(counts, **{name: tuple(each) for name, each in names.items()}, **arrays)


def without(counts, *, source=False, target=False):
    """No answer where a mask says so."""
    changed = {}
    for name, mask in {"source": source, "target": target}.items():
        for part in (f"{name}_correct", f"{name}_trials"):
            changed[part] = np.where(mask, 0, getattr(counts, part))
    return replace(counts, **changed)
