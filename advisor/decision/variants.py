"""Variants of a case valued side by side: the same options and points under other answers, in one vectorised pass.

Each variant owns one block of the samples. Gates, limits, status quo and stakes are judged block by block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.gates import EXCLUDED_FROM, exclusions
from advisor.decision.limits import SPOKEN_OF, SURE_OF
from advisor.decision.optimize import RISK_WEIGHT, TAIL, TOLERANCE, metric_samples
from advisor.decision.options import LEVELS, WORKING
from advisor.decision.points import points_for
from advisor.decision.stakes import list_price
from advisor.decision.status_quo import stand_in
from advisor.decision.study import dimensions, value_world
from advisor.decision.world import build_world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from advisor.answers import Answers
    from advisor.decision.options import Option
    from advisor.decision.study import Study
    from advisor.decision.valuation import Outcome
    from advisor.decision.world import World

    Array = NDArray[np.float64]

CLEAR_USD = 500.0
"""Differences below this are never called a change of the recommendation."""
LEADING = 6
"""Options of the case that stand for the rest in variants, besides the best of every kind."""


@dataclass(frozen=True, slots=True)
class Variants:
    """Objectives of shape (variants, options), and where an option may be chosen."""

    options: list[Option]
    objective_usd: Array
    mean_npv_usd: Array
    possible: NDArray[np.bool_]
    months: Array
    """Discounted months of the horizon, per variant."""

    def best(self, variant: int) -> int | None:
        """Place of the recommended option: the simplest of those that are as good as the best."""
        open_ = np.flatnonzero(self.possible[variant])
        if open_.size == 0:
            return None
        value = self.objective_usd[variant, open_]
        top = float(value.max())
        near = value >= (1.0 - TOLERANCE) * top if top > 0.0 else value >= top
        levels = np.array([LEVELS[self.options[i].approach] for i in open_])
        level = levels[near].min()
        choice = np.where(near & (levels == level), value, -np.inf)
        return int(open_[choice.argmax()])

    def falls_behind(self, variant: int, place: int) -> bool:
        """Whether the option at `place` may not be chosen any more, or one of another kind is clearly better."""
        best = self.best(variant)
        if best is None or not self.possible[variant, place]:
            return True
        if kind_of(self.options[best]) == kind_of(self.options[place]):
            return False
        top = float(self.objective_usd[variant, best])
        return top - float(self.objective_usd[variant, place]) > TOLERANCE * abs(top) + CLEAR_USD


def representatives(study: Study, order: Sequence[int]) -> list[Option]:
    """The leading options, the best of every kind that passed the gates, and of every other kind the cheapest."""
    chosen = [study.outcomes[i].option for i in order[:LEADING]]
    kinds = {_stands_for(option) for option in chosen}
    for place in order:
        option = study.outcomes[place].option
        if _stands_for(option) not in kinds:
            kinds.add(_stands_for(option))
            chosen.append(option)
    for option in sorted((option for option, _ in study.gated.excluded), key=list_price):
        if _stands_for(option) not in kinds:
            kinds.add(_stands_for(option))
            chosen.append(option)
    return chosen


def _stands_for(option: Option) -> tuple[object, ...]:
    """Coarser than a kind: one place in the house and one outside stand for all."""
    return (option.approach, option.attributes["self_hosted"], _strong(option))


def _strong(option: Option) -> bool:
    return option.attributes["tier"] in ("frontier", "mid", "open_large", "unknown")


def kind_of(option: Option) -> tuple[object, ...]:
    """Options of one kind stand for each other: same approach, same kind of place, strong or small model."""
    return (option.approach, option.hosting, _strong(option))


def value_variants(study: Study, options: Sequence[Option], variants: Sequence[Answers], samples: int) -> Variants:
    """Value `options` on every one of `variants`, `samples` (a power of two) each.

    The case itself is valued along with them on the same few samples; how far it comes out from the study's own
    figures is the
    error of those samples, and is taken off every variant (a control variate).
    """
    rows = (study.answers, *variants)
    points = points_for(dimensions(study.rules, study.catalogue), samples, len(rows))
    world = build_world(study.rules.facts, rows, points)
    standing_in = study.standing_in or stand_in(study.market, _working(rows))
    valuation = value_world(
        study.answers, study.rules, study.catalogue, study.on, world, study.market, options, standing_in
    )
    outcomes = valuation.outcomes(options, {})
    shape = (len(rows), samples)
    npv = np.stack([o.npv_usd.reshape(shape) for o in outcomes], axis=1)
    worst = max(1, int(np.ceil(TAIL * samples)))
    mean = npv.mean(axis=2)
    objective = mean + RISK_WEIGHT * np.partition(npv, worst - 1, axis=2)[:, :, :worst].mean(axis=2)
    known = [study.places.get(option.id) for option in options]
    objective += [
        0.0 if i is None else study.candidates[i].objective_usd - objective[0, j] for j, i in enumerate(known)
    ]
    mean += [0.0 if i is None else float(study.outcomes[i].npv_usd.mean()) - mean[0, j] for j, i in enumerate(known)]
    discount = np.broadcast_to(valuation.horizon.months_discounted[0], (points.count,)).reshape(shape).mean(axis=1)
    possible = _allowed(options, study, world, shape) & _within(outcomes, world, shape)
    _bar_the_unknown(options, rows, possible)
    possible = _worthwhile(options, objective, possible)
    return Variants(list(options), objective[1:], mean[1:], possible[1:], discount[1:])


def _working(variants: Sequence[Answers]) -> str | None:
    found = [a.value("current.approach") for a in variants]
    return next((str(value) for value in found if value in WORKING), None)


def _allowed(options: Sequence[Option], study: Study, world: World, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Shape (variants, options): where no gate excludes the option in half of the samples or more."""
    excluded = exclusions(options, study.rules.gates, world)
    allowed = np.ones((shape[0], len(options)), dtype=bool)
    for place, option in enumerate(options):
        if option.id in excluded:
            allowed[:, place] = excluded[option.id].reshape(shape).mean(axis=1) < EXCLUDED_FROM
    return allowed


