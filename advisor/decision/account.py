"""The account of an option: what it costs, line by line, as samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Amount = Array | float


@dataclass(slots=True)
class Line:
    """One cost line. Amounts are US dollars, scalars or arrays over samples; per-request amounts are of month 1's volume."""

    line: str
    label: str
    basis: str
    origin: str
    once: Amount = 0.0
    per_request: Amount = 0.0
    per_request_tokens: Amount = 0.0
    """The part of the per-request cost that follows the price trend of hosted tokens."""
    per_month: Amount = 0.0
    sources: tuple[str, ...] = ()


@dataclass(slots=True)
class Account:
    """All lines of one option, and what does not follow from them: when it runs and how fast it answers."""

    lines: list[Line] = field(default_factory=list)
    weeks: Amount = 0.0
    latency_p95_ms: Amount = 0.0
    replicas: Amount = 0.0
    hosted_hours: Amount = 0.0

    def total(self, part: str) -> Amount:
        """The sum of one amount (`once`, `per_request`, ...) over the lines."""
        result: Amount = 0.0
        for line in self.lines:
            result = result + getattr(line, part)
        return result
