"""Which uncertain inputs move the recommended option's value: tornado bars, and the share of its variance each input
carries.

bar            mean value in the tenth of the samples where the input is lowest, and where it is highest
total order    S_T = mean((f(A) - f(A_B))^2) / (2 var f(A)),  A_B the points A with the input's column taken from
               independent points (Jansen 1999, doi:10.1016/S0010-4655(98)00154-4)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.points import Points
from advisor.decision.result import Sensitivity
from advisor.decision.status_quo import stand_in
from advisor.decision.study import dimensions, value_world
from advisor.decision.world import EXTRA_DIMENSIONS, build_world
from advisor.values import show_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from advisor.decision.study import Study

    Array = NDArray[np.float64]

SHOWN = 10
TRIED = 24
"""Inputs with the largest swings whose share of the variance is worked out: a swing alone may be chance."""
LEAST_VARIANCE_SHARE = 0.001
SAMPLES = 256
LEAST_SWING_SHARE = 0.002
EXTRA_LABELS = {
    "value.monthly": "What the work is worth",
    "value.error_ratio": "Cost of an error against the worth of a good answer",
    "value.human_cost": "Cost of a request done by people",
    "value.status_quo_quality": "Quality of what runs today",
    "tokens.retrieved": "Tokens of retrieved passages",
    "tokens.thinking": "Tokens of thinking",
    "tokens.shorter_prompt": "How much shorter the prompt gets by training",
    "latency.hosted": "Latency of hosted models",
    "latency.own": "Queueing on own machines",
    "latency.retrieval": "Latency of retrieval",
    "speed.own": "Speed of own machines",
    "price.rent": "Rent of machines",
    "effort": "Hours of work",
}


def sensitivities(study: Study, place: int) -> list[Sensitivity]:
    """The inputs that move the value of the option at `place` most, the largest swing first."""
    npv = study.outcomes[place].npv_usd
    swings = [(name, *_swing(study, name, npv)) for name in _inputs(study)]
    least = LEAST_SWING_SHARE * max(abs(float(npv.mean())), 1.0)
    large = [s for s in swings if abs(s[2] - s[1]) > least]
    large.sort(key=lambda s: -abs(s[2] - s[1]))
    shares = _total_order(study, place, [name for name, *_ in large[:TRIED]])
    large = [s for s in large[:TRIED] if shares.get(s[0], 1.0) >= LEAST_VARIANCE_SHARE]
    return [
        Sensitivity(
            id=name,
            label=_label(study, name),
            low_value=_shown(study, name, 0.1),
            high_value=_shown(study, name, 0.9),
            npv_at_low_usd=low,
            npv_at_high_usd=high,
            total_order_index=shares.get(name),
        )
        for name, low, high in large[:SHOWN]
    ]


def _inputs(study: Study) -> Iterable[str]:
    """Everything uncertain that could matter: open facts, effects that speak somewhere, and the engine's own
    unknowns."""
    yield from (f for f in study.world.spread if isinstance(study.world.facts.get(f), np.ndarray))
    yield from study.quality.speaking
    yield from (name for name in EXTRA_DIMENSIONS if name in EXTRA_LABELS)


def _swing(study: Study, name: str, npv: Array) -> tuple[float, float]:
    """(mean value where the input is in its lowest tenth, and in its highest)."""
    order = np.argsort(study.world.points.uniform(name), kind="stable")
    tenth = max(1, npv.size // 10)
    return float(npv[order[:tenth]].mean()), float(npv[order[-tenth:]].mean())


def _label(study: Study, name: str) -> str:
    if name in study.rules.facts:
        return study.rules.facts[name].label
    return study.rules.effects[name].title if name in study.rules.effects else EXTRA_LABELS[name]


def _shown(study: Study, name: str, share: float) -> str:
    """The input at that quantile, as people read it."""
    if name in study.rules.facts:
        column = study.world.facts[name]
        fact = study.rules.facts[name]
        if column.dtype.kind in "USb":
            order = np.argsort(study.world.points.uniform(name), kind="stable")
            tenth = max(1, column.size // 10)
            values, counts = np.unique(column[order[:tenth] if share < 0.5 else order[-tenth:]], return_counts=True)
            return show_value(values[counts.argmax()].item(), fact)
        value = float(f"{float(np.quantile(column, share)):.3g}")
        return f"{value:.1%}" if fact.type == "share" else show_value(value, fact)
    return "its low end" if share < 0.5 else "its high end"


class _Swapped(Points):
    """Points in which one input of each copy comes from an independent dimension."""

    keeps_facts = False

    def __init__(self, names: tuple[str, ...], count: int, swapped: list[str]) -> None:
        super().__init__([*names, *(f"swap:{name}" for name in swapped)], count, copies=len(swapped) + 1)
        self._swapped = swapped

    def uniform(self, name: str) -> NDArray[np.float64]:
        return self._with_swap("uniform", name, super().uniform)

    def normal(self, name: str) -> NDArray[np.float64]:
        return self._with_swap("normal", name, super().normal)

    def _with_swap(self, what: str, name: str, ask: object) -> NDArray[np.float64]:
        found: NDArray[np.float64] = ask(name)  # type: ignore[operator]
        if name not in self._swapped:
            return found
        copy = self._swapped.index(name) + 1
        other: NDArray[np.float64] = ask(f"swap:{name}")  # type: ignore[operator]
        mixed = found.copy()
        mixed[copy * self.each : (copy + 1) * self.each] = other[: self.each]
        return mixed


def _total_order(study: Study, place: int, names: list[str]) -> dict[str, float]:
    """Input -> share of the variance of the option's value that disappears when it is known."""
    if not names:
        return {}
    points = _Swapped(dimensions(study.rules, study.catalogue), SAMPLES, names)
    answers = (study.answers,) * points.copies
    world = build_world(study.rules.facts, answers, points)
    standing_in = study.standing_in or stand_in(study.market, None)
    option = study.outcomes[place].option
    valuation = value_world(
        study.answers, study.rules, study.catalogue, study.on, world, study.market, [option], standing_in
    )
    blocks = valuation.outcome(option).npv_usd.reshape(points.copies, points.each)
    spread = float(blocks[0].var())
    if spread <= 0.0:
        return {}
    return {
        name: min(1.0, float(np.mean((blocks[0] - blocks[i]) ** 2)) / (2.0 * spread))
        for i, name in enumerate(names, start=1)
    }
