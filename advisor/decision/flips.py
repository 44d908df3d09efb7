"""Flips: the nearest value of each answer at which another option would be recommended.

For every answered fact a grid of other values is valued side by side; where the recommendation changes, a second grid
between the
last value that keeps it and the first that does not finds the place more closely. What was found is decided once more
in full, and only what that confirms is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from advisor.answers import Answer, plain_value
from advisor.contradictions import contradictions
from advisor.decision.ranking import rank
from advisor.decision.result import Flip
from advisor.decision.study import build_study
from advisor.decision.variants import Variants, kind_of, value_variants
from advisor.values import show_value
from rules.facts import NUMERIC
from rules.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from advisor.answers import Answers
    from advisor.decision.options import Option
    from advisor.decision.study import Study
    from rules.facts import Fact

SAMPLES = 32
"""Of a variant in the first grid; the second has twice as many."""
FACTORS = (2.0, 10.0, 30.0)
REFINED = 3
SHARE_STEPS = (0.05, 0.15, 0.4)
SKIPPED = frozenset({"hardware.gpus", "current.model", "finance.start", "measured.options"})
"""Answers without near values of their own."""
SPEND = "current.monthly_spend_usd"


@dataclass(frozen=True, slots=True)
class _Try:
    """One other value of one fact."""

    fact: Fact
    value: Any
    answers: Answers
    distance: float
    side: int
    """-1 below the answer, 1 above it, 0 without order."""
    at: Callable[[float], float] | None = None
    """The value at another distance on the same side."""


def find_flips(study: Study, options: Sequence[Option], winner: int) -> list[Flip]:
    """The nearest flip of every answered fact that has one. `winner` is the place of the recommended option in
    `options`."""
    read = study.world.facts.read
    facts = [fact for fact in study.rules.facts.values() if fact.id in read]
    tries = [each for fact in facts for each in _other_values(fact, study.answers)]
    if not tries:
        return []
    first = _valued(study, options, tries, SAMPLES)
    changed = [first.falls_behind(i, winner) for i in range(len(tries))]
    coarse = _nearest(tries, changed)
    nearest = coarse
    finer = [each for hit in coarse for each in _between(hit, tries, changed, study.answers)]
    if finer:
        second = _valued(study, options, finer, 2 * SAMPLES)
        moved = [second.falls_behind(i, winner) for i in range(len(finer))]
        nearest = _nearest([*coarse, *finer], [True] * len(coarse) + moved)
    further = {hit.fact.id: hit for hit in coarse}
    found = [_confirmed(hit, further[hit.fact.id], study, options[winner]) for hit in nearest]
    return sorted((flip for flip in found if flip is not None), key=lambda flip: flip.winner_option_id == "")


def first_of(study: Study, answers: Answers) -> tuple[Option, float] | None:
    """What would come first under other answers and its objective in US dollars, decided on as many samples; None when
    nothing meets all limits."""
    again = build_study(answers, study.rules, study.catalogue, study.on, samples=study.world.points.count)
    feasible = rank(again).feasible
    if not feasible:
        return None
    return again.outcomes[feasible[0]].option, again.candidates[feasible[0]].objective_usd


def _confirmed(hit: _Try, further: _Try, study: Study, winner: Option) -> Flip | None:
    """The flip as a decision on the changed answers sees it: the grid has few samples and few options, so its word is
    not enough. Where the nearest value does not hold, the one that the first grid found is tried."""
    for each in (hit,) if hit is further else (hit, further):
        found = first_of(study, each.answers)
        first = None if found is None else found[0]
        if first is None or kind_of(first) != kind_of(winner):
            return _flip(each, first, study.answers)
    return None


def _valued(study: Study, options: Sequence[Option], tries: Sequence[_Try], samples: int) -> Variants:
    return value_variants(study, options, [each.answers for each in tries], samples)


def _other_values(fact: Fact, answers: Answers) -> list[_Try]:
    answer = answers.get(fact.id)
    if answer is None or not fact.decides or fact.id in SKIPPED or isinstance(answer.value, Interval):
        return []
    if fact.type == "bool":
        return [_try(fact, not answer.value, answers)]
    if fact.type == "choice":
        return [_try(fact, other, answers) for other in fact.values() if other != answer.value]
    if fact.type not in NUMERIC:
        return []
    value = float(answer.value)
    found = []
    for distance in SHARE_STEPS if fact.type == "share" else [math.log(factor) for factor in FACTORS]:
        for side in (-1, 1):
            at = _scale(fact, value, side)
            other = _rounded(fact, at(distance))
            if fact.lowest <= other <= fact.highest and other != answer.value:
                found.append(_Try(fact, other, with_value(answers, fact, other), distance, side, at))
    return found


def _try(fact: Fact, value: Any, answers: Answers) -> _Try:
    return _Try(fact, value, with_value(answers, fact, value), 1.0, 0)


def _scale(fact: Fact, value: float, side: int) -> Callable[[float], float]:
    """Distance from the answer -> value: shares by difference, numbers by ratio, and from nothing upwards by size."""
    if fact.type == "share":
        return lambda distance: value + side * distance
    if value > 0:
        return lambda distance: value * math.exp(side * distance)
    return lambda distance: side * 10.0 ** (distance / math.log(FACTORS[0]))


def _rounded(fact: Fact, value: float) -> float | int:
    """Two or three significant figures: nobody means 12,345.6 requests."""
    if fact.type == "share":
        return round(value, 3)
    rounded = float(f"{value:.3g}")
    return round(rounded) if fact.type == "int" else rounded


def with_value(answers: Answers, fact: Fact, value: Any) -> Answers:
    """The answers with one changed, without those that the change contradicts; what is spent today follows the
    requests."""
    changed = answers.with_(fact.id, Answer(value))
    spend, requests = answers.value(SPEND), answers.value(fact.id)
    if fact.id == "traffic.requests_per_month" and isinstance(spend, int | float) and isinstance(requests, int | float):
        changed = changed.with_(SPEND, Answer(spend * value / max(requests, 1.0)))
    for clash in contradictions(changed):
        for other in clash.facts:
            if other != fact.id:
                changed = changed.without(other)
    return changed


def _nearest(tries: Sequence[_Try], changed: Sequence[bool]) -> list[_Try]:
    """Of every fact the nearest value that changes the recommendation."""
    found: dict[str, _Try] = {}
    for each, moved in zip(tries, changed, strict=True):
        if moved and (each.fact.id not in found or each.distance < found[each.fact.id].distance):
            found[each.fact.id] = each
    return list(found.values())


def _between(hit: _Try, tries: Sequence[_Try], changed: Sequence[bool], answers: Answers) -> list[_Try]:
    """Values between the last one that still holds and the one that flips."""
    if hit.at is None:
        return []
    held = [
        each.distance
        for each, moved in zip(tries, changed, strict=True)
        if each.fact.id == hit.fact.id and each.side == hit.side and not moved and each.distance < hit.distance
    ]
    low = max(held, default=0.0)
    found = []
    for i in range(1, REFINED + 1):
        distance = low + (hit.distance - low) * i / (REFINED + 1)
        value = _rounded(hit.fact, hit.at(distance))
        if hit.fact.lowest <= value <= hit.fact.highest:
            changed_answers = with_value(answers, hit.fact, value)
            found.append(_Try(hit.fact, value, changed_answers, distance, hit.side, hit.at))
    return found


def _flip(hit: _Try, option: Option | None, answers: Answers) -> Flip:
    before = answers.value(hit.fact.id)
    now, then = show_value(before, hit.fact), show_value(hit.value, hit.fact)
    bound = {-1: " or less", 0: "", 1: " or more"}[hit.side]
    label = "nothing meets all limits" if option is None else option.label
    if option is not None and option.approach == "keep_current":
        label = "what runs today"
    wins = "nothing would meet all limits" if option is None else f"{label} would come first"
    return Flip(
        fact=hit.fact.id,
        label=hit.fact.label,
        current=plain_value(before),
        becomes=plain_value(hit.value),
        winner_option_id=option.id if option else "",
        winner_label=label,
        text=f"{hit.fact.label}: at {then}{bound} instead of {now}, {wins}.",
    )
