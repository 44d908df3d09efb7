"""An uncertain number as its 10th, 50th and 90th percentile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Z90 = 1.2815515655446004
"""The 90th percentile of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """P10, P50 and P90 in the unit of the quantity; p10 <= p50 <= p90."""

    p10: float
    p50: float
    p90: float

    @classmethod
    def of(cls, samples: np.ndarray) -> Quantiles:
        """The quantiles of a one-dimensional array of samples (at least one)."""
        import numpy as np

        low, middle, high = np.quantile(samples, (0.1, 0.5, 0.9))
        return cls(float(low), float(middle), float(high))

    @classmethod
    def exactly(cls, value: float) -> Quantiles:
        """A number without spread."""
        return cls(value, value, value)

    def to_json(self) -> dict[str, float]:
        return {"p10": self.p10, "p50": self.p50, "p90": self.p90}
