"""Answers item by item: what is shipped, what a user brings, and above all what is wrong."""

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import refused, write

import hatlib
from hatlib import load_responses
from hatlib.data import loading, responses
from hatlib.data import tables as data
from hatlib.data.about import book
from hatlib.data.files import Place


def rows(head: str, text: str, sign: str = " ") -> str:
    """A CSV file of words between spaces."""
    return "\n".join([head, *text.split(sign)]) + "\n"


KEY = "model,language,item"
ANSWERS = "a,en,1,3,4 a,en,2,0,4 a,de,1,2,4 a,de,2,1,2 b,en,1,4,4 b,de,1,4,4 b,fr,2,1,3"
COUNTS = rows(f"{KEY},n_correct,n_trials", ANSWERS)
TRIALS = rows(f"{KEY},correct", "a,en,1,1 a,en,1,0 a,en,2,true a,de,1,0 a,de,2,False")
STARTS = "a,en,1,en,1,2 a,de,1,en,2,2 a,en,2,de,0,1 a,de,2,de,1,1"
BY_ITEM = rows(f"{KEY},source_language,n_correct,n_trials", STARTS)
CLUSTERS = BY_ITEM.replace("source_language", "cluster")
DESIGN = rows(
    f"benchmark,{KEY},source_language,chance_level,n_correct,n_trials",
    "x,a,en,1,en,0.25,1,2 x,a,de,1,en,0.25,2,2 y,a,en,1,en,,1,2 y,a,de,1,en,,2,2 y,a,en,2,de,,0,1 "
    "y,a,de,2,de,,1,1 z,a,fr,1,,0,1,1 z,a,en,1,,0,1,1",
)
TABLE = rows(
    "benchmark,name,source_language,chance_level,n_items",
    "x,The X test,en,0.25,1;y,,item,0.1,;z,Z,FRA,,;w,Never asked,en,0.5,9",
    ";",
)
PROMPTINGS = rows(
    f"{KEY},prompting,n_correct,n_trials", "a,en,1,p,1,1 a,en,1,q,0,1 a,de,1,p,1,1 a,de,1,q,1,1"
)


def same(one: object, two: object) -> bool:
    if not hasattr(one, "__dict__") or isinstance(one, np.ndarray):
        return np.array_equal(one, two)
    return all(same(value, getattr(two, name)) for name, value in vars(one).items())


@pytest.fixture(scope="module")
def bundled() -> hatlib.Responses:
    return load_responses(sets=list(responses.SETS))


@pytest.fixture(scope="module")
def overview(bundled) -> pd.DataFrame:
    return bundled.table()


@pytest.mark.parametrize(
    ("benchmark", "models", "items", "languages", "rows", "correct"),
    [
        ("mgsm", 4, 250, 11, 37500, 31913),
        ("mgsm-forced", 1, 250, 11, 23750, 19718),
        ("copa-dialects", 13, 500, 8, 52000, 42600),
        ("gsm-symbolic", 9, 100, 2, 1800, 2545),
        ("gsm-symbolic-original", 9, 100, 2, 1746, 172),
        ("xnli-first200", 1, 200, 6, 1200, 19468),
        ("xnli-attacked", 1, 200, 6, 1200, 12998),
        ("truthfulqa-human", 4, 100, 5, 1999, 1198),
        ("truthfulqa-bleu", 15, 817, 5, 60458, 28590),
        ("polyglot-facts", 5, 26267, 20, 1515780, 959021),
        ("winogrande-african", 4, 1767, 12, 84816, 127830),
        ("x-fakt", 14, 802, 13, 145964, 82790),
        ("clika-csqa", 42, 1000, 10, 420000, 147797),
        ("classeval", 3, 410, 5, 6150, 13918),
        ("codereval-java", 3, 230, 5, 3450, 10512),
        ("codereval-python", 3, 230, 5, 3450, 8902),
        ("nodehaus-agent", 6, 45, 7, 1890, 1337),
    ],
)
def test_the_sets_hold_every_answer_of_their_source(
    bundled, overview, benchmark, models, items, languages, rows, correct
):
    """Sums over the originals, before they were brought into this form; counts add up to them."""
    frame = bundled.frame[bundled.frame["benchmark"] == benchmark]
    assert (len(frame), frame["n_correct"].sum()) == (rows, correct)
    shape = overview.loc[benchmark, ["models", "items", "languages"]].tolist()
    assert shape == [models, items, languages]
    counts = bundled.counts(benchmark)
    assert counts.source_correct.sum() + counts.target_correct.sum() == correct
    assert counts.source_trials.sum() + counts.target_trials.sum() == frame["n_trials"].sum()
    assert (counts.source_correct <= counts.source_trials).all()
    assert (counts.target_correct <= counts.target_trials).all()
    assert ("en" in counts.targets) == (counts.source_language == "item")


