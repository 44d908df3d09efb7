"""The value of every option on the same samples, against the status quo.

    npv = - once + sum over live months of ( cost of the status quo - cost of the option + benefit of the option -
    benefit of the status quo )

    benefit of one request = value x q - cost of an error x (1 - q)

Before it is live an option costs and gives what the status quo does. What good and bad answers are worth:
`advisor.decision.stakes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from advisor.decision.account import Account, Part
    from advisor.decision.costs import CostModel
    from advisor.decision.horizon import Horizon
    from advisor.decision.options import Option
    from advisor.decision.quality import QualityModel
    from advisor.decision.stakes import Stakes
    from advisor.decision.status_quo import StatusQuo
    from advisor.decision.world import World

    Array = NDArray[np.float64]
    Amount = Array | float


@dataclass(frozen=True)
class Outcome:
    """One option on all samples. Arrays of shape (samples,); what few options are asked for is made when asked."""

    option: Option
    account: Account
    quality: Array
    npv_usd: Array
    _valuation: Valuation = field(repr=False, compare=False)
    forbidden: NDArray[np.bool_] | None = None
    """Where it turns out not to be allowed, so that it never goes live."""

    @cached_property
    def upfront_usd(self) -> Array:
        return self._full(self.account.total("once"))

    @cached_property
    def monthly_usd(self) -> Array:
        """Average month of the first year at work."""
        if self.option.approach == "keep_current":
            return self._valuation.today_usd_per_month
        return self._valuation.first_year_usd(self.account)

    @cached_property
    def latency_p95_ms(self) -> Array:
        if self.option.approach == "keep_current":
            latency = self._valuation.today.latency_p95_ms
            return self._full(0.0 if latency is None else latency)
        return self._full(self.account.latency_p95_ms)

    @cached_property
    def weeks(self) -> Array:
        return self._full(self.account.weeks)

    def _full(self, amount: Amount) -> Array:
        result: Array = np.broadcast_to(np.asarray(amount, dtype=float), self.npv_usd.shape)
        return result


@dataclass(frozen=True, slots=True)
class _Tails:
    """Discounted sums over the live months of requests and token-priced requests (against month 1), and of months."""

    requests: Array
    tokens: Array
    months: Array
    volume: Array
    volume_of_tokens: Array
    """The same two in requests."""


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
        self._shared: dict[tuple[int, int], Array] = {}
        """What shared parts take off the value of options that start at the same time."""

    def outcomes(self, options: Iterable[Option], forbidden: Mapping[str, NDArray[np.bool_]]) -> list[Outcome]:
        """Every option valued on the same samples; `forbidden` says where one turns out not to be allowed."""
        return [self.outcome(option, forbidden.get(option.id)) for option in options]

    def outcome(self, option: Option, forbidden: NDArray[np.bool_] | None = None) -> Outcome:
        """One option valued. Where it turns out to be forbidden its up-front money is lost and nothing changes."""
        account = self.costs.account(option)
        if option.approach == "keep_current":
            return self._keep(option, account)
        tails = self._tails_of(option, account)
        npv = self._gain(option) * tails.requests
        for part in account.parts:
            self._spend(npv, part, tails)
        for line in account.later:
            npv = npv - self.costs.requests * line.per_request_tokens * self._tokens_from(
                option, account, line.from_month
            )
        if forbidden is not None:
            npv = np.where(forbidden, -self._full(account.total("once")), npv)
        return Outcome(option, account, self.quality.share(option), npv, self, forbidden)

    def _spend(self, npv: Array, part: Part, tails: _Tails) -> None:
        """Take the present value of a part's lines that are paid from the start off `npv`, in place."""
        if part.shared:
            place = (id(part), id(tails))
            if place not in self._shared:
                self._shared[place] = np.zeros(self._n)
                self._take(self._shared[place], part.sums, tails)
            npv += self._shared[place]
        else:
            self._take(npv, part.sums, tails)

    def _take(self, npv: Array, sums: Mapping[str, Amount], tails: _Tails) -> None:
        for name, amount in sums.items():
            match name:
                case "once":
                    npv -= amount
                case "per_month":
                    npv -= amount * tails.months
                case "per_request":
                    npv -= amount * tails.volume
                case "per_request_tokens":
                    npv -= amount * tails.volume_of_tokens
                case _:
                    npv -= amount * self.horizon.end_discount * (tails.months > 0.0)

    def first_year_usd(self, account: Account) -> Array:
        """US dollars of an average month of the first year at work."""
        volume = self.costs.requests
        found = account.total("per_month") + volume * account.total("per_request") * self._year_volume
        found = found + volume * account.total("per_request_tokens") * self._year_tokens
        for line in account.later:
            found = found + volume * line.per_request_tokens * self.first_year_tokens(line.from_month)
        return self._full(found)

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
            requests, tokens, volume = h.at(h.requests, start), h.at(h.tokens, start), self.costs.requests
            months = h.at(h.months_discounted, start)
            self._tails[key] = _Tails(requests, tokens, months, requests * volume, tokens * volume)
        return self._tails[key]

    # the status quo ---------------------------------------------------------------------------------------------

    def _keep(self, option: Option, account: Account) -> Outcome:
        return Outcome(option, account, self.today.quality, np.zeros(self._n), self)

    @property
    def today_usd_per_month(self) -> Array:
        """What today costs in an average month of the first year."""
        found: Array = self.today_cost * self._year_volume
        return found

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
