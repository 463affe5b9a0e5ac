"""Fits of every set and language, also on awkward data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hatlib.errors import InputError
from hatlib.lines import fits
from hatlib.lines.lines import GRID_POINTS


def sets_table():
    rng = np.random.default_rng(26)
    x = rng.uniform(0.2, 0.95, 40)
    y = 0.05 + 0.8 * x + rng.normal(0, 0.05, 40)
    big = pd.DataFrame(
        {
            "set": "big", "set_name": "Big *set*", "source_accuracy": x, "target_accuracy": y,
            "model": [f"m_{i}" for i in range(40)], "label": [f"m_{i}" for i in range(40)],
            "family": [f"f{i % 10}" for i in range(40)], "n_items": 500, "n_targets": 3,
            "reasoning": np.where(np.arange(40) % 2, "on", "none"),
            "release_date": pd.date_range("2023-01-01", periods=40, freq="MS"), "chance": 0.25,
        }
    )  # fmt: skip
    small = big.iloc[:3].assign(set="small", set_name="Small")
    flat = big.iloc[:8].assign(set="flat", set_name="Flat", source_accuracy=0.5)
    no_english = big.iloc[:8].assign(set="none", set_name="None", source_accuracy=np.nan)
    table = pd.concat([big, small, flat, no_english], ignore_index=True)
    return table.astype({"n_items": "Int64"})


def test_fit_sets():
    found = fits.fit_sets(sets_table(), draws=50)
    table = found.table.set_index("set")
    big = table.loc["big"]
    assert (big["n"], big["n_clusters"], big["noise_allowed"]) == (40, 10, True)
    assert big["slope_if_binomial"] > big["slope"]
    assert "3; 5 are needed" in table.loc["small", "reason"]
    assert "same source" in table.loc["flat", "reason"]
    assert "source language" in table.loc["none", "reason"]
    assert (len(found.shapes()), len(found.residuals())) == (7, 40)
    one = found.fits["big"]
    for name, shape in one.shapes.fits.items():
        drawn = one.curves(name).groupby("line").size()
        assert (drawn == GRID_POINTS).all()
        assert len(drawn) == len(shape.lines)


def test_the_largest_set_comes_first_and_a_set_does_not_depend_on_others():
    table = sets_table().query("set == 'big'")
    both = pd.concat([table.iloc[:20].assign(set="half"), table])
    found = fits.fit_sets(both, draws=20, rng=3)
    assert list(found.fits) == ["big", "half"]
    alone = fits.fit_sets(table, draws=20, rng=3).shapes()
    pd.testing.assert_frame_equal(found.shapes().query("set == 'big'"), alone)


def test_few_columns_and_no_rows():
    bare = sets_table().query("set == 'big'")[["set", "source_accuracy", "target_accuracy"]]
    found = fits.fit_sets(bare, draws=20, scale="logit", chance=0.1)
    assert found.table["n_clusters"].iloc[0] == 40
    empty = fits.fit_sets(bare.iloc[:0], draws=20)
    assert empty.table.empty
    assert empty.residuals().empty
    assert empty.shapes().empty
    for wrong in ({"table": bare.drop(columns="set")}, {"table": bare, "min_models": 2}):
        with pytest.raises(InputError):
            fits.fit_sets(**wrong, draws=5)


def test_intervals_of_residuals_need_errors_and_families():
    table = sets_table().query("set == 'big'")
    known = table.assign(source_se=0.02, target_se=0.01)
    found = fits.fit_sets(known, draws=20)
    models, slope = found.residuals(), found.table["slope"].iloc[0]
    assert (models["low"] < models["effective_transfer"]).all()
    half = (models["high"] - models["low"]) / 2
    assert (half > 1.96 * np.hypot(0.01, slope * 0.02)).all()
    assert (half < 0.12).all()
    assert fits.fit_sets(table, draws=20).residuals()["low"].isna().all()
    few = fits.fit_sets(known.assign(family="one"), draws=20)
    assert few.residuals()["low"].isna().all()
    assert not few.fits["big"].by_family
