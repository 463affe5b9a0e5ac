"""hatlib: measure cross-lingual transfer apart from how good a model is in English."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatlib.claims.gains import (
        Gains,
        KnownTruth,
        hat_by_date,
        hat_by_size,
        hat_by_thinking,
        hat_of_small,
        under_known_truth,
    )
    from hatlib.claims.ladders import Ladders, ladder_sensitivity, size_ladders
    from hatlib.claims.small import SmallModels, small_models, small_sensitivity
    from hatlib.claims.thinking import Thinking, thinking_pairs
    from hatlib.claims.trends import Trends, release_trends, shuffled_dates
    from hatlib.data.responses import Counts, Responses, load_responses
    from hatlib.data.tables import LoadReport, Tables, load
    from hatlib.errors import InputError, Problem
    from hatlib.lines.fits import (
        SetFits,
        fit_languages,
        fit_sets,
    )
    from hatlib.lines.metrics import Metrics, summarise
    from hatlib.show.given import Given, answers_of
    from hatlib.truth.answers import Simulated, simulate_answers
    from hatlib.truth.design import paper_design
    from hatlib.truth.simulate import Simulation, identical_transfer

__version__ = "0.4.0"

# Public names and their modules.  They are imported at first use, so that the command line
# answers at once.
_HOMES = {
    "bundled_standard": "metric.standards",
    "answer_correlation": "metric.promptings",
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
    "Gains": "claims.gains",
    "Given": "show.given",
    "KnownTruth": "claims.gains",
    "Ladders": "claims.ladders",
    "answers_of": "show.given",
    "hat_by_date": "claims.gains",
    "hat_by_size": "claims.gains",
    "hat_by_thinking": "claims.gains",
    "hat_of_small": "claims.gains",
    "under_known_truth": "claims.gains",
    "LoadReport": "data.tables",
    "Metrics": "lines.metrics",
    "Problem": "errors",
    "Responses": "data.responses",
    "SetFits": "lines.fits",
    "Simulated": "truth.answers",
    "Simulation": "truth.simulate",
    "SmallModels": "claims.small",
    "Tables": "data.tables",
    "Thinking": "claims.thinking",
    "Trends": "claims.trends",
    "fit_languages": "lines.fits",
    "fit_sets": "lines.fits",
    "identical_transfer": "truth.simulate",
    "ladder_sensitivity": "claims.ladders",
    "load": "data.tables",
    "load_responses": "data.responses",
    "paper_design": "truth.design",
    "release_trends": "claims.trends",
    "shuffled_dates": "claims.trends",
    "simulate_answers": "truth.answers",
    "size_ladders": "claims.ladders",
    "small_models": "claims.small",
    "small_sensitivity": "claims.small",
    "ItemSets": "claims.itemsets",
    "score_sets": "claims.itemsets",
    "ProfilePair": "claims.profiles",
    "profile_pair": "claims.profiles",
    "LanguageEffects": "claims.languages",
    "language_effects": "claims.languages",
    "summarise": "lines.metrics",
    "thinking_pairs": "claims.thinking",
}

__all__ = [
    "Aggregated",
    "Comparisons",
    "Counts",
    "Difference",
    "Gains",
    "Given",
    "HatScores",
    "Imported",
    "InputError",
    "ItemSets",
    "Judge",
    "KnownTruth",
    "Ladders",
    "LanguageEffects",
    "LoadReport",
    "Metrics",
    "Plan",
    "Problem",
    "ProfilePair",
    "Responses",
    "SetFits",
    "Simulated",
    "Simulation",
    "SmallModels",
    "Standard",
    "SufficientTable",
    "Tables",
    "Thinking",
    "Thresholds",
    "Trends",
    "aggregate_trials",
    "answer_correlation",
    "answers_of",
    "bundled_standard",
    "check_sets",
    "compare_all",
    "compare_models",
    "fit_languages",
    "fit_sets",
    "hat_by_date",
    "hat_by_size",
    "hat_by_thinking",
    "hat_of_small",
    "hat_scores",
    "identical_transfer",
    "import_logs",
    "judge_of",
    "ladder_sensitivity",
    "language_effects",
    "load",
    "load_responses",
    "load_thresholds",
    "merge_tables",
    "paper_design",
    "plan",
    "profile_pair",
    "release_trends",
    "score_counts",
    "score_sets",
    "score_table",
    "shuffled_dates",
    "simulate_answers",
    "size_ladders",
    "small_models",
    "small_sensitivity",
    "summarise",
    "tabulate",
    "thinking_pairs",
    "under_known_truth",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"hatlib.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'hatlib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
