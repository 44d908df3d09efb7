"""MinHash sketches of many texts at once, and the pairs of texts that are nearly the same.

    shingles   hashes of two consecutive words (the first word also alone); of characters where there are no blanks
    sketch     s_k = min over shingles x of (a_k fmix32(x) + b_k mod 2^32), k = 1..120: datasketch's "affine32" scheme
               with its permutations, so that P(s_k = t_k) is the Jaccard similarity J of the two sets (Broder 1997)
    bands      20 bands of 6 values; texts share one with probability 1 - (1 - J^6)^20: 0.998 at J = 0.8, 0.27 at 0.5
    pairs      texts that share a band and of whose 120 values at least 80 % agree

datasketch hashes one text after the other (some 250 us each) and its index keeps Python objects; here a chunk of texts
is one array operation and the bands are sorted arrays: the same values 20 times as fast, at 160 bytes a text.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from advisor.base.errors import require

if TYPE_CHECKING:
    import numpy as np

BANDS, BAND_VALUES = 20, 6
PERMUTATIONS = BANDS * BAND_VALUES
SIMILAR = 0.8
"""Share of agreeing values from which two texts count as nearly the same."""
NGRAM_WORDS = 8
_WORD = re.compile(r"\w+")
_LONG_WORD_CHARS = 15
"""Words longer than this on average mean a script without blanks: its characters are taken instead."""
_START = 0x9E3779B1
_MOST_CACHED_WORDS = 500_000


def hash64(text: str) -> int:
    """A 64-bit hash that is the same in every process; a million texts collide with probability 3e-8."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


_word_hashes: dict[str, int] = {}


def word_hashes(text: str) -> list[int]:
    """A 32-bit hash of each word of a normalised text."""
    words = _WORD.findall(text)
    if words and len(text) > _LONG_WORD_CHARS * len(words):
        words = [char for char in text if not char.isspace()]
    if len(_word_hashes) > _MOST_CACHED_WORDS:
        _word_hashes.clear()
    # Nearly all words have been met before: two passes in C instead of a loop in Python.
    found = list(map(_word_hashes.get, words))
    if None in found:
        for index, word in enumerate(words):
            if found[index] is None:
                found[index] = _word_hashes[word] = zlib.crc32(word.encode("utf-8", "surrogatepass"))
    return found  # type: ignore[return-value]


@cache
def permutations() -> tuple[np.ndarray, np.ndarray]:
    """a and b of the sketch, as datasketch draws them."""
    require("datasketch", "data")
    from datasketch import MinHash

    a, b = MinHash(num_perm=PERMUTATIONS, scheme="affine32").permutations
    return a, b


def mix32(values: np.ndarray) -> np.ndarray:
    """MurmurHash3's 32-bit finaliser, element by element."""
    import numpy as np

    values = values ^ (values >> np.uint32(16))
    values = values * np.uint32(0x85EBCA6B)
    values = values ^ (values >> np.uint32(13))
    values = values * np.uint32(0xC2B2AE35)
    mixed: np.ndarray = values ^ (values >> np.uint32(16))
    return mixed


