"""Which interval for the slope of a line across models can be trusted?

Simulates answers item by item, publishes accuracies only, and counts how often each interval
holds the true slope. Models come in families of unequal size that share ability and scatter; all
models answer the same items; items differ in difficulty. The truth is the slope of the expected
target accuracy on the expected source accuracy over a very large number of models and items.

    python benchmarks/line_intervals.py [--replications 500] [--draws 399] [--output FILE]

Prints a table with the Monte-Carlo standard error of coverage, and writes JSON if asked.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special, stats

from hatlib import resample
from hatlib.lines import lines

LEVEL = 0.95
LANGUAGES = 4
DESIGNS = [(5, 20), (10, 14), (10, 60), (20, 40), (20, 180)]
ITEMS = [250, 2000]
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(61)
NODE_WEIGHTS = NODE_WEIGHTS / NODE_WEIGHTS.sum()


def families(rng, n_families, n_models):
    """Families of unequal size, each with at least one model."""
    share = rng.dirichlet(np.full(n_families, 1.0))
    rest = rng.choice(n_families, size=n_models - n_families, p=share)
    return np.concatenate([np.arange(n_families), rest])


def abilities(rng, codes):
    """Source and target ability on the logit scale; families share part of both."""
    size = codes.max() + 1
    theta = rng.normal(0, 0.8, size)[codes] + rng.normal(0, 0.7, codes.size)
    scatter = rng.normal(0, 0.25, size)[codes] + rng.normal(0, 0.2, codes.size)
    return theta + 0.3, 0.9 * theta - 0.5 + scatter


def answers(rng, theta, tau, n_items):
    """Published accuracies: answers are drawn item by item, then averaged."""
    hard = rng.normal(0, 1, n_items)
    x = (rng.random((theta.size, n_items)) < special.expit(theta[:, None] - hard)).mean(axis=1)
    y = np.zeros(theta.size)
    for _ in range(LANGUAGES):
        there = 0.8 * hard + 0.6 * rng.normal(0, 1, n_items)
        right = rng.random((theta.size, n_items)) < special.expit(tau[:, None] - there)
        y += right.mean(axis=1) / LANGUAGES
    return x, y


def true_slope():
    """Least-squares slope of expected accuracies over 400,000 models, each its own family."""
    theta, tau = abilities(np.random.default_rng(0), np.arange(400_000))
    x, y = (
        sum(w * special.expit(t - u) for u, w in zip(NODES, NODE_WEIGHTS, strict=True))
        for t in (theta, tau)
    )
    return float(np.cov(x, y)[0, 1] / np.var(x, ddof=1))


def cluster_se(u, residual, codes):
    """Cluster-robust standard error of a slope (CR1), for rows of residuals."""
    size = codes.max() + 1
    member = (codes[:, None] == np.arange(size)).astype(float)
    score = (residual * u) @ member
    factor = size / (size - 1) * (u.size - 1) / (u.size - 2)
    return np.sqrt(factor * np.sum(score**2, axis=1)) / (u @ u)


def weighted_cluster_se(x, y, w, codes, found):
    """The same for weighted lines: each draw of a family is a cluster of its own."""
    centre = (w @ x) / w.sum(axis=1)
    u = x - centre[:, None]
    residual = y - found.intercept[:, None] - found.slope[:, None] * x
    size = codes.max() + 1
    member = (codes[:, None] == np.arange(size)).astype(float)
    drawn = w[:, np.unique(codes, return_index=True)[1]]
    score = ((residual * u) @ member) ** 2 * drawn
    total = w.sum(axis=1)
    factor = size / (size - 1) * (total - 1) / (total - 2)
    return np.sqrt(factor * score.sum(axis=1)) / np.sum(w * u**2, axis=1)


def intervals(rng, x, y, codes, n_items, draws):
    """Every candidate interval for the slope of one simulated table."""
    points = lines.usable_points(x, y)
    n, size = x.size, codes.max() + 1
    fit = lines.fit_line(x, y)
    b = fit.slope
    left = lines.weighted_lines(points, lines.without_each(codes)).slope
    w = resample.weights(rng, codes, draws)
    drawn = lines.weighted_lines(points, w)
    slopes = drawn.slope
    out = {}
    reach = stats.t.ppf((1 + LEVEL) / 2, n - 2) * fit.residual_sd / np.std(x) / np.sqrt(n)
    out["models independent (t)"] = (b - reach, b + reach)
    out["percentile"] = resample.percentile_interval(slopes, LEVEL)
    out["basic"] = basic_interval(slopes, b)
    out["BCa"] = bca_interval(slopes, b, left)
    u = x - x.mean()
    residual = y - fit.intercept - b * x
    se = float(cluster_se(u, residual[None, :], codes)[0])
    out["sandwich, t(G-1)"] = (
        b - stats.t.ppf((1 + LEVEL) / 2, size - 1) * se,
        b + stats.t.ppf((1 + LEVEL) / 2, size - 1) * se,
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (slopes - b) / weighted_cluster_se(x, y, w, codes, drawn)
    q = resample.percentile_interval(np.where(np.abs(t) < 1e6, t, np.nan), LEVEL)
    out["studentised"] = (b - q[1] * se, b - q[0] * se)
    # Webb's six-point weights on the residuals of whole families.
    webb = np.sqrt([0.5, 1.0, 1.5])
    sign = rng.choice(np.concatenate([-webb, webb]), size=(draws, size))[:, codes]
    wild = fit.intercept + b * x + sign * residual
    slope = (wild - wild.mean(axis=1, keepdims=True)) @ u / (u @ u)
    left_over = wild - wild.mean(axis=1, keepdims=True) - slope[:, None] * u
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (slope - b) / cluster_se(u, left_over, codes)
    q = resample.percentile_interval(np.where(np.abs(t) < 1e6, t, np.nan), LEVEL)
    out["wild, studentised"] = (b - q[1] * se, b - q[0] * se)
    out["jackknife, t(G-1)"] = resample.jackknife_interval(b, left, LEVEL)[0]
    noisy = lines.usable_points(x, y, n_items=n_items)
    upper = lines.weighted_lines(noisy, np.ones((1, n)), noisy=True).slope[0]
    left_upper = lines.weighted_lines(noisy, lines.without_each(codes), noisy=True).slope
    corrected = resample.jackknife_interval(upper, left_upper, LEVEL)[0]
    out["jackknife, binomial EIV"] = corrected
    found = lines.fit_line(x, y, clusters=codes, n_items=n_items)
    out["jackknife, noise bounds"] = (found.slope_low, found.slope_high)
    w = resample.weights(rng, codes, draws)
    again = [
        rng.binomial(k, p, (draws, n)) / k for k, p in ((n_items, x), (n_items * LANGUAGES, y))
    ]
    slopes = redrawn_slopes(w, *again)
    out["two-way percentile"] = resample.percentile_interval(slopes, LEVEL)
    out["two-way basic"] = basic_interval(slopes, b)
    return b, out


def redrawn_slopes(weights, x, y):
    """Weighted slope of each draw, whose accuracies differ from draw to draw."""
    w = weights / weights.sum(axis=1, keepdims=True)
    u = x - np.sum(w * x, axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sum(w * u * y, axis=1) / np.sum(w * u * u, axis=1)


def basic_interval(values, estimate):
    """The percentile interval reflected at the estimate (Davison and Hinkley 1997, 5.2)."""
    low, high = resample.percentile_interval(values, LEVEL)
    return np.stack([2 * estimate - high, 2 * estimate - low])


def bca_interval(values, estimate, left_out):
    """Bias-corrected and accelerated interval (Efron 1987)."""
    draws = values[np.isfinite(values)]
    below = (np.sum(draws < estimate) + 0.5 * np.sum(draws == estimate)) / draws.size
    bias = special.ndtri(np.clip(below, 0.5 / draws.size, 1 - 0.5 / draws.size))
    gap = left_out.mean() - left_out
    spread = np.sum(gap**2)
    acceleration = np.sum(gap**3) / (6 * spread**1.5) if spread > 0 else 0.0
    z = bias + special.ndtri(np.array([1 - LEVEL, 1 + LEVEL]) / 2)
    return np.quantile(draws, special.ndtr(bias + z / (1 - acceleration * z)))


def study(replications, draws, seed=0):
    """Coverage and mean length of each interval in each design."""
    truth = true_slope()
    rows = []
    for n_families, n_models in DESIGNS:
        for n_items in ITEMS:
            rng = np.random.default_rng([seed, n_families, n_models, n_items])
            hits, lengths, slopes = {}, {}, []
            for _ in range(replications):
                codes = families(rng, n_families, n_models)
                x, y = answers(rng, *abilities(rng, codes), n_items)
                slope, found = intervals(rng, x, y, codes, n_items, draws)
                slopes.append(slope)
                for name, (low, high) in found.items():
                    hits.setdefault(name, []).append(low <= truth <= high)
                    lengths.setdefault(name, []).append(high - low)
            for name, hit in hits.items():
                share = float(np.mean(hit))
                rows.append(
                    {
                        "families": n_families,
                        "models": n_models,
                        "items": n_items,
                        "interval": name,
                        "coverage": share,
                        "coverage_se": float(np.sqrt(share * (1 - share) / replications)),
                        "mean_length": float(np.mean(lengths[name])),
                        "median_slope": float(np.median(slopes)),
                        "truth": truth,
                    }
                )
            print(f"{n_families} families, {n_models} models, {n_items} items: done", flush=True)
    return pd.DataFrame(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--replications", type=int, default=500)
    parser.add_argument("--draws", type=int, default=399)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    frame = study(options.replications, options.draws)
    design = ["families", "models", "items"]
    print(
        frame.pivot_table(index="interval", columns=design, values="coverage").round(3).to_string()
    )
    print(
        frame.pivot_table(index="interval", columns=design, values="mean_length")
        .round(3)
        .to_string()
    )
    print(frame.groupby(design)[["median_slope", "truth"]].first().round(3).to_string())
    if options.output:
        record = {
            "replications": options.replications,
            "draws": options.draws,
            "results": frame.to_dict("records"),
        }
        options.output.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
