"""How long the rows of a data set are, and how many tokens a trainer computes for them.

    padded     every row is padded to the longest of its micro-batch of m rows. With F the share of rows at most that
               long, the longest of m random rows is at most l with probability F(l)^m, so its mean is
               sum over lengths of l * (F(l)^m - F(l-1)^m)
    packed     rows follow each other in sequences of the full length: nothing is padded but the last sequence

Source: order statistics of independent draws, David and Nagaraja 2003, "Order Statistics", section 2.1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lengths:
    """A histogram: (tokens, rows) with tokens rising; at least one row, every length positive."""

    counts: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, lengths: Iterable[int], longest: int | None = None) -> Lengths:
        """The histogram of row lengths, cut off at `longest`. Raises `ValueError` without rows or below one token."""
        kept = Counter(min(n, longest) if longest else n for n in lengths)
        if not kept or min(kept) < 1:
            raise ValueError("row lengths must be positive, and there must be at least one")
        return cls(tuple(sorted(kept.items())))

    @property
    def rows(self) -> int:
        return sum(rows for _, rows in self.counts)

    @property
    def tokens(self) -> int:
        """Real tokens of one epoch."""
        return sum(tokens * rows for tokens, rows in self.counts)

    @property
    def mean(self) -> float:
        return self.tokens / self.rows

    @property
    def longest(self) -> int:
        return self.counts[-1][0]

    def expected_longest(self, rows: int) -> float:
        """Mean length of the longest of so many rows drawn at random."""
        total, below, expected = self.rows, 0.0, 0.0
        seen = 0
        for tokens, count in self.counts:
            seen += count
            share = (seen / total) ** rows
            expected += tokens * (share - below)
            below = share
        return expected

    def padded_share(self, rows: int) -> float:
        """Share of the computed tokens that are padding when micro-batches have so many rows."""
        return 1 - self.mean / self.expected_longest(rows)
