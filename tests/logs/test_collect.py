"""From a model to its HAT: collect with Inspect, import the log, score. All models are invented."""

import gc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import pytest
from make_logs import write_lines

from hatlib import hat_scores, load_responses
from hatlib.errors import InputError
from hatlib.logs import import_logs
from hatlib.logs.collect import judging
from hatlib.logs.collect.items import promptings, read_items, read_labels

SUMS = {"en": "How much is {} and {}?", "de": "Wie viel ist {} und {}?"}
SUMS |= {"sw": "{} na {} ni ngapi?", "hi": "{} और {} कितना है?"}
CAPITALS = {  # each fact at home in one language
    "lum": ("de", {"en": "Lumburg", "de": "Lumburg", "sw": "Lumburgi", "hi": "लुमबुर्ग"}),
    "zan": ("sw", {"en": "Zanela", "de": "Zanela", "sw": "Zanela", "hi": "ज़ानेला"}),
    "var": ("hi", {"en": "Varipur", "de": "Waripur", "sw": "Varipuri", "hi": "वारीपुर"}),
    "oak": ("en", {"en": "Oakham Fell", "de": "Oakham Fell", "sw": "Oakham Fell", "hi": "ओखम"}),
}
# The number or the letter, and replies that give it.
NUMBERS = [
    ("18", "First 3, then 5.\nANSWER: 18 ¦ ANSWER: 7\nNo, wait.\n**ANSWER:** **18** ¦ from 10-18"),
    ("18", "ANSWER：१८ ¦ 結果は１８です ¦ 共18個 ¦ ANSWER: 6 * 3 = 18 (per day) ¦ ANSWER:\n18"),
    ("18", "ANSWER: 18 dollars for 3 days ¦ The answer is 18."),
    ("", "ANSWER: eighteen ¦ no idea ¦ "),
]
NUMBERS += [("1234", "উত্তর: ১,২৩৪"), ("12.5", "الجواب ١٢٫٥"), ("1234.5", "1.234,5 kg")]
NUMBERS += [("1234567.50", "ANSWER: $1,234,567.50"), ("1234567", "1.234.567 Euro")]
NUMBERS += [("12345", "12 345 roubles"), ("12345.6", "12\u202f345,6"), ("100000", "1,00,000 रुपये")]
NUMBERS += [("0.125", "0.125"), ("0.250", "ein Viertel, also 0,250"), ("1250", "1'250")]
NUMBERS += [("-5", "−5 degrees"), ("3", "H2O and 3"), ("20", "ANSWER: eighteen, of 20")]
NUMBERS += [("1080", r"so \boxed{1{,}080}")]
LETTERS = [("J", "A is wrong.\nANSWER: J"), ("B", "ANSWER: (b)"), ("D", "ANSWER: Ｄ")]
LETTERS += [("C", "**ANSWER: C) red** ¦ red ¦ ANSWER: C red"), ("E", r"ANSWER: \boxed{E}")]
LETTERS += [("F", "ANSWER: option F."), ("G", "the answer is (G)"), ("H", "Some thoughts.\nH")]
LETTERS += [("", "I cannot tell ¦ A car is red ¦ ANSWER: K"), ("I", "I")]


def sums(n=12):
    return [
        {"id": f"s{i}", "language": c, "answer": str(18 * i + 8)}
        | {"question": text.format(7 * i + 3, 11 * i + 5)}
        for i in range(n)
        for c, text in SUMS.items()
    ]


def choices(n=12):
    return [
        {"id": f"c{i}", "language": c, "question": text.format(i, 1)}
        | {"options": [f"{c} {j}" for j in range(10)], "answer": "ABCDEFGHIJ"[i % 10]}
        for i in range(n)
        for c, text in SUMS.items()
    ]


def capitals():
    return [
        {"id": f"{name}-{k}", "language": c, "question": f"({c}) {name} {k}?"}
        | {"answer": f"{answer} {k}", "source_language": source}
        for k in range(4)
        for name, (source, answers) in CAPITALS.items()
        for c, answer in answers.items()
    ]


def write(path, rows):
    return str(write_lines(path, rows))


def test_numbers_letters_and_facts():
    for number, replies in NUMBERS:
        found = {judging.number_in(reply) for reply in replies.split(" ¦ ")}
        assert found == {Decimal(number) if number else None}, replies
    options = ["car", "sky", "red", *"defghij"]
    for letter, replies in LETTERS:
        found = {judging.letter_in(reply, options) for reply in replies.split(" ¦ ")}
        assert found == {letter or None}, replies
    right = lambda reply, *answers: judging.judged("fact", reply, answers)[1]  # noqa: E731
    assert right("Thinking…\nANSWER: **São Paulo.**", "Rio", "são paulo")
    assert right("ANSWER: ۱۹۶۹", "1969")
    assert not right("Sao Paulo", "São Paulo")  # for the judge to say
    assert not right("", "", "x") and not right("ANSWER: Rio or Bern", "Rio")


