"""The command `hat`: each command is one call of a public function.

Results go to standard output, messages to standard error. The exit code is 0 if all is well, 1 if
the input is wrong, 2 if the command is.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from hatlib.data import writing
from hatlib.errors import InputError, Problem, RunError
from hatlib.show.output import printable

if TYPE_CHECKING:
    from rich.console import Console

    from hatlib.data.responses import Responses
    from hatlib.metric.judge import Judge
    from hatlib.metric.results import HatScores
    from hatlib.publish import Notebook
    from hatlib.publish.places import Progress

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Measure cross-lingual transfer: run the analyses of the book, on its data or on yours.",
)


class Format(StrEnum):
    """How a list is written."""

    TABLE = "table"
    JSON = "json"
    MD = "md"


class TableFormat(StrEnum):
    """How a table of results is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MD = "md"


class FileFormat(StrEnum):
    """How answers are kept in a file."""

    CSV = "csv"
    PARQUET = "parquet"


# Forms without a place for the meaning of the flags, which are then messages.
_PLAIN = (TableFormat.CSV, TableFormat.JSON)

# Options that `score` and `compare` share.
ModelsOption = Annotated[
    str | None, typer.Option("--models", help="Your table of models.", metavar="FILE")
]
BenchmarkOption = Annotated[
    list[str] | None,
    typer.Option(
        "--benchmark",
        help="This benchmark only; or its name, if your file has no such column. Repeat for more.",
        metavar="NAME",
    ),
]
BenchmarksOption = Annotated[
    str | None,
    typer.Option(
        "--benchmarks",
        help="Your table of benchmarks: source language and chance level of each.",
        metavar="FILE",
    ),
]
SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source",
        "--source-language",
        help="Language that transfer starts from; item if the file says it for each item. "
        "[default: what the files say, or en]",
        metavar="CODE",
    ),
]
ChanceOption = Annotated[
    float | None,
    typer.Option(
        "--chance",
        help="Accuracy of a guess, 0 to 1. [default: what the files or the book say, or 0]",
    ),
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        help="These target languages only, as in de,fr. [default: all]",
        metavar="CODE,…",
    ),
]
HardnessOption = Annotated[
    Literal["auto", "self", "pooled", "leave-one-out", "other-lineages"],
    typer.Option("--hardness", help="From which answers the hardness of an item is estimated."),
]
ProfileOption = Annotated[
    Literal["auto", "adaptive", "direct", "shared", "plugin", "quadratic", "logit"],
    typer.Option(
        "--profile",
        help="How the transfer profile is fitted; auto is adaptive, or direct for a lone model.",
    ),
]
ReferenceOption = Annotated[
    str,
    typer.Option(
        "--reference",
        help="Hardness that all models are compared at: uniform, pooled, standard (the one of the "
        "book for this benchmark), or the file of a frozen standard. auto is uniform.",
        metavar="NAME|FILE",
    ),
]
JudgeOption = Annotated[
    tuple[float, float] | None,
    typer.Option(
        "--judge",
        help="Sensitivity and specificity of the judge of the answers; scores are corrected.",
        metavar="SENS SPEC",
    ),
]
JudgeLabelsOption = Annotated[
    tuple[int, int],
    typer.Option(
        "--judge-labels",
        help="Right and wrong answers, labelled by people, behind the two; they widen intervals.",
        metavar="RIGHT WRONG",
    ),
]
CorrelationOption = Annotated[
    float | None,
    typer.Option(
        "--correlation",
        help="Correlation of a model's answers to one item beyond its hardness; 0 if independent. "
        "[default: estimated where promptings have several answers, or 0]",
    ),
]
DrawsOption = Annotated[
    int, typer.Option("--draws", help="Redraws of the items; 0 for no intervals.")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of the random numbers.")]
LevelOption = Annotated[float, typer.Option("--level", help="Coverage of the intervals.")]
TableFormatOption = Annotated[TableFormat, typer.Option("--format", help="How to write it.")]
OutOption = Annotated[
    Path | None, typer.Option("-o", "--out", help="File for the result.", metavar="FILE")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite files.")]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Only the result: no notes, no report of the load.")
]


