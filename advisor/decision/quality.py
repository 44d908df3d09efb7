"""Quality of an option: the share of requests it answers well, as samples.

Equations (all on the log-odds scale, one value a sample; an effect of `points` at reference quality `at` is the shift
logit(at + points) - logit(at), with standard deviation sd_points / (at' (1 - at')) at the middle of the step):

    prompted   z0 = sum of `base` + sum of `prompted` + sum of `approach` effects
    tuned      z  = z0 + min(cap, max(0, c - z0) * p(n)) + sum of `method` effects
               c  = base + sum of `ceiling` + sum of `approach`          where unlimited data would end
               p(n) = n^a / (n^a + h^a)                                  h examples get half-way (log-like for a < 1)
               cap = the lowest of the `lift_cap` effects that apply
    distilled  z  = min(z, z of the prompted teacher + sum of `teacher` effects)

The form of p(n) reproduces the single-task curve of Lawma (63.0, 67.3, 71.2, 75.9 % at 10, 50, 250, 1,000 examples,
from
57.1 towards 85.5) with h = 500 and a = 0.45 within one point. Every effect is drawn once a sample and shared by all
options
it applies to, so that options are compared, not their noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.world import OBSERVATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from advisor.decision.options import Option
    from advisor.decision.world import World
    from rules.models import Effect

    Array = NDArray[np.float64]

MODEL_SD = 0.12
"""Log-odds spread between two models of one tier on one task, beyond what the effects say (about two points at 0.8)."""


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

    def __init__(
        self,
        effects: Iterable[Effect],
        world: World,
        labels_used: Callable[[Option], Array | float],
        teacher: Option | None,
    ) -> None:
        self._world = world
        self._points = world.points
        self._labels_used = labels_used
        self._teacher = teacher
        self._active = [_Active(effect, mask) for effect in effects if (mask := self._when(effect)) is not None]
        self._by_part: dict[str, list[_Active]] = {}
        for active in sorted(self._active, key=lambda a: (a.effect.when is not None, a.effect.id)):
            self._by_part.setdefault(active.effect.part, []).append(active)
        self._part_names = {
            part: tuple(sorted({name for active in group for name in active.names}))
            for part, group in self._by_part.items()
        }
        self._spoken: dict[tuple[object, ...], tuple[_Active, ...]] = {}
        self._drawn: dict[str, Array] = {}
        self._latent: dict[tuple[object, ...], Array] = {}
        self._share: dict[tuple[object, ...], Array] = {}
        self._sums: dict[tuple[object, ...], Array | float | None] = {}
        self._observed: list[_Update] = []

    @property
    def speaking(self) -> list[str]:
        """Ids of the effects whose condition holds somewhere."""
        return [active.effect.id for active in self._active]

    # results ----------------------------------------------------------------------------------------------------

    def share(self, option: Option) -> Array:
        """The share of requests answered well, shape (samples,)."""
        key = option.quality_key
        if key not in self._share:
            self._share[key] = sigmoid(self.latent(option))
        return self._share[key]

    def latent(self, option: Option) -> Array:
        """Log-odds of a good answer, shape (samples,), after all observations."""
        key = option.quality_key
        if key not in self._latent:
            z = self._evaluate(option)
            for update in self._observed:
                z = update.applied(z)
            self._latent[key] = z
        return self._latent[key]

    def observe(self, option: Option, share: Array, items: float) -> None:
        """Condition everything on `option` having answered `share` of `items` well (ensemble Kalman update, Evensen
        2003).

        `share` has one value for each copy of the points; a copy whose value is not a number stays as it is.

        With z the option's log-odds over the samples and y the observed log-odds with variance r = 1 / (n p (1 - p)),
        every
        option's samples move by cov(z_o, z) / (var(z) + r) x (y + e - z), e ~ N(0, r). What shares effects with the
        observed
        option moves with it; its own spread narrows to that of the posterior.
        """
        z = self.latent(option)
        p = ((share * items + 0.5) / (items + 1.0))[:, None]
        variance = 1.0 / (items * p * (1.0 - p))
        noise = self._points.normal(f"observation:{len(self._observed) % OBSERVATIONS}").reshape(-1, self._points.each)
        update = _Update(z, np.log(p / (1.0 - p)) + np.sqrt(variance) * noise, variance[:, 0])
        self._observed.append(update)
        self._share.clear()
        self._latent = {key: update.applied(value) for key, value in self._latent.items()}

    def terms(self, option: Option) -> list[Term]:
        """The effects that apply to `option` for certain or in some samples, for the explanation."""
        found = []
        for active in self._active:
            quality = active.effect.quality
            if quality is None or not active.applies_to(option):
                continue
            mean, _ = shift(quality.points, quality.sd_points, quality.at)
            found.append(Term(active.effect.id, active.effect.part, mean * float(np.mean(active.mask))))
        return found

    # the equations ----------------------------------------------------------------------------------------------

    def _evaluate(self, option: Option) -> Array:
        base, approach = self._sum("base", option), self._sum("approach", option)
        start = base + self._sum("prompted", option) + approach + self._model_noise(option)
        if option.training == "none":
            return self._full(start)
        gap = np.maximum(base + self._sum("ceiling", option) + approach - start, 0.0)
        lift = gap * self._progress(option)
        for active in self._by_part.get("lift_cap", ()):
            if active.applies_to(option):
                cap = np.maximum(self._draw(active.effect), 0.0)
                lift = np.minimum(lift, np.where(active.mask, cap, np.inf))
        tuned = start + lift + self._sum("method", option)
        if option.distilled and self._teacher is not None:
            tuned = np.minimum(tuned, self._evaluate(self._teacher) + self._sum("teacher", option))
        return self._full(tuned)

    def _full(self, z: Array | float) -> Array:
        result: Array = np.broadcast_to(z, (self._points.count,))
        return result

    def _model_noise(self, option: Option) -> Array | float:
        name = option.model_name
        return 0.0 if name is None else MODEL_SD * self._points.normal(f"model:{name}")

    def _progress(self, option: Option) -> Array:
        """p(n) by the `labels` effect that applies; one with a condition on the facts stands above one without."""
        n = np.maximum(np.asarray(self._labels_used(option), dtype=float), 0.0)
        progress: Array = np.zeros(1)
        for active in self._by_part.get("labels", ()):
            if not active.applies_to(option):
                continue
            curve = active.effect.labels
            assert curve is not None
            half = curve["half"] * np.exp(curve["spread"] * self._points.normal(active.effect.id))
            if "per_class_over" in curve:
                half = half * np.maximum(1.0, self._world.number("task.classes", 1.0) / curve["per_class_over"])
            power = np.power(n, curve["exponent"])
            value = power / (power + np.power(half, curve["exponent"]))
            progress = value if active.mask is True else np.where(active.mask, value, progress)
        return progress

    def _sum(self, part: str, option: Option) -> Array | float:
        total = self._sum_or_none(part, option)
        return 0.0 if total is None else total

    def _sum_or_none(self, part: str, option: Option) -> Array | float | None:
        speaking = self._speaking(part, option)
        if not speaking:
            return None
        scaled = any(a.effect.labels is not None for a in speaking)
        key = (part, speaking, option.labels if scaled else None, scaled and option.distilled)
        if key not in self._sums:
            amounts = [self._amount(a, option) for a in speaking]
            self._sums[key] = sum(amounts[1:], start=amounts[0])
        return self._sums[key]

    def _speaking(self, part: str, option: Option) -> tuple[_Active, ...]:
        """The effects of a part that speak of such options."""
        names = self._part_names.get(part)
        if names is None:
            return ()
        attributes = option.attributes
        key = (part, *[attributes[name] for name in names])
        found = self._spoken.get(key)
        if found is None:
            found = tuple(a for a in self._by_part[part] if a.effect.quality and a.applies_to(option))
            self._spoken[key] = found
        return found

    def _amount(self, active: _Active, option: Option) -> Array:
        """Samples of one effect on an option; zero where its condition does not hold."""
        effect = active.effect
        amount = self._draw(effect)
        if effect.labels is not None:
            labels = np.asarray(self._labels_used(option), dtype=float)
            amount = amount * (labels / (labels + effect.labels["half"]))
        return amount if active.mask is True else np.where(active.mask, amount, 0.0)

    def _draw(self, effect: Effect) -> Array:
        """Samples of one effect on the log-odds scale, the same for all options."""
        if effect.id not in self._drawn:
            assert effect.quality is not None
            mean, sd = shift(effect.quality.points, effect.quality.sd_points, effect.quality.at)
            self._drawn[effect.id] = mean + sd * self._points.normal(effect.id)
        return self._drawn[effect.id]

    def _when(self, effect: Effect) -> Array | bool | None:
        """True, a mask over samples, or None where the facts silence the effect."""
        if effect.when is None:
            return True
        value = effect.when.evaluate_arrays(lambda name: self._world.facts[name])
        if isinstance(value, np.ndarray) and value.ndim:
            mask = value.astype(bool)
            return (True if mask.all() else mask) if mask.any() else None
        return True if value is not None and bool(value) else None


class _Active:
    """An effect whose condition over the facts holds somewhere."""

    def __init__(self, effect: Effect, mask: Array | bool) -> None:
        self.effect = effect
        self.mask = mask
        self.names, self._known = _kinds_of(effect)

    def applies_to(self, option: Option) -> bool:
        """Whether the effect speaks of such options; each kind of option is asked once."""
        if self.effect.applies_to is None:
            return True
        attributes = option.attributes
        key = tuple([attributes[name] for name in self.names])
        found = self._known.get(key)
        if found is None:
            found = self.effect.applies_to.evaluate(lambda name: attributes[name.removeprefix("option.")]) is True
            self._known[key] = found
        return found


def _kinds_of(effect: Effect) -> tuple[tuple[str, ...], dict[tuple[object, ...], bool]]:
    """(attributes that `applies_to` names, answers so far); kept with the effect, for it never changes."""
    kept = _KINDS.get(id(effect))
    if kept is None or kept[0] is not effect:
        names = effect.applies_to.names if effect.applies_to is not None else frozenset[str]()
        kept = (effect, tuple(sorted(n.removeprefix("option.") for n in names)), {})
        _KINDS[id(effect)] = kept
    return kept[1], kept[2]


_KINDS: dict[int, tuple[Effect, tuple[str, ...], dict[tuple[object, ...], bool]]] = {}


class _Update:
    """One observation, ready to move the samples of any option; each copy of the points is conditioned on its own."""

    def __init__(self, z: Array, target: Array, variance: Array) -> None:
        self._shape = target.shape
        blocks = z.reshape(target.shape)
        self._centred = blocks - blocks.mean(axis=1, keepdims=True)
        total = np.einsum("ij,ij->i", self._centred, self._centred) / target.shape[1] + variance
        self._total = np.where(np.isnan(total), np.inf, total)
        self._move = np.where(np.isnan(target), 0.0, target - blocks)

    def applied(self, z: Array) -> Array:
        """The samples `z` of an option after the observation."""
        blocks = z.reshape(self._shape)
        gain = np.einsum("ij,ij->i", blocks, self._centred) / self._shape[1] / self._total
        moved: Array = (blocks + gain[:, None] * self._move).reshape(-1)
        return moved