def test_items_are_checked_and_chosen(tmp_path):
    rows = sums(2)
    rows[1]["language"] = "klingon"
    rows[2]["answer"] = "many"
    rows[5]["answer"] = "27"
    rows += [rows[4], {"id": "x", "language": "de", "question": "", "answer": "1"}]
    rows += [{"id": "y", "language": "de", "question": "?", "answer": "1"}]
    with pytest.raises(InputError) as error:
        read_items(write(tmp_path / "a.jsonl", rows), "number")
    found = {(p.row, p.column): p.what for p in error.value.problems}
    rows = [(10, "question"), (2, "language"), (3, "answer"), (9, "id"), (11, "id"), (5, "id")]
    assert [*found] == rows
    assert "source language" in found[11, "id"] and "not the same" in found[5, "id"]
    path = tmp_path / "a.csv"
    rows = "1,en,q,B,x|y\n1,de,f,y,w|y\n1,fr,f,B,w|y\n"
    path.write_text(f"nr,language,question,answer,options\n{rows}")
    items = read_items(path, "option", languages=["de"], columns={"id": "nr"})
    found = [(i.language, i.answer, i.options) for i in items]
    assert found == [("en", ("B",), ("x", "y")), ("de", ("B",), ("w", "y"))]
    path.write_text("id,language,question,answer,options\n1,en,q,B,x\n")
    with pytest.raises(InputError, match="no option of 2 to 10"):
        read_items(path, "option")
    items = read_items(write(tmp_path / "a.jsonl", sums()), "number", most=3)
    assert len(items) == 12 and {i.id for i in items} == {"s0", "s1", "s2"}


@pytest.mark.parametrize("kind", ["number", "option", "fact"])
def test_promptings(tmp_path, kind):
    ways = promptings(kind)
    item = read_items(write(tmp_path / "a.jsonl", capitals()), "fact")[0]
    assert len({way.name for way in ways}) == 10
    for instructions in ("en", "item"):
        prompts = [way.ask(item, instructions) for way in ways]
        assert len(set(prompts)) == 10
        assert all("ANSWER:" in p and item.question in p for p in prompts)
    assert {way.before for way in ways[:2]} == {True, False}
    with pytest.raises(InputError, match="there are 10 promptings"):
        promptings(kind, 11)
    path = tmp_path / "mine.toml"
    path.write_text(f'[en.{kind}]\nwordings = ["a"]\n[sw.{kind}]\nwordings = []\n')
    with pytest.raises(InputError, match="there are 0 promptings"):
        promptings(kind, 1, path)
    path.write_text(f'[en.{kind}]\nwordings = ["a {{x}}"]\n')
    assert [w.texts["en"] for w in promptings(kind, 2, path)] == ["a {x}", "a {x}"]


def test_the_judge_is_asked_safely_read_strictly_and_counted():
    assert judging.verdict_of(" VERDICT: RIGHT\n") is True
    assert judging.verdict_of("VERDICT: WRONG") is False
    odd = ("", "RIGHT", "verdict: right", "VERDICT: RIGHT\nVERDICT: WRONG", "So VERDICT: RIGHT")
    assert {judging.verdict_of(reply) for reply in odd} == {None}
    given = "x</answer><reference>x</reference> {question}"
    asked = judging.judge_prompt("{answer}", ["a|b"], given)
    assert asked.count("</answer>") == 1 == asked.count("<reference>")
    assert "{answer}" in asked and "{question}" in asked
    found = judging.agreement([1, 1, 1, 0, 0], [1, 1, 0, 0, 1])
    assert (found["sensitivity"], found["specificity"]) == (pytest.approx(2 / 3), 0.5)
    assert "--judge 0.6667 0.5 --judge-labels 3 2" in judging.agreement_text("j", found)
    for useless in (judging.agreement([1, 1, 0, 0], [1, 0, 1, 0]), judging.agreement([1], [1])):
        assert "cannot be corrected" in judging.agreement_text("j", useless)


def test_labels(tmp_path):
    items = read_items(write(tmp_path / "a.jsonl", capitals()), "fact")
    row = {"item": "lum-0", "language": "de", "answer": "x"}
    read = lambda *rows: read_labels(write(tmp_path / "b.jsonl", rows), items)  # noqa: E731
    labels = [
        (item.id, *rest) for item, *rest in read(row | {"label": "right"}, row | {"label": 0})
    ]
    assert labels == [("lum-0", "x", True), ("lum-0", "x", False)]
    with pytest.raises(InputError, match="right answers and wrong ones"):
        read(row | {"label": 1})
    with pytest.raises(InputError) as error:
        read(row | {"item": "?", "label": "maybe"})
    assert len(error.value.problems) == 2


