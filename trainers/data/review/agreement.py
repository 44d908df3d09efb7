"""Do two reviewers agree beyond chance?

observed  p = share of rows both judged alike
kappa     (p - e) / (1 - e), e from each reviewer's own rates (Cohen 1960)
AC1       (p - e) / (1 - e), e = 2 q (1 - q), q the mean rate of "good" (Gwet 2008); unlike kappa it stays near p when
          nearly all rows are good, which is what one hopes for here
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of two reviewers on the rows that both saw. None: cannot be told (no variation)."""

    first: str
    second: str
    rows: int
    observed: float
    kappa: float | None
    ac1: float | None
    disputed: tuple[str, ...]
    """Ids of the rows on which they differ."""


def agreement(first: str, second: str, judged: Sequence[tuple[str, bool, bool]]) -> Agreement | None:
    """From (row id, good by the first, good by the second); None when they share no row."""
    n = len(judged)
    if not n:
        return None
    observed = sum(a == b for _, a, b in judged) / n
    rate_first, rate_second = sum(a for _, a, _ in judged) / n, sum(b for _, _, b in judged) / n
    by_chance = rate_first * rate_second + (1 - rate_first) * (1 - rate_second)
    mean = (rate_first + rate_second) / 2
    gwet = 2 * mean * (1 - mean)
    return Agreement(
        first=first,
        second=second,
        rows=n,
        observed=observed,
        kappa=None if by_chance >= 1 else (observed - by_chance) / (1 - by_chance),
        ac1=None if gwet >= 1 else (observed - gwet) / (1 - gwet),
        disputed=tuple(row for row, a, b in judged if a != b),
    )