def test_the_sets_keep_the_rules_that_users_must_keep(bundled, overview):
    typed = bundled.frame.astype(dict.fromkeys(["n_correct", "n_trials", "n_parsed"], "Int64"))
    place = Place("items", range(1, len(typed) + 1))
    assert loading.check(typed, loading.FORMS["responses"].columns, place) == []
    assert not typed.duplicated(list(loading.RESPONSE_KEY)).any()
    assert list(bundled.frame) == [*responses.COLUMNS, "n_parsed"]
    for table, column in (("models", "model"), ("languages", "language")):
        described = getattr(bundled, table)
        assert set(described[column]) == set(bundled.frame[column].unique())
    assert bundled.models["developer"].str.len().min() > 0
    assert (bundled.benchmarks["reference"].str.len() > 0).all()
    known = book().benchmarks.set_index("benchmark")["n_items"]
    assert (known.loc[overview.index] == overview["items"]).all()


def test_every_source_of_a_set_is_described_and_its_names_lead_to_models(bundled):
    assert set(responses.SETS.values()) <= set(book().sources["source"])
    names = pd.read_csv(data.data_folder() / "names.csv", dtype=str)
    published = data.load().accuracies.groupby("source")["model"].unique()
    for source in set(responses.SETS.values()):
        mine = [b for b, s in responses.SETS.items() if s == source]
        models = set(bundled.frame.loc[bundled.frame["benchmark"].isin(mine), "model"].unique())
        described = set(names.loc[names["source"] == source, "model"])
        assert described == models | set(published.get(source, ()))


def test_figures_of_the_publications_come_out(bundled, overview):
    """SCORE.md, section 4b: English successes of s1.1-14B over five promptings; and others."""
    mgsm, copa = bundled.counts("mgsm"), bundled.counts("copa-dialects")
    row = mgsm.models.index("s1.1-14b")
    assert np.bincount(mgsm.source_correct[row]).tolist() == [4, 3, 4, 5, 8, 226]
    assert (set(mgsm.source_trials[row]), copa.chance) == ({5}, 0.5)
    accuracy = dict(zip(copa.models, copa.source_correct.mean(axis=1), strict=True))
    assert accuracy["gpt-5-2025-08-07"] == max(accuracy.values()) == 0.996
    assert accuracy["gpt-3.5-turbo-0125"] == 0.952
    target = dict(zip(copa.targets, copa.target_correct.mean(axis=2).T, strict=True))
    assert target["sl"][copa.models.index("gpt-5-2025-08-07")] == 0.998
    assert target["sl-x-cer"][copa.models.index("gams-27b")] == 0.51
    assert overview.loc["truthfulqa-human", ["source_min", "source_max"]].tolist() == [0.36, 0.73]


def test_items_that_belong_together_are_clusters(bundled):
    xnli = bundled.counts("xnli-first200")
    number = dict(zip(xnli.items, xnli.clusters, strict=True))
    assert number["0"] == number["1"] == number["2"] != number["3"]
    assert sorted(np.bincount(xnli.clusters)) == [2] + [3] * 66
    assert bundled.counts("copa-dialects").clusters.tolist() == list(range(500))
    twins = np.bincount(bundled.counts("winogrande-african").clusters)
    assert np.bincount(twins).tolist() == [0, 993, 387]
    assert len(set(bundled.counts("classeval").clusters)) == 100


