"""Gates: which options the rules exclude, and how sure that is while facts are open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from advisor.decision.options import Option
    from advisor.decision.world import World
    from rules.models import Gate

EXCLUDED_FROM = 0.5
"""An option that a gate excludes in at least this share of the samples is out; below it stays, with its chance of
being possible."""


@dataclass(slots=True)
class Gated:
    """The options that passed, and those that did not, by rule."""

    passed: list[Option] = field(default_factory=list)
    excluded: list[tuple[Option, Gate]] = field(default_factory=list)
    forbidden: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    """Option id -> where a gate excludes an option that passed, per sample; absent when nowhere."""
    barred: set[str] = field(default_factory=set)
    """Options that are shown although a gate excludes them: the status quo."""
    assumed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Gate id -> open facts that it rests on: what it excludes is excluded until they are known."""


def apply_gates(options: Iterable[Option], gates: Mapping[str, Gate], world: World) -> Gated:
    """Sort the options by what the gates say of them. The status quo is excluded by name but stays to be shown."""
    result = Gated()
    active = [_Active(gate, when, world) for gate in gates.values() if np.any(when := _when(gate, world))]
    for option in options:
        forbidden: NDArray[np.bool_] | None = None
        for gate in active:
            share, where = gate.excludes(option)
            if share >= EXCLUDED_FROM:
                result.excluded.append((option, gate.gate))
                if gate.open_facts:
                    result.assumed[gate.gate.id] = gate.open_facts
                break
            if share > 0.0:
                forbidden = where if forbidden is None else forbidden | where
        else:
            result.passed.append(option)
            if forbidden is not None:
                result.forbidden[option.id] = forbidden
            continue
        if option.approach == "keep_current":
            result.passed.append(option)
            result.barred.add(option.id)
    return result


def exclusions(options: Iterable[Option], gates: Mapping[str, Gate], world: World) -> dict[str, NDArray[np.bool_]]:
    """Option id -> where some gate excludes it, per sample; absent when nowhere."""
    active = [_Active(gate, when, world) for gate in gates.values() if np.any(when := _when(gate, world))]
    found: dict[str, NDArray[np.bool_]] = {}
    for option in options:
        for gate in active:
            share, where = gate.excludes(option)
            if share > 0.0:
                found[option.id] = where if option.id not in found else found[option.id] | where
    return found


class _Active:
    """A gate whose condition holds in some samples; asks each distinct kind of option once."""

    def __init__(self, gate: Gate, when: NDArray[np.bool_], world: World) -> None:
        self.gate = gate
        self._world = world
        self._when = np.broadcast_to(when, (world.points.count,))
        self._share = float(self._when.mean())
        names = gate.excludes.names | (gate.when.names if gate.when is not None else frozenset())
        self.open_facts = tuple(sorted(name for name in names if name in world.spread))
        """Facts that the gate asks for and that are not known exactly."""
        self._timeless = all(name.startswith("option.") for name in gate.excludes.names)
        self._names, self._static = _kinds_of(gate)
        self._known: dict[tuple[object, ...], tuple[float, NDArray[np.bool_]]] = {}

    def excludes(self, option: Option) -> tuple[float, NDArray[np.bool_]]:
        """(share of the samples in which the gate excludes such options, where)."""
        attributes = option.attributes
        key = tuple([attributes[name] for name in self._names])
        if self._timeless and None not in key:
            speaks = self._static.get(key)
            if speaks is None:
                speaks = self.gate.excludes.evaluate(lambda name: attributes[name.removeprefix("option.")]) is True
                self._static[key] = speaks
            return (self._share, self._when) if speaks else (0.0, self._when)
        found = self._known.get(key)
        if found is None:
            excludes = self.gate.excludes.evaluate_arrays(lookup(option, self._world))
            where = self._when & np.asarray(excludes, dtype=bool)
            found = (float(where.mean()), where)
            self._known[key] = found
        return found


def _kinds_of(gate: Gate) -> tuple[tuple[str, ...], dict[tuple[object, ...], bool]]:
    """(attributes that `excludes` names, answers so far); kept with the gate, for it never changes."""
    kept = _KINDS.get(id(gate))
    if kept is None or kept[0] is not gate:
        names = tuple(sorted(n.removeprefix("option.") for n in gate.excludes.names if n.startswith("option.")))
        kept = (gate, names, {})
        _KINDS[id(gate)] = kept
    return kept[1], kept[2]


_KINDS: dict[int, tuple[Gate, tuple[str, ...], dict[tuple[object, ...], bool]]] = {}


def _when(gate: Gate, world: World) -> NDArray[np.bool_]:
    """Where the gate's condition holds: one value, or one per sample."""
    holds = True if gate.when is None else gate.when.evaluate_arrays(lambda name: world.facts[name])
    return np.asarray(holds, dtype=bool)


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
