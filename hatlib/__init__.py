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
    from hatlib.lines.fits import SetFits, fit_sets
    from hatlib.lines.metrics import Metrics, summarise
    from hatlib.show.given import Given, answers_of
    from hatlib.truth.design import paper_design
    from hatlib.truth.simulate import Simulated, simulate_answers

__version__ = "0.4.0"

# Public names and their modules.  They are imported at first use, so that the command line
# answers at once.
_HOMES = {
    "Contrasts": "claims.contrast",
    "on_line": "claims.contrast",
    "on_scores": "claims.contrast",
    "Verdict": "claims.verdict",
    "decide": "claims.verdict",
    "decide_together": "claims.verdict",
    "bundled_standard": "metric.reference",
    "answer_correlation": "metric.answers",
    "Comparisons": "metric.compare",
    "Difference": "metric.compare",
    "compare_all": "metric.compare",
    "compare_models": "metric.compare",
    "Imported": "logs",
    "import_logs": "logs",
    "Aggregated": "logs.aggregate",
    "aggregate_trials": "logs.aggregate",
    "Plan": "truth.planning",
    "plan": "truth.planning",
    "check_sets": "claims.checklist",
    "Judge": "metric.judge",
    "judge_of": "metric.judge",
    "Thresholds": "thresholds",
    "load_thresholds": "thresholds",
    "tabulate": "metric.sufficient",
    "merge_tables": "metric.sufficient",
    "SufficientTable": "metric.sufficient",
    "Standard": "metric.reference",
    "score_table": "metric.score",
    "score_counts": "metric.score",
    "hat_scores": "metric.score",
    "HatScores": "metric.results",
    "Counts": "data.responses",
    "InputError": "errors",
    "Given": "show.given",
    "answers_of": "show.given",
    "LoadReport": "data.tables",
    "Metrics": "lines.metrics",
    "Problem": "errors",
    "Responses": "data.responses",
    "SetFits": "lines.fits",
    "Simulated": "truth.simulate",
    "Tables": "data.tables",
    "fit_sets": "lines.fits",
    "load": "data.tables",
    "load_responses": "data.responses",
    "paper_design": "truth.design",
    "simulate_answers": "truth.simulate",
    "ItemSets": "claims.itemsets",
    "score_sets": "claims.itemsets",
    "ProfilePair": "claims.profiles",
    "profile_pair": "claims.profiles",
    "LanguageEffects": "claims.languages",
    "language_effects": "claims.languages",
    "summarise": "lines.metrics",
}

__all__ = [
    "Aggregated",
    "Comparisons",
    "Contrasts",
    "Counts",
    "Difference",
    "Given",
    "HatScores",
    "Imported",
    "InputError",
    "ItemSets",
    "Judge",
    "LanguageEffects",
    "LoadReport",
    "Metrics",
    "Plan",
    "Problem",
    "ProfilePair",
    "Responses",
    "SetFits",
    "Simulated",
    "Standard",
    "SufficientTable",
    "Tables",
    "Thresholds",
    "Verdict",
    "aggregate_trials",
    "answer_correlation",
    "answers_of",
    "bundled_standard",
    "check_sets",
    "compare_all",
    "compare_models",
    "decide",
    "decide_together",
    "fit_sets",
    "hat_scores",
    "import_logs",
    "judge_of",
    "language_effects",
    "load",
    "load_responses",
    "load_thresholds",
    "merge_tables",
    "on_line",
    "on_scores",
    "paper_design",
    "plan",
    "profile_pair",
    "score_counts",
    "score_sets",
    "score_table",
    "simulate_answers",
    "summarise",
    "tabulate",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"hatlib.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'hatlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