def _version(wanted: bool) -> None:
    if wanted:
        from hatlib import __version__

        typer.echo(f"hat {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def book(
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with your accuracies*.csv, answers*.csv, models.csv; the book is on these."
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Rerun these analyses only.", metavar="NAME…")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Analyses that run at the same time.")] = 2,
    force: Annotated[bool, typer.Option(help="Rerun analyses that are up to date.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the book in the browser.")] = False,
) -> None:
    """Rerun the analyses that are out of date, and build the book."""
    from hatlib import publish

    names = _with_trailing("--only", only, more)
    with _progress() as progress:
        built = publish.build_book(data=data, only=names, jobs=jobs, force=force, progress=progress)
    for name, why in built.executed.items():
        _say(f"{name}: run, because {why}")
    pages = "pages built" if built.built else "nothing changed"
    _say(f"{len(built.executed)} run, {len(built.reused)} reused, {pages}, {built.seconds:.1f} s")
    typer.echo(built.index)
    if open_:
        _open(built.index)


@app.command()
def notebooks(
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
) -> None:
    """List the analyses, what they need and their parameters."""
    from hatlib import publish

    found = publish.notebooks()
    if format_ is Format.JSON:
        typer.echo(_as_json(found))
    elif format_ is Format.MD:
        typer.echo(publish.notebooks_markdown(found))
    else:
        _print_notebooks(found)


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="The analysis; `hat notebooks` lists them.")],
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Your accuracies: CSV, CSV.gz or Parquet.", metavar="FILE…"),
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="Your table of models.", metavar="FILE")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", help="Set a parameter.", metavar="NAME=VALUE"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for the results. [default: hat-output/NAME]"),
    ] = None,
    force: Annotated[bool, typer.Option(help="Overwrite the results of an earlier run.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Run one analysis on other data or with other parameters."""
    from hatlib import publish

    values = _pairs(parameter or [])
    if models is not None:
        values["models"] = models
    files = _with_trailing("--data", data, more)
    with _progress() as progress:
        result = publish.run_notebook(
            name, values, data=files, out=out, force=force, progress=progress
        )
    if result.report is not None:
        _say(str(result.report))
    _say(f"{name}: done in {result.seconds:.1f} s")
    typer.echo(result.notebook)
    typer.echo(result.page)
    if open_:
        _open(result.page)


@app.command()
def report(
    files: Annotated[
        list[str],
        typer.Argument(help="Item-level responses, as `hat import` writes them.", metavar="DATA…"),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The page; its notebook is written beside it.")
    ] = Path("report.html"),
    models: ModelsOption = None,
    source: SourceOption = None,
    chance: ChanceOption = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", help="Set a parameter.", metavar="NAME=VALUE"),
    ] = None,
    force: ForceOption = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Make one page on your models, to read and to send.

    Example: hat report mine.parquet -o report.html
    """
    from hatlib import publish

    given = {"models": models, "source_language": source, "chance": chance}
    values = _pairs(parameter or []) | {k: v for k, v in given.items() if v is not None}
    with _progress() as progress:
        result = publish.report(files, out, values, force=force, progress=progress)
    _say(str(result.report))
    _say(f"report: done in {result.seconds:.1f} s")
    typer.echo(result.notebook)
    typer.echo(result.page)
    if open_:
        _open(result.page)


@app.command()
def check(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Accuracies, or answers item by item: CSV, TSV, JSON (lines or an array) or "
            "Parquet, perhaps packed (.gz, .zst), or a folder of Parquet files.",
            metavar="FILE",
        ),
    ],
    models: ModelsOption = None,
    benchmarks: BenchmarksOption = None,
    source: SourceOption = None,
    chance: ChanceOption = None,
) -> None:
    """List everything that is wrong with files."""
    import hatlib
    from hatlib.data.responses import has_items

    options: dict[str, Any] = {"models": models, "chance": chance}
    if source is not None:
        options["source_language"] = source
    if any(map(has_items, files)):
        options |= {"benchmarks": benchmarks, "override": source is not None}
        report = hatlib.load_responses(files, **options).report
    elif benchmarks:
        what = "a table of benchmarks goes with answers item by item, and these are accuracies."
        raise InputError(Problem(what, "Leave out --benchmarks."))
    else:
        report = hatlib.load(files, **options).report
    typer.echo(printable(str(report)))


# Groups of options in the help of `import`.
_MEANT, _NAMES, _SAME, _TABLES = (
    "What counts as right",
    "What the logs do not say",
    "Items and runs",
    "Tables (long)",
)


class _Grouped(TyperCommand):
    """A command whose help lists its options by group."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record:
                kind = "Arguments" if param.param_type_name == "argument" else "Options"
                name = getattr(param, "rich_help_panel", None) or kind
                groups.setdefault(name, []).append(record)
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)


def _list_tasks(wanted: bool) -> None:
    if wanted:
        from hatlib.logs.languages import rules_table

        table = rules_table()[["task", "benchmark", "language", "prompting", "item"]]
        typer.echo(table.to_string(index=False))
        raise typer.Exit()


def _known_format(name: str) -> str:
    from hatlib.logs import FORMATS

    if name not in FORMATS and name.lower() not in ("euroeval", "scandeval"):
        raise typer.BadParameter(f"'{name}' is not one of {', '.join(FORMATS)}.")
    return name


@app.command(
    "import",
    cls=_Grouped,
    epilog="\b\nExamples:\n"
    "  hat import lm-eval results/ -o mine.parquet\n"
    "  hat import inspect logs.zip --metric choice -o mine.parquet\n"
    "  hat import long answers/ --language-from '(?P<language>..)/(?P<model>.+)'\n"
    "      --column item=doc.id --benchmark quiz -o mine.csv\n"
    "  hat import long out.jsonl --column prediction=output --gold answer -o mine.csv\n"
    "  hat import --list-tasks",
)
def import_(
    format_: Annotated[
        str,
        typer.Argument(
            help="lm-eval (sample logs of lm-evaluation-harness), inspect, eee (Every Eval Ever), "
            "helm, opencompass, or long (any table with one row an answer).",
            metavar="FORMAT",
            callback=_known_format,
        ),
    ],
    paths: Annotated[
        list[Path], typer.Argument(help="Files, folders and archives.", metavar="PATH…")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", help="The responses: .parquet, .csv or .csv.gz.", metavar="FILE"
        ),
    ],
    model: Annotated[
        str, typer.Option(help="Name of the model, for all answers.", rich_help_panel=_NAMES)
    ] = "",
    benchmark: Annotated[
        str, typer.Option(help="Name of the benchmark, for all answers.", rich_help_panel=_NAMES)
    ] = "",
    language: Annotated[
        str,
        typer.Option(help="Language of all answers.", metavar="CODE", rich_help_panel=_NAMES),
    ] = "",
    language_from: Annotated[
        str,
        typer.Option(
            help="Where the name of a task (long: the path of a file, below its folder) has its "
            "language, as in 'riddles_(?P<language>..)'; it may have a group benchmark, and for "
            "long model and prompting, too.",
            metavar="REGEX",
            rich_help_panel=_NAMES,
        ),
    ] = "",
    language_code: Annotated[
        list[str] | None,
        typer.Option(
            help="What a code in the logs stands for, as in jp=ja. Repeat for more.",
            metavar="THEIRS=OURS",
            rich_help_panel=_NAMES,
        ),
    ] = None,
    prompting: Annotated[
        str, typer.Option(help="Name of the prompting, for all answers.", rich_help_panel=_NAMES)
    ] = "",
    metric: Annotated[
        str,
        typer.Option(
            help="The metric, scorer or column that says what is right.", rich_help_panel=_MEANT
        ),
    ] = "",
    filter_: Annotated[
        str,
        typer.Option(
            "--filter",
            help="The filter of the answers (lm-eval, eee).",
            metavar="NAME",
            rich_help_panel=_MEANT,
        ),
    ] = "",
    threshold: Annotated[
        float | None,
        typer.Option(
            help="From this value on a metric that is not 0 or 1 counts as right.",
            rich_help_panel=_MEANT,
        ),
    ] = None,
    pair_by: Annotated[
        Literal["id", "order"],
        typer.Option(help="How an item is found again in another language.", rich_help_panel=_SAME),
    ] = "id",
    keys: Annotated[
        bool,
        typer.Option(
            help="Compare answer keys, to see that the items are the same.", rich_help_panel=_SAME
        ),
    ] = True,
    source: Annotated[
        str,
        typer.Option(
            "--source",
            "--source-language",
            help="Language that transfer starts from; item if the logs say it for each item.",
            metavar="CODE",
            rich_help_panel=_SAME,
        ),
    ] = "en",
    stratum: Annotated[
        str,
        typer.Option(
            help="Field that divides items into strata, as in doc.category.",
            metavar="FIELD",
            rich_help_panel=_SAME,
        ),
    ] = "",
    mixed: Annotated[
        bool,
        typer.Option(
            "--mixed",
            help="Take runs with other settings for one model: you mean it.",
            rich_help_panel=_SAME,
        ),
    ] = False,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            help="A column under another name, as in item=question_id or item=doc.id. Repeat for "
            "more.",
            metavar="OURS=THEIRS",
            rich_help_panel=_TABLES,
        ),
    ] = None,
    gold: Annotated[
        str,
        typer.Option(
            help="Column of right answers: the column prediction is right if it says the same.",
            metavar="FIELD",
            rich_help_panel=_TABLES,
        ),
    ] = "",
    list_tasks: Annotated[
        bool,
        typer.Option(
            "--list-tasks",
            callback=_list_tasks,
            is_eager=True,
            help="List the tasks that are known by name.",
        ),
    ] = False,
    force: ForceOption = False,
) -> None:
    """Read the logs of other programs as item-level responses."""
    from hatlib import logs as importers
    from hatlib.logs.common import check_output

    check_output(out, force)
    columns = _pairs(column or [], "--column item=question_id", "column")
    codes = _pairs(language_code or [], "--language-code jp=ja", "language")
    with _progress() as progress:

        def show(name: str, done: int, total: int) -> None:
            if progress:
                progress(f"{printable(name)} (KiB)", done >> 10, total >> 10)

        imported = importers.import_logs(
            format_,
            paths,
            progress=show,
            model=model,
            benchmark=benchmark,
            language=language,
            language_from=language_from,
            language_codes=codes,
            metric=metric,
            filter=filter_,
            threshold=threshold,
            pair_by=pair_by,
            keys=keys,
            source_language=source,
            stratum=stratum,
            mixed=mixed,
            columns=columns,
            gold=gold,
            prompting=prompting,
        )
    _say(str(imported.report))
    typer.echo(imported.write(out, force=force))


