"""What flaws of real evaluations do to scores: by how much, from which dose on, and what helps.

Each flaw is a function from `hatlib.Counts` to `hatlib.Counts`, and a dose of 0 changes nothing.
`study_flaws` puts flaws in doses to simulated models of known transfer and scores them as usual and
with each remedy.  `study_judge` looks closer at a judge that errs.  `holes` and `rejudged` look at
real answers: which are missing, what these could change, and what a judge with known errors would.
"""

from hatlib.truth.nuisances.catalogue import FLAWS, Flaw
from hatlib.truth.nuisances.checks import Checks, check
from hatlib.truth.nuisances.common import HARMFUL, HARMLESS, UNCLEAR
from hatlib.truth.nuisances.effects import DoseVerdict, agreement, dose_verdict, range_alike
from hatlib.truth.nuisances.flaws import (
    broken_translations,
    erring_judge,
    lost_answers,
    lost_items,
    memorised,
    self_preference,
)
from hatlib.truth.nuisances.judging import (
    JUDGE,
    LABELLED,
    OFF_BY,
    TOGETHER,
    WORSE_BY,
    JudgeStudy,
    study_judge,
)
from hatlib.truth.nuisances.missing import (
    CANNOT_MATTER,
    COULD_MATTER,
    MOST_BOUNDED,
    NO_TARGET,
    NOTHING_MISSING,
    WHERE_HIGH,
    WHERE_LOW,
    Holes,
    holes,
    holes_by_set,
)
from hatlib.truth.nuisances.rejudging import Rejudged, other_judges, rejudged
from hatlib.truth.nuisances.remedies import (
    ENOUGH_EXPECTED,
    MUCH_WORSE,
    counted_wrong,
    fill_in,
    of_models,
    suspect_translations,
    without,
    without_items,
)
from hatlib.truth.nuisances.study import DOSES, FlawStudy, study_flaws
from hatlib.truth.nuisances.world import MEASURES, World, known_models, measured, measured_by_group

__all__ = [
    "CANNOT_MATTER",
    "COULD_MATTER",
    "DOSES",
    "ENOUGH_EXPECTED",
    "FLAWS",
    "HARMFUL",
    "HARMLESS",
    "JUDGE",
    "LABELLED",
    "MEASURES",
    "MOST_BOUNDED",
    "MUCH_WORSE",
    "NOTHING_MISSING",
    "NO_TARGET",
    "OFF_BY",
    "TOGETHER",
    "UNCLEAR",
    "WHERE_HIGH",
    "WHERE_LOW",
    "WORSE_BY",
    "Checks",
    "DoseVerdict",
    "Flaw",
    "FlawStudy",
    "Holes",
    "JudgeStudy",
    "Rejudged",
    "World",
    "agreement",
    "broken_translations",
    "check",
    "counted_wrong",
    "dose_verdict",
    "erring_judge",
    "fill_in",
    "holes",
    "holes_by_set",
    "known_models",
    "lost_answers",
    "lost_items",
    "measured",
    "measured_by_group",
    "memorised",
    "of_models",
    "other_judges",
    "range_alike",
    "rejudged",
    "self_preference",
    "study_flaws",
    "study_judge",
    "suspect_translations",
    "without",
    "without_items",
]
