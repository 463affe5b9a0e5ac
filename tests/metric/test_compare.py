"""Comparisons of models: against loops, fabricated scores whose answer is known, and bad input."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import hat as oracle
from scipy import stats

from hatlib import InputError, compare_all, compare_models, hat_scores, simulate_answers
from hatlib.metric.compare import MOST_LETTERS, _tie_groups
from hatlib.metric.flags import Flag
from hatlib.metric.results import Estimate, HatScores


@pytest.fixture(scope="module")
def scores() -> HatScores:
    profiles = ["linear", "linear", "strong shift", "square", "linear"]
    data = simulate_answers([0, 1, 0, 0.5, -1], profiles=profiles, n_items=200, rng=1)
    return hat_scores(data.responses, reference="uniform", draws=300)


def made(scores, hats, draws, effective=1000.0, flags=None, names=None):
    """The same scores with other numbers: hats of the models, draws × models, flags of each."""
    b, n = scores.benchmark(), len(hats)
    shape = (n, len(b.targets))
    wide = np.repeat(np.asarray(hats, dtype=float)[:, None], shape[1], axis=1)
    every = np.repeat(draws[:, :, None], shape[1], axis=2)
    marks = {flag: np.zeros(shape, dtype=bool) for flag in Flag}
    for m, text in enumerate(flags or ()):
        for name in filter(None, text.split("; ")):  # a mean has one that its languages have not
            marks[Flag(name)][m, : 1 if Flag(name) is Flag.OTHER_LANGUAGES else None] = True
    other = replace(
        b,
        table=replace(b.table, models=tuple(names or b.models[:n])),
        score=Estimate(wide, wide - 0.1, wide + 0.1, wide, every),
        effective_items=np.full(shape, effective),
        marks=marks,
        metrics={name: values[:n] for name, values in b.metrics.items()},
    )
    return replace(scores, benchmarks=(other,))


def noise(hats, sd, n_draws=400, seed=2):
    rng = np.random.default_rng(seed)
    return np.asarray(hats) + rng.normal(0, sd, (n_draws, len(hats)))


def test_a_difference_by_hand(scores):
    b = scores.benchmark()
    i, j = 0, 2
    found = compare_models(scores, b.models[i], b.models[j])
    gaps = [d[i, 0] - d[j, 0] for d in b.draws]
    mean = sum(gaps) / len(gaps)
    se = (sum((g - mean) ** 2 for g in gaps) / (len(gaps) - 1)) ** 0.5
    freedom = min(b.effective_items[i, 0], b.effective_items[j, 0]) - 1
    gap, reach = b.hat[i, 0] - b.hat[j, 0], stats.t.ppf(0.975, freedom) * se
    p = 2 * stats.t.sf(abs(gap) / se, freedom)
    numbers = found.difference, found.se, found.low, found.high, found.p_value
    assert numbers == pytest.approx((gap, se, gap - reach, gap + reach, p))


def test_the_traditional_metrics_stand_beside_the_score(scores):
    found = compare_models(scores, "Alder", "Aspen", target="sw").metrics.set_index("measure")
    assert list(found.index) == ["source_accuracy", "target_accuracy", "xlt_gap", "ratio"]
    assert (found["a"] - found["b"]).to_numpy() == pytest.approx(found["difference"].to_numpy())
    row = scores.table().query("target == 'sw' and display_name == 'Aspen'").iloc[0]
    assert found["b"].to_dict() == pytest.approx(row[found.index].to_dict())


def test_models_are_found_by_name_or_display_name_unless_two_share_it(scores):
    shown = replace(scores, models=scores.models.assign(display_name=lambda t: "The " + t["model"]))
    a, b = compare_models(shown, "The Alder", "Beech"), compare_models(scores, "Alder", "Beech")
    assert a.difference == b.difference
    assert (a.model_a, a.model_b) == ("The Alder", "The Beech")
    twins = replace(scores, models=scores.models.assign(display_name="Twin"))
    with pytest.raises(InputError, match=r"several models.*Twin.*Use one of Alder, Aspen"):
        compare_models(twins, "Twin", "Alder")
    assert compare_models(twins, "Alder", "Aspen").model_a == "Twin"


@pytest.mark.parametrize(
    ("hats", "flags", "expected"),
    [
        ([0.7, 0.6], ["", ""], (0.1, 0, ())),  # a difference without spread is clear
        ([0.7, 0.7], ["", ""], (0, 1, ())),
        ([np.nan, 0.7], ["too few items", ""], (np.nan, np.nan, (Flag.FEW_ITEMS,))),
    ],
)
def test_differences_at_the_edge(scores, hats, flags, expected):
    given = made(scores, hats, np.tile(hats, (50, 1)), flags=flags)
    found = compare_models(given, "Alder", "Aspen")
    numbers = found.difference, found.p_value, found.se
    assert numbers == pytest.approx((*expected[:2], 0 * expected[0]), abs=1e-9, nan_ok=True)
    assert found.flags == expected[2]
    assert np.isnan([found.low, found.high]).all() == np.isnan(expected[0])


@pytest.mark.parametrize(
    ("a", "b", "options", "message"),
    [
        ("Alder", "Oak", {}, "no such model on sim.*Oak.*There are: Alder"),
        ("Alder", "Alder", {}, "compared with itself"),
        ("Alder", "Aspen", {"benchmark": "x"}, "no such benchmark.*There are: sim"),
        ("Alder", "Aspen", {"target": "fr"}, "no such target.*There are: macro, de, sw"),
    ],
)
def test_unknown_names_are_answered_with_those_there_are(scores, a, b, options, message):
    with pytest.raises(InputError, match=message):
        compare_models(scores, a, b, **options)


def test_no_redraws_no_comparison():
    bare = hat_scores(simulate_answers([0, 1], n_items=50).responses, draws=0)
    for call in (lambda: compare_models(bare, "Alder", "Aspen"), lambda: compare_all(bare)):
        with pytest.raises(InputError, match="no redraws"):
            call()


def test_the_first_benchmark_that_has_both_models(scores):
    b = scores.benchmark()
    short = made(scores, [0.5, 0.6], noise([0.5, 0.6], 0.01)).benchmark()
    small = replace(short, table=replace(short.table, benchmark="small"))
    both = replace(scores, benchmarks=(small, b))
    for other, chosen in (("Aspen", short), (b.models[4], b)):
        assert compare_models(both, "Alder", other).hat_a == chosen.hat[0, 0]


def test_all_pairs_agree_with_two_at_a_time(scores):
    table = compare_all(scores).pairs
    assert len(table) == 10
    for row in table.to_dict("records"):
        pair = compare_models(scores, row["model_a"], row["model_b"])
        for name in ("difference", "low", "high", "p_value"):
            assert row[name] == pytest.approx(getattr(pair, name), rel=1e-6)
        assert row["difference"] >= 0
    p = np.sort(table["p_value"])
    q = [min(p[j] * 10 / (j + 1) for j in range(i, 10)) for i in range(10)]
    assert np.sort(table["q_value"]) == pytest.approx(q)


@settings(max_examples=15)
@given(st.integers(2, 6), st.sampled_from([12.0, 40.0, 1000.0]), st.integers(0, 10**6))
def test_ranks_and_ties_agree_with_loops(scores, n_models, effective, seed):
    rng = np.random.default_rng(seed)
    hats = rng.normal(0.6, 0.15, n_models)[: len(scores.benchmark().models)]
    shared = rng.normal(0, 0.1, (60, 1))
    draws = hats + shared + rng.normal(0, 0.05, (60, len(hats)))
    found = compare_all(made(scores, hats, draws, effective))
    apart = oracle.told_apart(hats, draws, [effective] * len(hats), 0.95)
    models = scores.benchmark().models
    told = found.pairs.loc[found.pairs["told_apart"], ["id_a", "id_b"]].to_numpy().tolist()
    assert set(map(frozenset, told)) == {frozenset((models[i], models[j])) for i, j in apart}
    ranks = found.models.set_index("model")
    for i, (best, worst) in enumerate(oracle.rank_intervals(hats, apart)):
        assert tuple(ranks.loc[models[i], ["rank_low", "rank_high"]]) == (best, worst)
    groups = {frozenset(models[i] for i in g) for g in oracle.largest_groups(len(hats), apart)}
    letters = found.models.assign(letter=found.models["tie_group"].str.split()).explode("letter")
    assert set(letters.groupby("letter")["model"].agg(frozenset)) == groups


@given(st.integers(1, 7), st.data())
@settings(max_examples=40)
def test_tie_groups_are_the_largest_without_a_difference(n, data):
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    apart = data.draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    found = {frozenset(group) for group in _tie_groups(n, apart)}
    assert found == {frozenset(group) for group in oracle.largest_groups(n, apart)}


@pytest.mark.parametrize(
    ("hats", "second", "letters", "ranks"),
    [
        # Neighbours cannot be told apart, the ends can.
        ([0.8, 0.7, 0.6], "", ["A", "A B", "B"], [[1, 2], [1, 3], [2, 3]]),
        ([0.7, 0.7, 0.7], "", ["A"] * 3, [[1, 3]] * 3),
        ([0.7], "", ["A"], [[1, 1]]),  # nobody to be compared with
        ([0.7, np.nan, 0.6], "too few items", ["A"] * 2, [[1, 2]] * 2),
        # A mean over fewer languages is not ranked.
        ([0.6, 0.9, 0.7], "extrapolated; other languages than most", ["A"] * 2, [[1, 2]] * 2),
    ],
)
def test_ties_ranks_and_who_is_left_out(scores, hats, second, letters, ranks):
    given = made(scores, hats, noise(hats, 0.045), flags=["", second])
    found = compare_all(given)
    assert found.models["tie_group"].tolist() == letters
    assert found.models[["rank_low", "rank_high"]].to_numpy().tolist() == ranks
    assert found.left_out == (("Aspen",) if second else ())
    assert len(found.pairs) == len(letters) * (len(letters) - 1) // 2
    assert np.isfinite(found.pairs["p_value"]).all()
    if "languages" in second:
        assert compare_all(given, target="de").left_out == ()


def test_many_models_are_compared_without_letters(scores):
    n = MOST_LETTERS + 1
    hats, names = np.linspace(0.2, 0.9, n), [f"m{i:04d}" for i in range(n)]
    found = compare_all(made(scores, hats, noise(hats, 0.02, n_draws=50), 500.0, names=names))
    assert len(found.pairs) == n * (n - 1) // 2
    assert set(found.models["tie_group"]) == {""}
    assert found.models["rank_low"].iloc[0] == 1 < found.models["rank_low"].iloc[-1]
