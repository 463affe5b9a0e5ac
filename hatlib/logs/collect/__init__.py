"""Collect a model's answers in all languages with Inspect, so that its HAT can be computed.

Three tasks (`mgsm`, `mmlu_prox_lite`, `facts`) ask every item in its source language and in the
others, in ten promptings, and score the answers by rule, or by a judge that was checked against
people (`judge_check`). The log says for each answer its item, language, source language and
prompting; ``hat import inspect`` reads it. The items come from the user; none are shipped.

Only its tasks, their scorers and `hatlib.logs.collect.report` need Inspect: ``pip install
'hat-score[inspect]'``.
"""