def _within(outcomes: Sequence[Outcome], world: World, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Shape (variants, options): where the option meets the limits of the variant."""
    inside = np.ones((shape[0], len(outcomes)), dtype=bool)
    for fact, _, metric, floor in SPOKEN_OF:
        bound = _bounds(world, fact, shape)
        if bound is None:
            continue
        rank = min(int(SURE_OF[metric] * shape[1]), shape[1] - 1)
        for place, outcome in enumerate(outcomes):
            value = np.partition(metric_samples(outcome, metric).reshape(shape), rank, axis=1)[:, rank]
            meets = value >= bound - 1e-9 if floor else value <= bound + 1e-9
            inside[:, place] &= meets | np.isnan(bound)
    for place, outcome in enumerate(outcomes):
        missing = np.broadcast_to(np.asarray(outcome.account.missing_replicas, dtype=float), (shape[0] * shape[1],))
        inside[:, place] &= np.median(missing.reshape(shape), axis=1) <= 0.0
    return inside


def _bounds(world: World, fact: str, shape: tuple[int, int]) -> Array | None:
    """The limit of each variant (not a number: none), or None when no variant has one."""
    value = world.facts.get(fact)
    if value is None:
        return None
    bound: Array = np.median(
        np.broadcast_to(np.asarray(value, dtype=float), (shape[0] * shape[1],)).reshape(shape), axis=1
    )
    if fact == "limits.latency_p95_ms":
        batch = world.facts.get("traffic.batch")
        waits = np.broadcast_to(np.asarray(0.0 if batch is None else batch, dtype=float), (shape[0] * shape[1],))
        bound = np.where(waits.reshape(shape).mean(axis=1) > 0.5, np.nan, bound)
    return None if np.isnan(bound).all() else bound


def _bar_the_unknown(options: Sequence[Option], variants: Sequence[Answers], possible: NDArray[np.bool_]) -> None:
    """The status quo may only win where it, or the worth of the work, is known."""
    place = next((i for i, option in enumerate(options) if option.approach == "keep_current"), None)
    if place is None:
        return
    for row, answers in enumerate(variants):
        if "current.approach" not in answers and "task.value_per_success_usd" not in answers:
            possible[row, place] = False


def _worthwhile(options: Sequence[Option], objective: Array, possible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where nothing possible is worth its cost although something else would be, nothing may be chosen."""
    good = objective > 0.0
    kept = np.array([option.approach == "keep_current" for option in options])
    sensible = (possible & (good | kept)).any(axis=1)
    result: NDArray[np.bool_] = possible & (sensible | ~good.any(axis=1))[:, None]
    return result
