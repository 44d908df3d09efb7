"""The samples a decision is made on: every fact as a number or, where it is not known, as a spread over its plausible
values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from advisor.base.quantiles import Z90
from rules.interval import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advisor.answers import Answers
    from advisor.decision.points import Points
    from rules.facts import Fact

    Array = NDArray[np.float64]

ALTERNATIVES = {"current.approach": "none"}
"""Facts that are not spread while unknown: every option is valued against doing nothing until it is known what runs
today."""
FAST_TOKENS_PER_MS = 0.1
"""What a quick model writes: 100 tokens a second."""
OBSERVATIONS = 8
"""Measurements of quality that each have a dimension of their own; later ones share them."""
EXTRA_DIMENSIONS = (
    *(f"observation:{i}" for i in range(OBSERVATIONS)),
    "value.monthly",
    "value.error_ratio",
    "value.human_cost",
    "value.status_quo_quality",
    "tokens.retrieved",
    "tokens.thinking",
    "tokens.shorter_prompt",
    "latency.hosted",
    "latency.own",
    "latency.retrieval",
    "speed.own",
    "price.rent",
    "effort",
)


class Facts(dict[str, Any]):
    """Fact id -> value, remembering which facts were asked for: those alone can matter to the result."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def __getitem__(self, fact: str) -> Any:
        self.read.add(fact)
        return super().__getitem__(fact)

    def get(self, fact: str, default: Any = None) -> Any:
        self.read.add(fact)
        return super().get(fact, default)


@dataclass(frozen=True, slots=True)
class World:
    """Fact id -> scalar, array of shape (samples,), or None where a fact is unknown and sets no limit."""

    points: Points
    facts: Facts
    spread: frozenset[str]
    """Facts that are not known exactly: assumed, or answered with a range."""
    _kept: dict[tuple[str, float, float], Array] = field(default_factory=dict, repr=False)

    def number(self, fact: str, default: float) -> Array | float:
        """A numeric fact; `default` where it is unknown without a prior."""
        value = self.facts.get(fact)
        if value is None:
            return default
        return float(value) if not isinstance(value, np.ndarray) else value

    def filled(self, fact: str, fallback: Callable[[], Array | float]) -> Array | float:
        """A numeric fact without a prior; `fallback()` where it is unknown (in some variants of a case, or in all)."""
        value = self.facts.get(fact)
        if value is None:
            return fallback()
        if isinstance(value, np.ndarray):
            unknown = np.isnan(value)
            return np.where(unknown, fallback(), value) if unknown.any() else value
        return float(value)

    def text(self, fact: str) -> str | None:
        """A choice that is known, else None (also when it is spread over several)."""
        value = self.facts.get(fact)
        return None if value is None or isinstance(value, np.ndarray) else str(value)

    def known(self, fact: str) -> Any:
        """The value of a fact that is exactly known, else None."""
        return None if fact in self.spread else self.facts.get(fact)

    def lognormal(self, name: str, low: Array | float, high: Array | float) -> Array | float:
        """Samples with `low` and `high` as P10 and P90; zero when both are. A `low` of nothing counts as a tenth of
        `high`."""
        if isinstance(low, np.ndarray) or isinstance(high, np.ndarray):
            return _lognormal(np.asarray(low), np.asarray(high), self.points.normal(name))
        if high <= 0:
            return 0.0
        key = (name, float(low), float(high))
        kept = self._kept.get(key)
        if kept is None:
            kept = _lognormal(np.asarray(low), np.asarray(high), self.points.normal(name))
            self._kept[key] = kept
        return kept


def _lognormal(low: Array, high: Array, z: Array) -> Array:
    low = np.maximum(low, 0.1 * high)
    samples: Array = np.sqrt(low * high) * np.exp(np.log(high / low) / (2 * Z90) * z)
    return samples


