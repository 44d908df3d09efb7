"""Money over time: discounting, net present value, payback, return, internal rate of return, regret.

One time axis for everything: the last axis of an array has `months + 1` entries; entry 0 is the money before the first
month (not discounted), entry m is the money of month m, counted at its end. All leading axes (samples, options)
broadcast. Money is US dollars, positive towards us.

    i      = (1 + r) ** (1/12) - 1                    effective monthly rate from a yearly rate r
    d_m    = (1 + r) ** (-m / 12)                     discount factor of month m; d_0 = 1
    NPV    = sum_m  f_m d_m
    PV     = sum_m  p_m d_m                           of a profile p; a component c with that profile is worth c * PV
    C_m    = sum_{k<=m} f_k                           cumulative cash; with f_k d_k in place of f_k: discounted
    IRR    = the r with NPV(r) = 0

Sources: Brealey, Myers, Allen, "Principles of Corporate Finance", chapters 2 (present value) and 5 (payback, discounted
payback, the internal rate of return and its pitfalls); uniqueness of the internal rate: Descartes' rule of signs, one
change of sign in the flows means exactly one root of sum_m f_m x**m with x > 0. The same conventions as
`numpy_financial.npv`, with end-of-month flows.

**Payback when the curve crosses zero more than once** (up-front money, a gain, then a re-training bill): the month from
which the cumulative cash stays at or above zero through the horizon, interpolated linearly within that month. An
earlier crossing that does not last is not a payback. A curve that is below zero at the horizon never pays back: NaN in
arrays, for the caller to count; it is not "a long time".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

MONTHS_PER_YEAR = 12
DAYS_PER_MONTH = 365.25 / 12
_BISECTIONS = 64
_WIDEST_LOG_RATE = 64.0


def monthly_rate(rate_per_year: ArrayLike) -> Floats:
    """The effective rate of a month, (1 + r)^(1/12) - 1, of yearly rates above -1 (any shape)."""
    return np.expm1(_log_growth(rate_per_year) / MONTHS_PER_YEAR)


def discount_factors(months: int, rate_per_year: ArrayLike) -> Floats:
    """What a dollar of month 0..`months` is worth today: shape of the rate + (months + 1)."""
    exponents = np.arange(months + 1) / MONTHS_PER_YEAR
    factors: Floats = np.exp(-_log_growth(rate_per_year)[..., None] * exponents)
    return factors


def growth_profile(months: int, growth_per_month: ArrayLike) -> Floats:
    """How a monthly amount grows: 0 before the first month, 1 in the first, (1 + g)^(m - 1) in month m.

    Shape of the growth + (months + 1). `growth_per_month` is above -1.
    """
    log_growth = _log_growth(growth_per_month)
    profile: Floats = np.zeros((*log_growth.shape, months + 1))
    profile[..., 1:] = np.exp(log_growth[..., None] * np.arange(months))
    return profile


def npv(flows_usd: ArrayLike, rate_per_year: ArrayLike) -> Floats:
    """The net present value of flows[..., months + 1] in US dollars; the rate broadcasts over the leading axes."""
    flows = np.asarray(flows_usd, dtype=np.float64)
    return present_value_of_profile(flows, rate_per_year)


def present_value_of_profile(profile: ArrayLike, rate_per_year: ArrayLike) -> Floats:
    """sum_m p_m d_m over the last axis: what one dollar of a component with this monthly profile is worth today.

    A component that costs c in its first month costs c * PV(profile) over the horizon, so the engine multiplies two
    vectors of samples instead of building samples x months for each component.
    """
    shape = np.asarray(profile, dtype=np.float64)
    factors = discount_factors(shape.shape[-1] - 1, rate_per_year)
    value: Floats = np.einsum("...t,...t->...", shape, factors)
    return value


def cumulative(flows_usd: ArrayLike, rate_per_year: ArrayLike | None = None) -> Floats:
    """The running sum of flows[..., months + 1]; of the discounted flows when a rate is given."""
    flows = np.asarray(flows_usd, dtype=np.float64)
    if rate_per_year is not None:
        flows = flows * discount_factors(flows.shape[-1] - 1, rate_per_year)
    return np.cumsum(flows, axis=-1)


def payback_month(cumulative_usd: ArrayLike) -> Floats:
    """The month from which cumulative[..., months + 1] stays at or above zero; NaN where it never does.

    0.0 means that no money was ever out. For discounted payback pass `cumulative(flows, rate)`.
    """
    curve = np.asarray(cumulative_usd, dtype=np.float64)
    last = curve.shape[-1] - 1
    below = curve < 0
    ever_below = below.any(axis=-1)
    last_below = last - np.argmax(below[..., ::-1], axis=-1)
    after = np.minimum(last_below + 1, last)
    debt = -np.take_along_axis(curve, last_below[..., None], axis=-1)[..., 0]
    gain = np.take_along_axis(curve, after[..., None], axis=-1)[..., 0] + debt
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = last_below + debt / gain
    paid: Floats = np.where(last_below == last, np.nan, crossing)
    return np.where(ever_below, paid, 0.0)


def discounted_payback_month(flows_usd: ArrayLike, rate_per_year: ArrayLike) -> Floats:
    """`payback_month` of the discounted cumulative cash of flows[..., months + 1]."""
    return payback_month(cumulative(flows_usd, rate_per_year))


def peak_funding_usd(cumulative_usd: ArrayLike) -> Floats:
    """The most money that is ever out, as a positive amount: -min over months of the cumulative cash, at least 0."""
    curve = np.asarray(cumulative_usd, dtype=np.float64)
    deepest: Floats = np.maximum(-curve.min(axis=-1), 0.0)
    return deepest


def roi(net_gain_usd: ArrayLike, invested_usd: ArrayLike) -> Floats:
    """Net gain over money put in (0.5 = 50 %); NaN where nothing was put in, because the ratio then means nothing."""
    gain, invested = np.broadcast_arrays(np.asarray(net_gain_usd, float), np.asarray(invested_usd, float))
    ratio: Floats = np.divide(gain, invested, out=np.full(gain.shape, np.nan), where=invested > 0)
    return ratio


def regret_usd(values_usd: ArrayLike) -> Floats:
    """values[options, samples] -> how much each option falls short of the best one in each sample, at least 0."""
    values = np.asarray(values_usd, dtype=np.float64)
    shortfall: Floats = values.max(axis=0, keepdims=True) - values
    return shortfall


@dataclass(frozen=True, slots=True)
class InternalRate:
    """The internal rate of return of one series of flows, or why there is none."""

    per_year: float | None
    reason: str | None = None


def internal_rate(flows_usd: ArrayLike) -> InternalRate:
    """The yearly internal rate of return of flows[months + 1], only where it exists and is the only one."""
    flows = np.asarray(flows_usd, dtype=np.float64)
    changes = int(sign_changes(flows))
    if changes == 0:
        return InternalRate(None, "the flows never change sign, so no rate makes them worth zero")
    if changes > 1:
        return InternalRate(None, f"the flows change sign {changes} times, so several rates may make them worth zero")
    rate = float(internal_rates(flows))
    if not np.isfinite(rate):
        return InternalRate(None, "the rate is too large to mean anything: the money is back almost at once")
    return InternalRate(rate)


def internal_rates(flows_usd: ArrayLike) -> Floats:
    """The yearly internal rate of each series in flows[..., months + 1]; NaN unless its sign changes exactly once.

    Bisection on ln(1 + i): with one change of sign the present value crosses zero exactly once on i > -1.
    """
    flows = np.asarray(flows_usd, dtype=np.float64)
    unique = sign_changes(flows) == 1
    time = np.arange(flows.shape[-1], dtype=np.float64)
    invests_first = _first_sign(flows) < 0
    low = np.full(flows.shape[:-1], -_WIDEST_LOG_RATE)
    high = np.full(flows.shape[:-1], _WIDEST_LOG_RATE)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        # The sign of the present value is wanted, not its size: the largest factor is scaled to 1 against overflow.
        exponents = -middle[..., None] * time
        factors = np.exp(exponents - exponents.max(axis=-1, keepdims=True))
        positive = np.einsum("...t,...t->...", flows, factors) > 0
        rate_is_higher = positive == invests_first
        low = np.where(rate_is_higher, middle, low)
        high = np.where(rate_is_higher, high, middle)
    with np.errstate(over="ignore"):
        yearly = np.expm1((low + high) / 2 * MONTHS_PER_YEAR)
    solved: Floats = np.where(unique & np.isfinite(yearly), yearly, np.nan)
    return solved


def sign_changes(flows_usd: ArrayLike) -> NDArray[np.intp]:
    """How often the sign changes along flows[..., months + 1], zeros left out."""
    signs = _signs_without_zeros(np.asarray(flows_usd, dtype=np.float64))
    changes: NDArray[np.intp] = np.sum(signs[..., 1:] * signs[..., :-1] < 0, axis=-1)
    return changes


def _signs_without_zeros(flows: Floats) -> Floats:
    """The sign at each month, a zero taking the sign before it (leading zeros stay 0)."""
    signs = np.sign(flows)
    positions = np.where(signs != 0, np.arange(flows.shape[-1]), 0)
    filled: Floats = np.take_along_axis(signs, np.maximum.accumulate(positions, axis=-1), axis=-1)
    return filled


def _first_sign(flows: Floats) -> Floats:
    first = np.argmax(flows != 0, axis=-1)
    sign: Floats = np.sign(np.take_along_axis(flows, first[..., None], axis=-1)[..., 0])
    return sign


def _log_growth(rate: ArrayLike) -> Floats:
    rates = np.asarray(rate, dtype=np.float64)
    if np.any(rates <= -1):
        raise ValueError("a rate must be above -1 (-100 %)")
    return np.log1p(rates)
