"""One case worked through: samples, market, options, gates, values. Everything the decision and its explanation
read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from advisor.decision.costs import CostModel
from advisor.decision.gates import Gated, apply_gates
from advisor.decision.horizon import build_horizon
from advisor.decision.limits import Limit, limits_of
from advisor.decision.market import Market, open_market
from advisor.decision.observations import observe_all
from advisor.decision.optimize import Candidate, candidate
from advisor.decision.options import Option, generate
from advisor.decision.points import points_for
from advisor.decision.quality import QualityModel
from advisor.decision.retrieval import hosted_retrieval, local_retrieval
from advisor.decision.stakes import list_price, stakes_of
from advisor.decision.status_quo import stand_in, status_quo
from advisor.decision.valuation import Outcome, Valuation
from advisor.decision.world import EXTRA_DIMENSIONS, World, build_world

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from advisor.answers import Answers
    from advisor.decision.retrieval import RetrievalSetup
    from pricing.catalogue import Catalogue
    from pricing.effort import Effort
    from rules.load import RuleBook

    Array = NDArray[np.float64]

LABEL_PLANS = (500, 2000)
"""Totals of labelled examples that options may buy."""


@dataclass
class Study:
    """The options of one case, valued. `outcomes` and `candidates` are in the same order."""

    answers: Answers
    rules: RuleBook
    catalogue: Catalogue
    on: date
    world: World
    market: Market
    generated: list[Option]
    """Every option that can be priced, before gates."""
    gated: Gated
    valuation: Valuation
    outcomes: list[Outcome]
    limits: list[Limit]
    considered: int
    standing_in: Option | None = None
    current_model: str | None = None
    """Catalogue id of the model in use; None when it is unknown or not in the catalogue."""

    @property
    def quality(self) -> QualityModel:
        return self.valuation.quality

    @cached_property
    def candidates(self) -> list[Candidate]:
        """What the optimisation sees of every option."""
        return [candidate(outcome) for outcome in self.outcomes]

    @cached_property
    def places(self) -> dict[str, int]:
        """Option id -> its place in `outcomes`."""
        return {outcome.option.id: place for place, outcome in enumerate(self.outcomes)}

    @cached_property
    def barred(self) -> frozenset[str]:
        """Options that are shown although they cannot be chosen: a gate excludes them, or (the status quo) they are
        unknown.

        Doing nothing is only advised when it is known what runs today, or what the work is worth.
        """
        out = set(self.gated.barred)
        if "current.approach" not in self.answers and "task.value_per_success_usd" not in self.answers:
            out.add("keep_current")
        return frozenset(out)

    @cached_property
    def choosable(self) -> list[Candidate]:
        """What may be chosen, limits aside: not barred, and not worth less than nothing where others are worth
        something."""
        mine = [c for c in self.candidates if c.option_id not in self.barred]
        inside = [c for c in mine if c.meets(self.limits)]
        if any(c.objective_usd > 0.0 or c.option_id == "keep_current" for c in inside):
            return mine
        worthwhile = [c for c in mine if c.objective_usd > 0.0]
        return worthwhile or mine

    def keeps_limits(self, place: int) -> bool:
        """Whether the option at `place` keeps every limit as surely as it asks, and no gate excludes it."""
        return self.outcomes[place].option.id not in self.gated.barred and self.candidates[place].meets(self.limits)

    @cached_property
    def possible(self) -> frozenset[str]:
        """Ids of the options that may be chosen and meet every limit."""
        return frozenset(c.option_id for c in self.choosable if c.meets(self.limits))

    def values(self) -> Array:
        """NPV of every option on every sample, shape (options, samples)."""
        return np.stack([o.npv_usd for o in self.outcomes])


def build_study(answers: Answers, rules: RuleBook, catalogue: Catalogue, on: date, *, samples: int) -> Study:
    """Work a case through on `samples` samples (a power of two)."""
    points = points_for(dimensions(rules, catalogue), samples)
    world = build_world(rules.facts, (answers,), points)
    market, current_model = market_for(answers, catalogue, on)
    generated = _options(answers, world, market, current_model, answers.value("current.approach"))
    priceable = _priceable(generated, setups(catalogue, on), market)
    gated = apply_gates(priceable, rules.gates, world)
    _show_a_swap(gated)
    standing_in = stand_in(market, answers.value("current.approach"))
    valuation = value_world(answers, rules, catalogue, on, world, market, gated.passed, standing_in)
    return Study(
        answers=answers,
        rules=rules,
        catalogue=catalogue,
        on=on,
        world=world,
        market=market,
        generated=priceable,
        gated=gated,
        valuation=valuation,
        outcomes=valuation.outcomes(gated.passed, gated.forbidden),
        limits=limits_of(world),
        considered=len(generated),
        standing_in=standing_in,
        current_model=current_model,
    )


def _show_a_swap(gated: Gated) -> None:
    """Another model under today's prompt is always among the candidates, if only to show which gate excludes it."""
    if any(option.approach == "swap_model" for option in gated.passed):
        return
    swaps = [option for option, _ in gated.excluded if option.approach == "swap_model"]
    if swaps:
        shown = min(swaps, key=list_price)
        gated.passed.append(shown)
        gated.barred.add(shown.id)