@app.command()
def aggregate(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="JSON, CSV (or .gz, .zst of them), Parquet; files, folders, archives, patterns.",
            metavar="PATH…",
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The answers: .parquet or .csv.", metavar="FILE")
    ],
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            help="A column under another name, as in item=question_id. Repeat for more.",
            metavar="OURS=THEIRS",
        ),
    ] = None,
    benchmark: Annotated[
        str, typer.Option(help="Name of the benchmark, for files without such a column.")
    ] = "",
    drop: Annotated[
        bool, typer.Option("--drop", help="Leave out rows that cannot be used, and count them.")
    ] = False,
    memory: Annotated[
        str, typer.Option(help="Memory of the database; the rest goes to the disk.")
    ] = "700MB",
    threads: Annotated[int, typer.Option(min=1, help="Threads; each needs memory.")] = 1,
    force: ForceOption = False,
) -> None:
    """Add up raw trials, however many, to item-level responses."""
    from hatlib.logs.aggregate import aggregate_trials

    found = aggregate_trials(
        paths,
        out=out,
        columns=_pairs(column or [], "--column item=question_id", "column"),
        benchmark=benchmark,
        drop=drop,
        memory_limit=memory,
        threads=threads,
        force=force,
    )
    _say(str(found.report))
    typer.echo(found.path)


