"""Sketches are datasketch's own, and near-duplicate search finds the pairs that it promises."""

import random

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers.data.sketch import (
    PERMUTATIONS,
    Words,
    band_keys,
    clusters,
    near_pairs,
    word_hashes,
)
from trainers.data.stratify import deal


def texts(count: int, words: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(f"w{rng.randrange(5000)}" for _ in range(words)) for _ in range(count)]


@given(st.lists(st.text(max_size=60), min_size=1, max_size=12))
@settings(deadline=None, max_examples=40)
def test_the_values_are_those_of_datasketch(given: list[str]) -> None:
    words = Words.of([word_hashes(text) for text in given])
    found, shingles = words.sketches(), words.shingles()
    for index in range(len(given)):
        peer = MinHash(num_perm=PERMUTATIONS, hashfunc=lambda value: value, scheme="affine32")
        peer.update_batch([int(x) for x in shingles[words.starts[index] + 1 : words.starts[index + 1]]])
        assert np.array_equal(peer.hashvalues, found[index])


def test_agreement_estimates_the_jaccard_similarity() -> None:
    base = texts(1, 200, 1)[0].split()
    for changed in (5, 20, 60):
        other = [f"x{n}" if n % (200 // changed) == 0 else word for n, word in enumerate(base)]
        words = Words.of([word_hashes(" ".join(base)), word_hashes(" ".join(other))])
        sets = [set(words.shingles()[words.starts[i] + 1 : words.starts[i + 1]].tolist()) for i in (0, 1)]
        jaccard = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
        sketches = words.sketches()
        agreeing = float((sketches[0] == sketches[1]).mean())
        assert agreeing == pytest.approx(jaccard, abs=4 * np.sqrt(jaccard * (1 - jaccard) / PERMUTATIONS))


def test_pairs_above_the_threshold_are_found_and_others_are_not() -> None:
    """200 texts with a copy in which one word in forty differs (J about 0.9), among 2,000 strangers."""
    rng = random.Random(5)
    own = texts(200, 80, 2)
    copies = []
    for text in own:
        words = text.split()
        for at in rng.sample(range(80), 2):
            words[at] = "changed"
        copies.append(" ".join(words))
    every = own + copies + texts(2000, 80, 3)
    sketches = Words.of([word_hashes(text) for text in every]).sketches()
    pairs = near_pairs(band_keys(sketches), lambda rows: sketches[rows])
    found = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    wanted = {(n, n + 200) for n in range(200)}
    assert found <= wanted
    assert len(found) >= 0.97 * len(wanted)
    assert len(np.unique(clusters(len(every), pairs))) == len(every) - len(found)


def test_no_texts_and_empty_texts() -> None:
    sketches = Words.of([[], []]).sketches()
    assert sketches.shape == (2, PERMUTATIONS)
    assert (sketches == 2**32 - 1).all()
    assert len(near_pairs(band_keys(Words.of([]).sketches()), lambda rows: sketches[rows]).first) == 0


@given(st.integers(20, 300), st.integers(0, 5), st.sampled_from((0.15, 0.2, 0.3)))
@settings(deadline=None, max_examples=50)
def test_groups_are_dealt_whole_and_the_share_is_met(rows: int, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, max(rows // 3, 8), rows)
    labels = rng.integers(0, 4, rows)
    chosen = deal(cluster, [labels], share, seed)
    for group in np.unique(cluster):
        assert len(set(chosen[cluster == group].tolist())) == 1
    largest = np.bincount(cluster).max()
    assert abs(chosen.sum() - share * rows) <= largest + 1
    assert np.array_equal(chosen, deal(cluster, [labels], share, seed))