def test_answers_that_could_not_be_read_are_kept(bundled):
    frame = bundled.frame
    assert 0.55 < frame.loc[frame["model"] == "yi-6b-chat", "n_parsed"].mean() < 0.61
    assert frame.loc[frame["benchmark"] == "x-fakt", "n_parsed"].isna().all()


def test_the_report_says_what_is_missing_and_what_one_trial_forbids():
    lines = load_responses(sets=["mgsm", "copa-dialects", "xnli-first200"]).report.read
    assert any("mgsm, s1.1-7b" in line and "te (250)" in line for line in lines)
    (single,) = (line for line in lines if "One trial an item" in line)
    assert "copa-dialects" in single and "xnli-first200" not in single


def test_the_sets_of_the_book_with_another_source_language_and_chance_level():
    own = load_responses(sets="x-fakt")
    assert own.benchmarks["source_language"].tolist() == ["item"]
    by_item = own.frame.drop_duplicates("item").set_index("item")["source_language"]
    assert by_item[["artists-hi-398", "artists-fr-438"]].tolist() == ["hi", "fr"]
    english = load_responses(sets="x-fakt", source_language="en", override=True)
    assert english.counts("x-fakt").source_trials.sum() == 14 * 802
    copa = load_responses(sets="copa-dialects", source_language="hr", chance=0.25)
    counts = copa.counts("copa-dialects")
    assert (counts.source_language, counts.chance) == ("hr", 0.25)
    assert ("en" in counts.targets, "hr" in counts.targets) == (True, False)
    (problem,) = refused(load_responses, sets=["copa-dialects", "mgsm"], source_language="sl")
    assert "no answer to mgsm is in the source language sl" in problem


SENSELESS = [
    *({"sets": sets} for sets in ("nothing", [])),
    *({"source_language": code} for code in ("Klingon", "item", "ja")),
    {"sets": ["mgsm", "x-fakt"], "source_language": "item"},
    *({"chance": 1.0}, {"models": "m.csv"}, {"benchmarks": "b.csv"}, {"benchmark": "mgsm"}),
]


@pytest.mark.parametrize("options", SENSELESS)
def test_options_that_make_no_sense_are_refused(options):
    assert refused(load_responses, **options)


OF_TARGETS = ([[[2, 1], [0, 0]], [[4, 0], [0, 1]]], [[[4, 2], [0, 0]], [[4, 0], [0, 3]]])
OF_ITEMS = ([[[2, 0], [0, 0]]], [[[2, 0], [0, 1]]])


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [  # of the source and of the targets: correct answers, trials
        (COUNTS, {}, (*([[3, 0], [4, 0]], [[4, 4], [4, 0]]), *OF_TARGETS)),
        (TRIALS, {}, ([[1, 1]], [[2, 1]], [[[0, 0]]], [[[1, 1]]])),
        (PROMPTINGS, {}, ([[1]], [[2]], [[[2]]], [[[2]]])),
        *((BY_ITEM, o, ([[1, 1]], [[2, 1]], *OF_ITEMS)) for o in ({}, {"source_language": "item"})),
        (BY_ITEM, {"source_language": "de"}, ([[2, 1]], [[2, 1]], [[[1, 0]]], [[[2, 1]]])),
    ],
)
def test_counts_by_hand(tmp_path, text, options, expected):
    loaded = load_responses(write(tmp_path, text), **options)
    counts = loaded.counts("mine")
    names = ("source_correct", "source_trials", "target_correct", "target_trials")
    assert tuple(getattr(counts, name).tolist() for name in names) == expected
    models, items = tuple("ab"[: len(expected[0])]), tuple("12"[: len(expected[0][0])])
    assert (counts.models, counts.items, counts.chance) == (models, items, 0)
    if text == PROMPTINGS:
        assert loaded.subset(promptings="q").counts("mine").source_correct.tolist() == [[0]]


