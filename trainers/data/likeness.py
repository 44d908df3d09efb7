"""How alike texts are by their words and their letters: one kernel for all pairs.

words      tf-idf of words and pairs of consecutive words that two texts or more have
letters    tf-idf of runs of three to five letters inside words (so that "parse" and "parser" meet), of the first
           400 letters, folded into 4,096 columns with random signs (feature hashing: Weinberger et al. 2009)
kernel     the mean of both inner products, each between texts of length 1; 1 on the diagonal
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trainers.data.sketch import Words, mix32, word_hashes

if TYPE_CHECKING:
    import numpy as np

_WORD_FEATURES = 1 << 16
_LETTER_FEATURES = 1 << 18
_FOLDED = 4096
_LETTERS = 400
_BLOCK = 500
_RUNS = (3, 4, 5)


def kernel(texts: Sequence[str]) -> np.ndarray:
    """float32 (texts, texts) of normalised texts."""
    letters = _letters(texts)
    alike = letters @ letters.T
    del letters
    words = _words(texts)
    for start in range(0, len(texts), _BLOCK):
        rows = slice(start, start + _BLOCK)
        alike[rows] += (words[rows] @ words.T).toarray()
    alike /= 2
    found: np.ndarray = alike
    return found


def _words(texts: Sequence[str]) -> Any:
    """Sparse (texts, features)."""
    import numpy as np

    words = Words.of([word_hashes(text) for text in texts])
    owner = np.repeat(np.arange(len(texts)), np.diff(words.starts))
    inside = np.ones(len(words.hashes), dtype=bool)
    inside[words.starts[:-1]] = False
    columns = np.concatenate((mix32(words.hashes[inside]), mix32(words.shingles()[inside]))) % np.uint32(_WORD_FEATURES)
    rows = np.concatenate((owner[inside], owner[inside]))
    return _weighted(rows, columns, len(texts), _WORD_FEATURES)


def _letters(texts: Sequence[str]) -> np.ndarray:
    """float32 (texts, 4096)."""
    import numpy as np
    from scipy.sparse import csr_matrix

    codes = [np.frombuffer(f" {text[:_LETTERS]} ".encode("utf-32-le", "surrogatepass"), np.uint32) for text in texts]
    flat = np.concatenate(codes)
    owner = np.repeat(np.arange(len(texts)), [len(code) for code in codes])
    rows, columns = zip(*(_runs(flat, owner, length) for length in _RUNS), strict=True)
    features = _weighted(np.concatenate(rows), np.concatenate(columns), len(texts), _LETTER_FEATURES)
    where = np.arange(_LETTER_FEATURES, dtype=np.uint32)
    mixed = mix32(where + np.uint32(1))
    sign = np.where(mixed >> np.uint32(31), 1, -1).astype(np.float32)
    fold = csr_matrix((sign, (where, mixed % np.uint32(_FOLDED))), shape=(_LETTER_FEATURES, _FOLDED))
    return _of_length_one((features @ fold).toarray())


def _runs(flat: np.ndarray, owner: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """(text, column) of every run of letters with no blank but at its ends, that lies inside one text."""
    import numpy as np

    count = max(len(flat) - length + 1, 0)
    mixed = np.full(count, np.uint32(length))
    whole = owner[:count] == owner[len(flat) - count :]
    for at in range(length):
        letters = flat[at : at + count]
        mixed = mix32(mixed ^ letters) if at == 0 else mix32(mixed + letters)
        if 0 < at < length - 1:
            whole &= letters != ord(" ")
    return owner[:count][whole], mixed[whole] % np.uint32(_LETTER_FEATURES)


def _weighted(rows: np.ndarray, columns: np.ndarray, texts: int, features: int) -> Any:
    """Sparse (texts, features that two texts or more have): presence times inverse document frequency, length 1."""
    import numpy as np
    from scipy.sparse import csr_matrix, diags

    matrix = csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(texts, features))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    texts_with = np.bincount(matrix.indices, minlength=features)
    weights = np.where(texts_with >= 2, np.log((1 + texts) / (1 + texts_with)) + 1, 0).astype(np.float32)
    weighted = matrix @ diags(weights)
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return (diags((1 / np.maximum(length, 1e-9)).astype(np.float32)) @ weighted).tocsr()


def _of_length_one(dense: np.ndarray) -> np.ndarray:
    import numpy as np

    dense /= np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9)
    return dense
