"""Rows that are there more than once: exactly, with another answer, or nearly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainers.data.findings import EXAMPLES_SHOWN, LINES_SHOWN, Finding, Severity, rows_text
from trainers.data.sketch import Pairs, clusters, near_pairs
from trainers.data.table import Table

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Repeats:
    """Which rows of a table repeat others. Arrays hold row numbers (0-based, of usable rows)."""

    copies: np.ndarray
    """Rows that equal an earlier one in question, instructions and answer."""
    originals: np.ndarray
    """For each copy the earlier row."""
    disputed: np.ndarray
    """Rows whose question another row answers differently."""
    near: Pairs
    near_copies: np.ndarray
    """Rows that are nearly the same as an earlier one (copies and equal questions not counted)."""
    cluster: np.ndarray
    """For each row the number of its cluster: rows with the same or nearly the same question."""

    @property
    def duplicate_rows(self) -> int:
        return len(self.copies) + len(self.near_copies)


def find_repeats(table: Table) -> Repeats:
    """Compare all rows with each other."""
    import numpy as np

    both = table.key * np.uint64(0x9E3779B97F4A7C15) ^ table.answer
    copies, originals = _later(both)
    firsts = np.sort(np.unique(table.question, return_index=True)[1])
    near = near_pairs(table.bands[firsts], lambda rows: table.sketches.read(firsts[rows]))
    near = Pairs(firsts[near.first], firsts[near.second], near.similarity)
    cluster = _clusters(table, near)
    _, heads = np.unique(cluster[firsts], return_index=True)
    return Repeats(
        copies=copies,
        originals=originals,
        disputed=_disputed(table, both),
        near=near,
        near_copies=np.setdiff1d(firsts, firsts[heads]),
        cluster=cluster,
    )


def _later(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows whose value an earlier row has, that row)."""
    import numpy as np

    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    origin = first[inverse]
    later = np.flatnonzero(origin != np.arange(len(values)))
    return later, origin[later]


def _disputed(table: Table, both: np.ndarray) -> np.ndarray:
    import numpy as np

    _, different = np.unique(both, return_index=True)
    keys, counts = np.unique(table.key[different], return_counts=True)
    found: np.ndarray = np.flatnonzero(np.isin(table.key, keys[counts > 1]))
    return found


def _clusters(table: Table, near: Pairs) -> np.ndarray:
    """Clusters of rows joined by equal questions and by near pairs."""
    import numpy as np

    same, origin = _later(table.question)
    joined = Pairs(
        np.concatenate((near.first, origin)), np.concatenate((near.second, same)), np.ones(len(near.first) + len(same))
    )
    return clusters(table.usable, joined)


def repeat_findings(table: Table, repeats: Repeats, *, labels: bool) -> Iterator[Finding]:
    """Findings on repeated rows. `labels`: the answers are labels or JSON, so that two answers cannot both be right."""
    lines = table.lines
    if len(repeats.copies):
        yield Finding(
            "exact_duplicates",
            Severity.WARNING,
            len(repeats.copies),
            _lines(lines, repeats.copies),
            f"{rows_text(len(repeats.copies))} equal an earlier row (case and blanks aside)",
            "advisor data prepare keeps the first of each",
            tuple(_pair(lines, b, a) for a, b in zip(repeats.originals, repeats.copies, strict=True))[:EXAMPLES_SHOWN],
        )
    if len(repeats.disputed):
        yield Finding(
            "conflicting_answers",
            Severity.ERROR if labels else Severity.WARNING,
            len(repeats.disputed),
            _lines(lines, repeats.disputed),
            f"{rows_text(len(repeats.disputed))} ask what another row asks and answer it differently",
            "decide which answer is right; advisor data prepare --conflicts drop leaves them all out",
            tuple(_disputes(table, repeats.disputed)),
        )
    if len(repeats.near_copies):
        yield Finding(
            "near_duplicates",
            Severity.WARNING,
            len(repeats.near_copies),
            _lines(lines, repeats.near_copies),
            f"{rows_text(len(repeats.near_copies))} ask nearly what an earlier row asks (80 % of their word pairs)",
            "advisor data prepare --near drop keeps the first of each; advisor data split keeps them on one side",
            tuple(_near_examples(lines, repeats.near)),
        )


def _lines(lines: np.ndarray, rows: np.ndarray) -> tuple[int, ...]:
    return tuple(int(line) for line in lines[rows[:LINES_SHOWN]])


def _pair(lines: np.ndarray, row: int, other: int) -> dict[str, Any]:
    return {"line": int(lines[row]), "same_as": int(lines[other])}


def _disputes(table: Table, disputed: np.ndarray) -> Iterator[dict[str, Any]]:
    """For the first few questions, the lines that answer them differently."""
    seen: dict[int, list[int]] = {}
    for row in disputed[:1000]:
        seen.setdefault(int(table.key[row]), []).append(int(table.lines[row]))
    for lines in list(seen.values())[:EXAMPLES_SHOWN]:
        yield {"line": lines[0], "differs_from": lines[1:LINES_SHOWN]}


def _near_examples(lines: np.ndarray, near: Pairs) -> Iterator[dict[str, Any]]:
    for index in range(min(EXAMPLES_SHOWN, len(near.first))):
        pair = _pair(lines, near.second[index], near.first[index])
        yield pair | {"similarity": round(float(near.similarity[index]), 3)}
