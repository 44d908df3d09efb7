"""Answers that played no part in the decision, each with the reason: nothing is ignored in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.decision.observations import MEASURED, matching, measurements
from advisor.decision.result import Unused
from advisor.values import show_value

if TYPE_CHECKING:
    from datetime import date

    from advisor.decision.study import Study

USED_ELSEWHERE = frozenset({"current.model", "hardware.gpus", "limits.rented_gpus_allowed", "finance.start", MEASURED})
"""Facts that the market or the observations read, not the samples."""


def unused(study: Study, today: date) -> list[Unused]:
    """What was answered and did not count, in the order of the questions."""
    return [*_out_of_place(study), *_unmatched(study, today)]


def _out_of_place(study: Study) -> list[Unused]:
    known, facts = study.answers.known(), study.rules.facts
    asked_by_rules = _named_by_rules(study)
    found = []
    for fact in sorted(facts.values(), key=lambda fact: (fact.order, fact.id)):
        if fact.id not in study.answers or not fact.decides:
            continue
        condition = fact.ask_when
        if condition is not None and condition.names and condition.evaluate(known.get) is False:
            names = ", ".join(f"{n} = {show_value(known[n])}" for n in sorted(condition.names) if n in known)
            found.append(Unused(fact=fact.id, text=f"{fact.label} plays no part where {names}."))
        elif fact.id not in study.world.facts.read | asked_by_rules | USED_ELSEWHERE:
            found.append(Unused(fact=fact.id, text=f"{fact.label} has no bearing on any option of this case."))
    return found


def _named_by_rules(study: Study) -> set[str]:
    rules = study.rules
    books = (rules.readiness, rules.risks, rules.guidance)
    return {
        name
        for book in books
        for rule in book.values()
        for _, condition in rule.conditions()
        for name in condition.names
    }


def _unmatched(study: Study, today: date) -> list[Unused]:
    """Answers whose value finds no counterpart: a model, a measured option or a first month."""
    found = []
    model = study.answers.value("current.model")
    if model is not None and study.current_model is None:
        text = f"{model} is not in the price catalogue: what runs today is estimated without it."
        found.append(Unused(fact="current.model", text=text))
    options = [outcome.option for outcome in study.outcomes]
    for entry in measurements(study.answers):
        if matching(entry, options) is None:
            what = f"{entry['approach']} on {entry['model']} ({entry.get('training') or 'none'})"
            text = f"The measurement of {what} is of no option that is on offer and allowed here."
            found.append(Unused(fact=MEASURED, text=text))
    start = study.answers.value("finance.start")
    if start is not None and start < today:
        text = f"The first month priced, {start}, is over: the horizon begins on {today}."
        found.append(Unused(fact="finance.start", text=text))
    return found
