"""How long a run may be silent before it is said to stall."""

from __future__ import annotations

import os
import statistics
from collections.abc import Collection

CODE = "stall"
VARIABLE = "ADVISOR_STALL_SECONDS"
"""Environment variable: the shortest silence that counts, in seconds."""
_LEAST_S = 120.0
_FACTOR = 30.0


def patience_s(gaps_s: Collection[float] = ()) -> float:
    """Seconds of silence until a warning: two minutes, or thirty times the usual time between steps if that is more."""
    return max(_least_s(), _FACTOR * statistics.median(gaps_s) if gaps_s else 0.0)


def _least_s() -> float:
    try:
        return max(0.1, float(os.environ[VARIABLE]))
    except (KeyError, ValueError):
        return _LEAST_S