def build_world(facts: Mapping[str, Fact], variants: Sequence[Answers], points: Points) -> World:
    """Sample every fact that is not exactly known; one variant for each of the points' copies, side by side."""
    if len(variants) != points.copies:
        raise ValueError(f"{len(variants)} variants for {points.copies} copies of the points")
    values: dict[str, Any] = {}
    spread: set[str] = set()
    for fact_id, fact in sorted(facts.items(), key=lambda item: _depends(item[1])):
        given = [answers.value(fact_id) for answers in variants]
        first = given[0]
        if all(value == first for value in given[1:]):
            values[fact_id] = _one(fact, first, points, values)
        else:
            values[fact_id] = _side_by_side([_one(fact, value, points, values) for value in given], points)
        if isinstance(first, Interval) or (first is None and isinstance(values[fact_id], np.ndarray)):
            spread.add(fact_id)
    _deny_what_does_not_apply(facts, values)
    _shorten_answers(values)
    _count_labels_of_classification(values)
    return World(points, Facts(values), frozenset(spread))


def _deny_what_does_not_apply(facts: Mapping[str, Fact], values: dict[str, Any]) -> None:
    """An open yes/no question that is not asked, because it does not apply, counts as no."""
    for fact in facts.values():
        drawn = values.get(fact.id)
        if fact.type == "bool" and fact.ask_when is not None and isinstance(drawn, np.ndarray):
            applies = fact.ask_when.evaluate_arrays(lambda name: values[name])
            values[fact.id] = drawn & np.asarray(applies, dtype=bool)


def _shorten_answers(values: dict[str, Any]) -> None:
    """Who names a latency limit but no answer length has answers in mind that can be written in that time."""
    limit, length = values.get("limits.latency_p95_ms"), values.get("traffic.output_tokens")
    if limit is not None and isinstance(length, np.ndarray):
        most = np.maximum(np.asarray(limit, dtype=float) * FAST_TOKENS_PER_MS, 1.0)
        values["traffic.output_tokens"] = np.fmin(length, most)


def _count_labels_of_classification(values: dict[str, Any]) -> None:
    """Only a classification has several labels that each need examples."""
    drawn = values.get("task.classes")
    if isinstance(drawn, np.ndarray):
        values["task.classes"] = np.where(np.asarray(values.get("task.kind")) == "classification", drawn, 1)


def _depends(fact: Fact) -> bool:
    """Whether what is assumed of the fact depends on another one, which is then drawn before."""
    return fact.assume is not None and fact.assume.given is not None


def _one(fact: Fact, value: Any, points: Points, values: Mapping[str, Any]) -> Any:
    """A fact's value over all copies: itself when it is known, else draws."""
    if isinstance(value, Interval):
        return _between(value, points.uniform(fact.id), integer=fact.type == "int")
    if value is not None:
        return value
    if fact.id in ALTERNATIVES:
        return ALTERNATIVES[fact.id]
    if fact.assume is not None and fact.assume.given is not None:
        return fact.assume.draw_given(points.uniform(fact.id), values[fact.assume.given])
    return sample(fact, points)


def _side_by_side(chosen: Sequence[Any], points: Points) -> NDArray[np.generic]:
    """One value or one array for each copy, as one array; an unknown number without a prior is not a number."""
    if not any(isinstance(value, np.ndarray) for value in chosen):
        return np.repeat(np.array([np.nan if value is None else value for value in chosen]), points.each)
    blocks = [
        value[i * points.each : (i + 1) * points.each]
        if isinstance(value, np.ndarray)
        else np.full(points.each, np.nan if value is None else value)
        for i, value in enumerate(chosen)
    ]
    return np.concatenate(blocks)


def _between(interval: Interval, u: Array, *, integer: bool) -> Array:
    """Uniform over the range; log-uniform when it spans more than a factor of ten."""
    low, high = float(interval.low), float(interval.high)
    if low > 0 and high / low > 10:
        value = low * (high / low) ** u
    else:
        value = low + (high - low) * u
    return np.round(value) if integer else value


def sample(fact: Fact, points: Points) -> Any:
    """What is assumed of an unknown fact; None when nothing is assumed."""
    if fact.assume is None or fact.assume.kind == "none":
        return None
    if fact.assume.kind == "fixed":
        return fact.assume.value
    if points.keeps_facts:
        return points.keep(
            "fact", (fact.id, repr(fact.assume)), lambda: fact.draw(points.uniform(fact.id)[: points.each])
        )
    return fact.draw(points.uniform(fact.id))
