"""Quasi-random points: the same scrambled Sobol sample for every option, so that differences are not noise.

Each uncertain quantity (a fact, an effect, a price) owns one dimension by name. Sobol points are made by
`scipy.stats.qmc`, whose import takes over a second, so they are kept in the user's cache folder once made.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_BLOCK = 256
"""Dimensions are made in blocks of this many, so that a new rule rarely makes a new cache file."""


class Points:
    """`count` points (a power of two) in one dimension per name; `seed` fixes the scrambling.

    With `copies` the same points are repeated that many times, so that variants of a case can be valued side by side in one pass.
    """

    def __init__(self, names: Iterable[str], count: int, seed: int, *, copies: int = 1) -> None:
        if count < 2 or count & (count - 1):
            raise ValueError(f"the number of samples must be a power of two, not {count}")
        self.count = count * copies
        self.seed = seed
        self.copies = copies
        self._column = {name: index for index, name in enumerate(sorted(set(names)))}
        self._table = sobol(len(self._column), count, seed)
        self._normals: dict[str, NDArray[np.float64]] = {}

    def uniform(self, name: str) -> NDArray[np.float64]:
        """Shape (count,), strictly between 0 and 1. Raises KeyError for a name that has no dimension."""
        row: NDArray[np.float64] = self._table[self._column[name]]
        return row if self.copies == 1 else np.tile(row, self.copies)

    def normal(self, name: str) -> NDArray[np.float64]:
        """Shape (count,), standard normal."""
        if name not in self._normals:
            from scipy.special import ndtri

            self._normals[name] = ndtri(self.uniform(name))
        return self._normals[name]


def sobol(dimensions: int, count: int, seed: int) -> NDArray[np.float64]:
    """Shape (at least `dimensions`, count): scrambled Sobol points, one row a dimension."""
    blocks = -(-max(dimensions, 1) // _BLOCK)
    path = _cache_folder() / f"sobol-{blocks * _BLOCK}x{count}-{seed}.npy"
    try:
        table: NDArray[np.float64] = np.load(path, mmap_mode="r")
        if table.shape == (blocks * _BLOCK, count):
            return table
    except (OSError, ValueError):
        pass  # not there, or not whole: make it
    table = _generate(blocks * _BLOCK, count, seed)
    _save(path, table)
    return table


def _generate(dimensions: int, count: int, seed: int) -> NDArray[np.float64]:
    from scipy.stats import qmc

    sample = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed)).random(count)
    inside: NDArray[np.float64] = np.ascontiguousarray(np.clip(sample, 1e-9, 1 - 1e-9).T)
    return inside


def _cache_folder() -> Path:
    from platformdirs import user_cache_path

    folder: Path = user_cache_path("advisor")
    return folder


def _save(path: Path, table: NDArray[np.float64]) -> None:
    """Keep the table for next time; a read-only or full disk only costs time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".npy")
        with os.fdopen(handle, "wb") as stream:
            np.save(stream, table)
        os.replace(temporary, path)
    except OSError:
        return
