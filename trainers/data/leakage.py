"""Training rows that give a test row away: the same, nearly the same, sharing long runs of words, or from one group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainers.data.findings import EXAMPLES_SHOWN, LINES_SHOWN, Finding, Severity, rows_text
from trainers.data.sketch import BANDS, NGRAM_WORDS, SIMILAR
from trainers.data.table import Table

if TYPE_CHECKING:
    import numpy as np

OVERLAP = 0.5
"""Share of a test row's word runs found in training from which it counts as given away."""
NGRAM_TEST_ROWS = 20_000
_MOST_PER_BAND = 20


@dataclass(frozen=True, slots=True)
class Leak:
    """Training rows (row numbers of the training table) and the test row that each gives away."""

    train: np.ndarray
    test: np.ndarray
    similarity: np.ndarray


def exact_leak(train: Table, test: Table) -> Leak:
    """Training rows that ask what a test row asks."""
    import numpy as np

    questions, first = np.unique(test.question, return_index=True)
    if not len(questions):
        return _leak(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    at = np.searchsorted(questions, train.question)
    at[at == len(questions)] = 0
    rows = np.flatnonzero(questions[at] == train.question)
    return _leak(rows, first[at[rows]])


def _leak(train: np.ndarray, test: np.ndarray) -> Leak:
    import numpy as np

    return Leak(train, test, np.ones(len(train)))


def near_leak(train: Table, test: Table, *, similar: float = SIMILAR) -> Leak:
    """Training rows that ask nearly what a test row asks, each with the most similar test row."""
    import numpy as np

    codes = [code for band in range(BANDS) if len(code := _band_matches(train, test, band))]
    if not codes:
        return _leak(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    train_row, test_row = np.divmod(np.unique(np.concatenate(codes)), test.usable)
    share = np.empty(len(train_row))
    for start in range(0, len(train_row), 50_000):
        block = slice(start, start + 50_000)
        share[block] = (train.sketches.read(train_row[block]) == test.sketches.read(test_row[block])).mean(axis=1)
    order = np.lexsort((-share, train_row))
    train_row, test_row, share = train_row[order], test_row[order], share[order]
    best = np.concatenate(([True], train_row[1:] != train_row[:-1])) & (share >= similar)
    best &= train.question[train_row] != test.question[test_row]
    return Leak(train_row[best], test_row[best], share[best])


def _band_matches(train: Table, test: Table, band: int) -> np.ndarray:
    """train row * test rows + test row, for the rows that share the key of one band."""
    import numpy as np

    if not test.usable or not train.usable:
        return np.zeros(0, dtype=np.int64)
    order = np.argsort(test.bands[:, band], kind="stable")
    keys = test.bands[order, band]
    left = np.searchsorted(keys, train.bands[:, band], side="left")
    right = np.searchsorted(keys, train.bands[:, band], side="right")
    counts = np.minimum(right - left, _MOST_PER_BAND)
    rows = np.repeat(np.arange(train.usable), counts)
    steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    codes: np.ndarray = rows.astype(np.int64) * test.usable + order[np.repeat(left, counts) + steps]
    return codes


def test_ngrams(test: Table) -> np.ndarray:
    """The word runs of the test set to look for in training, sorted; runs that many test rows share are left out."""
    import numpy as np

    if test.ngrams is None:
        return np.zeros(0, dtype=np.uint64)
    hashes, lines = test.ngrams
    if test.usable > NGRAM_TEST_ROWS:
        keep = lines <= test.lines[NGRAM_TEST_ROWS - 1]
        hashes, lines = hashes[keep], lines[keep]
    pairs = np.unique(np.stack((hashes, lines.astype(np.uint64))), axis=1)
    found, counts = np.unique(pairs[0], return_counts=True)
    common = max(3, 0.01 * min(test.usable, NGRAM_TEST_ROWS))
    kept: np.ndarray = found[counts <= common]
    return kept


def ngram_leak(train: Table, test: Table, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(test lines of whose word runs half or more are in training, a training line with the first of them)."""
    import numpy as np

    nothing = np.zeros(0, dtype=np.int64)
    if test.ngrams is None or train.ngram_lines is None or not len(wanted):
        return nothing, nothing
    hashes, lines = test.ngrams
    at = np.searchsorted(wanted, hashes)
    at[at == len(wanted)] = 0
    counted = wanted[at] == hashes
    at, lines = at[counted], lines[counted]
    seen = train.ngram_lines[at]
    every, inverse = np.unique(lines, return_inverse=True)
    share = np.bincount(inverse, weights=seen > 0) / np.maximum(np.bincount(inverse), 1)
    where = np.zeros(len(every), dtype=np.int64)
    where[inverse[seen > 0][::-1]] = seen[seen > 0][::-1]
    leaked = share >= OVERLAP
    return every[leaked], where[leaked]


def group_leak(train: Table, test: Table) -> np.ndarray:
    """Training rows whose group has rows in the test set."""
    import numpy as np

    groups = np.unique(test.group[test.group != 0])
    found: np.ndarray = np.flatnonzero(np.isin(train.group, groups) & (train.group != 0))
    return found


def leak_findings(train: Table, test: Table, wanted: np.ndarray) -> Iterator[Finding]:
    """Findings on all four kinds. `wanted`: the word runs for which the training rows were searched."""
    import numpy as np

    fix = "remove them from the training data; advisor data split makes a clean pair of files"
    exact, near = exact_leak(train, test), near_leak(train, test)
    if len(exact.train):
        text = f"{rows_text(len(exact.train))} for training ask exactly what a test row asks"
        yield _finding("leak_exact", text, fix, train, test, exact)
    if len(near.train):
        text = f"{rows_text(len(near.train))} for training ask nearly what a test row asks"
        yield _finding("leak_near", text, fix, train, test, near)
    lines, where = ngram_leak(train, test, wanted)
    known = np.concatenate((exact.test, near.test)) if len(exact.test) + len(near.test) else np.zeros(0, dtype=np.int64)
    new = ~np.isin(lines, test.lines[known])
    if new.any():
        yield _ngram_finding(lines[new], where[new])
    rows = group_leak(train, test)
    if len(rows):
        yield Finding(
            "leak_group",
            Severity.ERROR,
            len(rows),
            tuple(int(line) for line in train.lines[rows[:LINES_SHOWN]]),
            f"{rows_text(len(rows))} for training belong to a group (customer, document) that has test rows",
            "advisor data split keeps a group on one side",
        )


def _finding(code: str, text: str, fix: str, train: Table, test: Table, leak: Leak) -> Finding:
    lines = [int(line) for line in train.lines[leak.train]]
    examples = tuple(
        {"line": line, "test_line": int(other), "similarity": round(float(similarity), 3)}
        for line, other, similarity in zip(lines, test.lines[leak.test], leak.similarity, strict=True)
    )
    return Finding(code, Severity.ERROR, len(lines), tuple(lines[:LINES_SHOWN]), text, fix, examples[:EXAMPLES_SHOWN])


def _ngram_finding(lines: np.ndarray, where: np.ndarray) -> Finding:
    return Finding(
        "leak_ngram",
        Severity.WARNING,
        len(lines),
        tuple(int(line) for line in where[:LINES_SHOWN]),
        f"{rows_text(len(lines))} of the test set have half or more of their runs of {NGRAM_WORDS} words in training",
        "see whether the shared text gives the answer away; if so, remove the training rows",
        tuple({"line": int(b), "test_line": int(a)} for a, b in zip(lines, where, strict=True))[:EXAMPLES_SHOWN],
    )
