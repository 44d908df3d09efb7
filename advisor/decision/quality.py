"""Quality of an option: the share of requests it answers well, as samples.

Equations (all on the log-odds scale, one value a sample; an effect of `points` at reference quality `at` is the shift
logit(at + points) - logit(at), with standard deviation sd_points / (at' (1 - at')) at the middle of the step):

    prompted   z0 = sum of `base` + sum of `prompted` + sum of `approach` effects
    tuned      z  = z0 + min(cap, max(0, c - z0) * p(n)) + sum of `method` effects
               c  = base + sum of `ceiling` + sum of `approach`          where unlimited data would end
               p(n) = n^a / (n^a + h^a)                                  h examples get half-way (log-like for a < 1)
               cap = sum of `lift_cap` effects, when any applies
    distilled  z  = min(z, z of the prompted teacher + sum of `teacher` effects)

The form of p(n) reproduces the single-task curve of Lawma (63.0, 67.3, 71.2, 75.9 % at 10, 50, 250, 1,000 examples, from
57.1 towards 85.5) with h = 500 and a = 0.45 within one point. Every effect is drawn once a sample and shared by all options
it applies to, so that options are compared, not their noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from advisor.decision.points import Points
    from rules.models import Effect

    Array = NDArray[np.float64]

MODEL_SD = 0.12
"""Log-odds spread between two models of one tier on one task, beyond what the effects say (about two points at 0.8)."""


class HasAttributes(Protocol):
    """What the quality model needs of an option."""

    def attribute(self, name: str) -> object:
        """The value of `option.<name>`."""

    @property
    def quality_key(self) -> tuple[object, ...]:
        """Options with equal keys have equal quality."""

    @property
    def model_name(self) -> str | None: ...


def logit(share: float) -> float:
    """log(p / (1 - p)); `share` strictly between 0 and 1."""
    return math.log(share / (1.0 - share))


def sigmoid(z: Array) -> Array:
    """The share of good answers for log-odds `z`."""
    result: Array = 1.0 / (1.0 + np.exp(-z))
    return result


@lru_cache(maxsize=512)
def shift(points: float, sd_points: float, at: float) -> tuple[float, float]:
    """Mean and standard deviation on the log-odds scale of a change by `points` from quality `at`."""
    middle = at + points / 2
    return logit(at + points) - logit(at), sd_points / (middle * (1.0 - middle))


@dataclass(frozen=True, slots=True)
class Term:
    """One effect that spoke for an option, with its mean on the log-odds scale."""

    effect_id: str
    part: str
    mean_logit: float


class QualityModel:
    """Evaluates the effects for options over the samples of a world."""

    def __init__(self, effects: Iterable[Effect], facts: Mapping[str, object], points: Points) -> None:
        self._effects = list(effects)
        self._facts = facts
        self._points = points
        self._mask: dict[str, object] = {}
        self._drawn: dict[str, Array] = {}
        self._cache: dict[tuple[object, ...], Array] = {}
        self._sums: dict[tuple[object, ...], Array | None] = {}

    def latent(self, option: HasAttributes, teacher: HasAttributes | None = None) -> Array:
        """Log-odds of a good answer, shape (samples,)."""
        key = option.quality_key
        if key not in self._cache:
            self._cache[key] = self._evaluate(option, teacher)
        return self._cache[key]

    def terms(self, option: HasAttributes) -> list[Term]:
        """The effects that apply to `option` for certain or in some samples, for the explanation."""
        found = []
        for effect in self._effects:
            mask = self._applies(effect, option)
            if effect.quality is None or mask is None:
                continue
            mean, _ = shift(effect.quality.points, effect.quality.sd_points, effect.quality.at)
            found.append(Term(effect.id, effect.part, mean * float(np.mean(mask))))
        return found

    def _evaluate(self, option: HasAttributes, teacher: HasAttributes | None) -> Array:
        base = self._sum("base", option)
        approach = self._sum("approach", option)
        start = base + self._sum("prompted", option) + approach + self._model_noise(option)
        if option.attribute("training") == "none":
            return start
        gap = np.maximum(base + self._sum("ceiling", option) + approach - start, 0.0)
        lift = gap * self._progress(option)
        cap = self._sum_or_none("lift_cap", option)
        if cap is not None:
            lift = np.minimum(lift, np.maximum(cap, 0.0))
        tuned = start + lift + self._sum("method", option)
        if option.attribute("distilled") and teacher is not None:
            tuned = np.minimum(tuned, self.latent(teacher) + self._sum("teacher", option))
        return tuned

    def _model_noise(self, option: HasAttributes) -> Array | float:
        name = option.model_name
        return 0.0 if name is None else MODEL_SD * self._points.normal(f"model:{name}")

    def _progress(self, option: HasAttributes) -> Array:
        """p(n) of the effect with part `labels` that is the most special (the last that applies wins per sample)."""
        labels = option.attribute("labels_used")
        n = np.maximum(np.asarray(labels if labels is not None else 0.0, dtype=float), 0.0)
        progress: Array = np.zeros(self._points.count)
        for effect in self._effects:
            if effect.part != "labels" or effect.labels is None:
                continue
            mask = self._applies(effect, option)
            if mask is None:
                continue
            curve = effect.labels
            half = curve["half"] * np.exp(curve["spread"] * self._points.normal(effect.id))
            if "per_class_over" in curve:
                half = half * np.maximum(1.0, self._classes() / curve["per_class_over"])
            power = np.power(n, curve["exponent"])
            value = power / (power + np.power(half, curve["exponent"]))
            progress = np.where(mask, value, progress)
        return progress

    def _classes(self) -> Array | float:
        value = self._facts.get("task.classes")
        return 1.0 if value is None else np.asarray(value, dtype=float)

    def _sum(self, part: str, option: HasAttributes) -> Array | float:
        total = self._sum_or_none(part, option)
        return 0.0 if total is None else total

    def _sum_or_none(self, part: str, option: HasAttributes) -> Array | None:
        total: Array | None = None
        for effect in self._effects:
            if effect.part != part or effect.quality is None:
                continue
            mask = self._applies(effect, option)
            if mask is None:
                continue
            amount = self._draw(effect)
            if effect.labels is not None:
                labels = np.asarray(option.attribute("labels_used") or 0.0, dtype=float)
                amount = amount * (labels / (labels + effect.labels["half"]))
            amount = amount if mask is True else np.where(mask, amount, 0.0)
            total = amount if total is None else total + amount
        return total

    def _draw(self, effect: Effect) -> Array:
        """Samples of one effect on the log-odds scale; its sign is never turned round by its spread."""
        if effect.id not in self._drawn:
            assert effect.quality is not None
            mean, sd = shift(effect.quality.points, effect.quality.sd_points, effect.quality.at)
            self._drawn[effect.id] = mean + sd * self._points.normal(effect.id)
        return self._drawn[effect.id]

    def _applies(self, effect: Effect, option: HasAttributes) -> object:
        """True, a boolean array over samples, or None when the effect is silent."""
        if effect.applies_to is not None and effect.applies_to.evaluate(_option_lookup(option)) is not True:
            return None
        if effect.when is None:
            return True
        if effect.id not in self._mask:
            value = effect.when.evaluate_arrays(self._fact)
            if isinstance(value, np.ndarray) and value.ndim:
                self._mask[effect.id] = value.astype(bool) if value.any() else None
            else:
                self._mask[effect.id] = True if value is not None and bool(value) else None
        return self._mask[effect.id]

    def _fact(self, name: str) -> object:
        return self._facts[name]


def _option_lookup(option: HasAttributes) -> Callable[[str], object]:
    return lambda name: option.attribute(name.removeprefix("option."))
