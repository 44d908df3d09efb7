"""Exact acceptance sampling: how many rows must be looked at, and what a sample proves.

    X bad rows in a sample of n from N rows of which D are bad: hypergeometric,
        P(X <= c) = sum_k C(D, k) C(N - D, n - k) / C(N, n);  binomial with p = D / N when N is not known
    plan      the smallest n for which P(X <= c) <= 1 - confidence when the quality is just under the wanted one: for
              the smallest D with (N - D) / N < quality (ISO 2859-2, Dodge and Romig: consumer's risk at the limit)
    bounds    exact one-sided bounds by inversion (Clopper and Pearson 1934; for finite N, Chung and DeLury 1950)

For a large N at 95 % quality and 95 % confidence: 59 rows with none bad, 93 with one, 124 with two, 153 with three.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

CONFIDENCE = 0.95
_EXACT = 1e-9
"""How far sums of logarithms may lie from the exact chance: a plan that just proves is not missed by a rounding."""
QUALITY = 0.95
_WANTED_PASS = 0.8
_EXPECTED = 0.99
_MOST_BAD = 30


@dataclass(frozen=True, slots=True)
class Plan:
    """Look at `sample` of `rows` rows; the quality is proven when at most `allowed_bad` are bad."""

    rows: int
    sample: int
    allowed_bad: int
    quality: float
    confidence: float
    kind: str = "acceptance"
    """acceptance, ten_percent (the article's rule) or all."""

    @property
    def proves(self) -> bool:
        """Whether passing the plan proves the wanted quality with the wanted confidence."""
        return self.passes(bad_limit(self.rows, self.quality)) <= 1 - self.confidence + _EXACT

    def passes(self, bad: int) -> float:
        """The probability of passing when `bad` of the rows are bad."""
        return at_most(self.allowed_bad, self.rows, bad, self.sample)

    def passes_at(self, quality: float) -> float:
        """The probability of passing when this share of the rows is good."""
        return self.passes(round(self.rows * (1 - quality)))


@lru_cache(maxsize=4096)
def at_most(allowed: int, rows: int, bad: int, sample: int) -> float:
    """P(X <= allowed) for a sample without replacement."""
    if bad <= allowed or sample <= allowed:
        return 1.0
    if bad > rows or sample > rows:
        raise ValueError("more bad rows or a larger sample than there are rows")
    least = max(0, sample - (rows - bad))
    terms = [
        math.exp(_choose(bad, k) + _choose(rows - bad, sample - k) - _choose(rows, sample))
        for k in range(least, min(allowed, bad, sample) + 1)
    ]
    return min(1.0, math.fsum(terms))


def _choose(n: int, k: int) -> float:
    """ln of n over k."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def bad_limit(rows: int, quality: float) -> int:
    """The fewest bad rows with which the share of good ones is under `quality`."""
    return min(rows, math.floor(round(rows * (1 - quality), 9)) + 1)


def sample_size(rows: int, allowed_bad: int, quality: float = QUALITY, confidence: float = CONFIDENCE) -> int:
    """The smallest sample that proves `quality` with at most `allowed_bad` bad rows; all rows when no smaller does."""
    bad = bad_limit(rows, quality)
    low, high = allowed_bad, rows
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (low, middle) if at_most(allowed_bad, rows, bad, middle) <= 1 - confidence + _EXACT else (middle, high)
        )
    return high


def acceptance_plan(
    rows: int, *, quality: float = QUALITY, confidence: float = CONFIDENCE, allowed_bad: int | None = None
) -> Plan:
    """The plan for so many bad rows; by default the smallest that good data pass.

    "Good data pass": with 80 % probability when 99 % of the rows are right (halfway to perfect where more is wanted).
    """
    if allowed_bad is not None:
        return _plan(rows, allowed_bad, quality, confidence)
    expected = max(_EXPECTED, (1 + quality) / 2)
    plan = _plan(rows, 0, quality, confidence)
    for allowed in range(1, _MOST_BAD + 1):
        if plan.passes_at(expected) >= _WANTED_PASS or plan.sample >= rows:
            return plan
        plan = _plan(rows, allowed, quality, confidence)
    return plan


def _plan(rows: int, allowed: int, quality: float, confidence: float) -> Plan:
    size = sample_size(rows, allowed, quality, confidence)
    if size >= rows:
        return Plan(rows, rows, bad_limit(rows, quality) - 1, quality, confidence, "all")
    return Plan(rows, size, allowed, quality, confidence)


def ten_percent_plan(rows: int, *, quality: float = QUALITY, confidence: float = CONFIDENCE) -> Plan:
    """The article's rule: a random tenth, passed when the wanted share of the sample is good."""
    size = min(rows, max(1, math.ceil(rows / 10)))
    return Plan(rows, size, math.floor(round(size * (1 - quality), 9)), quality, confidence, "ten_percent")


@dataclass(frozen=True, slots=True)
class Quality:
    """The share of good rows in a sample, and one-sided bounds (each at the plan's confidence) for all rows."""

    reviewed: int
    bad: int
    rate: float
    low: float
    high: float


def quality_of(rows: int, reviewed: int, bad: int, confidence: float = CONFIDENCE) -> Quality:
    """What a sample of `reviewed` (at least one) of `rows` rows with `bad` bad ones proves."""
    alpha = 1 - confidence
    most = _largest(lambda d: at_most(bad, rows, d, reviewed) > alpha, bad, rows - (reviewed - bad))
    fewest = _smallest(lambda d: 1 - at_most(bad - 1, rows, d, reviewed) > alpha, bad, rows) if bad else 0
    return Quality(reviewed, bad, 1 - bad / reviewed, 1 - most / rows, 1 - fewest / rows)


def _largest(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The largest integer in the range for which `holds`, given that it holds at `low` and stops once."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _smallest(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The smallest integer in the range for which `holds`, given that it holds at `high` and starts once."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