def test_the_overview_by_hand(tmp_path):
    row = load_responses(write(tmp_path, COUNTS)).table().loc["mine"]
    assert row[["models", "items", "languages", "promptings"]].tolist() == [2, 2, 3, 1]
    assert row[["trials_min", "trials_median", "trials_max"]].tolist() == [2, 4, 4]
    assert row["missing"] == pytest.approx(5 / 12)
    assert row[["source_min", "source_max"]].tolist() == [0.375, 1]


GIVEN = {"chance": 0.5, "override": True}
FILES, TABLES = ["en", "item", "en"], ["en", "item", "fr"]
OF_BENCHMARKS = [
    ("", {}, FILES, [0.25, 0, 0], "Source language of x: en (column source_language)."),
    ("", {}, FILES, [0.25, 0, 0], "Source language of y: its own for each item (column so"),
    ("", {}, FILES, [0.25, 0, 0], "Source language of z: en, as none was given."),
    ("", {}, FILES, [0.25, 0, 0], "Chance level of y: 0, as none was given."),
    (TABLE, {}, TABLES, [0.25, 0.1, 0], "Chance level of y: 0.1 (table of benchmarks)."),
    (TABLE, {}, TABLES, [0.25, 0.1, 0], "Source language of z: fr (table of benchmarks)."),
    ("benchmark\nx\n", {}, FILES, [0.25, 0, 0], "Not in the table of benchmarks: y, z."),
    (TABLE, GIVEN, ["en"] * 3, [0.5] * 3, "mine.csv: column source_language, as en was ch"),
    (TABLE, GIVEN, ["en"] * 3, [0.5] * 3, "Column chance_level, as 0.5 was given for all b"),
]


@pytest.mark.parametrize(("table", "options", "sources", "levels", "said"), OF_BENCHMARKS)
def test_what_is_said_of_each_benchmark_and_by_whom(
    tmp_path, table, options, sources, levels, said
):
    described = write(tmp_path, table, "b.csv") if table else None
    loaded = load_responses(write(tmp_path, DESIGN), benchmarks=described, **options)
    columns = loaded.benchmarks[["source_language", "chance_level", "n_items"]].to_dict("list")
    assert [*columns.values()] == [sources, levels, [1, 2, 1]]
    assert said in str(loaded.report)
    assert loaded.counts("y").source_trials.tolist() == [[2, 1]]
    assert loaded.counts("z").targets == (("en",) if sources[2] == "fr" else ("fr",))
    if table == TABLE:
        assert loaded.benchmarks["name"].tolist() == ["The X test", "y", "Z"]


def test_one_trial_a_row_and_parquet_have_chance_levels_too(tmp_path):
    text = TRIALS.replace("\n", ",0.5\n").replace("correct,0.5", "correct,chance_level")
    assert load_responses(write(tmp_path, text)).counts("mine").chance == 0.5
    frame = pd.read_csv(write(tmp_path, COUNTS, "c.csv"))
    for level in ([0] * 7, pd.array([0, None, 0, 0, 0, 0, 0], dtype="Int64")):
        frame.assign(chance_level=level).to_parquet(tmp_path / "c.parquet")
        assert load_responses(tmp_path / "c.parquet").counts("c").chance == 0


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_the_simulated_design_comes_back_as_it_was(tmp_path, file_format):
    simulated = hatlib.paper_design(n_items=(12, 24, 10), n_trials=2)
    answers, models, benchmarks, _ = simulated.write(tmp_path, file_format=file_format)
    loaded = load_responses(answers, models=models, benchmarks=benchmarks)
    assert loaded.benchmarks.equals(load_responses(answers).benchmarks)
    expected = simulated.responses.benchmarks.sort_values("benchmark", ignore_index=True)
    columns = ["benchmark", "name", "source_language", "chance_level", "n_items"]
    pd.testing.assert_frame_equal(loaded.benchmarks[columns], expected[columns])
    for name in loaded.benchmarks["benchmark"]:
        assert same(loaded.counts(name), simulated.responses.counts(name))
    assert not [line for line in loaded.report.assumed if "level" in line or "language" in line]


