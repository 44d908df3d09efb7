"""Gates: which options the rules exclude, and how sure that is while facts are open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from advisor.decision.options import Option
    from advisor.decision.world import World
    from rules.models import Gate

EXCLUDED_FROM = 0.5
"""An option that a gate excludes in at least this share of the samples is out; below it stays, with its chance of being possible."""


@dataclass(slots=True)
class Gated:
    """The options that passed, and those that did not, by rule."""

    passed: list[Option] = field(default_factory=list)
    excluded: list[tuple[Option, Gate]] = field(default_factory=list)
    feasible_share: dict[str, float] = field(default_factory=dict)
    """Option id -> share of samples in which no gate excludes it; absent when all."""


def apply_gates(options: Iterable[Option], gates: Mapping[str, Gate], world: World) -> Gated:
    """Sort the options by what the gates say of them."""
    result = Gated()
    active = [(gate, _when(gate, world)) for gate in gates.values()]
    active = [(gate, share) for gate, share in active if np.any(share)]
    for option in options:
        chance = 1.0
        for gate, when in active:
            out = _excluded_share(gate, when, option, world)
            if out >= EXCLUDED_FROM:
                result.excluded.append((option, gate))
                chance = 0.0
                break
            chance *= 1.0 - out
        if chance > 0.0 or option.approach == "keep_current":
            result.passed.append(option)
            if chance < 1.0:
                result.feasible_share[option.id] = chance
    return result


def _when(gate: Gate, world: World) -> object:
    return True if gate.when is None else gate.when.evaluate_arrays(_facts_only(world))


def _excluded_share(gate: Gate, when: object, option: Option, world: World) -> float:
    excludes = gate.excludes.evaluate_arrays(_lookup(option, world))
    return float(np.mean(np.logical_and(np.asarray(when, dtype=bool), np.asarray(excludes, dtype=bool))))


def _facts_only(world: World) -> Callable[[str], object]:
    return lambda name: world.facts[name]


def _lookup(option: Option, world: World) -> Callable[[str], object]:
    def value(name: str) -> object:
        return option.attribute(name.removeprefix("option.")) if name.startswith("option.") else world.facts[name]

    return value
