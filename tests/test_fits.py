"""Fits of every set: tables, sentences and charts, also on awkward data."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import hatlib
from hatlib.errors import InputError
from hatlib.lines import fits, lines
from hatlib.show import charts
from hatlib.show.words import markdown_text


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
    table = found.table().set_index("set")
    assert table.loc["big", "n"] == 40 and table.loc["big", "n_clusters"] == 10
    assert table.loc["big", "noise_allowed"]
    assert "3 models" in table.loc["small", "reason"]
    assert set(found.table(brief=True)) < set(found.table())
    assert "same source" in table.loc["flat", "reason"]
    assert "source language" in table.loc["none", "reason"]
    assert len(found.shapes()) == 7
    assert len(found.residuals()) == 40
    frame = found.lines_frame()
    assert list(frame) == ["set", "set_name", "shape", "line", "x", "y", "low", "high"]
    assert (frame.groupby(["shape", "line"]).size() == lines.GRID_POINTS).all()
    members = found.members()
    assert set(members["shape"]) == set(frame["shape"])
    assert (members.groupby("shape").size() == 40).all()
    assert r"Big \*set\*" in found.summary()


def test_a_set_does_not_depend_on_other_sets():
    table = sets_table()
    both = fits.fit_sets(table, draws=50, rng=3).shapes()
    alone = fits.fit_sets(table[table["set"] == "big"], draws=50, rng=3).shapes()
    pd.testing.assert_frame_equal(both, alone)


def test_fit_sets_with_shown_models_and_few_columns():
    table = sets_table().query("set == 'big'")
    defines = np.arange(40) < 30
    found = fits.fit_sets(table, defines=defines, draws=20)
    assert found.table()["n"].iloc[0] == 30 and len(found.residuals()) == 40
    assert found.residuals()["effective_transfer"].notna().all()
    bare = table[["set", "source_accuracy", "target_accuracy"]]
    found = fits.fit_sets(bare, draws=20, scale="logit", chance=0.1)
    assert found.table()["n_clusters"].iloc[0] == 40 and found.summary()
    empty = fits.fit_sets(bare.iloc[:0], draws=20)
    assert empty.table().empty and empty.lines_frame().empty and empty.summary()


def test_fit_languages():
    table = sets_table().query("set == 'big'")
    both = pd.concat([table.assign(language=code) for code in ("de", "fr")])
    found = fits.fit_languages(both)
    assert found.table()["language"].tolist() == ["de", "fr"]
    assert len(found.lines_frame()) == 2 * lines.GRID_POINTS
    assert "slope" in found.summary()


# --- charts and sentences -------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundled():
    metrics = hatlib.summarise(hatlib.load())
    return metrics, fits.fit_sets(metrics.table(), draws=20)


def drawings(found, set_id=""):
    return {
        "one": found.chart(set_id),
        "shapes": found.chart_of_shapes(set_id),
        "residuals": found.chart_of_residuals(set_id),
    }


def test_paper_models_are_in_the_table_of_models():
    assert set(fits.PAPER_MODELS) <= set(hatlib.load().models["model"])


def test_charts_of_the_bundled_data(bundled):
    metrics, found = bundled
    for one in found.fits:
        for figure in drawings(found, one.set).values():
            assert isinstance(figure, (charts.Figure, charts.Notice))
            words = figure.caption if isinstance(figure, charts.Figure) else figure.text
            assert "nan" not in words
        assert markdown_text(one.set_name) in found.answer(one.set)
    every = found.chart_of_sets()
    assert isinstance(every, charts.Figure)
    assert every.data["set_name"].nunique() == len(found.fits)
    lead = found.chart()
    assert "models of the paper" in lead.caption
    languages = fits.fit_languages(metrics.by_language())
    figure = languages.chart()
    assert isinstance(figure, charts.Figure) and "German" in figure.data.to_csv()


def test_named_runs_are_of_paper_models_and_few(bundled):
    _, found = bundled
    lead = found.fits[[one.line.fit.n for one in found.fits].index(176)].models
    names = fits._paper_runs(lead)
    runs = lead.set_index("label").loc[names]
    assert 5 < len(names) == len(set(names)) <= fits.MOST_NAMES
    assert set(runs["model"]) <= set(fits.PAPER_MODELS)
    assert runs["model"].value_counts().max() <= 2
    assert fits._paper_runs(lead.assign(model="mine")) == []


def test_a_reader_of_one_set_gets_that_set():
    found = fits.fit_sets(sets_table(), draws=20)
    assert found.answer() == found.answer("big") and found.answer("big") in found.summary()
    assert "3 models" in found.answer("small")
    for shown in drawings(found, "flat").values():
        assert isinstance(shown, charts.Notice) and "same source" in shown.text
    with pytest.raises(InputError, match="no such set"):
        found.answer("absent")
    of_one = found.residuals_of("big")
    assert of_one["effective_transfer"].is_monotonic_decreasing and len(of_one) == 40
    assert found.residuals_of("small").empty


@pytest.mark.parametrize("table", [sets_table().query("set != 'big'"), sets_table().iloc[:0]])
def test_nothing_to_fit_is_a_notice(table):
    found = fits.fit_sets(table, draws=20)
    for shown in (*drawings(found).values(), found.chart_of_sets()):
        assert isinstance(shown, charts.Notice) and "Add models" in shown.text
    assert "Add models" in found.answer() and found.residuals_of().empty
    assert found.shapes(fitted=True).empty and found.shapes_left_out()
    by_language = table.assign(language="de")
    assert isinstance(fits.fit_languages(by_language).chart(), charts.Notice)


def test_charts_of_awkward_tables():
    big = sets_table().query("set == 'big'")
    bare = big[["set", "source_accuracy", "target_accuracy"]]
    hostile = big.assign(label=[f"<script>alert({i})</script>" for i in range(40)])
    few = big.assign(family="one")
    flat = big.assign(target_accuracy=0.4)
    same_name = pd.concat([big, big.assign(set="again")])
    for table in (bare, hostile, few, flat, same_name, big.iloc[:5]):
        found = fits.fit_sets(table, draws=20)
        for figure in (*drawings(found).values(), found.chart_of_sets()):
            if isinstance(figure, charts.Notice):
                assert len(found.fits) == 1 and "Only one set" in figure.text
                continue
            assert "<script>" not in figure.html().replace("&lt;", "")
            assert "nan" not in figure.caption
        assert "<script>" not in found.answer() + found.summary()


def test_parallel_or_separate_lines_are_drawn_but_not_both():
    found = fits.fit_sets(sets_table(), draws=20)
    panels = found.chart_of_shapes("big").data["panel"].unique().tolist()
    assert panels[0] == "One line" and len(panels) == 5
    assert next(p for p in panels if p.startswith("Thinking")).count("1 ") == 1
    assert "p = " in found.chart_of_shapes("big").caption


def test_intervals_of_residuals_need_errors_and_families():
    table = sets_table().query("set == 'big'")
    known = table.assign(source_se=0.02, target_se=0.01)
    found = fits.fit_sets(known, draws=20).residuals_of()
    assert (found["low"] < found["effective_transfer"]).all()
    half = (found["high"] - found["low"]) / 2
    slope = fits.fit_sets(known, draws=20).table()["slope"].iloc[0]
    assert (half > 1.96 * np.hypot(0.01, slope * 0.02)).all() and (half < 0.12).all()
    assert fits.fit_sets(table, draws=20).residuals_of()["low"].isna().all()
    few = fits.fit_sets(known.assign(family="one"), draws=20)
    assert few.residuals_of()["low"].isna().all()
    assert "more families" in few.chart_of_residuals().caption


def test_residual_chart_shows_both_ends():
    found = fits.fit_sets(sets_table(), draws=20)
    figure = found.chart_of_residuals("big", most=10)
    every = found.residuals_of("big")["label"].tolist()
    assert figure.data["label"].tolist() == every[:5] + every[-5:]
    assert "Of 40 models, the 5 highest and 5 lowest" in figure.caption


def test_languages_have_names_and_reasons():
    table = sets_table()
    both = pd.concat(
        [table.assign(language=c, language_name=n) for c, n in (("de", "German"), ("fr", None))]
    )
    found = fits.fit_languages(both)
    assert found.table().query("set == 'big'")["language_name"].tolist() == ["German", "fr"]
    assert isinstance(found.chart("big"), charts.Figure) and "German" in found.summary()
    shown = found.chart("flat")
    assert isinstance(shown, charts.Notice) and "same source" in shown.text
    with pytest.raises(InputError):
        found.chart("absent")
    assert found.table_of()["slope"].is_monotonic_decreasing and len(found.table_of("big")) == 2
    assert set(found.table_of(brief=True)) < set(found.table())


def test_fit_sensitivity():
    table = sets_table().assign(xlt_gap=0.1, chance=0.0)
    table.loc[:2, "xlt_gap"] = -0.3
    found = fits.fit_sensitivity(table)
    assert len(found) == 6 and found["n"].tolist() == [40] * 3 + [37] * 3
    assert found["scale"].tolist() == ["linear", "logit", "probit"] * 2
    whole = fits.fit_sets(table, draws=20).table().set_index("set").loc["big"]
    assert found["slope"].iloc[0] == pytest.approx(whole["slope"])
    assert fits.fit_sensitivity(table.iloc[:0]).empty
    assert len(fits.fit_sensitivity(table, "small")) == 3
    assert fits.fit_sensitivity(table, "flat").empty


def test_numeric_modules_do_not_import_charts():
    code = "import sys, hatlib.lines.fits; assert not {'altair', 'hatlib.show'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_answer_says_what_runs_near_chance_do_to_the_slope(bundled):
    _, found = bundled
    lead = found.answer("euroeval/hellaswag/test-split")
    assert lead.startswith("**HellaSwag, test split: closely.**")
    assert "near chance or doubtful the slope is" in lead
    assert found.next_largest() == "euroeval/hellaswag/validation-split"
    assert "validation split" in found.chart_of_next().caption


def test_the_models_of_the_paper_are_listed_with_their_distance(bundled):
    _, found = bundled
    rows = found.paper_models()
    labels = set(rows["label"])
    assert {"Gemma 3 27B it", "Claude Sonnet 4.6 (thinking)", "gpt-oss 120B (high)"} <= labels
    assert rows["effective_transfer"].notna().all()
