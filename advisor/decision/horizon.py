"""Time: growth, price trends and discounting folded into one number per sample, so that an option is priced without a
loop over months.

With v_t the requests in month t relative to month 1, d_t the discount factor of month t and k_t the price trend of
hosted tokens,

    requests[s] = sum over t > s of v_t d_t      tokens[s] = sum over t > s of v_t k_t d_t      months[s] = sum over t
    > s of d_t

An option that goes live after s months with a cost of c per request and f per month has the present value
c x requests_in_month_1 x requests[s] + f x months[s]; c of hosted tokens takes tokens[s]. Month t ends t/12 years from
the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advisor.decision.world import World

    Array = NDArray[np.float64]

WEEKS_PER_MONTH = 365.25 / 7 / 12


@dataclass(frozen=True, slots=True)
class Horizon:
    """Profiles of shape (months, samples or 1) and their discounted tail sums of shape (months + 1, samples or 1)."""

    months: int
    volume: Array
    price_trend: Array
    discount: Array
    requests: Array
    tokens: Array
    months_discounted: Array
    inside: NDArray[np.bool_]
    """Shape (months, samples or 1): the months within the horizon of the sample."""
    last: NDArray[np.bool_]
    """The last of them."""
    end_discount: Array
    """Shape (samples or 1,): the discount factor of the last month."""

    def live_from(self, weeks: Array) -> Array:
        """Months before an option runs, per sample, with fractions; at most the horizon."""
        return np.clip(weeks / WEEKS_PER_MONTH, 0.0, float(self.months))

    def live_shares(self, start: Array) -> Array:
        """Shape (samples, months): the share of each month in which an option that starts after `start` months runs."""
        result: Array = np.clip(np.arange(1, self.months + 1)[None, :] - start[:, None], 0.0, 1.0)
        return result

    def from_month(self, month: float) -> Array:
        """Shape (months,): the share of each month that lies after `month` months from the start."""
        result: Array = np.clip(np.arange(1, self.months + 1) - month, 0.0, 1.0)
        return result

    @staticmethod
    def at(tails: Array, start: Array) -> Array:
        """The tail sum of each sample from its own start; `tails` is (months + 1, samples or 1). Part of a month
        counts in part."""
        whole = np.floor(start).astype(np.int64)
        part = start - whole
        after = np.minimum(whole + 1, tails.shape[0] - 1)
        columns = 0 if tails.shape[1] == 1 else np.arange(start.size)
        result: Array = (1.0 - part) * tails[whole, columns] + part * tails[after, columns]
        return result

    def first_year(self, profile: Array) -> Array:
        """Mean of the first twelve months of a (months, samples or 1) profile."""
        result: Array = profile[:12].mean(axis=0)
        return result


def build_horizon(world: World) -> Horizon:
    """The profiles for the facts finance.*, traffic.growth_per_month_rate and the assumed trend of token prices."""
    horizon = np.round(np.atleast_1d(np.asarray(world.number("finance.horizon_months", 24), dtype=float)))
    months = int(horizon.max())
    t = np.arange(1, months + 1)[:, None]
    growth = np.atleast_1d(np.asarray(world.number("traffic.growth_per_month_rate", 0.0)))[None, :]
    rate = np.atleast_1d(np.asarray(world.number("finance.discount_rate_per_year", 0.1)))[None, :]
    trend = np.atleast_1d(np.asarray(world.number("finance.token_price_change_per_year_rate", 0.0)))[None, :]
    volume = (1.0 + growth) ** (t - 1)
    price_trend = (1.0 + trend) ** ((t - 1) / 12)
    discount = (1.0 + rate) ** (-t / 12)
    if horizon.size > 1:
        volume, discount = volume * (t <= horizon), discount * (t <= horizon)
    return Horizon(
        months,
        volume,
        price_trend,
        discount,
        _tails(volume * discount),
        _tails(volume * price_trend * discount),
        _tails(discount),
        t <= horizon,
        t == horizon,
        (discount * (t == horizon)).sum(axis=0),
    )


def _tails(flow: Array) -> Array:
    """Row s is the sum of rows s, s+1, ... (months s+1 and later); the last row is zero."""
    sums = np.cumsum(flow[::-1], axis=0)[::-1]
    result: Array = np.concatenate([sums, np.zeros((1, flow.shape[1]))])
    return result
