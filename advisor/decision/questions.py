"""What to find out next: the value of knowing each open fact before deciding.

Expected value of partial perfect information by binning (Strong, Oakley and Brennan 2014 discuss the estimator and its bias):
the samples are sorted into bins of the fact, the best option of each bin is taken, and the mean of those is compared with the best
option over all samples. Samples are shared by all options, so one pass over the value matrix answers for every fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.result import NextQuestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from advisor.decision.world import World
    from rules.facts import Fact

    Array = NDArray[np.float64]

BINS = 8
WORTH_ASKING_USD = 1.0


@dataclass(frozen=True, slots=True)
class Worth:
    """What knowing one fact is worth."""

    fact: str
    usd: float
    changes_winner: float
    """Share of the samples in whose bin another option than the overall winner is best."""


def value_of_information(values: Array, world: World, facts: Sequence[str]) -> list[Worth]:
    """Worth of each fact in `facts` that is spread, the most valuable first. `values` is (options, samples)."""
    means = values.mean(axis=1)
    winner = int(np.argmax(means))
    found = []
    for fact in facts:
        column = world.facts.get(fact)
        if not isinstance(column, np.ndarray):
            continue
        found.append(_worth(fact, values, bins_of(column), float(means[winner]), winner))
    return sorted(found, key=lambda w: -w.usd)


def bins_of(column: NDArray[np.generic]) -> NDArray[np.int64]:
    """The bin of each sample: one per value for few values, else quantile bins."""
    distinct, index = np.unique(column, return_inverse=True)
    if distinct.size <= 2 * BINS:
        return index.astype(np.int64)
    order = np.argsort(column, kind="stable")
    result = np.empty(column.size, dtype=np.int64)
    result[order] = np.arange(column.size) * BINS // column.size
    return result


def _worth(fact: str, values: Array, bins: NDArray[np.int64], best_now: float, winner: int) -> Worth:
    count = int(bins.max()) + 1
    membership = np.zeros((bins.size, count))
    membership[np.arange(bins.size), bins] = 1.0
    size = membership.sum(axis=0)
    means = values @ membership / np.maximum(size, 1.0)
    best = means.argmax(axis=0)
    share = size / bins.size
    gain = float((means.max(axis=0) * share).sum()) - best_now
    return Worth(fact, max(gain, 0.0), float(share[best != winner].sum()))


def next_questions(worths: Sequence[Worth], facts: Mapping[str, Fact], askable: set[str]) -> list[NextQuestion]:
    """Open questions that may still be asked and are worth asking, the most valuable first."""
    return [
        NextQuestion(
            fact=w.fact,
            question=facts[w.fact].question,
            why=facts[w.fact].why,
            value_of_information_usd=w.usd,
            changes_winner_probability=w.changes_winner,
        )
        for w in worths
        if w.fact in askable and w.usd >= WORTH_ASKING_USD
    ]
