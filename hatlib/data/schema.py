"""The tables: their columns, types and rules, checked by pandera.

Each table is one `pandera` schema.  `check` runs it lazily and turns every failure into a
`Problem` with its file, line, column, value and remedy, so that a user sees all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa

from hatlib.errors import Problem

REASONING = ("unknown", "none", "minimal", "low", "medium", "high", "on")
DATE_PRECISION = ("day", "month", "year")
VARIANTS = ("base", "instruct", "reasoning", "finetune", "quantised")

#: What makes a row of accuracies unique.
KEY = ("source", "benchmark", "version", "setup", "model", "reasoning", "prompting", "language")

#: What makes a row of responses unique.
RESPONSE_KEY = ("benchmark", "model", "language", "item", "prompting")

#: Columns of the models table that a user may put beside the accuracies instead.
MODEL_COLUMNS = (
    "display_name",
    "developer",
    "family",
    "lineage",
    "ladder",
    "variant",
    "params_total_b",
    "params_active_b",
    "release_date",
)


#: The rules of a table.
Rules = pa.DataFrameSchema


def _text(required: bool = True) -> pa.Column:
    checks = [pa.Check.str_length(min_value=1, error="is empty")] if required else []
    return pa.Column(str, checks, nullable=not required)


#: A name that stands in one row only.
_NAME = pa.Column(str, pa.Check.str_length(min_value=1, error="is empty"), unique=True)
_NOT_BELOW_0 = pa.Check(lambda s: ~(s < 0), error="is below 0", name="below")
_SHARE = pa.Column(
    float, [pa.Check(lambda s: ~(s > 1), error="is above 1", name="above"), _NOT_BELOW_0]
)


def _chance(required: bool = True) -> pa.Column:
    checks = [pa.Check(lambda s: ~(s >= 1), error="is not below 1", name="above"), _NOT_BELOW_0]
    return pa.Column(float, checks, nullable=True, required=required)


def _positive(kind: object) -> pa.Column:
    return pa.Column(kind, pa.Check.gt(0, error="is not above 0"), nullable=True)


def _parsed_is_possible(frame: pd.DataFrame) -> pd.Series:
    """Whether the answers that could be read are at least the right ones, and at most all."""
    if "n_parsed" not in frame:
        return pd.Series(True, frame.index)
    possible = frame["n_parsed"].between(frame["n_correct"], frame["n_trials"])
    wrong = (frame["n_correct"] > frame["n_trials"]) | (frame["n_parsed"] < 0)  # said elsewhere
    return (possible | wrong).fillna(True).astype(bool)


def _count(zero: bool) -> pa.Column:
    checks = [pa.Check.ge(0, error="is negative")]
    if not zero:
        checks.append(pa.Check.ne(0, error="is zero"))
    return pa.Column("Int64", checks, nullable=False)


ACCURACIES = pa.DataFrameSchema(
    {
        "source": _text(),
        "benchmark": _text(),
        "version": _text(required=False),
        "setup": _text(required=False),
        "model": _text(),
        "reasoning": pa.Column(
            str, pa.Check.isin(REASONING, error="is not a known reasoning setting")
        ),
        "prompting": _text(required=False),
        "language": _text(),
        "accuracy": _SHARE,
        "n_items": _positive("Int64"),
    },
    strict=False,
    name="accuracies",
)

RESPONSES = pa.DataFrameSchema(
    {
        "benchmark": _text(),
        "model": _text(),
        "language": _text(),
        "item": _text(),
        "n_correct": _count(zero=True),
        "n_trials": _count(zero=False),
        "prompting": pa.Column(str, required=False),
        "source_language": pa.Column(str, required=False),
        "chance_level": _chance(required=False),
        "cluster": pa.Column(str, required=False),
        "stratum": pa.Column(str, required=False),
        "correct": pa.Column(
            "Int64", pa.Check.isin([0, 1], error="is neither 1 nor 0"), required=False
        ),
        "n_parsed": pa.Column(
            "Int64", pa.Check.ge(0, error="is negative"), nullable=True, required=False
        ),
    },
    checks=[
        pa.Check(
            # A number of trials that is wrong in itself is said once.
            lambda d: ((d["n_correct"] <= d["n_trials"]) | (d["n_trials"] < 1)).fillna(True),
            error="has more correct answers than trials",
        ),
        pa.Check(
            lambda d: _parsed_is_possible(d),
            error="has an n_parsed that is below n_correct or above n_trials",
        ),
    ],
    strict=False,
    name="responses",
)

MODELS = pa.DataFrameSchema(
    {
        "model": _NAME,
        "display_name": _text(),
        "developer": _text(required=False),
        "family": _text(required=False),
        "lineage": _text(required=False),
        "ladder": _text(required=False),
        "variant": _text(required=False),
        "params_total_b": _positive(float),
        "params_active_b": _positive(float),
        "release_date": pa.Column("datetime64[ns]", nullable=True),
    },
    checks=pa.Check(
        lambda d: ~(d["params_active_b"] > d["params_total_b"]),
        error="has a params_active_b above its params_total_b",
    ),
    strict=False,
    name="models",
)

#: What a user may say of the benchmarks of the answers; empty if it is not said.
OWN_BENCHMARKS = pa.DataFrameSchema(
    {
        "benchmark": _NAME,
        "name": pa.Column(str),
        "source_language": pa.Column(str),
        "chance_level": _chance(),
    },
    strict=False,
    name="own benchmarks",
)

REMEDIES = {
    "is above 1": "Accuracies are shares between 0 and 1: write 0.87 for 87 %.",
    "is below 0": "Accuracies are shares between 0 and 1.",
    "is not below 1": "Write the accuracy of a guess: 0.25 for four options, 0 for free answers.",
    "is not a known reasoning setting": f"Use one of {', '.join(REASONING)}.",
    "is empty": "Fill it in, or remove the row.",
    "is not above 0": "Leave it empty if it is not known.",
    "is negative": "Write a count: 0 or more.",
    "is neither 1 nor 0": "Write 1 for a right answer and 0 for any other; leave out what was not "
    "asked.",
    "is zero": "Remove the row if the item was not asked: no answer is not a wrong answer.",
    "has more correct answers than trials": "n_correct counts the right ones among n_trials.",
    "has an n_parsed that is below n_correct or above n_trials": "n_parsed counts the answers that "
    "could be read; one that could not counts as wrong.",
    "is missing": "Fill it in, or remove the row if the model was not evaluated.",
}


@dataclass(frozen=True)
class Place:
    """Where the rows of a frame come from.

    Attributes
    ----------
    file : str
        Name of the file.
    lines : sequence of int
        Line number of each row, counting the header as line 1.
    accuracy_columns : sequence of str, optional
        Column that each row's accuracy stood in, for a table with one column a language.
    """

    file: str
    lines: Sequence[int]
    accuracy_columns: Sequence[str] | None = None

    def column(self, name: str, row: int) -> str:
        """The column of the file that a cell of the frame comes from."""
        if name == "accuracy" and self.accuracy_columns is not None:
            return self.accuracy_columns[row]
        return name


def check(frame: pd.DataFrame, schema: pa.DataFrameSchema, place: Place) -> list[Problem]:
    """Everything that is wrong with a frame, in the order of its lines.

    Parameters
    ----------
    frame : DataFrame
        One row a line of the file; its index is 0, 1, 2, …
    schema : pandera.DataFrameSchema
        The rules.
    place : Place
        File name and line numbers, for the messages.

    Returns
    -------
    list of Problem
        Empty if the frame keeps the rules.

    Examples
    --------
    >>> rules = pa.DataFrameSchema({"n_items": pa.Column(int, pa.Check.ge(1))})
    >>> found = check(pd.DataFrame({"n_items": [5, 0]}), rules, Place("mine.csv", [2, 3]))
    >>> [(p.file, p.row, p.column, p.value) for p in found]
    [('mine.csv', 3, 'n_items', '0')]
    """
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        problems = [_problem(case, place) for case in error.failure_cases.to_dict("records")]
        return sorted(set(problems), key=lambda p: (p.row or 0, p.column, p.what))
    return []


def _problem(case: dict, place: Place) -> Problem:
    """One failure case of pandera, said plainly."""
    rule, column, value = str(case["check"]), case.get("column"), case.get("failure_case")
    index = case.get("index")
    row = None if pd.isna(index) else int(place.lines[int(index)])
    if rule == "column_in_dataframe":
        return Problem(f"there is no column '{value}'.", "Add it to the first line.", place.file, 1)
    if rule == "not_nullable":
        rule = "is missing"
    elif rule == "field_uniqueness":
        rule = "stands in more than one row"
    whole_row = case.get("schema_context") == "DataFrameSchema"
    return Problem(
        what=f"{'the row' if whole_row else 'the value'} {rule}.",
        remedy=REMEDIES.get(rule, ""),
        file=place.file,
        row=row,
        column="" if whole_row or column is None else place.column(str(column), int(index or 0)),
        value="" if whole_row or value is None or pd.isna(value) else str(value),
    )
