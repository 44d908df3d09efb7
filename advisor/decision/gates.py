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
    """Sort the options by what the gates say of them. The status quo is excluded by name but stays to be shown."""
    result = Gated()
    active = [_Active(gate, when, world) for gate in gates.values() if np.any(when := _when(gate, world))]
    for option in options:
        chance = 1.0
        for gate in active:
            out = gate.excluded_share(option)
            if out >= EXCLUDED_FROM:
                result.excluded.append((option, gate.gate))
                chance = 0.0
                break
            chance *= 1.0 - out
        if chance > 0.0 or option.approach == "keep_current":
            result.passed.append(option)
            if chance < 1.0:
                result.feasible_share[option.id] = chance
    return result


class _Active:
    """A gate whose condition holds in some samples; asks each distinct kind of option once."""

    def __init__(self, gate: Gate, when: object, world: World) -> None:
        self.gate = gate
        self._when = np.asarray(when, dtype=bool)
        self._world = world
        self._names = tuple(n.removeprefix("option.") for n in gate.excludes.names if n.startswith("option."))
        self._known: dict[tuple[object, ...], float] = {}

    def excluded_share(self, option: Option) -> float:
        attributes = option.attributes
        key = tuple([attributes[name] for name in self._names])
        share = self._known.get(key)
        if share is None:
            excludes = self.gate.excludes.evaluate_arrays(lookup(option, self._world))
            share = float(np.mean(self._when & np.asarray(excludes, dtype=bool)))
            self._known[key] = share
        return share


def _when(gate: Gate, world: World) -> object:
    return True if gate.when is None else gate.when.evaluate_arrays(lambda name: world.facts[name])


def lookup(option: Option, world: World) -> Callable[[str], object]:
    """Fact ids and `option.*` names over the samples of a world."""

    def value(name: str) -> object:
        if not name.startswith("option."):
            return world.facts[name]
        found = option.attributes[name.removeprefix("option.")]
        if found is None and name == "option.labels_used" and not option.distilled:
            return world.facts.get("data.labelled_examples")
        return found

    return value