def test_items_of_one_cluster_share_a_number(tmp_path):
    answers = "a,en,i,x,1,1 a,en,j,,1,1 a,en,k,x,1,1 a,en,l,,1,1"
    text = rows(f"{KEY},cluster,n_correct,n_trials", f"{answers} {answers.replace('en', 'de')}")
    assert load_responses(write(tmp_path, text)).counts("mine").clusters.tolist() == [0, 1, 0, 2]


def test_truth_values_in_parquet_and_other_names_of_columns_are_read(tmp_path):
    one = load_responses(write(tmp_path, TRIALS))
    frame = pd.read_csv(tmp_path / "mine.csv")
    frame["correct"] = frame["correct"].astype(str).str.lower().isin(["1", "true"])
    frame.rename(columns={"item": "Item_ID "}).to_parquet(tmp_path / "trials.parquet")
    two = load_responses(tmp_path / "trials.parquet", benchmark="mine")
    assert same(one.counts("mine"), two.counts("mine"))
    assert any("item_id as item" in line for line in two.report.assumed)


def test_a_model_may_be_described_beside_its_answers(tmp_path):
    text = "model,params_total_b,release_date,language,item,correct\n"
    rows = "a,7,2025-02,en,1,1\na,7,2025-02,de,1,0\n"
    models = load_responses(write(tmp_path, text + rows)).models
    assert models["params_total_b"].tolist() == [7]
    assert models["release_date"].tolist() == [pd.Timestamp(2025, 2, 1)]
    found = refused(load_responses, write(tmp_path, text + rows.replace(",7,", ",big,")))
    assert [("not a number" in problem) for problem in found] == [True, True]


def test_some_of_the_answers(tmp_path):
    loaded = load_responses(write(tmp_path, COUNTS))
    part = loaded.subset(models="a", languages=["de"])
    assert [*part.models["model"]] == ["a"] and [*part.languages["language"]] == ["de", "en"]
    assert part.counts("mine").target_correct.tolist() == [[[2, 1]]]
    messages = refused(loaded.subset, models=["a", "z"], languages="it", benchmarks="MINE")
    assert len(messages) == 3 and "There are a, b." in messages[1]
    assert "benchmark" in refused(loaded.counts, "other")[0]
    assert len(loaded.subset(languages=[]).frame) == 3
    assert "target language" in refused(loaded.subset(languages=[]).counts, "mine")[0]


