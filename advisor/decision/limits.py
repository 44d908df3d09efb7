"""The hard limits that the answers set, as rows of the optimisation model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from advisor.decision.world import World

SLACK = 1e-6
"""What rounding lets pass: 0.85 is not 84.9 %."""
SURE_OF = {
    "latency_p95_ms": 0.6,
    "quality": 0.5,
    "upfront_usd": 0.6,
    "monthly_usd": 0.6,
    "weeks": 0.6,
    "missing_replicas": 0.6,
}
"""A limit counts as met when it is met in this share of the samples. Quality is judged at its middle: its spread is
wide until a
pilot has measured it, and the plan's gates stop what falls short."""
SPOKEN_OF = (
    ("limits.latency_p95_ms", "latency limit", "latency_p95_ms", False),
    ("limits.quality_floor", "quality floor", "quality", True),
    ("limits.upfront_budget_usd", "up-front budget", "upfront_usd", False),
    ("limits.monthly_budget_usd", "monthly budget", "monthly_usd", False),
    ("limits.deadline_weeks", "deadline", "weeks", False),
)
"""(fact, how people call it, metric of a candidate, whether it is a floor)."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One hard limit: `metric` of the chosen option must not exceed (or, for a floor, not fall below) `bound`."""

    fact: str
    label: str
    metric: str
    bound: float
    floor: bool = False

    def show(self, value: float) -> str:
        """A value of the metric as people read it."""
        return show_limit(self.fact, value)

    def allows(self, value: float) -> bool:
        return value >= self.bound - 1e-9 if self.floor else value <= self.bound + 1e-9


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
    if world.facts.get("hardware.gpus"):
        found.append(Limit("hardware.gpus", "number of GPUs owned", "missing_replicas", 0.0))
    return found


def show_limit(fact: str, bound: float) -> str:
    """A limit's bound as people read it, rounded so that it still admits what needs it."""
    match fact:
        case "limits.latency_p95_ms":
            return f"{_up(bound):,.0f} ms"
        case "limits.quality_floor":
            return f"{math.floor(1000 * bound + SLACK) / 10:.3g}%"
        case "limits.deadline_weeks":
            return f"{_up(10 * bound) / 10:,.1f} weeks"
        case "hardware.gpus":
            return "none missing" if bound <= 0 else f"{bound:,.0f} more replicas"
    return f"${_up(bound):,.0f}"


def _up(bound: float) -> int:
    return math.ceil(bound - SLACK)
