"""Quasi-random points: the same scrambled Sobol sample for every option, so that differences are not noise.

Each uncertain quantity (a fact, an effect, a price) owns one dimension by name. Point n of a dimension is the
exclusive or of the
direction numbers of the bits of n, and of the dimension's shift (Sobol 1967; scrambling: Matousek 1998, linear matrix
and shift).
The scrambled direction numbers were made once with `scipy.stats.qmc` (`make_table`) and are shipped, because importing
scipy.stats takes longer than a whole decision.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from advisor.base.normal import normal_quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

SEED = 20_261_124
TABLE = Path(__file__).parent / "sobol.npy"
DIMENSIONS = 1024
BITS = 30
MOST_POINTS = 2**16


class Points:
    """`count` points (a power of two) in one dimension per name, fewer than 1,024 of them.

    With `copies` the same points are repeated that many times, so that variants of a case can be valued side by side
    in one pass.
    """

    keeps_facts = True
    """Whether all copies of a dimension are the same, so that what is drawn from one serves all."""

    def __init__(self, names: Iterable[str], count: int, *, copies: int = 1) -> None:
        if count < 2 or count & (count - 1) or count > MOST_POINTS:
            raise ValueError(f"the number of samples must be a power of two up to {MOST_POINTS}, not {count}")
        self.each = count
        self.count = count * copies
        self.copies = copies
        self._column = {name: index for index, name in enumerate(sorted(set(names)))}
        if len(self._column) > DIMENSIONS:
            raise ValueError(f"more uncertain quantities ({len(self._column)}) than Sobol dimensions ({DIMENSIONS})")
        self._kept: dict[tuple[str, object], NDArray[np.generic]] = {}

    def uniform(self, name: str) -> NDArray[np.float64]:
        """Shape (count,), strictly between 0 and 1. Raises KeyError for a name that has no dimension."""
        return self.keep("uniform", name, lambda: sobol(self._column[name], self.each))  # type: ignore[return-value]

    def normal(self, name: str) -> NDArray[np.float64]:
        """Shape (count,), standard normal."""
        column = self._column[name]
        return self.keep("normal", name, lambda: normal_quantile(sobol(column, self.each)))  # type: ignore[return-value]

    def keep(self, what: str, key: object, make: Callable[[], NDArray[np.generic]]) -> NDArray[np.generic]:
        """What `make` draws for one copy, repeated for all copies; made once in the life of these points."""
        place = (what, key)
        if place not in self._kept:
            made = make()
            self._kept[place] = made if self.copies == 1 else np.tile(made, self.copies)
        return self._kept[place]


@lru_cache(maxsize=6)
def points_for(names: tuple[str, ...], count: int, copies: int = 1) -> Points:
    """Points that are kept for the next decision on the same rules and prices."""
    return Points(names, count, copies=copies)


def sobol(dimension: int, count: int) -> NDArray[np.float64]:
    """Shape (count,): the first `count` (a power of two) scrambled Sobol points of one dimension."""
    numbers = _numbers()[dimension]
    points = numbers[-1:]
    for number in numbers[: count.bit_length() - 1]:
        points = np.concatenate([points, points ^ number])
    inside: NDArray[np.float64] = np.clip(points / float(1 << BITS), 1e-9, 1 - 1e-9)
    return inside


@cache
def _numbers() -> NDArray[np.uint32]:
    """Shape (DIMENSIONS, 17): the scrambled direction numbers of 16 bits, then the shift."""
    table: NDArray[np.uint32] = np.load(TABLE)
    return table


def make_table() -> NDArray[np.uint32]:
    """The shipped table, made again with scipy (maintenance only; the test of this module compares)."""
    from scipy.stats import qmc

    engine = qmc.Sobol(DIMENSIONS, scramble=True, bits=BITS, rng=np.random.default_rng(SEED))
    numbers = np.asarray(engine._sv[:, : MOST_POINTS.bit_length() - 1])
    return np.concatenate([numbers, np.asarray(engine._shift)[:, None]], axis=1).astype(np.uint32)
