"""The command `hat`: each command is one call of a public function.

Results go to standard output, messages to standard error. The exit code is 0 if all is well, 1 if
the input is wrong, 2 if the command is. What the help says of an option stands in `options.toml`.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hatlib.data import writing
from hatlib.errors import InputError, Problem, RunError, listing
from hatlib.options import command, pairs, split_codes, with_trailing
from hatlib.show.output import print_notebooks, printable, showing_progress

if TYPE_CHECKING:
    from hatlib.data.responses import Responses
    from hatlib.metric.results import HatScores

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Measure cross-lingual transfer: run the analyses of the book, on its data or on yours.",
    epilog="hat COMMAND -h has examples. hat book builds the book and says where it is.",
)

_PLAIN = ("csv", "json")  # have no place for the meaning of the flags, which are then messages


def _list_tasks(wanted: bool) -> None:
    if wanted:
        from hatlib.logs.languages import rules_table

        table = rules_table()[["task", "benchmark", "language", "prompting", "item"]]
        typer.echo(table.to_string(index=False))
        raise typer.Exit()


_CALLBACKS: dict[tuple[str, str], Any] = {("import", "list_tasks"): _list_tasks}


_command = partial(command, app, callbacks=_CALLBACKS)


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


# What several commands take ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Data:
    """Answers, and what is said of them."""

    models: str | None = None
    benchmarks: str | None = None
    benchmark: list[str] | None = None
    source: str | None = None
    chance: float | None = None
    target: list[str] | None = None

    def load(self, files: Sequence[str], result: _Result, *others: Path | None) -> Responses:
        """Answers in files, or in sets of the book; a file comes before a set of its name.

        Before, it is seen that the result and other files can be written.
        """
        import hatlib
        from hatlib.data.responses import SETS

        given = [Path(path) for path in (*files, self.models, self.benchmarks) if path]
        outputs = [path for path in (result.out, *others) if path]
        writing.check_free(outputs, result.force, given)
        gone = [name for name in files if not Path(name).exists()]
        sets = [name for name in gone if name in SETS]
        if len(gone) > len(sets):
            what = "there is no such file, and no set of the book of this name."
            there = f"Sets of the book: {listing(SETS, 20)}."
            raise InputError([Problem(what, there, name) for name in gone if name not in sets])
        if sets and len(sets) < len(files):
            raise InputError("sets of the book and files cannot be mixed.", "Use one of them.")
        named = self.benchmark or []
        options: dict[str, Any] = {"models": self.models, "benchmarks": self.benchmarks}
        if self.source is not None:
            options |= {"source_language": self.source, "override": True}
        if files and not sets:
            # The option names the benchmark where the file does not.
            options |= {"files": files, "benchmark": named[0] if len(named) == 1 else ""}
        else:
            options["sets"] = sets or named or None
        loaded = hatlib.load_responses(chance=self.chance, **options)
        if not result.quiet:
            _say(str(loaded.report))
        return loaded


@dataclass(frozen=True)
class _How:
    """How scores are estimated."""

    hardness: Literal["auto", "self", "pooled", "leave-one-out", "other-lineages"] = "auto"
    profile: Literal["auto", "adaptive", "direct", "shared", "plugin", "quadratic", "logit"] = (
        "auto"
    )
    reference: str = "uniform"
    correlation: float | None = None
    judge: tuple[float, float] | None = None
    judge_labels: tuple[int, int] = (0, 0)
    draws: int = 2000
    seed: int = 0
    level: float = 0.95

    def score(
        self, responses: Responses, benchmarks: Sequence[str] | None, targets: Sequence[str] | None
    ) -> HatScores:
        """The scores of some benchmarks."""
        import hatlib

        options = asdict(self)
        shares, labels = options.pop("judge"), options.pop("judge_labels")
        if any(labels) and shares is None:
            raise typer.BadParameter("--judge-labels goes with --judge.")
        names = list(benchmarks or responses.benchmarks["benchmark"])
        options |= {
            "judge": hatlib.Judge(*shares, *labels) if shares else None,
            "reference": _reference(self.reference, names),
            "targets": split_codes(targets) if targets else None,
            "rng": options.pop("seed"),
        }
        with showing_progress() as progress:
            return hatlib.hat_scores(
                responses, benchmarks=benchmarks or None, progress=progress, **options
            )


@dataclass(frozen=True)
class _Result:
    """Where a result goes, and how it is written."""

    format_: Literal["table", "csv", "json", "md"] = "table"
    json_: bool = False
    out: Path | None = None
    force: bool = False
    quiet: bool = False

    @property
    def form(self) -> str:
        """How it is written."""
        return "json" if self.json_ else self.format_

    def deliver(self, text: str, notes: Sequence[str], flags: Sequence[Any] = ()) -> None:
        """Write a result to standard output, or to a file whose name is then the output."""
        if self.form in _PLAIN and flags:  # there is no place for their meaning
            from hatlib.show import scoring

            notes = [*notes, *scoring.flag_legend(flags, self.form)]
        for note in () if self.quiet else notes:
            _say(note)
        if self.out:
            writing.write_text(self.out, text, force=self.force)
        typer.echo(self.out or text)


@dataclass(frozen=True)
class _Logs:
    """What logs are to be read as; the parameters of `hatlib.import_logs`."""

    model: str = ""
    benchmark: str = ""
    language: str = ""
    language_from: str = ""
    language_codes: list[str] | None = None
    prompting: str = ""
    metric: str = ""
    filter: str = ""
    threshold: float | None = None
    pair_by: Literal["id", "order"] = "id"
    keys: bool = True
    source_language: str = "en"
    stratum: str = ""
    mixed: bool = False
    columns: list[str] | None = None
    gold: str = ""


@dataclass(frozen=True)
class _Design:
    """What is planned; the parameters of `hatlib.plan`."""

    difference: float
    power: float = 0.8
    n_items: int | None = None
    n_trials: int | None = None
    n_languages: int | None = None
    models: int = 2
    budget: int | None = None
    scatter: float = 0.2
    ability: Literal["middle", "strong"] = "middle"
    chance: float = 0.0
    level: float = 0.95


def _reference(name: str, benchmarks: Sequence[str]) -> Any:
    """A reference by its name, or a frozen standard."""
    import hatlib
    from hatlib.metric.answers import REFERENCE_NAMES

    if name == "standard":
        return hatlib.bundled_standard(_only(benchmarks))
    if name in REFERENCE_NAMES or Path(name).exists():
        return name if name in REFERENCE_NAMES else hatlib.Standard.read(name)
    remedy = f"Use {', '.join((*REFERENCE_NAMES, 'standard'))}, or the file of a frozen standard."
    raise InputError("there is no such reference.", remedy, value=name)


def _only(benchmarks: Sequence[str]) -> str:
    if len(benchmarks) > 1:
        raise InputError("a standard is of one benchmark.", "Name it with --benchmark NAME.")
    return benchmarks[0]


# The book ---------------------------------------------------------------------------------------


@_command("book")
def book(
    more: list[str] | None = None,
    data: Path | None = None,
    only: list[str] | None = None,
    jobs: int = 2,
    force: bool = False,
    open_: bool = False,
) -> None:
    """Rerun the analyses that are out of date, and build the book."""
    from hatlib.publish.building import build_book

    names = with_trailing("--only", only, more)
    with showing_progress() as progress:
        built = build_book(data=data, only=names, jobs=jobs, force=force, progress=progress)
    for name, why in built.executed.items():
        _say(f"{name}: run, because {why}")
    pages = "pages built" if built.built else "nothing changed"
    _say(f"{len(built.executed)} run, {len(built.reused)} reused, {pages}, {built.seconds:.1f} s")
    _shown([built.index], open_)


@_command("notebooks")
def notebooks(format_: Literal["table", "json", "md"] = "table", json_: bool = False) -> None:
    """List the analyses, what they need and their parameters."""
    from hatlib.publish import catalogue, places

    found = catalogue.notebooks()
    if json_ or format_ == "json":
        rows = [asdict(notebook) | {"path": str(notebook.path)} for notebook in found]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif format_ == "md":
        typer.echo(places.rendered("notebooks.md", {"notebooks": found}))
    else:
        print_notebooks(found)


@_command("run")
def run(
    name: str,
    more: list[str] | None = None,
    data: list[str] | None = None,
    models: str | None = None,
    parameter: list[str] | None = None,
    out: Path | None = None,
    force: bool = False,
    open_: bool = False,
) -> None:
    """Run one analysis on other data or with other parameters."""
    from hatlib.publish.run import run_notebook

    values = pairs(parameter) | ({} if models is None else {"models": models})
    files = with_trailing("--data", data, more)
    with showing_progress() as progress:
        result = run_notebook(name, values, data=files, out=out, force=force, progress=progress)
    if result.report is not None:
        _say(str(result.report))
    _say(f"{name}: done in {result.seconds:.1f} s")
    _shown([result.notebook, result.page], open_)


@_command("report")
def report(
    files: list[str],
    out: Path = Path("report.html"),
    models: str | None = None,
    source: str | None = None,
    chance: float | None = None,
    parameter: list[str] | None = None,
    force: bool = False,
    open_: bool = False,
) -> None:
    """Make one page on your models, to read and to send.

    Example: hat report mine.parquet -o report.html
    """
    from hatlib.publish.run import report as report_on

    given = {"models": models, "source_language": source, "chance": chance}
    values = pairs(parameter) | {k: v for k, v in given.items() if v is not None}
    with showing_progress() as progress:
        result = report_on(files, out, parameters=values, force=force, progress=progress)
    _say(str(result.report))
    _say(f"report: done in {result.seconds:.1f} s")
    _shown([result.notebook, result.page], open_)


# Data -------------------------------------------------------------------------------------------


@_command("check")
def check(
    files: list[str],
    models: str | None = None,
    benchmarks: str | None = None,
    source: str | None = None,
    chance: float | None = None,
    json_: bool = False,
    quiet: bool = False,
) -> None:
    """List everything that is wrong with files."""
    import hatlib
    from hatlib.data.loading import has_items

    options: dict[str, Any] = {"models": models, "chance": chance}
    options |= {} if source is None else {"source_language": source}
    found, problems = hatlib.LoadReport(), []
    try:
        if any(map(has_items, files)):
            options |= {"benchmarks": benchmarks, "override": source is not None}
            found = hatlib.load_responses(files, **options).report
        elif benchmarks:
            raise InputError("--benchmarks goes with answers item by item; these are accuracies.")
        else:
            found = hatlib.load(files, **options).report
    except InputError as error:
        if not json_:
            raise
        problems = [asdict(problem) for problem in error.problems]
    if json_:
        document = {"schema": 1, "ok": not problems, "problems": problems, **asdict(found)}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    elif not quiet:
        typer.echo(printable(str(found)))
    raise typer.Exit(bool(problems))


@_command("import")
def import_(
    format_: str,
    paths: list[Path],
    out: Path,
    logs: _Logs,
    list_tasks: bool = False,
    force: bool = False,
) -> None:
    """Read the logs of other programs as item-level responses."""
    from hatlib.logs import import_logs
    from hatlib.logs.common import check_output

    check_output(out, force)
    options = asdict(logs) | {
        "columns": pairs(logs.columns, "--column item=question_id", "column"),
        "language_codes": pairs(logs.language_codes, "--language-code jp=ja", "language"),
    }
    with showing_progress() as progress:

        def show(name: str, done: int, total: int) -> None:
            progress(f"{printable(name)} (KiB)", done >> 10, total >> 10)

        imported = import_logs(format_, paths, progress=show, **options)
    _say(str(imported.report))
    typer.echo(imported.write(out, force=force))


@_command("aggregate")
def aggregate(
    paths: list[str],
    out: Path,
    column: list[str] | None = None,
    benchmark: str = "",
    drop: bool = False,
    memory_limit: str = "700MB",
    threads: int = 1,
    force: bool = False,
) -> None:
    """Add up raw trials, however many, to item-level responses."""
    from hatlib.logs.aggregate import aggregate_trials

    columns = pairs(column, "--column item=question_id", "column")
    limits: dict[str, Any] = {"memory_limit": memory_limit, "threads": threads}
    found = aggregate_trials(
        paths, out=out, columns=columns, benchmark=benchmark, drop=drop, force=force, **limits
    )
    _say(str(found.report))
    typer.echo(out)


# Scores -----------------------------------------------------------------------------------------


@_command("score")
def score(
    data: _Data,
    how: _How,
    result: _Result,
    files: list[str] | None = None,
    all_targets: bool = False,
    standard: Path | None = None,
    more: bool = False,
) -> None:
    """Score how well models transfer.

    With intervals, support and the traditional metrics.
    """
    from hatlib.show import scoring

    responses = data.load(files or [], result, standard)
    scores = how.score(responses, data.benchmark, data.target)
    if standard:
        _only([each.benchmark for each in scores.benchmarks])
        scores.standard().write(standard, force=result.force)
    text = scoring.scores_text(scores, result.form, every=all_targets or bool(data.target))
    if more and result.form not in _PLAIN:
        text += "\n\n" + scoring.more_text(scores, responses, result.form, seed=how.seed)
    result.deliver(text, scoring.notes(scores), list(scores.table()["flag"]))


@_command("compare")
def compare(data: _Data, how: _How, result: _Result, names: list[str]) -> None:
    """Compare the transfer of two models.

    On every benchmark that has both; and say which of all models are tied.
    """
    from hatlib.show import scoring

    *files, first, second = ["", *names] if len(names) < 2 else names
    if len(names) < 2 or (not files and Path(first).exists()):
        raise typer.BadParameter("name two models after the files.")
    responses = data.load(files, result)
    scores = how.score(responses, _with_both(responses, data.benchmark, first, second), data.target)
    codes = split_codes(data.target or [])
    target = codes[0] if len(codes) == 1 else "macro"
    found = [
        scoring.comparison(scores, first, second, benchmark=each.benchmark, target=target)
        for each in scores.benchmarks
    ]
    text = scoring.comparisons_text(scores, found, result.form)
    result.deliver(text, scoring.comparison_notes(scores), scoring.flags_of(found))


@_command("simulate")
def simulate(
    out: Path,
    scenario: Literal["findings", "no-trend", "small-broken"] | None = None,
    paper: bool = False,
    items: int | None = None,
    trials: int = 10,
    models: int | None = None,
    targets: str | None = None,
    profile: list[str] | None = None,
    chance: float | None = None,
    difficulty: str | None = None,
    seed: int = 0,
    format_: Literal["csv", "parquet"] = "csv",
    force: bool = False,
) -> None:
    """Make up answers of known truth.

    By default in the shape of the paper's design.
    """
    import hatlib
    from hatlib.show import output, words

    n = 8 if models is None else models
    given = {
        "n_items": items,
        # Equal steps of ability; none for no models, which is then refused with the rest.
        "abilities": None if models is None else [-1.5 + 4 * k / max(n - 1, 1) for k in range(n)],
        "targets": None if targets is None else split_codes([targets]),
        "profiles": [profile[k % len(profile)] for k in range(n)] if profile else None,
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
    paths = simulated.write(out, file_format=format_, force=force)
    for path in paths:
        typer.echo(path)
    _say(words.built_in(simulated.truth))
    _say(f"To score them:\n  {output.score_command(paths)}")


@_command("plan")
def plan(design: _Design, result: _Result) -> None:
    """Plan an evaluation: items, answers, languages and calls.

    From simulated evaluations.
    """
    from hatlib.show import plans
    from hatlib.truth.planning import plan as planned

    writing.check_free([result.out] if result.out else [], result.force)
    found = planned(**asdict(design))
    result.deliver(plans.plan_text(found, result.form), [plans.plan_words(found)])


@_command("serve")
def serve(port: int = 8000, open_: bool = False) -> None:
    """Show the built book on this machine."""
    from hatlib.publish.server import serve as serving

    with contextlib.suppress(KeyboardInterrupt), serving(port) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        typer.echo(address)
        sys.stdout.flush()
        _say("Stop with Ctrl-C.")
        if open_:
            typer.launch(address)
        server.serve_forever()


# Help with options and messages ----------------------------------------------------------------


def _with_both(responses: Responses, asked: Sequence[str] | None, *names: str) -> list[str]:
    """The benchmarks that two models answered, among those that were asked for."""
    known = responses.models.set_index("model")["display_name"]
    models: list[str] = []
    problems = []
    for name in names:
        found = [name] if name in known.index else known.index[known == name].tolist()
        models += found
        if len(found) != 1:
            what = "several models are called so." if found else "there is no such model."
            remedy = f"{'Name one of' if found else 'There are'}: "
            remedy += f"{listing(found or sorted(known.index), 40)}."
            problems.append(Problem(what, remedy, value=name))
    if not problems and len(set(models)) == 1:
        problems.append(Problem("a model is compared with itself.", "Name two.", value=names[0]))
    if problems:
        raise InputError(problems)
    answered = responses.frame.groupby("benchmark")["model"].unique()
    # An unknown benchmark stays, and is refused with a list of those there are.
    both = {name for name, those in answered.items() if set(models) <= set(those)}
    chosen = [n for n in asked or answered.index if n in both or n not in answered]
    if not chosen:
        raise InputError("no benchmark has answers of both models.", "`hat score` shows who has.")
    return chosen


def _shown(files: Sequence[Path], open_: bool) -> None:
    """Name the files that were made; open the last one in the browser."""
    for file in files:
        typer.echo(file)
    if open_:
        typer.launch(files[-1].absolute().as_uri())


def _say(text: str) -> None:
    """Write a message to standard error, as it stands."""
    typer.echo(printable(text), err=True)


def main() -> None:
    """Run the command line; turn a user's mistake into a message and an exit code."""
    for stream in (sys.stdout, sys.stderr):  # a terminal may lack a letter of a name
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app(prog_name="hat")
    except InputError as error:
        lines = [str(problem) for problem in error.problems]
        if len(lines) > 50:
            lines[50:] = [f"… and {len(lines) - 50} more problems."]
        _say("\n".join(lines))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _say(f"{place}{error.strerror or error}.")
    except MemoryError:
        _say("There is not enough memory for this.")
    except ModuleNotFoundError as missing:
        if not missing.name or missing.name.startswith("hatlib"):
            raise
        _say(f"This needs {missing.name}, a package of the book: pip install '.[book]' in a clone.")
    except RunError as error:
        _say(str(error))
    sys.exit(1)


if __name__ == "__main__":
    main()
