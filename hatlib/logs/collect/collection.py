"""What to ask and how: the options of a task, and the task that they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from logging import getLogger
from typing import Any

from inspect_ai import Epochs, Task
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import Scorer
from rich.markup import escape

from hatlib.errors import InputError, Problem, listing
from hatlib.logs.collect.items import Item, Kind, read_items
from hatlib.logs.collect.judging import fingerprint
from hatlib.logs.collect.prompts import promptings

logger = getLogger(__name__)


class RefusedError(PrerequisiteError, InputError):
    """An input that cannot be used; Inspect shows what is wrong with it, and no call stack."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        InputError.__init__(self, problems)
        self.message = escape(str(self))


@contextmanager
def refusing() -> Iterator[None]:
    """Have Inspect show errors of the input as its own."""
    try:
        yield
    except InputError as error:
        raise RefusedError(error.problems) from None


@dataclass(frozen=True)
class Collection:
    """What to ask, and how.

    Attributes
    ----------
    items : str
        File or hub name, as `hatlib.logs.collect.read_items` takes it.
    source : str
        Source language of items that name none.
    languages : str or sequence of str
        Only these and the source languages, with commas between; empty: all.
    promptings : int
        How many ways of asking, each once for every item and language.
    instructions : str
        Language of the instructions: a code, or ``item`` for that of the item. Where there are no
        wordings in it, English.
    prompts : str
        File with own wordings.
    temperature : float
        0 is greedy: one prompt then has one answer, and only the wordings vary.
    repeats : int
        Answers to each prompt.
    most_items : int
        Only so many items, in all their languages; 0: all. (Inspect's ``--limit`` would cut items
        apart.)
    columns : str or mapping of str to str
        Our name of a column to that in the file: ``answer=answer_number``, with commas between.
    benchmark : str
        Its name in the log; empty: that of the task.
    """

    items: str
    source: str = "en"
    languages: str | Sequence[str] = ""
    promptings: int = 10
    instructions: str = "en"
    prompts: str = ""
    temperature: float = 1.0
    repeats: int = 1
    most_items: int = 0
    columns: str | Sequence[str] | Mapping[str, str] = field(default_factory=dict)
    benchmark: str = ""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Collection:
        """From options by name; those that there are not are refused."""
        known = [each.name for each in fields(cls)]
        unknown = sorted(set(options) - {*known, "model"})  # Inspect may pass its model on
        problems = [
            Problem("there is no such option.", f"There are: {listing(known, 20)}.", value=name)
            for name in unknown
        ]
        if not options.get("items"):
            remedy = "Name a file or a data set: -T items=my.jsonl."
            problems.append(Problem("there are no items.", remedy))
        temperature, repeats = options.get("temperature", 1.0), options.get("repeats", 1)
        if not isinstance(temperature, int | float) or not 0 <= temperature <= 2:
            problems.append(Problem("temperature is not 0 to 2.", value=str(temperature)))
        if not isinstance(repeats, int) or repeats < 1:
            problems.append(Problem("repeats is not 1 or more.", value=str(repeats)))
        elif repeats > 1 and temperature == 0:
            what = "with temperature 0 a repeated prompt brings the same answer again."
            problems.append(Problem(what, "Raise the temperature, or leave repeats at 1."))
        if problems:
            raise InputError(problems)
        return cls(**{k: v for k, v in options.items() if k in known})

    def read(self, kind: Kind) -> tuple[Item, ...]:
        """The items."""
        columns = self.columns
        if not isinstance(columns, Mapping):
            columns = dict(pair.split("=", 1) for pair in _listed(columns) if "=" in pair)
        source = _listed(self.source)[0]
        return read_items(
            self.items, kind, source, _listed(self.languages), columns, self.most_items
        )

    def task(self, kind: Kind, benchmark: str, scorer: Scorer, **about: Any) -> Task:
        """The task that asks every item in every language and prompting."""
        items = self.read(kind)
        ways = promptings(kind, self.promptings, self.prompts)
        instructions = _listed(self.instructions)[0]
        known = ways[0].texts
        if instructions != "item" and instructions not in known:
            remedy = f"There are: item, {listing(known, 30)}."
            what = "there are no wordings in the language of the instructions."
            raise InputError(Problem(what, remedy, value=instructions))
        in_english = sorted({i.language for i in items} - set(known))
        if instructions == "item" and in_english:
            logger.warning("Instructions are in English for %s.", listing(in_english, 30))
        sources = {item.id: item for item in items if item.is_source}
        name = self.benchmark or benchmark
        samples = [
            Sample(
                id=f"{item.id} {item.language} {way.name}",
                input=way.ask(item, instructions),
                choices=list(item.options) or None,
                target=list(item.answers) if len(item.answers) > 1 else item.answers[0],
                metadata={
                    "benchmark": name,
                    "item": item.id,
                    "language": item.language,
                    "source_language": item.source_language,
                    "prompting": way.name,
                    "instruction_language": way.language(item, instructions),
                    "question": item.question,
                    "references": [*item.answers, *sources[item.id].answers],
                },
            )
            for item in items
            for way in ways
        ]
        return Task(
            name=name,
            dataset=samples,
            scorer=scorer,
            config=GenerateConfig(temperature=self.temperature),
            epochs=Epochs(self.repeats),
            metadata={
                "benchmark": name,
                "items_sha256": _items_fingerprint(items),
                "promptings": [way.name for way in ways],
                "wordings_sha256": fingerprint(
                    repr([(w.name, sorted(w.texts.items())) for w in ways])
                ),
                "instructions": instructions,
                "instructions_in_english": in_english if instructions == "item" else [],
                "temperature": self.temperature,
                **about,
            },
        )


def _listed(value: Any) -> list[str]:
    """Words that Inspect may have read as YAML, where no is False: the code of Norwegian."""
    values = value.split(",") if isinstance(value, str) else value
    values = values if isinstance(values, Iterable) else [values]
    return ["no" if v is False else text for v in values if (text := str(v).strip())]


def _items_fingerprint(items: Sequence[Item]) -> str:
    """Tells whether two runs asked the same items, wherever their file is."""
    return fingerprint(repr([sorted(vars(item).items()) for item in items]))