@app.command()
def score(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="Answers item by item: CSV, CSV.gz or Parquet; or names of sets of the book.",
            metavar="FILE",
        ),
    ] = None,
    models: ModelsOption = None,
    benchmarks: BenchmarksOption = None,
    benchmark: BenchmarkOption = None,
    source: SourceOption = None,
    chance: ChanceOption = None,
    target: TargetOption = None,
    all_targets: Annotated[
        bool, typer.Option("--all-targets", help="A row for each target language, too.")
    ] = False,
    hardness: HardnessOption = "auto",
    profile: ProfileOption = "auto",
    reference: ReferenceOption = "uniform",
    correlation: CorrelationOption = None,
    judge: JudgeOption = None,
    judge_labels: JudgeLabelsOption = (0, 0),
    draws: DrawsOption = 2000,
    seed: SeedOption = 0,
    level: LevelOption = 0.95,
    format_: TableFormatOption = TableFormat.TABLE,
    out: OutOption = None,
    standard: Annotated[
        Path | None,
        typer.Option(
            "--save-standard",
            help="Freeze hardness and shape for later models in this file.",
            metavar="FILE",
        ),
    ] = None,
    more: Annotated[
        bool,
        typer.Option(
            "--more",
            help="Second numbers and checks, too: HAT over the hardness that the models meet, "
            "f(.95) with its interval, SIBTEST, a split half of the source as its own target, "
            "what promptings do to both languages, sensitivity with one answer an item.",
        ),
    ] = False,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score how well models transfer.

    With intervals, support and the traditional metrics.
    """
    from hatlib.show import scoring

    given = [Path(path) for path in (*(files or []), models, benchmarks) if path]
    writing.check_free([path for path in (out, standard) if path], force, given)
    responses = _answers(files or [], models, benchmarks, benchmark or [], source, chance, quiet)
    scores = _scores(
        responses,
        benchmark,
        target,
        hardness=hardness,
        profile=profile,
        reference=reference,
        correlation=correlation,
        judge=_judge(judge, judge_labels),
        draws=draws,
        level=level,
        rng=seed,
    )
    if standard:
        if len(scores.benchmarks) > 1:
            raise InputError(
                Problem("a standard is of one benchmark.", "Name it with --benchmark NAME.")
            )
        scores.standard().write(standard, force=force)
    text = scoring.scores_text(scores, format_.value, every=all_targets or bool(target))
    if more and format_ not in _PLAIN:
        text += "\n\n" + scoring.more_text(scores, responses, format_.value, seed=seed)
    notes = scoring.notes(scores)
    if format_ in _PLAIN:
        notes += scoring.flag_legend(scores.table()["flag"], format_.value)
    for note in () if quiet else notes:
        _say(note)
    _deliver(text, out, force)


@app.command()
def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            help="Answers item by item, or sets of the book, if not all; then two models.",
            metavar="[FILE…] MODEL_A MODEL_B",
        ),
    ],
    models: ModelsOption = None,
    benchmarks: BenchmarksOption = None,
    benchmark: BenchmarkOption = None,
    source: SourceOption = None,
    chance: ChanceOption = None,
    target: TargetOption = None,
    hardness: HardnessOption = "auto",
    profile: ProfileOption = "auto",
    reference: ReferenceOption = "uniform",
    correlation: CorrelationOption = None,
    judge: JudgeOption = None,
    judge_labels: JudgeLabelsOption = (0, 0),
    draws: DrawsOption = 2000,
    seed: SeedOption = 0,
    level: LevelOption = 0.95,
    format_: TableFormatOption = TableFormat.TABLE,
    out: OutOption = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare the transfer of two models.

    On every benchmark that has both; and say which of all models are tied.
    """
    from hatlib.show import scoring

    *files, first, second = ["", *names] if len(names) < 2 else names
    if len(names) < 2 or (not files and Path(first).exists()):
        raise typer.BadParameter("name two models after the files.")
    given = [Path(path) for path in (*files, models, benchmarks) if path]
    writing.check_free([out] if out else [], force, given)
    responses = _answers(files, models, benchmarks, benchmark or [], source, chance, quiet)
    scores = _scores(
        responses,
        _with_both(responses, benchmark, first, second),
        target,
        hardness=hardness,
        profile=profile,
        reference=reference,
        correlation=correlation,
        judge=_judge(judge, judge_labels),
        draws=draws,
        level=level,
        rng=seed,
    )
    codes = _codes(target or [])
    found = [
        scoring.comparison(
            scores,
            first,
            second,
            benchmark=each.benchmark,
            target=codes[0] if len(codes) == 1 else "macro",
        )
        for each in scores.benchmarks
    ]
    notes = scoring.comparison_notes(scores)
    if format_ in _PLAIN:
        notes += scoring.flag_legend(scoring.flags_of(found), format_.value)
    for note in () if quiet else notes:
        _say(note)
    _deliver(scoring.comparisons_text(scores, found, format_.value), out, force)


