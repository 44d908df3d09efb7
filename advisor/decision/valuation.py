"""The value of every option on the same samples, against the status quo.

    npv = - once + sum over live months of ( cost of the status quo - cost of the option + benefit of the option - benefit of the status quo )

    benefit of one request = value x q - cost of an error x (1 - q)

Before it is live an option costs and gives what the status quo does. An unknown value per success is derived from the use case as a whole
(see `monthly_value`), because nobody runs a project whose work is worth nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.horizon import Horizon
from advisor.decision.quality import sigmoid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from advisor.decision.account import Account
    from advisor.decision.costs import CostModel
    from advisor.decision.options import Option
    from advisor.decision.quality import QualityModel
    from advisor.decision.world import World

    Array = NDArray[np.float64]
    Amount = Array | float

VALUE_AT = (5_000.0, 15_000.0)
"""A use case of 5,000 requests a month is taken to be worth about $15,000 a month when done well (judgement, P10-P90 a factor of 7 apart)."""
VALUE_ELASTICITY = 0.5
"""Ten times the requests are worth about three times as much: value per request falls with volume (judgement)."""
PRIORITY_FACTOR = {"cost": 0.35, "balanced": 1.0, "quality": 3.0}
HUMAN_USD_PER_REQUEST = (0.5, 4.0)
HUMAN_QUALITY = 0.93


@dataclass(slots=True)
class Outcome:
    """One option on all samples. Arrays of shape (samples,)."""

    option: Option
    account: Account
    quality: Array
    npv_usd: Array
    upfront_usd: Array
    monthly_usd: Array
    """Average month of the first year at work."""
    latency_p95_ms: Array
    weeks: Array
    benefit_per_month_usd: Array
    """Value of the answers less the cost of errors, month 1 volume."""


@dataclass(slots=True)
class Stakes:
    """What good and bad answers are worth, per request."""

    value_usd: Amount
    error_usd: Amount


class Valuation:
    """Values options one by one; everything shared is computed once."""

    def __init__(self, world: World, horizon: Horizon, quality: QualityModel, costs: CostModel) -> None:
        self.world = world
        self.horizon = horizon
        self.quality = quality
        self.costs = costs
        self.stakes = self._stakes()
        self._n = world.points.count
        self._year_volume = horizon.first_year(horizon.volume)
        self._year_tokens = horizon.first_year(horizon.volume * horizon.price_trend)
        self._today_cost = self._full(self._status_quo_cost())
        self._today_quality = self._full(self._status_quo_quality())
        self.today_benefit = np.where(self._delivered(), self._benefit(self._today_quality), 0.0)

    def outcomes(self, options: Iterable[Option], teacher: Option | None) -> list[Outcome]:
        """Every option valued on the same samples."""
        return [self.outcome(option, teacher) for option in options]

    def outcome(self, option: Option, teacher: Option | None) -> Outcome:
        account = self.costs.account(option)
        if option.approach == "keep_current":
            return self._keep(option, account)
        q = sigmoid(self.quality.latent(option, teacher))
        weeks = self._full(account.weeks)
        h, volume = self.horizon, self.costs.requests
        start = h.live_from(weeks)
        requests, tokens, months = h.at(h.requests, start), h.at(h.tokens, start), h.at(h.months_discounted, start)
        once = self._full(account.total("once"))
        per_request, per_request_tokens = account.total("per_request"), account.total("per_request_tokens")
        per_month = account.total("per_month")
        running = volume * (per_request * requests + per_request_tokens * tokens) + per_month * months
        worth = self._benefit(q)
        gained = (worth - self.today_benefit) * volume * requests
        npv = gained + self._today_cost * requests - running - once
        monthly = volume * (per_request * self._year_volume + per_request_tokens * self._year_tokens) + per_month
        return Outcome(
            option,
            account,
            q,
            self._full(npv),
            once,
            self._full(monthly),
            self._full(account.latency_p95_ms),
            weeks,
            self._full(worth * volume),
        )

    # the status quo ---------------------------------------------------------------------------------------------

    @property
    def today_cost_usd_per_month(self) -> Array:
        """What the job costs today in month 1."""
        return self._today_cost

    @property
    def today_quality(self) -> Array:
        """How well it is done today; zero where nothing does it."""
        return self._today_quality

    def _keep(self, option: Option, account: Account) -> Outcome:
        zero = np.zeros(self._n)
        latency = self.world.facts.get("current.latency_p95_ms")
        return Outcome(
            option,
            account,
            self._today_quality,
            zero,
            zero,
            self._today_cost * self._year_volume,
            self._full(0.0 if latency is None else latency),
            zero,
            self._full(self.today_benefit * self.costs.requests),
        )

    def _approach_is(self, name: str) -> Array:
        """Where the job is done this way today, per sample; an unknown approach counts as nothing done."""
        value = self.world.facts.get("current.approach")
        result: Array = np.broadcast_to(np.asarray("none" if value is None else value) == name, (self._n,))
        return result

    def _delivered(self) -> Array:
        """Where something does the job today, per sample."""
        return ~self._approach_is("none")  # type: ignore[no-any-return]

    def _status_quo_cost(self) -> Amount:
        spend = self.world.facts.get("current.monthly_spend_usd")
        if spend is not None:
            return spend
        by_hand = self.world.lognormal("value.human_cost", *HUMAN_USD_PER_REQUEST) * self.costs.requests
        return np.where(self._approach_is("human"), by_hand, 0.0)

    def _status_quo_quality(self) -> Amount:
        known = self.world.facts.get("current.quality_rate")
        if known is not None:
            return np.where(self._delivered(), known, 0.0)
        by_model = sigmoid(1.2 + 0.6 * self.world.points.normal("value.status_quo_quality"))
        return np.where(self._delivered(), np.where(self._approach_is("human"), HUMAN_QUALITY, by_model), 0.0)

    # stakes -----------------------------------------------------------------------------------------------------

    def _benefit(self, q: Array) -> Array:
        result: Array = self.stakes.value_usd * q - self.stakes.error_usd * (1.0 - q)
        return result

    def _stakes(self) -> Stakes:
        value = self.world.facts.get("task.value_per_success_usd")
        if value is None:
            value = self._monthly_value() / np.maximum(self.costs.requests, 1.0)
        error = self.world.facts.get("task.cost_per_error_usd")
        if error is None:
            error = value * self.world.lognormal("value.error_ratio", 0.2, 1.2)
        return Stakes(value, error)

    def _monthly_value(self) -> Amount:
        at, usd = VALUE_AT
        priority = self.world.facts.get("preferences.priority")
        factor: Amount = 1.0
        if isinstance(priority, str):
            factor = PRIORITY_FACTOR[priority]
        elif priority is not None:
            factor = np.select([priority == name for name in PRIORITY_FACTOR], list(PRIORITY_FACTOR.values()), 1.0)
        scale = (np.maximum(self.costs.requests, 1.0) / at) ** VALUE_ELASTICITY
        return usd * scale * factor * np.exp(0.75 * self.world.points.normal("value.monthly"))

    def _full(self, amount: Amount) -> Array:
        result: Array = np.broadcast_to(np.asarray(amount, dtype=float), (self._n,))
        return result