FIRST = "a,en,1,3,4"
WHOLE = "line 2, column n_correct: the value is not a whole"


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (COUNTS, FIRST, "a,en,1,5,4", "line 2: the row has more correct answers than trials."),
        (COUNTS, FIRST, "a,en,1,0,0", "line 2, column n_trials: the value is zero."),
        (COUNTS, FIRST, "a,en,1,3,0", "line 2, column n_trials: the value is zero."),
        (COUNTS, FIRST, "a,en,1,-3,4", "line 2, column n_correct: the value is negative."),
        (COUNTS, FIRST, "a,en,1,0,-4", "line 2, column n_trials: the value is negative."),
        (COUNTS, FIRST, "a,en,1,,4", "line 2, column n_correct: the value is missing."),
        *((COUNTS, FIRST, f"a,en,1,{v},4", WHOLE) for v in ("nan", "2.5", "inf", "three")),
        (COUNTS, FIRST, "a,en,1,3,1e300", "line 2, column n_trials: the value is not a whole"),
        (COUNTS, "a,en,2,0,4", "a,en,1,0,4", "line 3: the row repeats the model, language and i"),
        (COUNTS, FIRST, "a,klingon,1,3,4", "line 2, column language: the value is not a lang"),
        (COUNTS, FIRST, "a,en,,3,4", "line 2, column item: the value is empty."),
        (COUNTS, FIRST, ",en,1,3,4", "line 2, column model: the value is empty."),
        (COUNTS, FIRST, "a,en,1,3", "line 2: the line has 4 fields where the header has 5."),
        (COUNTS, "item,n", "Item No,n", "line 1: there is no column item."),
        (COUNTS, ",n_trials", ",n", "line 1: there is no column n_trials."),
        (COUNTS, ",en,", ",it,", "no answer to mine is in the source language en."),
        (COUNTS, COUNTS[COUNTS.index("\n") :], "\n", "no row below the header"),
        (TRIALS, "correct", "score", "no column n_correct, n_trials"),
        (TRIALS, "a,de,1,0", "a,de,1,2", "line 5, column correct: the value is neither 1 nor 0"),
        (TRIALS, "a,de,1,0", "a,de,1,", "line 5, column correct: the value is missing"),
        (TRIALS, "a,de,1,0", "a,de,1,yes", "line 5, column correct: the value is not a whole"),
        (TRIALS, ",de,", ",en,", "the only language of mine is en"),
        (BY_ITEM, "a,de,1,en", "a,de,1,de", "an item of mine has more than one source_language"),
        (CLUSTERS, "a,de,1,en", "a,de,1,de", "an item of mine has more than one cluster"),
    ],
)
def test_one_thing_that_is_wrong_is_said_once_and_clearly(tmp_path, text, old, new, message):
    assert old in text
    found = refused(load_responses, write(tmp_path, text.replace(old, new)))
    assert len(found) == 1 and message in found[0], found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("benchmark,", "bench,", "b.csv, line 1: there is no column benchmark."),
        ("y,,item,0.1", "x,,item,0.1", "b.csv, line 3, column benchmark: the value stands in more"),
        ("y,,item,0.1", "y,,items,0.1", "line 3, column source_language: the value is not a l"),
        ("y,,item,0.1", "y,,item,1", "line 3, column chance_level: the value is not below 1."),
        ("y,,item,0.1", "y,,item,10%", "line 3, column chance_level: the value is not a number."),
        ("y,,item,0.1", ",,item,0.1", "line 3, column benchmark: the value is empty."),
        ("x,The X test,en,0.25", "x,,de,", "the source language of x is de in the table of bench"),
        ("0.25", "0.5", "the chance level of x is 0.5 in the table of benchmarks, and not"),
        ("y,,item", "y,,de", "the source language of y is de in the table of benchmarks, and not"),
        ("FRA", "item", "the rows of z have no source_language"),
    ],
)
def test_a_table_of_benchmarks_that_is_wrong(tmp_path, old, new, message):
    table = write(tmp_path, TABLE.replace(old, new), "b.csv")
    found = refused(load_responses, write(tmp_path, DESIGN), benchmarks=table)
    assert any(message in problem for problem in found), found


def test_everything_that_is_wrong_with_the_benchmarks_is_said_at_once(tmp_path):
    text = DESIGN.replace("x,a,de,1,en,0.25", "x,a,de,1,en,0.5").replace("y,a,de,2,de", "y,a,de,2,")
    found = "\n".join(refused(load_responses, write(tmp_path, text)))
    assert "x has more than one chance_level. (found: 0.25, 0.5)" in found
    assert "some rows of y have no source_language" in found
    found = refused(load_responses, write(tmp_path, text), source_language="item")
    assert any("the rows of z have no source_language" in problem for problem in found)
    text = DESIGN.replace("0.25", "1").replace("z,a,fr,1,,0", "z,a,fr,1,Klingon,-1")
    found = refused(load_responses, write(tmp_path, text))
    assert [problem.split(" (found")[0].split(", ", 1)[1] for problem in found] == [
        "line 2, column chance_level: the value is not below 1.",
        "line 3, column chance_level: the value is not below 1.",
        "line 8, column chance_level: the value is below 0.",
        "line 8, column source_language: the value is not a language code.",
    ]


def test_wrong_values_in_parquet_are_found_too(tmp_path):
    columns = {"model": ["a", None, "a"], "language": ["en", "de", "de"], "item": [1, 1, 2]}
    frame = pd.DataFrame(columns | {"n_correct": [1.0, np.nan, 0.5]})
    frame["n_trials"] = pd.array([1, 2, None], dtype="Int64")
    frame.to_parquet(tmp_path / "bad.parquet")
    found = refused(load_responses, tmp_path / "bad.parquet")
    assert (len(found), sum("is missing" in line for line in found)) == (4, 2)


