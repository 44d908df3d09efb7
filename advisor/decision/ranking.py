"""The order of the options: those within every limit first, by objective; and how often each is best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.optimize import as_good, metric_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advisor.decision.options import Option
    from advisor.decision.study import Study
    from advisor.decision.valuation import Outcome

    Array = NDArray[np.float64]

CONTENDERS = 30
GUESS_BELOW = 1 / 3
"""A plan whose class (prompting, retrieval, training, doing nothing) is the right one less often than this is a guess,
and nobody should train on one (judgement)."""
LISTED = 80
"""Ranked options that a decision lists, besides the best of every approach at every kind of place."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Places of the study's options. `order` holds all, `feasible` those that may be chosen, both best first."""

    order: list[int]
    feasible: list[int]
    chance: Array
    """Share of the samples in which the option has the highest value of the feasible ones; per option of the study."""
    class_chance: dict[str, float]
    """The same by approach class."""
    best_npv: Array
    """Per sample, the value of the best feasible option (of any, where none is feasible)."""
    sure: float
    """How often the class of the option with the best objective is the right one."""

    @property
    def guess(self) -> bool:
        """Whether the objective's choice is no better than a guess; then what one begins with stands first."""
        return bool(self.feasible) and self.sure < GUESS_BELOW

    def contenders(self) -> list[int]:
        """Options that could be the best one: the first by objective, and those that are best in most samples."""
        shown = self.feasible or self.order
        lucky = sorted(shown[CONTENDERS:], key=lambda place: -self.chance[place])[:CONTENDERS]
        return [*shown[:CONTENDERS], *(place for place in lucky if self.chance[place] > 0.0)]

    def by_kind(self, study: Study) -> list[int]:
        """The first options that may be chosen, and the best one of every approach, class of model and place."""
        seen: set[tuple[object, ...]] = set()
        found = []
        for i, place in enumerate(self.feasible):
            option = study.outcomes[place].option
            kind = (option.approach, option.hosting, option.attributes["tier"])
            if i < CONTENDERS or kind not in seen:
                seen.add(kind)
                found.append(place)
        return found

    def listed(self, study: Study) -> list[int]:
        """What a decision shows: the best options, and of every approach and kind of place the best one."""
        shown = set(self.order[:LISTED])
        kinds: set[tuple[str, str]] = set()
        for place in self.order:
            option = study.outcomes[place].option
            kind = (option.approach, option.hosting)
            if kind not in kinds:
                kinds.add(kind)
                shown.add(place)
        return [place for place in self.order if place in shown]


def rank(study: Study) -> Ranking:
    """Order the options of a study."""
    objective = np.array([c.objective_usd for c in study.candidates])
    possible = np.array([c.option_id in study.possible for c in study.candidates], dtype=bool)
    barred = np.array([c.option_id in study.barred for c in study.candidates], dtype=bool)
    order = np.lexsort((-objective, barred, ~possible)).tolist()
    feasible = [study.places[c.option_id] for c in as_good([study.candidates[i] for i in order if possible[i]])]
    order = [*feasible, *order[len(feasible) :]]
    shown = feasible or order
    winners, best = _best_of_each_sample([study.outcomes[i].npv_usd for i in shown])
    chance = np.zeros(len(objective))
    counts = np.bincount(winners, minlength=len(shown)) / winners.size
    if feasible:
        chance[shown] = counts
    by_class: dict[str, float] = {}
    for place, share in zip(shown, counts, strict=True):
        name = study.outcomes[place].option.approach_class
        by_class[name] = by_class.get(name, 0.0) + float(share)
    sure = by_class[study.outcomes[shown[0]].option.approach_class]
    if sure < GUESS_BELOW:
        feasible.sort(key=lambda place: _step(study.outcomes[place].option))
        order[: len(feasible)] = feasible
    return Ranking(order, feasible, chance, by_class, best, sure)


def _step(option: Option) -> int:
    """The order in which one begins while little is known: a prompt, what else needs no training, training."""
    return 0 if option.approach == "prompting" else 1 if option.training == "none" else 2


def _best_of_each_sample(values: list[Array]) -> tuple[NDArray[np.int64], Array]:
    """(place of the highest value, the value), per sample; the first of equal ones."""
    best = values[0].copy()
    place = np.zeros(best.size, dtype=np.int64)
    for i, value in enumerate(values[1:], start=1):
        higher = value > best
        if higher.any():
            place[higher] = i
            np.maximum(best, value, out=best)
    return place, best


def within_share(outcome: Outcome, study: Study) -> float:
    """Share of the samples in which the option meets every limit and no gate excludes it."""
    if outcome.option.id in study.gated.barred:
        return 0.0
    forbidden = study.gated.forbidden.get(outcome.option.id)
    inside = np.ones(outcome.npv_usd.shape, dtype=bool) if forbidden is None else ~forbidden
    for limit in study.limits:
        value = metric_samples(outcome, limit.metric)
        inside &= value >= limit.bound - 1e-9 if limit.floor else value <= limit.bound + 1e-9
    return float(inside.mean())