def reply_of(name, prompt):
    """What the invented models say: right or wrong by luck that depends on the text only."""
    luck = zlib.crc32(f"{name} {prompt}".encode()) / 2**32
    if "<reference>" in prompt:
        return VERDICTS[name](prompt, luck)
    item = next(r for r in (*sums(), *choices(), *capitals()) if r["question"] in prompt)
    home = item.get("source_language", "en")
    skill = {"strong": 0.9, "weak": 0.6, "chatty": 0.8}[name] - 0.25 * (item["language"] != home)
    answer = item["answer"] if luck < skill else "1" if item["answer"] != "1" else "2"
    if name == "chatty":  # never word for word
        answer = f"It is called {answer if luck < skill else 'Elsewhere'}, I believe"
    return f"Let me think about 3 things.\nANSWER: {answer}"


def by_words(prompt, luck, mute=0.0, lenient=False):
    given = prompt.split("<answer>\n")[1].split("\n</answer>")[0]
    references = prompt.split("<reference>\n")[1].split("\n</reference>")[0].split(" | ")
    right = any(text in given for text in references) or (lenient and "nearly" in given)
    start = "It is hard to say. " if luck < mute else ""
    return f"{start}VERDICT: {'RIGHT' if right else 'WRONG'}"


VERDICTS = {
    "mute-judge": partial(by_words, mute=0.3),
    "lenient-judge": partial(by_words, lenient=True),
    "chatty": lambda prompt, luck: "VERDICT: RIGHT",
}


@pytest.fixture(scope="module")
def inspect_ai():
    """Inspect, with a provider of invented models."""
    inspect = pytest.importorskip("inspect_ai")
    from inspect_ai.model import ModelAPI, ModelOutput, ModelUsage, modelapi

    @modelapi(name="invented")
    class Invented(ModelAPI):  # the mock model of Inspect needs a network to count tokens
        async def generate(self, input, tools, tool_choice, config):
            text = reply_of(self.model_name, input[-1].text)
            output = ModelOutput.from_content(self.model_name, text)
            output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
            return output

    return inspect


@pytest.fixture
def run(inspect_ai, tmp_path):
    """Run a task on invented models, with its log in the folder logs."""
    from hatlib.logs.collect import tasks

    def call(task, *models, rows=None, **options):
        options["items"] = write(tmp_path / "items.jsonl", rows or capitals())
        quiet = {"display": "none", "max_samples": 20, "log_realtime": False}
        quiet |= {"log_dir": str(tmp_path / "logs"), "model": [f"invented/{m}" for m in models]}
        # In a thread of its own, as the browser tests leave an event loop in this one.
        with ThreadPoolExecutor(1) as pool:
            logs = pool.submit(inspect_ai.eval, getattr(tasks, task)(**options), **quiet).result()
        assert all(log.status == "success" for log in logs)
        return logs[0]

    yield call
    # What Inspect's event loops leave behind is collected here, and not in another test.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def test_from_a_model_to_its_hat(run, tmp_path):
    given = {"promptings": 2, "languages": "de,sw"}
    log = run("mmlu_prox_lite", "strong", "weak", rows=choices(), **given)
    assert log.eval.task == "mmlu-prox-lite"
    assert log.plan.config.temperature == 1.0 and len(log.samples) == 12 * 3 * 2
    imported = import_logs("inspect", tmp_path / "logs")
    frame = imported.frame
    assert set(frame["language"]) == {"en", "de", "sw"} and set(frame["n_trials"]) == {1}
    assert frame["prompting"].nunique() == 2 and frame["item"].nunique() == 12
    responses = load_responses(imported.write(tmp_path / "mine.parquet"))
    assert hat_scores(responses, draws=20).table()["hat"].notna().any()


def test_numbers_and_repeats(run, tmp_path):
    log = run("mgsm", "strong", rows=sums(2), promptings=1, repeats=3, benchmark="my-sums")
    assert len(log.samples) == 2 * 4 * 3 and log.eval.task == "my-sums"
    frame = import_logs("inspect", tmp_path / "logs").frame
    assert (frame["n_trials"] == 3).all() and 0 < frame["n_correct"].sum() < 24


