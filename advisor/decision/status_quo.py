"""What runs today: its cost, its quality and its option, known or estimated.

cost      what is spent; else by hand: requests x price of one; else the model's tokens at today's prices
quality   what was measured or answered; people: 0.92 (0.85 to 0.95); a model: from the quality effects of the same
prompt on that model
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.options import Option
from advisor.decision.quality import sigmoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advisor.decision.costs import CostModel
    from advisor.decision.market import Deployment, Market
    from advisor.decision.quality import QualityModel
    from advisor.decision.world import World

    Array = NDArray[np.float64]
    Amount = Array | float

HUMAN_USD_PER_REQUEST = (0.5, 4.0)
HUMAN_LOGIT, HUMAN_SD = 2.4, 0.5
"""Log-odds that people answer an everyday request well: 0.92, P10 0.85 to P90 0.95; they agree with each other on 90
to 95 %
(judgement)."""
ANSWERED_ITEMS = 60.0
"""An answered quality counts like one measured on so many items (judgement)."""
UNKNOWN_MODEL_LOGIT = 1.2
UNKNOWN_MODEL_SD = 0.5
"""Log-odds of a good answer of a tuned or unknown model that runs today: about 0.77 (judgement)."""


@dataclass(frozen=True, slots=True)
class StatusQuo:
    """Today, in month 1. Arrays of shape (samples,)."""

    usd_per_month: Amount
    quality: Array
    delivered: Array
    """Where something does the job today, per sample."""
    latency_p95_ms: Amount | None
    basis: str
    origin: str


def stand_in(market: Market, current: str | None) -> Option | None:
    """The option that equals what runs today, where a model does: prompted, or behind retrieval; tuned ones have
    none."""
    if current not in ("prompting", "rag"):
        return None
    deployment = market.current or _middle_of(market)
    return None if deployment is None else Option("swap_model", deployment=deployment, current=current)


def _middle_of(market: Market) -> Deployment | None:
    """A middling hosted model, for a prompt on a model that is not known."""
    mid = [d for d in market.deployments if d.hosting == "api" and d.tier == "mid" and d.prices]
    mid.sort(key=lambda d: d.prices.input.value + d.prices.output.value if d.prices else 0.0)
    return mid[len(mid) // 2] if mid else None


def status_quo(world: World, costs: CostModel, quality: QualityModel, standing_in: Option | None) -> StatusQuo:
    """Today in one world. `standing_in` is what `stand_in` found."""
    n = world.points.count
    approach = world.facts.get("current.approach")
    kind = np.broadcast_to(np.asarray("none" if approach is None else approach), (n,))
    usd, basis, origin = _cost(world, costs, standing_in, kind)
    return StatusQuo(
        usd_per_month=usd,
        quality=_quality(world, quality, standing_in, kind),
        delivered=kind != "none",
        latency_p95_ms=world.facts.get("current.latency_p95_ms"),
        basis=basis,
        origin=origin,
    )


def _cost(world: World, costs: CostModel, standing_in: Option | None, kind: Array) -> tuple[Amount, str, str]:
    answered = world.facts.get("current.monthly_spend_usd") is not None
    by_people = kind == "human"

    def estimated() -> Amount:
        low, high = HUMAN_USD_PER_REQUEST
        by_hand = world.lognormal("value.human_cost", low, high) * costs.requests if by_people.any() else 0.0
        return np.where(by_people, by_hand, np.where(kind == "none", 0.0, _by_model(costs, standing_in)))

    usd = world.filled("current.monthly_spend_usd", estimated)
    if answered:
        return usd, "what is spent today, growing with the requests", "answered"
    if by_people.any():
        low, high = HUMAN_USD_PER_REQUEST
        return usd, f"people at ${low:g} to ${high:g} a request", "assumed"
    if standing_in is not None and standing_in.deployment is not None:
        return usd, f"requests at the token price of {standing_in.deployment.model_name}", "estimated"
    return usd, "nothing is spent as far as is known", "assumed"


def _by_model(costs: CostModel, standing_in: Option | None) -> Amount:
    if standing_in is None or standing_in.deployment is None or standing_in.deployment.prices is None:
        return 0.0
    tokens = costs.tokens.of(standing_in)
    return costs.requests * costs.serving.token_usd(standing_in.deployment.prices, tokens)


def _quality(world: World, quality: QualityModel, standing_in: Option | None, kind: Array) -> Array:
    def estimated() -> Array:
        luck = world.points.normal("value.status_quo_quality")
        by_model = (
            sigmoid(UNKNOWN_MODEL_LOGIT + UNKNOWN_MODEL_SD * luck)
            if standing_in is None
            else quality.share(standing_in)
        )
        return np.where(kind == "human", sigmoid(HUMAN_LOGIT + HUMAN_SD * luck), by_model)

    found: Array = np.where(kind == "none", 0.0, world.filled("current.quality_rate", estimated))
    return found
