"""hatlib: measure cross-lingual transfer apart from how good a model is in English."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatlib.answers import Simulated, simulate_answers
    from hatlib.data import LoadReport, Tables, load
    from hatlib.design import paper_design
    from hatlib.errors import InputError, Problem
    from hatlib.fits import (
        LanguageFits,
        SetFit,
        SetFits,
        fit_languages,
        fit_sensitivity,
        fit_sets,
    )
    from hatlib.gains import (
        Gains,
        KnownTruth,
        hat_by_date,
        hat_by_size,
        hat_by_thinking,
        hat_of_small,
        under_known_truth,
    )
    from hatlib.given import Given, answers_of
    from hatlib.ladders import Ladders, ladder_sensitivity, size_ladders
    from hatlib.metrics import Metrics, summarise
    from hatlib.responses import Counts, Responses, load_responses
    from hatlib.simulate import Simulation, identical_transfer
    from hatlib.small import SmallModels, small_models, small_sensitivity
    from hatlib.thinking import Thinking, thinking_pairs
    from hatlib.trends import Trends, release_trends, shuffled_dates

__version__ = "0.2.0"

# Public names and their modules.  They are imported at first use, so that the command line
# answers at once.
_HOMES = {
    "bundled_standard": "standards",
    "answer_correlation": "promptings",
    "Comparisons": "compare",
    "Difference": "compare",
    "compare_all": "compare",
    "compare_models": "compare",
    "Judge": "judge",
    "judge_of": "judge",
    "Thresholds": "thresholds",
    "load_thresholds": "thresholds",
    "tabulate": "sufficient",
    "merge_tables": "sufficient",
    "SufficientTable": "sufficient",
    "Standard": "reference",
    "score_table": "score",
    "score_counts": "score",
    "hat_scores": "score",
    "HatScores": "results",
    "Counts": "responses",
    "InputError": "errors",
    "Gains": "gains",
    "Given": "given",
    "KnownTruth": "gains",
    "Ladders": "ladders",
    "answers_of": "given",
    "hat_by_date": "gains",
    "hat_by_size": "gains",
    "hat_by_thinking": "gains",
    "hat_of_small": "gains",
    "under_known_truth": "gains",
    "LanguageFits": "fits",
    "LoadReport": "data",
    "Metrics": "metrics",
    "Problem": "errors",
    "Responses": "responses",
    "SetFit": "fits",
    "SetFits": "fits",
    "Simulated": "answers",
    "Simulation": "simulate",
    "SmallModels": "small",
    "Tables": "data",
    "Thinking": "thinking",
    "Trends": "trends",
    "fit_languages": "fits",
    "fit_sensitivity": "fits",
    "fit_sets": "fits",
    "identical_transfer": "simulate",
    "ladder_sensitivity": "ladders",
    "load": "data",
    "load_responses": "responses",
    "paper_design": "design",
    "release_trends": "trends",
    "shuffled_dates": "trends",
    "simulate_answers": "answers",
    "size_ladders": "ladders",
    "small_models": "small",
    "small_sensitivity": "small",
    "ItemSets": "itemsets",
    "score_sets": "itemsets",
    "ProfilePair": "profiles",
    "profile_pair": "profiles",
    "profile_difference": "profiles",
    "LanguageEffects": "languages",
    "language_effects": "languages",
    "Choices": "choices",
    "other_choices": "choices",
    "Reversals": "rankings",
    "reversals": "rankings",
    "Recovery": "recovery",
    "recover_models": "recovery",
    "recover_languages": "recovery",
    "summarise": "metrics",
    "thinking_pairs": "thinking",
}

__all__ = [
    "Choices",
    "Comparisons",
    "Counts",
    "Difference",
    "Gains",
    "Given",
    "HatScores",
    "InputError",
    "ItemSets",
    "KnownTruth",
    "Judge",
    "Ladders",
    "LanguageEffects",
    "LanguageFits",
    "LoadReport",
    "Metrics",
    "Problem",
    "ProfilePair",
    "Recovery",
    "Responses",
    "Reversals",
    "SetFit",
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
    "answer_correlation",
    "answers_of",
    "bundled_standard",
    "compare_all",
    "compare_models",
    "fit_languages",
    "fit_sensitivity",
    "fit_sets",
    "hat_by_date",
    "hat_by_size",
    "hat_by_thinking",
    "hat_of_small",
    "hat_scores",
    "identical_transfer",
    "judge_of",
    "ladder_sensitivity",
    "language_effects",
    "load",
    "load_responses",
    "load_thresholds",
    "merge_tables",
    "other_choices",
    "paper_design",
    "profile_difference",
    "profile_pair",
    "recover_languages",
    "recover_models",
    "release_trends",
    "reversals",
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
