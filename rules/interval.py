"""An answer that is a range instead of a number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """Somewhere between `low` and `high`, both included; low <= high, both finite, in the unit of the fact."""

    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        return {"low": self.low, "high": self.high}
