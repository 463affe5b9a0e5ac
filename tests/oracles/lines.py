"""Line fits written the slow way, to check `hatlib.lines.lines` against."""

from itertools import combinations

import numpy as np


def rss_of_line(x, y):
    """Residual sum of squares and coefficients of one least-squares line."""
    design = np.column_stack([np.ones(len(x)), x])
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    return float(np.sum((y - design @ beta) ** 2)), beta


def best_pair(x, y, least, spread):
    """Try every split into two groups: smallest sum of squares with enough models and spread."""
    n, best = len(x), (np.inf, None)
    for size in range(least, n - least + 1):
        for chosen in combinations(range(1, n), size):  # without 0, each split once
            second = np.isin(range(n), chosen)
            if any(x[m].std() < spread * x.std() for m in (second, ~second)):
                continue
            rss = sum(rss_of_line(x[m], y[m])[0] for m in (second, ~second))
            if rss < best[0]:
                best = (rss, second)
    return best


def left_out_residuals(x, y, clusters):
    """Residual of each model from the line of the models of other clusters."""
    out = np.full(len(x), np.nan)
    for i in range(len(x)):
        others = np.array([c != clusters[i] for c in clusters])
        if np.unique(x[others]).size > 1:
            slope, intercept = np.polyfit(x[others], y[others], 1)
            out[i] = y[i] - intercept - slope * x[i]
    return out


def moment_slope(x, y, x_var):
    """Errors in variables by moments, term by term."""
    n = len(x)
    mean_x, mean_y = sum(x) / n, sum(y) / n
    cross = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / (n - 1)
    square = sum((a - mean_x) ** 2 for a in x) / (n - 1)
    return cross / (square - np.mean(x_var))


def stick_rss(x, y, knot):
    """Residual sum of squares of a stick that bends at a knot."""
    return rss_of_line(np.column_stack([x, np.clip(x - knot, 0, None)]), y)[0]


def jackknife(x, y, clusters):
    """Delete-one-cluster standard error of a slope, around the full estimate."""
    full, labels = np.polyfit(x, y, 1)[0], np.array(clusters)
    slopes = [np.polyfit(x[labels != c], y[labels != c], 1)[0] for c in np.unique(labels)]
    g = len(slopes)
    return float(np.sqrt((g - 1) / g * sum((s - full) ** 2 for s in slopes)))
