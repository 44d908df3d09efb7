"""What good and bad answers are worth, where the user has not said so.

value of a month    8,000 dollars x (requests / 5,000) ^ 0.35 x priority, P10 and P90 a factor of 7 apart (judgement)
at least            what the work costs today, for someone pays it; where nothing does it today, what the cheapest
option worth
                    having needs to pay for itself, for nobody considers a project that cannot
an error costs      0.2 to 1.2 times a good answer's worth (P10, P90; judgement)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from advisor.decision.costs import CostModel
    from advisor.decision.options import Option
    from advisor.decision.quality import QualityModel
    from advisor.decision.status_quo import StatusQuo
    from advisor.decision.world import World

    Array = NDArray[np.float64]
    Amount = Array | float

VALUE_AT = (5_000.0, 8_000.0)
VALUE_ELASTICITY = 0.35
"""Ten times the requests are worth about twice as much: the value of one falls with volume."""
VALUE_SD = 0.75
PRIORITY_FACTOR = {"cost": 0.35, "balanced": 1.0, "quality": 3.0}
ERROR_SHARE = (0.2, 1.2)
MARGIN = 1.25
"""By how much a project that someone considers pays more than it costs."""
PROBED = 1
"""Options of each approach, class of model and kind of place that are asked what they need to pay for themselves."""
LEAST_GAIN = 0.05
FEW = 128


@dataclass(frozen=True, slots=True)
class Stakes:
    """What good and bad answers are worth, per request."""

    value_usd: Amount
    error_usd: Amount


def stakes_of(
    world: World, costs: CostModel, quality: QualityModel, today: StatusQuo, options: Sequence[Option], months: int
) -> Stakes:
    """The stakes of one world; `options` are those that passed the gates."""
    ratio = world.lognormal("value.error_ratio", *ERROR_SHARE)

    def worth() -> Amount:
        monthly = np.maximum(_monthly(world, costs), today.usd_per_month)
        floor = _floor(costs, quality, today, options, months)
        return np.maximum(monthly, floor) / np.maximum(costs.requests, 1.0)

    value = world.filled("task.value_per_success_usd", worth)
    return Stakes(value, world.filled("task.cost_per_error_usd", lambda: value * ratio))


def _monthly(world: World, costs: CostModel) -> Amount:
    at, usd = VALUE_AT
    priority = world.facts.get("preferences.priority")
    factor: Amount = 1.0
    if isinstance(priority, str):
        factor = PRIORITY_FACTOR[priority]
    elif priority is not None:
        factor = np.select([priority == name for name in PRIORITY_FACTOR], list(PRIORITY_FACTOR.values()), 1.0)
    scale = (np.maximum(costs.requests, 1.0) / at) ** VALUE_ELASTICITY
    return usd * scale * factor * np.exp(VALUE_SD * world.points.normal("value.monthly"))


def _floor(costs: CostModel, quality: QualityModel, today: StatusQuo, options: Sequence[Option], months: int) -> float:
    """US dollars a month that good answers to all requests are worth at least; zero where something does the job
    today."""
    if bool(np.any(today.delivered)):
        return 0.0
    needs = [_needed(option, costs, quality, months) for option in _probes(options)]
    found = [need for need in needs if need is not None]
    return MARGIN * min(found) if found else 0.0


def _needed(option: Option, costs: CostModel, quality: QualityModel, months: int) -> float | None:
    """The value of a month at which the option pays for itself; None when its errors cost more than its answers
    give."""
    account = costs.account(option)
    per_request = account.total("per_request") + account.total("per_request_tokens")
    monthly = _middle(per_request * costs.requests + account.total("per_month"))
    monthly += _middle(account.total("once")) / months
    ratio = float(np.sqrt(ERROR_SHARE[0] * ERROR_SHARE[1]))
    share = _middle(quality.share(option))
    gain = (1.0 + ratio) * share - ratio
    return monthly / gain if gain >= LEAST_GAIN else None


def _middle(samples: Amount) -> float:
    """The median of the first samples, which are spread as evenly as all."""
    return float(np.median(samples[:FEW])) if isinstance(samples, np.ndarray) else float(samples)


def _probes(options: Sequence[Option]) -> list[Option]:
    """The first options of every approach, class of model and kind of place, the cheapest by list price."""
    groups: dict[tuple[object, ...], list[Option]] = {}
    for option in options:
        if option.deployment is not None:
            key = (option.approach, option.attributes["self_hosted"], option.attributes["tier"])
            groups.setdefault(key, []).append(option)
    return [o for group in groups.values() for o in sorted(group, key=list_price)[:PROBED]]


def list_price(option: Option) -> float:
    """A rough price to sort by: dollars per million tokens, or an hour; zero for the status quo."""
    d = option.deployment
    if d is None:
        return 0.0
    if d.prices is not None:
        return d.prices.input.value + d.prices.output.value
    return d.machine.usd_per_hour.value if d.machine else 0.0