@app.command()
def simulate(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the files.", metavar="DIR")],
    scenario: Annotated[
        Literal["findings", "no-trend", "small-broken"] | None,
        typer.Option(help="What is true of the models of the design. [default: findings]"),
    ] = None,
    paper: Annotated[
        bool,
        typer.Option(
            "--paper", help="The shape of the paper's design: the default without other options."
        ),
    ] = False,
    items: Annotated[int | None, typer.Option(help="Items. [default: 250]")] = None,
    trials: Annotated[int, typer.Option(help="Answers an item and language.")] = 10,
    models: Annotated[int | None, typer.Option(help="Number of models. [default: 8]")] = None,
    targets: Annotated[
        str | None, typer.Option(help="Target languages. [default: de,sw]", metavar="CODE,…")
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            help="Transfer profile: linear, shift, strong shift, square, steep, flat. Repeat it, "
            "and the models take them in turn. [default: shift]",
            metavar="NAME",
        ),
    ] = None,
    chance: Annotated[float | None, typer.Option(help="Accuracy of a guess. [default: 0]")] = None,
    difficulty: Annotated[
        str | None,
        typer.Option(
            help="Distribution of difficulty: normal, uniform, skewed, bimodal. [default: normal]",
            metavar="NAME",
        ),
    ] = None,
    seed: SeedOption = 0,
    format_: Annotated[
        FileFormat, typer.Option("--format", help="How to keep the answers.")
    ] = FileFormat.CSV,
    force: ForceOption = False,
) -> None:
    """Make up answers of known truth.

    By default in the shape of the paper's design.
    """
    import hatlib
    from hatlib.show import output, words

    given = {
        "n_items": items,
        "abilities": None if models is None else _abilities(models),
        "targets": None if targets is None else _codes([targets]),
        "profiles": _in_turn(profile, 8 if models is None else models) if profile else None,
        "chance": chance,
        "difficulty": difficulty,
    }
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if chosen and (paper or scenario):
        raise typer.BadParameter(
            "--paper and --scenario go with no option but --trials, --seed, --format and --force."
        )
    if chosen:
        simulated = hatlib.simulate_answers(n_trials=trials, rng=seed, **chosen)
    else:
        simulated = hatlib.paper_design(seed, trials, scenario=scenario or "findings")
    paths = simulated.write(out, file_format=format_.value, force=force)
    for path in paths:
        typer.echo(path)
    _say(words.built_in(simulated.truth))
    _say("To score them:")
    _say(f"  {output.score_command(paths)}")