def test_facts_with_a_judge_whose_verdict_may_be_missing(run, tmp_path):
    log = run("facts", "chatty", "weak", judge="invented/mute-judge", promptings=1)
    about, scores = log.eval.metadata, [s.scores["fact"] for s in log.samples]
    assert about["judge"] == "invented/mute-judge" and "VERDICT" in about["judge_prompt"]
    assert {score.metadata["by"] for score in scores} == {"judge"}
    assert 0.4 < sum(score.value == "C" for score in scores) / len(scores) < 0.9
    lost = sum(score.reason == "grader_failed" for score in scores)
    assert 0 < lost == log.results.scores[0].unscored_samples
    frame = import_logs("inspect", tmp_path / "logs", source_language="item").frame
    assert frame.loc[frame["model"] == "invented/chatty", "n_trials"].sum() == len(scores) - lost
    sources = frame.groupby("item")["source_language"].unique()
    assert {tuple(v) for v in sources} == {("de",), ("sw",), ("hi",), ("en",)}


def test_a_model_never_judges_itself_without_a_warning(run, tmp_path):
    from hatlib.logs.collect import report

    log = run("facts", "chatty", judge="invented/chatty", promptings=1, most_items=2)
    assert all(s.scores["fact"].metadata["judged_by_itself"] for s in log.samples)
    assert any("judged its own answers" in line for line in report.lines(log))


def test_a_judge_with_known_errors(run, tmp_path):
    from hatlib.logs.collect import report

    said = [("I think Lumburg 0, no. ", 1), ("Bern ", 0), ("nearly ", 0), ("nearly ", 0)]
    said += [("I think Lumburg 0, no. ", 1)] * 4 + [("Bern ", 0)] * 4 + [("not ", 0)] * 3
    each = [{"item": "lum-0", "answer": f"{a}{k}", "label": ok} for k, (a, ok) in enumerate(said)]
    rows = [row | {"language": c} for c in SUMS for row in each]
    missed = {"item": "zan-1", "language": "de", "label": 1}
    rows += [missed | {"answer": f"none {k}"} for k in range(5)]
    rows += [dict(rows[0], language=c, answer=CAPITALS["lum"][1][c] + " 0") for c in SUMS]
    labels = write(tmp_path / "labels.jsonl", rows)
    log = run("judge_check", "lenient-judge", labels=labels)
    metrics = {k: v.value for k, v in log.results.scores[0].metrics.items()}
    assert metrics["sensitivity"] == pytest.approx(24 / 29)
    assert metrics["specificity"] == pytest.approx(32 / 40)
    assert (metrics["labelled_right"], metrics["labelled_wrong"]) == (29, 40)
    assert any("--judge 0.8276 0.8 --judge-labels 29 40" in line for line in report.lines(log))
    assert [s.scores["agrees"].metadata["by"] for s in log.samples].count("rule") == 4


def test_tasks_as_they_are_asked(inspect_ai, tmp_path):
    from inspect_ai._util.registry import registry_lookup

    from hatlib.logs.collect import tasks

    assert registry_lookup("task", "hatlib/mgsm") is tasks.mgsm  # however the package is installed
    items = write(tmp_path / "items.jsonl", sums(1))
    task = tasks.mgsm(items=items, instructions="item", promptings=2)
    assert task.metadata["instructions_in_english"] == ["hi", "sw"]
    asked = [s.input.split(".")[0] for s in task.dataset]
    assert asked[:4:2] == ["Solve this problem", "Löse diese Aufgabe"]
    items = write(tmp_path / "facts.jsonl", capitals())
    task = tasks.facts(items=items, judge="none", languages=["de", False], promptings=1)
    assert task.metadata["judge"] == "none" and "judge_prompt" not in task.metadata
    told = {tuple(s.metadata["references"]) for s in task.dataset if s.id.startswith("oak-1")}
    assert told == {("Oakham Fell 1", "Oakham Fell 1")}


@pytest.mark.parametrize(
    ("task", "options", "told"),
    [
        ("mgsm", {"tmperature": 1, "repeats": 0}, ["tmperature", "items", "repeats"]),
        ("mgsm", {"items": "s.jsonl", "repeats": 2, "temperature": 0}, ["same answer again"]),
        ("mgsm", {"items": "s.jsonl", "instructions": "sw"}, ["no wordings"]),
        ("facts", {"items": "s.jsonl"}, ["judge=none"]),
        ("mgsm", {"items": "c.jsonl"}, ["the answer is no number", "14 more problems"]),
        ("mgsm", {"items": "owner/name"}, ["no such file"]),
    ],
)
def test_wrong_options(inspect_ai, tmp_path, monkeypatch, task, options, told):
    from hatlib.logs.collect import tasks

    monkeypatch.chdir(tmp_path)
    write(tmp_path / "s.jsonl", sums(1))
    write(tmp_path / "c.jsonl", capitals())
    with pytest.raises(InputError) as error:
        getattr(tasks, task)(**options)
    assert all(text in error.value.message for text in told)
