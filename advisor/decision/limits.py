"""The hard limits that the answers set, as rows of the optimisation model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.optimize import Limit

if TYPE_CHECKING:
    from advisor.decision.world import World

SPOKEN_OF = (
    ("limits.latency_p95_ms", "latency limit", "latency_p95_ms", False),
    ("limits.quality_floor", "quality floor", "quality", True),
    ("limits.upfront_budget_usd", "up-front budget", "upfront_usd", False),
    ("limits.monthly_budget_usd", "monthly budget", "monthly_usd", False),
    ("limits.deadline_weeks", "deadline", "weeks", False),
)
"""(fact, how people call it, metric of a candidate, whether it is a floor)."""


def limits_of(world: World) -> list[Limit]:
    """The limits that are known. A range counts with its middle; nothing is assumed where no limit was named."""
    found = []
    for fact, label, metric, floor in SPOKEN_OF:
        value = world.facts.get(fact)
        if value is None:
            continue
        if fact == "limits.latency_p95_ms" and np.mean(np.asarray(world.facts.get("traffic.batch"), dtype=float)) > 0.5:
            continue
        found.append(Limit(fact, label, metric, float(np.median(np.asarray(value, dtype=float))), floor))
    return found
