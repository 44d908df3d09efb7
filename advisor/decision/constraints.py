"""The price of each limit: what the best plan would be worth without it, less what it is worth with it.

A few samples tell which limits may cost something; those are decided again in full without the limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.answers import Answer, plain_value
from advisor.decision.flips import first_of, with_value
from advisor.decision.result import ConstraintPrice
from advisor.decision.variants import CLEAR_USD, value_variants
from advisor.values import show_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.answers import Answers
    from advisor.decision.options import Option
    from advisor.decision.study import Study

SAMPLES = 128
REMOVED = (
    "limits.latency_p95_ms",
    "limits.quality_floor",
    "limits.upfront_budget_usd",
    "limits.monthly_budget_usd",
    "limits.deadline_weeks",
)
"""Limits that are lifted by forgetting the answer."""
LIFTED: dict[str, Any] = {
    "limits.must_self_host": False,
    "limits.frontier_allowed": True,
    "limits.rented_gpus_allowed": True,
    "knowledge.citations_required": False,
    "data.teacher_allowed": True,
}
"""Limits that are lifted by another answer."""


def constraint_prices(study: Study, options: Sequence[Option], winner: int | None) -> list[ConstraintPrice]:
    """One price per limit that is answered and binds nothing or something, the dearest first.

    `winner` is the place of the recommended option in `options`; None where nothing is feasible, then no limit has a
    price.
    """
    limits = [fact for fact in (*REMOVED, *LIFTED) if _binds(study.answers, fact)]
    if winner is None or not limits:
        return []
    variants = value_variants(study, options, [_without(study, fact) for fact in limits], SAMPLES)
    base = max(study.candidates[study.places[option.id]].objective_usd for option in options[: winner + 1])
    found = []
    for row, fact in enumerate(limits):
        best = variants.best(row)
        gain = 0.0 if best is None else max(float(variants.objective_usd[row, best]) - base, 0.0)
        again = first_of(study, _without(study, fact)) if gain > CLEAR_USD else None
        gain = 0.0 if again is None else max(again[1] - base, 0.0)
        other = again[0] if again is not None and gain > CLEAR_USD else None
        found.append(_price(study, fact, gain if other else 0.0, float(variants.months[row]), other))
    return sorted(found, key=lambda price: -price.cost_usd)


def _binds(answers: Answers, fact: str) -> bool:
    return fact in answers and answers.value(fact) != LIFTED.get(fact, object())


def _without(study: Study, fact: str) -> Answers:
    if fact in LIFTED:
        lifted = with_value(study.answers, study.rules.facts[fact], LIFTED[fact])
        if fact == "limits.must_self_host" and study.answers.value("limits.frontier_allowed") is False:
            # Whoever keeps data in the house was never asked about hosted models.
            lifted = lifted.with_("limits.frontier_allowed", Answer(True))
        return lifted
    return study.answers.without(fact)


def _price(study: Study, fact: str, cost_usd: float, months: float, other: Option | None) -> ConstraintPrice:
    limit, a_month = study.answers.value(fact), cost_usd / max(months, 1e-9)
    shown = f"{study.rules.facts[fact].label} ({show_value(limit, study.rules.facts[fact])})"
    if other is None:
        text = f"{shown} costs nothing: without it the same plan would come first."
    else:
        text = f"{shown} costs ${a_month:,.0f} a month: without it {other.label} would come first."
    return ConstraintPrice(
        fact=fact,
        limit=plain_value(limit),
        cost_usd_per_month=a_month,
        cost_usd=cost_usd,
        winner_without=other.id if other else None,
        text=text,
    )