@app.command()
def plan(
    difference: Annotated[
        float, typer.Option(help="Difference in HAT between two models that is to be seen.")
    ],
    power: Annotated[float, typer.Option(help="How often it should be seen.")] = 0.8,
    items: Annotated[int | None, typer.Option(help="Items. [default: any number]")] = None,
    answers: Annotated[
        int | None, typer.Option(help="Answers an item and language. [default: any number]")
    ] = None,
    languages: Annotated[
        int | None, typer.Option(help="Target languages. [default: any number]")
    ] = None,
    models: Annotated[int, typer.Option(help="Models that are all compared with one another.")] = 2,
    budget: Annotated[int | None, typer.Option(help="Calls at most.", metavar="CALLS")] = None,
    scatter: Annotated[
        float, typer.Option(help="Scatter of items of one hardness around the profile, 0 to 1.")
    ] = 0.2,
    ability: Annotated[
        Literal["middle", "strong"],
        typer.Option(help="Whether the models are right in about half of the answers, or in most."),
    ] = "middle",
    chance: Annotated[float, typer.Option(help="Accuracy of a guess, 0 to 0.5.")] = 0.0,
    level: LevelOption = 0.95,
    format_: TableFormatOption = TableFormat.TABLE,
    out: OutOption = None,
    force: ForceOption = False,
) -> None:
    """Plan an evaluation: items, answers, languages and calls.

    From simulated evaluations.
    """
    from hatlib.show import plans
    from hatlib.truth.planning import plan as planned

    writing.check_free([out] if out else [], force)
    found = planned(
        difference,
        power=power,
        level=level,
        n_items=items,
        n_trials=answers,
        n_languages=languages,
        models=models,
        budget=budget,
        scatter=scatter,
        ability=ability,
        chance=chance,
    )
    _say(plans.plan_words(found))
    _deliver(plans.plan_text(found, format_.value), out, force)


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    open_: Annotated[bool, typer.Option("--open", help="Open the book in the browser.")] = False,
) -> None:
    """Show the built book on this machine."""
    from hatlib import publish

    with contextlib.suppress(KeyboardInterrupt), publish.serve(port) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        typer.echo(address)
        sys.stdout.flush()
        _say("Stop with Ctrl-C.")
        if open_:
            typer.launch(address)
        server.serve_forever()


