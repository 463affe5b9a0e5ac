"""How many items, answers and languages an evaluation needs, planned from simulated ones.

`benchmarks/planning.py` simulates evaluations of many sizes and keeps how much the difference of
two models scatters.  A rule of a few terms, fitted to that, says it for the sizes in between, and
`plan` turns it round: which sizes see a difference of a given size, and with how many calls.
"""

from hatlib.truth.planning.plans import (
    FEWEST,
    Plan,
    Verified,
    plan,
    plan_text,
    shown,
    tempting,
    verify,
)
from hatlib.truth.planning.rules import Rule, RuleCheck, Spread, check_rule, fit_rule, rule
from hatlib.truth.planning.scatter import Scatter, item_scatter
from hatlib.truth.planning.simulated import (
    COMMON,
    RANGE,
    RESULTS,
    Design,
    designs,
    run_design,
    run_study,
    study_results,
)

__all__ = [
    "COMMON",
    "FEWEST",
    "RANGE",
    "RESULTS",
    "Design",
    "Plan",
    "Rule",
    "RuleCheck",
    "Scatter",
    "Spread",
    "Verified",
    "check_rule",
    "designs",
    "fit_rule",
    "item_scatter",
    "plan",
    "plan_text",
    "rule",
    "run_design",
    "run_study",
    "shown",
    "study_results",
    "tempting",
    "verify",
]