def test_rows_that_two_files_repeat_are_named_with_both(tmp_path):
    one = write(tmp_path, "benchmark," + COUNTS.replace("\n", "\nx,")[:-2], "one.csv")
    two = write(tmp_path, one.read_bytes(), "two.csv")
    found = refused(load_responses, [one, two])
    assert len(found) == 7
    assert found[0].startswith("two.csv, line 2: the row repeats the model, language and item of o")
    assert any("given twice" in problem for problem in refused(load_responses, [one, one]))


cells = st.dictionaries(
    st.tuples(
        st.sampled_from(["m", "n", "o"]),
        st.sampled_from(["en", "de", "fr"]),
        st.sampled_from(["1", "2", "10", "ü"]),
        st.sampled_from(["", "p"]),
    ),
    st.tuples(st.integers(0, 5), st.integers(1, 5)).map(lambda pair: (min(pair), pair[1])),
    max_size=30,
)


@settings(max_examples=8)
@given(cells, st.randoms(use_true_random=False), st.booleans())
def test_neither_the_order_of_rows_nor_the_files_they_are_in_matter(
    tmp_path_factory, filled, random, as_trials
):
    filled |= {("m", "en", "1", ""): (1, 2), ("m", "de", "1", ""): (1, 1)}
    every = [(*key, *value) for key, value in filled.items()]
    columns = ["model", "language", "item", "prompting", "n_correct", "n_trials"]
    if as_trials:
        every = [(*row[:4], int(k < row[4])) for row in every for k in range(row[5])]
        columns = [*columns[:4], "correct"]
    folder = tmp_path_factory.mktemp("order")

    def counts(*parts: list) -> hatlib.Counts:
        paths = []
        for part in filter(None, parts):
            paths.append(folder / f"{len(paths)}.csv")
            pd.DataFrame(part, columns=columns).to_csv(paths[-1], index=False)
        return load_responses(paths, benchmark="b").counts("b")

    expected = counts(every)
    shuffled = random.sample(every, len(every))
    cut = random.randint(0, len(every))
    assert same(counts(shuffled), expected)
    assert same(counts(shuffled[:cut], shuffled[cut:]), expected)
    total = sum(value[0] for value in filled.values())
    assert expected.source_correct.sum() + expected.target_correct.sum() == total


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
HEADS = [(load_responses, f"{KEY},n_correct,n_trials"), (data.load, f"{KEY},accuracy,n_items")]


@pytest.mark.parametrize(("load", "head"), HEADS)
@settings(max_examples=25)
@given(st.lists(st.tuples(texts, st.sampled_from(["en", "de", "xx", ""]), texts, texts, texts)))
def test_any_cells_give_a_table_or_a_clear_error(tmp_path_factory, load, head, rows):
    path = tmp_path_factory.mktemp("fuzz") / "mine.csv"
    pd.DataFrame(rows, columns=head.split(",")).to_csv(path, index=False)
    try:
        loaded = load(path)
    except hatlib.InputError as error:
        assert error.problems
    else:
        assert load != load_responses or (loaded.frame["n_trials"] >= 1).all()
        assert load != data.load or loaded.accuracies["accuracy"].between(0, 1).all()


def test_which_files_hold_answers(tmp_path):
    pd.DataFrame({"Item ID": [1]}).to_parquet(tmp_path / "a.parquet")
    for text, name, expected in (
        (gzip.compress(COUNTS.encode(), mtime=0), "b.csv.gz", True),
        ("\n\n" + COUNTS, "c.csv", True),
        ("model,language,accuracy,item\n", "d.csv", False),
    ):
        assert loading.has_items(write(tmp_path, text, name)) is expected
    assert not loading.has_items(tmp_path / "none.csv")
    assert loading.has_items(tmp_path / "a.parquet")
    assert loading.has_items(tmp_path), "a folder of Parquet files is a table"