# Help with options and messages ----------------------------------------------------------------


def _with_trailing(option: str, given: list[str] | None, more: list[str] | None) -> list[str]:
    """Let an option take several words, as in `--data a.csv b.csv` or `--data *.csv`."""
    if more and not given:
        raise typer.BadParameter(f"unexpected: {' '.join(more)}. Did you mean {option} {more[0]}?")
    return [*(given or []), *(more or [])]


def _answers(
    files: Sequence[str],
    models: str | None,
    table: str | None,
    benchmarks: Sequence[str],
    source: str | None,
    chance: float | None,
    quiet: bool = False,
) -> Responses:
    """Answers in files, or in sets of the book; a file comes before a set of its name."""
    import hatlib
    from hatlib.data.responses import SETS
    from hatlib.errors import listing

    sets = [name for name in files if name in SETS and not Path(name).exists()]
    there = f"Sets of the book: {listing(SETS, 20)}."
    problems = [
        Problem("there is no such file, and no set of the book of this name.", there, file=name)
        for name in files
        if name not in sets and not Path(name).exists()
    ]
    if sets and len(sets) < len(files) and not problems:
        problems.append(Problem("sets of the book and files cannot be mixed.", "Use one of them."))
    if problems:
        raise InputError(problems)
    options: dict[str, Any] = {"chance": chance, "models": models, "benchmarks": table}
    if source is not None:
        options |= {"source_language": source, "override": True}
    if files and not sets:
        # The option names the benchmark where the file does not.
        name = benchmarks[0] if len(benchmarks) == 1 else ""
        loaded = hatlib.load_responses(files, benchmark=name, **options)
    else:
        loaded = hatlib.load_responses(sets=sets or list(benchmarks) or None, **options)
    if not quiet:
        _say(str(loaded.report))
    return loaded


def _scores(
    responses: Responses,
    benchmarks: Sequence[str] | None,
    targets: Sequence[str] | None,
    *,
    reference: str,
    **options: Any,
) -> HatScores:
    import hatlib
    from hatlib.metric.estimate import REFERENCE_NAMES

    base: Any = reference
    if reference == "standard":
        names = list(benchmarks or responses.benchmarks["benchmark"])
        if len(names) > 1:
            raise InputError(
                Problem("a standard is of one benchmark.", "Name it with --benchmark NAME.")
            )
        base = hatlib.bundled_standard(names[0])
    elif reference not in REFERENCE_NAMES:
        if not Path(reference).exists():
            known = ", ".join((*REFERENCE_NAMES, "standard"))
            remedy = f"Use {known}, or the file of a frozen standard."
            raise InputError(Problem("there is no such reference.", remedy, value=reference))
        base = hatlib.Standard.read(reference)
    with _progress() as progress:
        return hatlib.hat_scores(
            responses,
            benchmarks=benchmarks or None,
            targets=_codes(targets) if targets else None,
            reference=base,
            progress=progress,
            **options,
        )


def _with_both(
    responses: Responses, benchmarks: Sequence[str] | None, first: str, second: str
) -> list[str]:
    """The benchmarks that both models answered, among those that were asked for."""
    from hatlib.errors import listing

    known = responses.models
    there = sorted(known["model"])
    models: list[str] = []
    problems = []
    for name in (first, second):
        shown = known.loc[known["display_name"] == name, "model"].tolist()
        found = [name] if name in there else shown
        models += found[:1]
        if not found:
            remedy = f"There are: {listing(there, 40)}."
            problems.append(Problem("there is no such model.", remedy, value=name))
        elif len(found) > 1:
            what = "several models are called so."
            problems.append(Problem(what, f"Name one of: {listing(found)}.", value=name))
    if not problems and models[0] == models[1]:
        problems.append(Problem("a model is compared with itself.", "Name two.", value=first))
    if problems:
        raise InputError(problems)
    answered = responses.frame.groupby("benchmark")["model"].unique()
    # An unknown benchmark stays, and is refused with a list of those there are.
    chosen = [
        name
        for name in benchmarks or answered.index
        if name not in answered or set(models) <= set(answered[name])
    ]
    if not chosen:
        raise InputError(
            Problem("no benchmark has answers of both models.", "`hat score` shows who has.")
        )
    return chosen