@dataclass(frozen=True, slots=True)
class Words:
    """Word hashes of many texts in one array: text i is `hashes[starts[i]:starts[i + 1]]`, its first a start mark."""

    hashes: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[Sequence[int]]) -> Words:
        """From the word hashes of each text."""
        import numpy as np

        flat: list[int] = []
        starts = np.zeros(len(texts) + 1, dtype=np.int64)
        for index, words in enumerate(texts):
            flat.append(_START)
            flat.extend(words)
            starts[index + 1] = len(flat)
        return cls(np.array(flat, dtype=np.uint32), starts)

    def shingles(self) -> np.ndarray:
        """The hash of each word with the word before it; position `starts[i]` holds no shingle of text i."""
        import numpy as np

        found = self.hashes.copy()
        found[1:] += mix32(self.hashes[:-1] * np.uint32(0x9E3779B1))
        return found

    def sketches(self) -> np.ndarray:
        """uint32 array (texts, 120); a text without words has 2^32 - 1 everywhere."""
        import numpy as np

        a, b = permutations()
        count = len(self.starts) - 1
        found = np.full((count, PERMUTATIONS), np.uint32(0xFFFFFFFF))
        full = np.flatnonzero(np.diff(self.starts) > 1)
        if len(full) == 0:
            return found
        # Without the start marks, the shingles of the texts that have words lie side by side.
        keep = np.ones(len(self.hashes), dtype=bool)
        keep[self.starts[:-1]] = False
        values = mix32(self.shingles()[keep])
        lengths = np.diff(self.starts)[full] - 1
        offsets = np.concatenate(([0], np.cumsum(lengths)[:-1]))
        moved = np.empty_like(values)
        for k in range(PERMUTATIONS):
            np.multiply(values, a[k], out=moved)
            np.add(moved, b[k], out=moved)
            found[full, k] = np.minimum.reduceat(moved, offsets)
        return found

    def ngrams(self) -> tuple[np.ndarray, np.ndarray]:
        """(hash of each run of eight words inside one text, index of that text)."""
        import numpy as np

        size = NGRAM_WORDS
        lengths = np.diff(self.starts)
        owner = np.repeat(np.arange(len(lengths)), lengths)
        if len(self.hashes) < size:
            return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
        words = self.hashes.astype(np.uint64)
        last = len(words) - size + 1
        total = np.zeros(last, dtype=np.uint64)
        for step in range(size):
            total = total * np.uint64(0x9E3779B97F4A7C15) + words[step : step + last] + np.uint64(1)
        position = np.arange(last)
        inside = (owner[:last] == owner[size - 1 :]) & (position > self.starts[owner[:last]])
        return total[inside], owner[:last][inside]


def band_keys(sketches: np.ndarray) -> np.ndarray:
    """uint64 array (texts, 20): one key a band; equal keys mean equal values in the band."""
    import numpy as np

    shaped = sketches.reshape(len(sketches), BANDS, BAND_VALUES).astype(np.uint64)
    total = np.zeros((len(sketches), BANDS), dtype=np.uint64)
    for step in range(BAND_VALUES):
        total = (total ^ shaped[:, :, step]) * np.uint64(0x9E3779B97F4A7C15)
        total ^= total >> np.uint64(29)
    return total


def candidate_pairs(bands: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each band, pairs of rows that share its key: each row with the first of them and with the one before it."""
    import numpy as np

    for band in range(bands.shape[1]):
        keys = bands[:, band]
        order = np.argsort(keys, kind="stable")
        same = keys[order][1:] == keys[order][:-1]
        if not same.any():
            continue
        starts = np.concatenate(([True], ~same))
        first = order[np.flatnonzero(starts)[np.cumsum(starts) - 1]]
        later = np.flatnonzero(~starts)
        yield first[later], order[later]
        further = later[order[later - 1] != first[later]]
        yield order[further - 1], order[further]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows that are nearly the same: `first[i] < second[i]`, and the share of agreeing sketch values."""

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray


def near_pairs(bands: np.ndarray, read: Callable[[np.ndarray], np.ndarray], *, similar: float = SIMILAR) -> Pairs:
    """The verified pairs. `read(rows)` gives the sketches of the rows, in that order; rows ascend."""
    import numpy as np

    firsts, seconds = [], []
    for first, second in candidate_pairs(bands):
        firsts.append(np.minimum(first, second))
        seconds.append(np.maximum(first, second))
    if not firsts:
        empty = np.zeros(0, dtype=np.int64)
        return Pairs(empty, empty, np.zeros(0))
    code = np.unique(np.concatenate(firsts).astype(np.int64) * len(bands) + np.concatenate(seconds))
    first, second = np.divmod(code, len(bands))
    share = _agreement(first, second, read)
    good = share >= similar
    return Pairs(first[good], second[good], share[good])


def _agreement(first: np.ndarray, second: np.ndarray, read: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The share of equal sketch values of each pair, a block of pairs at a time."""
    import numpy as np

    share = np.empty(len(first))
    for start in range(0, len(first), 50_000):
        block = slice(start, start + 50_000)
        rows, inverse = np.unique(np.concatenate((first[block], second[block])), return_inverse=True)
        values = read(rows)
        middle = len(first[block])
        share[block] = (values[inverse[:middle]] == values[inverse[middle:]]).mean(axis=1)
    return share


def clusters(count: int, pairs: Pairs) -> np.ndarray:
    """For each of `count` rows the number of its cluster: rows joined by pairs, directly or through others."""
    import numpy as np
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(pairs.first), dtype=np.int8)
    graph = coo_matrix((ones, (pairs.first, pairs.second)), shape=(count, count))
    labels: np.ndarray = connected_components(graph, directed=False)[1]
    return labels
