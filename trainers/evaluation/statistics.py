"""Is the difference real? Intervals and tests for scores of the same items by two candidates.

    Wilson interval of a proportion p = x / n (Wilson 1927, JASA 22:209):
        (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)
    Difference of paired proportions: Newcombe 1998 (Stat. Med. 17:2635), method 10: Wilson limits of both proportions,
        combined with their correlation phi (corrected for continuity)
    McNemar's exact test: of the b + c items on which the two differ, the smaller count under Binomial(b + c, 1/2),
        doubled (Fagerland, Lydersen, Laake 2013, BMC Med. Res. Methodol. 13:91)
    Scores that are not 0 or 1, and items that come in groups: percentile bootstrap over items or groups (Efron 1979)
        and a sign-flip permutation test of the mean difference, which is exact for few items
    Smallest detectable difference d at n pairs, share q of which disagree (Connor 1987, Biometrics 43:207):
        n d^2 = (z_(1-alpha/2) sqrt(q) + z_power sqrt(q - d^2))^2
    Several comparisons: Holm 1979 (Scand. J. Stat. 6:65)

Scores are arrays of shape (items,), 0..1; differences are `second - first`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

CONFIDENCE = 0.95
POWER = 0.8
RESAMPLES = 10_000
_EXACT_FLIPS = 14
_CHUNK = 2_000_000
_MOST_STEPS = 50_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean score with its 95 % interval; `n` items."""

    score: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better the second is than the first on the same items."""

    difference: float
    low: float
    high: float
    p_value: float
    smallest_detectable: float | None
    """The smallest true difference that so many items would show with 80 % power; None when none would."""
    method: str
    """The test, in words."""


def z_value(confidence: float = CONFIDENCE) -> float:
    """The two-sided normal quantile: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: float, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's interval of successes / n. `n` is at least 1."""
    z, p = z_value(confidence), successes / n
    middle = p + z * z / (2 * n)
    reach = z * math.sqrt(max(p * (1 - p), 0.0) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes <= 0 else (middle - reach) / scale
    high = 1.0 if successes >= n else (middle + reach) / scale
    return low, high


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value when `only_first` and `only_second` items are right in one candidate only."""
    from scipy.special import bdtr

    n = only_first + only_second
    return 1.0 if n == 0 else min(1.0, 2 * float(bdtr(min(only_first, only_second), n, 0.5)))


def newcombe(both: int, only_first: int, only_second: int, neither: int) -> tuple[float, float]:
    """The interval of the difference of paired proportions, second - first (method 10)."""
    n = both + only_first + only_second + neither
    right_first, right_second = both + only_first, both + only_second
    first, second = right_first / n, right_second / n
    low_first, high_first = wilson(right_first, n)
    low_second, high_second = wilson(right_second, n)
    phi = _phi(both, only_first, only_second, neither)
    down = _combine(second - low_second, high_first - first, phi)
    up = _combine(high_second - second, first - low_first, phi)
    return max(-1.0, second - first - down), min(1.0, second - first + up)


def _combine(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(one * one - 2 * phi * one * other + other * other, 0.0))


def _phi(both: int, only_first: int, only_second: int, neither: int) -> float:
    """Newcombe's estimate of the correlation: 0 where a margin is empty, corrected by n / 2 when positive."""
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if margins == 0:
        return 0.0
    cross = both * neither - only_first * only_second
    n = both + only_first + only_second + neither
    corrected = max(cross - n / 2, 0.0) if cross > 0 else cross
    return corrected / math.sqrt(margins)


def smallest_detectable(n: int, disagreeing_share: float, alpha: float = 1 - CONFIDENCE, power: float = POWER) -> float:
    """The smallest true difference of two paired proportions that n pairs show with this power (Connor 1987).

    `disagreeing_share` is the share of items on which the two differ. No difference can be larger than that share; when
    even all of it would not do, the answer is the difference that would if all disagreements went one way.
    May exceed 1: then n pairs show nothing.
    """
    z_alpha, z_power = NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)

    def enough(d: float, q: float) -> bool:
        return n * d * d >= (z_alpha * math.sqrt(q) + z_power * math.sqrt(max(q - d * d, 0.0))) ** 2

    q = disagreeing_share
    if q > 0 and enough(q, q):
        return _bisect(lambda d: enough(d, q), 0.0, q)
    return _bisect(lambda d: enough(d, d), 0.0, (z_alpha + z_power) ** 2)


def pairs_needed(
    difference: float, disagreeing_share: float, alpha: float = 1 - CONFIDENCE, power: float = POWER
) -> int:
    """How many pairs show this true difference (above 0) with this power (Connor 1987), the inverse of
    `smallest_detectable`. No fewer items than the difference can disagree."""
    z_alpha, z_power = NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)
    q = max(disagreeing_share, difference)
    reach = z_alpha * math.sqrt(q) + z_power * math.sqrt(q - difference * difference)
    return math.ceil(reach * reach / (difference * difference))


