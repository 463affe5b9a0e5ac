"""hatlib: measure cross-lingual transfer apart from how good a model is in English."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatlib.claims.contrast import Contrasts, on_line, on_scores
    from hatlib.claims.verdict import Verdict, decide, decide_together
    from hatlib.data.responses import Counts, Responses, load_responses
    from hatlib.data.tables import LoadReport, Tables, load
    from hatlib.errors import InputError, Problem
    from hatlib.lines.lines import Line, fit_line
    from hatlib.lines.metrics import Metrics, summarise
    from hatlib.show.given import Given, answers_of
    from hatlib.truth.design import paper_design
    from hatlib.truth.simulate import Simulated, simulate_answers

__version__ = "0.4.0"

# Public names and their modules.  They are imported at first use, so that the command line
# answers at once.
_PUBLIC = {
    "claims.checklist": ("check_sets",),
    "claims.contrast": ("Contrasts", "on_line", "on_scores"),
    "claims.itemsets": ("ItemSets", "score_sets"),
    "claims.languages": ("LanguageEffects", "language_effects"),
    "claims.verdict": ("Verdict", "decide", "decide_together"),
    "data.responses": ("Counts", "Responses", "load_responses"),
    "data.tables": ("LoadReport", "Tables", "load"),
    "errors": ("InputError", "Problem"),
    "lines.lines": ("Line", "fit_line"),
    "lines.metrics": ("Metrics", "summarise"),
    "lines.shapes": ("Shapes", "compare_shapes"),
    "logs": ("Imported", "import_logs"),
    "logs.aggregate": ("aggregate_trials",),
    "metric.answers": ("answer_correlation",),
    "metric.compare": ("Comparisons", "Difference", "compare_all", "compare_models"),
    "metric.judge": ("Judge",),
    "metric.reference": ("Standard", "bundled_standard"),
    "metric.results": ("HatScores",),
    "metric.score": ("hat_scores", "score_counts", "score_table"),
    "metric.sufficient": ("SufficientTable", "merge_tables", "tabulate"),
    "show.given": ("Given", "answers_of"),
    "thresholds": ("Thresholds", "load_thresholds"),
    "truth.design": ("paper_design",),
    "truth.planning": ("Plan", "plan"),
    "truth.simulate": ("Simulated", "simulate_answers"),
}
_HOMES = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"hatlib.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'hatlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
