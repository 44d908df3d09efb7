"""One case worked through: samples, market, options, gates, values. Everything the decision and its explanation read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from advisor.decision.costs import CostModel, RetrievalPrices
from advisor.decision.gates import Gated, apply_gates
from advisor.decision.horizon import build_horizon
from advisor.decision.limits import limits_of
from advisor.decision.market import Market, open_market
from advisor.decision.optimize import Candidate, Limit, candidate
from advisor.decision.options import Option, generate
from advisor.decision.points import Points
from advisor.decision.quality import QualityModel
from advisor.decision.valuation import Outcome, Valuation
from advisor.decision.world import EXTRA_DIMENSIONS, World, build_world

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from advisor.answers import Answers
    from pricing.catalogue import Catalogue
    from rules.load import RuleBook

    Array = NDArray[np.float64]

LABEL_PLANS = (500, 2000)
"""Totals of labelled examples that options may buy."""
SEED = 20_261_124


@dataclass(slots=True)
class Study:
    """The options of one case, valued. `outcomes` and `candidates` are in the same order."""

    answers: Answers
    rules: RuleBook
    world: World
    market: Market
    gated: Gated
    valuation: Valuation
    outcomes: list[Outcome]
    candidates: list[Candidate]
    limits: list[Limit]
    considered: int

    @property
    def quality(self) -> QualityModel:
        return self.valuation.quality

    @property
    def barred(self) -> set[str]:
        """Options that are shown although a gate excludes them (the status quo)."""
        return {option_id for option_id, chance in self.gated.feasible_share.items() if chance == 0.0}

    def possible(self, place: int) -> bool:
        """Whether no gate excludes the option and it meets every limit."""
        mine = self.candidates[place]
        return mine.option_id not in self.barred and mine.meets(self.limits)

    def values(self) -> Array:
        """NPV of every option on every sample, shape (options, samples)."""
        return np.stack([o.npv_usd for o in self.outcomes])


def build_study(answers: Answers, rules: RuleBook, catalogue: Catalogue, on: date, *, samples: int) -> Study:
    """Work a case through on `samples` samples (a power of two)."""
    names = [*rules.facts, *rules.effects, *EXTRA_DIMENSIONS, *(f"model:{name}" for name in catalogue.models)]
    world = build_world(rules.facts, answers, Points(names, samples, SEED))
    owned = answers.value("hardware.gpus") or []
    current_model = _current_model(answers, catalogue)
    market = open_market(catalogue, on, owned=owned, current_model=current_model)
    options = _options(answers, world, market, current_model)
    gated = apply_gates(options, rules.gates, world)
    teacher = best_teacher(market)
    costs = CostModel(world, _effort(), retrieval_prices(catalogue, on), teacher.deployment if teacher else None)
    quality = QualityModel(rules.effects.values(), world.facts, world.points)
    valuation = Valuation(world, build_horizon(world), quality, costs)
    outcomes = valuation.outcomes(gated.passed, teacher)
    candidates = [candidate(o) for o in outcomes]
    return Study(
        answers, rules, world, market, gated, valuation, outcomes, candidates, limits_of(world), len(options)
    )


def _options(answers: Answers, world: World, market: Market, current_model: str | None) -> list[Option]:
    allowed = world.facts.get("data.teacher_allowed")
    teacher_allowed = bool(np.mean(np.asarray(allowed, dtype=float)) >= 0.5) if allowed is not None else True
    at_hand = world.known("data.labelled_examples")
    return generate(
        market.deployments,
        market.services,
        label_plans=LABEL_PLANS,
        labels_at_hand=at_hand,
        teacher_allowed=teacher_allowed,
        current_model=current_model,
    )


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


def _effort() -> Any:
    from functools import cache

    from pricing.effort import load_effort

    global _EFFORT
    if _EFFORT is None:
        _EFFORT = load_effort()
    return _EFFORT


_EFFORT: Any = None


def best_teacher(market: Market) -> Option | None:
    """The strongest hosted model, as the one that would write labels."""
    hosted = [d for d in market.deployments if d.hosting == "api" and d.tier == "frontier" and not d.retires_soon]
    if not hosted:
        return None
    cheapest = min(hosted, key=lambda d: d.prices.input.value + d.prices.output.value if d.prices else 0.0)
    return Option("prompting", deployment=cheapest)


def retrieval_prices(catalogue: Catalogue, on: date) -> RetrievalPrices:
    """A usual set-up: a small embedding model, a hosted store, a reranker."""
    def figure(item: str, name: str) -> Any:
        return catalogue.retrieval[item].price(name, on)

    embedding = figure("text-embedding-3-small", "usd_per_mtok")
    store = figure("turbopuffer-launch", "minimum_usd_per_month")
    rerank = figure("bedrock-rerank", "usd_per_1k_searches")
    sources = tuple(f"{v.source.title}, {v.source.where} ({v.checked})" for v in (embedding, store, rerank))
    return RetrievalPrices(embedding.number, store.number, rerank.number / 1000.0, sources)
