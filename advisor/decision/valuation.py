"""The value of every option on the same samples, against the status quo.

    npv = - once + sum over live months of ( cost of the status quo - cost of the option + benefit of the option -
    benefit of the status quo )

    benefit of one request = value x q - cost of an error x (1 - q)

Before it is live an option costs and gives what the status quo does. What good and bad answers are worth:
`advisor.decision.stakes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from advisor.decision.account import Account
    from advisor.decision.costs import CostModel
    from advisor.decision.horizon import Horizon
    from advisor.decision.options import Option
    from advisor.decision.quality import QualityModel
    from advisor.decision.stakes import Stakes
    from advisor.decision.status_quo import StatusQuo
    from advisor.decision.world import World

    Array = NDArray[np.float64]
    Amount = Array | float


@dataclass(frozen=True, slots=True)
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
    forbidden: NDArray[np.bool_] | None = None
    """Where it turns out not to be allowed, so that it never goes live."""


@dataclass(frozen=True, slots=True)
class _Tails:
    """Discounted sums over the live months of requests, token-priced requests and months."""

    requests: Array
    tokens: Array
    months: Array


class Valuation:
    """Values options one by one; everything shared is computed once."""

    def __init__(
        self,
        world: World,
        horizon: Horizon,
        quality: QualityModel,
        costs: CostModel,
        today: StatusQuo,
        stakes: Stakes,
    ) -> None:
        self.world = world
        self.horizon = horizon
        self.quality = quality
        self.costs = costs
        self.today = today
        self.stakes = stakes
        self._n = world.points.count
        self._year_volume = horizon.first_year(horizon.volume)
        self._year_tokens = horizon.first_year(horizon.volume * horizon.price_trend)
        self.today_cost = self._full(today.usd_per_month)
        self.today_benefit = np.where(today.delivered, self.benefit(today.quality), 0.0)
        self._gains: dict[tuple[object, ...], Array] = {}
        self._tails: dict[tuple[str, str, str], _Tails] = {}

    def outcomes(self, options: Iterable[Option], forbidden: Mapping[str, NDArray[np.bool_]]) -> list[Outcome]:
        """Every option valued on the same samples; `forbidden` says where one turns out not to be allowed."""
        return [self.outcome(option, forbidden.get(option.id)) for option in options]

    def outcome(self, option: Option, forbidden: NDArray[np.bool_] | None = None) -> Outcome:
        """One option valued. Where it turns out to be forbidden its up-front money is lost and nothing changes."""
        account = self.costs.account(option)
        if option.approach == "keep_current":
            return self._keep(option, account)
        tails, volume = self._tails_of(option, account), self.costs.requests
        once = self._full(account.total("once"))
        per_request, per_token = account.total("per_request"), account.total("per_request_tokens")
        per_month = account.total("per_month")
        npv = self._gain(option) * tails.requests - once - per_month * tails.months
        monthly = self._full(per_month)
        if isinstance(per_request, np.ndarray) or per_request != 0.0:
            npv = npv - volume * per_request * tails.requests
            monthly = monthly + volume * per_request * self._year_volume
        if isinstance(per_token, np.ndarray) or per_token != 0.0:
            spent = volume * per_token
            npv = npv - spent * tails.tokens
            monthly = monthly + spent * self._year_tokens
        at_end = account.total("at_end")
        if isinstance(at_end, np.ndarray) or at_end != 0.0:
            npv = npv - at_end * self.horizon.end_discount * (tails.months > 0.0)
        for line in account.later:
            spent = volume * line.per_request_tokens
            npv = npv - spent * self._tokens_from(option, account, line.from_month)
            monthly = monthly + spent * self.first_year_tokens(line.from_month)
        if forbidden is not None:
            npv = np.where(forbidden, -once, npv)
        return Outcome(
            option,
            account,
            self.quality.share(option),
            npv,
            once,
            monthly,
            self._full(account.latency_p95_ms),
            self._full(account.weeks),
            forbidden,
        )

    def _gain(self, option: Option) -> Array:
        """Per month of month 1's volume: better answers, and what today costs."""
        key = option.quality_key
        if key not in self._gains:
            worth = self.benefit(self.quality.share(option)) - self.today_benefit
            self._gains[key] = worth * self.costs.requests + self.today_cost
        return self._gains[key]

    def requests_live(self, option: Option, account: Account) -> Array:
        """Discounted months in which the option runs, weighted by the volume against month 1."""
        return self._tails_of(option, account).requests

    def months_live(self, option: Option, account: Account) -> Array:
        """Discounted months in which the option runs."""
        return self._tails_of(option, account).months

    def tokens_usd(self, option: Option, account: Account) -> Array:
        """Present value of what is paid by the token while the option runs, announced prices included."""
        spent = account.total("per_request_tokens") * self._tails_of(option, account).tokens
        for line in account.later:
            spent = spent + line.per_request_tokens * self._tokens_from(option, account, line.from_month)
        return self._full(spent * self.costs.requests)

    def _tokens_from(self, option: Option, account: Account, month: float) -> Array:
        """Discounted requests at the price trend, from the later of going live and `month` on."""
        h = self.horizon
        start = np.maximum(h.live_from(self._full(account.weeks)), min(month, float(h.months)))
        return h.at(h.tokens, start)

    def first_year_tokens(self, from_month: float) -> Array:
        """Mean over the first year of the volume at the price trend, counted from a month on."""
        h = self.horizon
        return h.first_year(h.volume * h.price_trend * h.from_month(from_month)[:, None])

    def _tails_of(self, option: Option, account: Account) -> _Tails:
        key = self.costs.weeks_key(option)
        if key not in self._tails:
            h = self.horizon
            start = h.live_from(self._full(account.weeks))
            self._tails[key] = _Tails(h.at(h.requests, start), h.at(h.tokens, start), h.at(h.months_discounted, start))
        return self._tails[key]

    # the status quo ---------------------------------------------------------------------------------------------

    def _keep(self, option: Option, account: Account) -> Outcome:
        zero, latency = np.zeros(self._n), self.today.latency_p95_ms
        return Outcome(
            option,
            account,
            self.today.quality,
            zero,
            zero,
            self.today_cost * self._year_volume,
            self._full(0.0 if latency is None else latency),
            zero,
        )

    # stakes -----------------------------------------------------------------------------------------------------

    def benefit(self, q: Array) -> Array:
        """US dollars of one request answered well in the share `q`."""
        result: Array = (self.stakes.value_usd + self.stakes.error_usd) * q - self.stakes.error_usd
        return result

    def _full(self, amount: Amount) -> Array:
        if isinstance(amount, np.ndarray) and amount.shape == (self._n,):
            return amount
        result: Array = np.broadcast_to(np.asarray(amount, dtype=float), (self._n,))
        return result