def _bisect(good: Callable[[float], bool], low: float, high: float) -> float:
    """The smallest value in the interval for which `good` holds, given that it holds at `high` and is monotone."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if good(middle) else (middle, high)
    return high


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number (Holm's step-down method), in the given order."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, floor = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = floor
    return adjusted


def estimate(scores: np.ndarray, groups: np.ndarray | None = None, *, seed: int = 0) -> Estimate:
    """Mean and interval: Wilson for 0/1 scores of single items, else bootstrap (over groups when there are any)."""
    import numpy as np

    mean, n = float(scores.mean()), len(scores)
    if groups is None and _binary(scores):
        return Estimate(mean, *wilson(float(scores.sum()), n), n)
    if np.all(scores == scores[0]):  # nothing varies, so resampling would claim certainty
        return Estimate(mean, *_around(mean, len(np.unique(groups)) if groups is not None else n), n)
    return Estimate(mean, *_bootstrap(scores, groups, seed), n)


def _around(mean: float, n: int) -> tuple[float, float]:
    low, high = wilson(mean * n, n)
    return min(low, mean), max(high, mean)


def difference(first: np.ndarray, second: np.ndarray, groups: np.ndarray | None = None, *, seed: int = 0) -> Difference:
    """Compare two candidates on the same items (at least one)."""
    if groups is None and _binary(first) and _binary(second):
        return _paired_proportions(first > 0.5, second > 0.5)
    return _paired_means(second - first, groups, seed)


def _binary(scores: np.ndarray) -> bool:
    return bool(((scores == 0) | (scores == 1)).all())


def _paired_proportions(first: np.ndarray, second: np.ndarray) -> Difference:
    n = len(first)
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    low, high = newcombe(both, only_first, only_second, neither)
    least = smallest_detectable(n, (only_first + only_second) / n)
    hopeless = least > 1 or mcnemar(0, n) > 1 - CONFIDENCE
    return Difference(
        (only_second - only_first) / n,
        low,
        high,
        mcnemar(only_first, only_second),
        None if hopeless else least,
        "exact McNemar test, Newcombe interval",
    )


def _paired_means(gains: np.ndarray, groups: np.ndarray | None, seed: int) -> Difference:
    import numpy as np

    totals, sizes = _by_group(gains, groups)
    mean = float(totals.sum() / sizes.sum())
    low, high = (mean, mean) if np.all(gains == gains[0]) else _bootstrap(gains, groups, seed)
    if np.all(gains == gains[0]):
        reach = wilson(0.0, len(totals))[1]
        low, high = max(-1.0, mean - reach), min(1.0, mean + reach)
    spread = float(np.sqrt(((totals - mean * sizes) ** 2).sum())) / float(sizes.sum())
    least = (z_value() + NormalDist().inv_cdf(POWER)) * spread
    unit = "groups" if groups is not None else "items"
    return Difference(
        mean,
        low,
        high,
        _sign_flip(totals, seed),
        least if 0 < least <= 1 else None,
        f"sign-flip permutation test and bootstrap interval over {unit}",
    )


def _by_group(values: np.ndarray, groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the values and number of items in each group; every item is its own group without `groups`."""
    import numpy as np

    if groups is None:
        return values.astype(float), np.ones(len(values))
    _, place = np.unique(groups, return_inverse=True)
    return np.bincount(place, weights=values), np.bincount(place).astype(float)


def _bootstrap(values: np.ndarray, groups: np.ndarray | None, seed: int) -> tuple[float, float]:
    """Percentile interval of the mean over resampled items or groups."""
    import numpy as np

    totals, sizes = _by_group(values, groups)
    generator = np.random.default_rng(seed)
    size = max(1, min(RESAMPLES, _CHUNK // len(totals)))
    means: list[np.ndarray] = []
    for start in range(0, RESAMPLES, size):
        picks = generator.integers(0, len(totals), (min(size, RESAMPLES - start), len(totals)))
        means.append(totals[picks].sum(axis=1) / sizes[picks].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return float(low), float(high)


def _sign_flip(totals: np.ndarray, seed: int) -> float:
    """Two-sided p-value of the sum when each group's sign could as well be the other one.

    Exact when the totals are whole numbers (for single 0/1 items it is McNemar's exact test) or few; else over a random
    sample of sign patterns, the observed one counted in (so never 0).
    """
    import numpy as np

    moved = np.abs(totals[totals != 0])
    observed = abs(float(totals.sum())) - 1e-9
    if len(moved) == 0:
        return 1.0
    if np.all(moved == np.rint(moved)) and len(moved) * moved.sum() <= _MOST_STEPS:
        return _exact_tail(np.rint(moved).astype(int), observed)
    if len(moved) <= _EXACT_FLIPS:
        patterns = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1
        return float((np.abs((1 - 2 * patterns) @ moved) >= observed).mean())
    generator = np.random.default_rng(seed)
    beyond, size = 0, max(1, min(RESAMPLES, _CHUNK // len(moved)))
    for start in range(0, RESAMPLES, size):
        signs = generator.integers(0, 2, (min(size, RESAMPLES - start), len(moved))) * 2 - 1
        beyond += int((np.abs(signs @ moved) >= observed).sum())
    return (beyond + 1) / (RESAMPLES + 1)


def _exact_tail(steps: np.ndarray, observed: float) -> float:
    """P(|sum of +-steps| >= observed), each sign equally likely: the distribution is built up step by step."""
    import numpy as np

    reach = int(steps.sum())
    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1.0
    for step in steps:
        chance = (np.roll(chance, step) + np.roll(chance, -step)) / 2  # never wraps: the ends are still empty
    places = np.abs(np.arange(-reach, reach + 1))
    return min(1.0, float(chance[places >= observed].sum()))
