"""Fits of every set and language, also on awkward data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hatlib.errors import InputError
from hatlib.lines import fits


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
    assert table.loc["big", "n"] == 40 and table.loc["big", "n_clusters"] == 10
    assert table.loc["big", "noise_allowed"]
    assert table.loc["big", "slope_if_binomial"] > table.loc["big", "slope"]
    assert "3; 5 are needed" in table.loc["small", "reason"]
    assert "same source" in table.loc["flat", "reason"]
    assert "source language" in table.loc["none", "reason"]
    assert len(found.shapes()) == 7
    assert len(found.residuals()) == 40
    one = found.fits["big"]
    for shape in one.shapes.fits:
        if shape.segments:
            drawn = one.curves(shape.shape).groupby("line").size()
            assert (drawn == fits.GRID_POINTS).all() and len(drawn) == len(shape.segments)


def test_largest_set_comes_first():
    table = sets_table().query("set == 'big'")
    both = pd.concat([table.iloc[:20].assign(set="half"), table])
    assert list(fits.fit_sets(both, draws=5).fits) == ["big", "half"]


def test_a_set_does_not_depend_on_other_sets():
    table = sets_table()
    both = fits.fit_sets(table, draws=50, rng=3).shapes()
    alone = fits.fit_sets(table[table["set"] == "big"], draws=50, rng=3).shapes()
    pd.testing.assert_frame_equal(both, alone)


def test_fit_sets_with_shown_models_and_few_columns():
    table = sets_table().query("set == 'big'").assign(defines=np.arange(40) < 30)
    found = fits.fit_sets(table, draws=20)
    assert found.table["n"].iloc[0] == 30 and len(found.residuals()) == 40
    assert found.residuals()["effective_transfer"].notna().all()
    bare = table[["set", "source_accuracy", "target_accuracy"]]
    found = fits.fit_sets(bare, draws=20, scale="logit", chance=0.1)
    assert found.table["n_clusters"].iloc[0] == 40
    empty = fits.fit_sets(bare.iloc[:0], draws=20)
    assert empty.table.empty and empty.residuals().empty and empty.shapes().empty


@pytest.mark.parametrize(
    "table",
    [sets_table().drop(columns="set"), sets_table().assign(defines=1)],
)
def test_wrong_tables_say_so(table):
    with pytest.raises(InputError):
        fits.fit_sets(table, draws=5)


def test_intervals_of_residuals_need_errors_and_families():
    table = sets_table().query("set == 'big'")
    known = table.assign(source_se=0.02, target_se=0.01)
    found = fits.fit_sets(known, draws=20)
    models, slope = found.residuals(), found.table["slope"].iloc[0]
    assert (models["low"] < models["effective_transfer"]).all()
    half = (models["high"] - models["low"]) / 2
    assert (half > 1.96 * np.hypot(0.01, slope * 0.02)).all() and (half < 0.12).all()
    assert fits.fit_sets(table, draws=20).residuals()["low"].isna().all()
    few = fits.fit_sets(known.assign(family="one"), draws=20)
    assert few.residuals()["low"].isna().all() and not few.fits["big"].by_family


def test_runs_near_chance_are_left_out_of_the_sound_line():
    table = sets_table().query("set == 'big'").assign(xlt_gap=0.1, chance=0.0)
    assert fits.fit_sets(table, draws=5).fits["big"].sound is None
    table.loc[:2, "xlt_gap"] = -0.3
    assert fits.fit_sets(table, draws=5).fits["big"].sound.fit.n == 37


def test_languages_have_names_and_reasons():
    table = sets_table()
    both = pd.concat(
        [table.assign(language=c, language_name=n) for c, n in (("de", "German"), ("fr", None))]
    )
    found = fits.fit_languages(both)
    assert found.query("set == 'big'")["language_name"].tolist() == ["German", "fr"]
    assert found.query("set == 'flat'")["reason"].str.contains("same source").all()