def value_world(
    answers: Answers,
    rules: RuleBook,
    catalogue: Catalogue,
    on: date,
    world: World,
    market: Market,
    options: Sequence[Option],
    standing_in: Option | None,
) -> Valuation:
    """The valuation of one world; `options` are those that may be chosen."""
    teacher = best_teacher(market, answers)
    costs = CostModel(world, effort(), setups(catalogue, on), teacher.deployment if teacher else None)
    quality = QualityModel(rules.effects.values(), world, costs.labels_used, teacher)
    observe_all(quality, answers, world, options, standing_in)
    today = status_quo(world, costs, quality, standing_in)
    horizon = build_horizon(world)
    stakes = stakes_of(world, costs, quality, today, options, horizon.months)
    return Valuation(world, horizon, quality, costs, today, stakes)


def setups(catalogue: Catalogue, on: date) -> dict[bool, RetrievalSetup | None]:
    """The retrieval set-up of own machines (True) and of hosted models (False)."""
    return {True: local_retrieval(catalogue, on), False: hosted_retrieval(catalogue, on)}


_NAMES: dict[tuple[int, int], tuple[object, object, tuple[str, ...]]] = {}


def dimensions(rules: RuleBook, catalogue: Catalogue) -> tuple[str, ...]:
    """The names of everything uncertain; kept for the rule book and the catalogue at hand."""
    key = (id(rules), id(catalogue))
    kept = _NAMES.get(key)
    if kept is None or kept[0] is not rules or kept[1] is not catalogue:
        models = (f"model:{name}" for name in catalogue.models)
        names = tuple(sorted({*rules.facts, *rules.effects, *EXTRA_DIMENSIONS, *models}))
        kept = (rules, catalogue, names)
        _NAMES.clear()
        _NAMES[key] = kept
    return kept[2]


_MARKETS: dict[tuple[object, ...], tuple[Catalogue, Market]] = {}
_MOST_MARKETS = 16


def market_for(answers: Answers, catalogue: Catalogue, on: date) -> tuple[Market, str | None]:
    """(market on the day, catalogue id of the model in use); kept for the next decision."""
    owned = answers.value("hardware.gpus") or []
    current = _current_model(answers, catalogue)
    key = (id(catalogue), on, current, tuple((str(item["gpu"]), int(item["count"])) for item in owned))
    kept = _MARKETS.get(key)
    if kept is None or kept[0] is not catalogue:
        if len(_MARKETS) >= _MOST_MARKETS:
            _MARKETS.clear()
        kept = (catalogue, open_market(catalogue, on, owned=owned, current_model=current))
        _MARKETS[key] = kept
    return kept[1], current


def _options(
    answers: Answers, world: World, market: Market, current_model: str | None, current: str | None
) -> list[Option]:
    allowed = world.facts.get("data.teacher_allowed")
    teacher_allowed = True if allowed is None else bool(np.mean(np.asarray(allowed, dtype=float)) >= 0.5)
    teacher_allowed = teacher_allowed and best_teacher(market, answers) is not None
    at_hand = world.known("data.labelled_examples")
    if isinstance(at_hand, np.ndarray):
        at_hand = None
    bands = None if at_hand is None else (at_hand > 0, at_hand < 2000, tuple(p > 1.5 * at_hand for p in LABEL_PLANS))
    key = (bands, teacher_allowed, current_model, current)
    if key not in market.options:
        market.options[key] = generate(
            market.deployments,
            market.services,
            label_plans=LABEL_PLANS,
            labels_at_hand=at_hand,
            teacher_allowed=teacher_allowed,
            current_model=current_model,
            current=current,
        )
    return market.options[key]


def _priceable(options: Sequence[Option], setups: Mapping[bool, Any], market: Market) -> list[Option]:
    """The options whose retrieval can be priced."""
    if None not in setups.values():
        return list(options)
    looks_up = [o for o in options if o.retrieval or o.approach == "few_shot_retrieval"]
    gone = {o.id for o in looks_up if setups[bool(o.attributes["self_hosted"])] is None}
    reason = ("retrieval", "not priceable: the price of embedding, store or reranking is unknown on this day")
    if gone and reason not in market.left_out:
        market.left_out.append(reason)
    return [o for o in options if o.id not in gone]


def _current_model(answers: Answers, catalogue: Catalogue) -> str | None:
    """The catalogue id of the model in use, or None when it is unknown or not in the catalogue."""
    from advisor.base.errors import InvalidDataError

    name = answers.value("current.model")
    if name is None:
        return None
    try:
        return catalogue.find_model(str(name)).id
    except InvalidDataError:
        return None


@cache
def effort() -> dict[str, Effort]:
    """The shipped estimates of people's time."""
    from pricing.effort import load_effort

    return load_effort()


def best_teacher(market: Market, answers: Answers) -> Option | None:
    """Who would write labels: the cheapest of the strongest hosted models, or where data stay in the house, of the
    open ones
    on machines that may be used. None where there is no such machine."""
    if answers.value("limits.must_self_host") is True:
        places = {"owned_gpu"} if answers.value("limits.rented_gpus_allowed") is False else {"owned_gpu", "rented_gpu"}
        found = [d for d in market.deployments if d.hosting in places and d.tier in ("open_large", "open_mid")]
        strongest = [d for d in found if d.tier == "open_large"] or found
    else:
        frontier = answers.value("limits.frontier_allowed") is not False
        tier = "frontier" if frontier else "mid"
        strongest = [d for d in market.deployments if d.hosting == "api" and d.tier == tier and not d.retires_soon]
    options = [Option("prompting", deployment=d) for d in strongest]
    return min(options, key=list_price, default=None)