def _codes(texts: Sequence[str]) -> list[str]:
    """Words that commas separate, each once."""
    words = (word.strip() for text in texts for word in text.split(","))
    return list(dict.fromkeys(word for word in words if word))


def _abilities(n: int) -> list[float]:
    """Equal steps of ability; none for no models, which is then refused with the rest."""
    return [-1.5 + 4 * k / max(n - 1, 1) for k in range(n)]


def _in_turn(profiles: Sequence[str], n: int) -> list[str]:
    return [profiles[k % len(profiles)] for k in range(n)]


def _deliver(text: str, out: Path | None, force: bool) -> None:
    """Write a result to standard output, or to a file whose name is then the output."""
    if out is None:
        typer.echo(text)
        return
    writing.write_text(out, text, force=force)
    typer.echo(out)


def _pairs(
    texts: Sequence[str], example: str = "-p draws=200", what: str = "parameter"
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    problems = []
    for text in texts:
        name, sign, value = text.partition("=")
        name = name.strip()
        if not sign or not name:
            problems.append(Problem("this is not name=value.", f"Write {example}.", value=text))
        elif name in values:
            problems.append(Problem(f"the {what} {name} is given twice.", "Keep one."))
        values[name] = value
    if problems:
        raise InputError(problems)
    return values


def _problems(error: InputError, most: int = 50) -> str:
    """One line a problem, and how many more there are."""
    lines = [str(problem) for problem in error.problems]
    if len(lines) > most:
        lines[most:] = [f"… and {len(lines) - most} more problems."]
    return "\n".join(lines)


def _say(text: str) -> None:
    """Write a message to standard error, as it stands."""
    typer.echo(printable(text), err=True)


def _open(path: Path) -> None:
    typer.launch(path.absolute().as_uri())


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, markup=False, highlight=False)


_EVERY = 5.0  # seconds between lines of progress


@contextlib.contextmanager
def _progress() -> Iterator[Progress | None]:
    """A progress bar on a terminal, a line every few seconds elsewhere."""
    console = _console()
    if not console.is_terminal or os.environ.get("CI"):
        last = time.monotonic()

        def tell(message: str, done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > _EVERY:
                last = time.monotonic()
                _say(f"{message}: {done} of {total}")

        yield tell
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(message: str, done: int, total: int) -> None:
            bar.update(task, description=message, completed=done, total=total)

        yield show


def _judge(shares: tuple[float, float] | None, labels: tuple[int, int]) -> Judge | None:
    """The judge that scores are corrected for, if one is named."""
    from hatlib.metric.judge import Judge

    if shares is None:
        if any(labels):
            raise typer.BadParameter("--judge-labels goes with --judge.")
        return None
    return Judge(*shares, *labels)


def _as_json(found: Sequence[Notebook]) -> str:
    import dataclasses
    import json

    rows = [dataclasses.asdict(notebook) | {"path": str(notebook.path)} for notebook in found]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _print_notebooks(found: Sequence[Notebook]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for notebook in found:
        console.print(Text(notebook.name, style="bold"))
        for line in (
            notebook.question or notebook.title,
            notebook.needs and f"Needs: {notebook.needs}",
        ):
            if line:
                console.print(Text(f"  {line}"))
        table = Table("parameter", "type", "default", "what it does", box=None, pad_edge=True)
        for each in notebook.parameters:
            table.add_row(*map(Text, (each.name, each.type, repr(each.default), each.help)))
        console.print(table)
        console.print()


def main() -> None:
    """Run the command line; turn a user's mistake into a message and an exit code."""
    try:
        app(prog_name="hat")
    except InputError as error:
        _say(_problems(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _say(f"{where}{error.strerror or error}.")
    except MemoryError:
        _say("There is not enough memory for this.")
    except RunError as error:
        _say(str(error))
    sys.exit(1)


if __name__ == "__main__":
    main()
