"""Break-even: where one input makes the recommended option and another equally good; and which option is best over two
inputs. The others are going on as today and the best of another approach."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.flips import with_value
from advisor.decision.margins import margins
from advisor.decision.result import BreakEvenMap, BreakEvenPoint
from advisor.decision.variants import value_variants
from advisor.values import show_value
from rules.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from advisor.decision.options import Option
    from advisor.decision.study import Study
    from rules.facts import Fact

    Array = NDArray[np.float64]

SAMPLES = 64
STEPS = 11
REACH = 30.0
"""Searched from a thirtieth of the value to thirty times it, within what the fact allows."""
SEARCHED = (
    "traffic.requests_per_month",
    "traffic.input_tokens",
    "traffic.output_tokens",
    "traffic.growth_per_month_rate",
    "data.labelled_examples",
    "data.label_cost_usd",
    "task.value_per_success_usd",
    "task.cost_per_error_usd",
    "knowledge.change_interval_days",
    "knowledge.corpus_tokens",
    "team.engineer_usd_per_hour",
    "team.training_attempts",
    "current.monthly_spend_usd",
    "current.quality_rate",
)
REQUESTS = "traffic.requests_per_month"
LEAST_USD = 1.0
"""An input that moves the two apart by less over its whole range changes nothing."""
MAP_SAMPLES = 32
MAP_STEPS = 8


def break_even_points(
    study: Study, options: Sequence[Option], reference: int | None, order: list[int]
) -> list[BreakEvenPoint]:
    """Where the first of `options` is worth the same as going on as today, and as the one at `reference`.

    Searched are the numeric facts, the quality of the option in front, token prices and the use of a machine. `order`
    holds the places of the study's outcomes, best first.
    """
    today = next((i for i, o in enumerate(options) if o.approach == "keep_current" and o.id not in study.barred), None)
    others = [i for i in dict.fromkeys((today, reference)) if i]
    if not others:
        return []
    places = [study.places[options[i].id] for i in (0, *others)]
    found = margins(study, places[0], places[1:], order) + _of_facts(study, [options[i] for i in (0, *others)])
    return sorted(found, key=lambda point: (point.at is None, _moved(point)))


def _of_facts(study: Study, options: Sequence[Option]) -> list[BreakEvenPoint]:
    """Of every numeric fact that the first of the options and another may part on."""
    facts = [study.rules.facts[name] for name in SEARCHED if name in study.rules.facts]
    grids = {fact.id: grid for fact in facts if (grid := _grid(fact, study)) is not None}
    rows = [(fact, value) for fact in facts if fact.id in grids for value in grids[fact.id]]
    if not rows:
        return []
    answers = [with_value(study.answers, fact, _typed(fact, value)) for fact, value in rows]
    mean = value_variants(study, options, answers, SAMPLES).mean_npv_usd
    found: list[BreakEvenPoint] = []
    start = 0
    for fact in facts:
        if fact.id not in grids:
            continue
        grid = grids[fact.id]
        rows_of = mean[start : start + grid.size]
        start += grid.size
        for place, other in enumerate(options[1:], start=1):
            found.append(_point(study, fact, grid, rows_of[:, 0] - rows_of[:, place], options[0], other))
    return found


def _moved(point: BreakEvenPoint) -> float:
    """How far the value has to move, as a ratio; what is not known comes last."""
    if point.at is None or point.current is None or point.at <= 0 or point.current <= 0:
        return math.inf
    return abs(math.log(point.at / point.current))


def _middle(fact: Fact, study: Study) -> float | None:
    """The value the decision was made on: the answer, or the median of what is assumed."""
    value = study.world.facts.get(fact.id)
    if value is None:
        stakes = study.valuation.stakes
        value = {"task.value_per_success_usd": stakes.value_usd, "task.cost_per_error_usd": stakes.error_usd}.get(
            fact.id
        )
    return None if value is None or isinstance(value, Interval) else float(np.median(np.asarray(value, dtype=float)))


def _grid(fact: Fact, study: Study) -> Array | None:
    middle = _middle(fact, study)
    if middle is None or not _matters(fact, study):
        return None
    if fact.lowest < 0:
        return np.linspace(max(fact.lowest, -0.1), min(fact.highest, 0.2), STEPS)
    if fact.type == "share":
        return np.linspace(max(fact.lowest, 0.0), min(fact.highest, 1.0), STEPS)
    middle = max(middle, 1.0 if fact.type == "int" else 1e-3)
    low, high = max(middle / REACH, fact.lowest, 1e-6), min(middle * REACH, fact.highest)
    return None if low >= high else np.geomspace(low, high, STEPS)


def _matters(fact: Fact, study: Study) -> bool:
    """Whether the fact's question applies, or it was answered."""
    known = study.answers.known()
    return fact.id in known or fact.ask_when is None or fact.ask_when.evaluate(known.get) is True


def _typed(fact: Fact, value: float) -> float | int:
    return round(value) if fact.type == "int" else float(value)


def _point(study: Study, fact: Fact, grid: Array, gap: Array, winner: Option, reference: Option) -> BreakEvenPoint:
    at = _crossing(fact, grid, gap, _middle(fact, study))
    if at is None and float(np.ptp(gap)) < LEAST_USD:
        text = f"{fact.label}: changes nothing between {winner.label} and {reference.label}."
    elif at is None:
        ahead = winner.label if gap.mean() > 0 else reference.label
        text = f"{fact.label}: {ahead} is ahead from {_show(fact, grid[0])} to {_show(fact, grid[-1])}."
    else:
        side = "above" if gap[-1] > gap[0] else "below"
        text = f"{fact.label}: {winner.label} is ahead of {reference.label} {side} {_show(fact, at)}."
    return BreakEvenPoint(
        id=fact.id,
        label=fact.label,
        unit=fact.unit,
        current=_middle(fact, study),
        at=at,
        low=float(grid[0]),
        high=float(grid[-1]),
        against=reference.label,
        text=text,
    )


def _crossing(fact: Fact, grid: Array, gap: Array, current: float | None) -> float | None:
    """Where the gap changes its sign, interpolated; of several places the one nearest to the current value."""
    log = fact.type != "share" and fact.lowest >= 0
    scale = np.log(grid) if log else grid
    places = [i for i in range(grid.size - 1) if gap[i] * gap[i + 1] < 0]
    if not places:
        return None
    exact = [scale[i] + (scale[i + 1] - scale[i]) * gap[i] / (gap[i] - gap[i + 1]) for i in places]
    middle = scale[grid.size // 2] if current is None else (math.log(max(current, 1e-9)) if log else current)
    nearest = min(exact, key=lambda place: abs(place - middle))
    return float(np.exp(nearest)) if log else float(nearest)


def _show(fact: Fact, value: float) -> str:
    return f"{value:.0%}" if fact.type == "share" else show_value(float(f"{value:.3g}"), fact)


def break_even_maps(study: Study, options: Sequence[Option], points: Sequence[BreakEvenPoint]) -> list[BreakEvenMap]:
    """Which option is best over requests a month and the input whose break-even is nearest, and over the two nearest
    of the others (labelled examples, or what a good answer is worth, where fewer are known)."""
    facts = study.rules.facts
    tunable = any(option.training != "none" for option in options)
    fill = ("data.labelled_examples", "task.value_per_success_usd") if tunable else ("task.value_per_success_usd",)
    near = [p.id for p in points if p.at is not None and p.id in facts and math.isfinite(_moved(p))]
    axes = [name for name in dict.fromkeys((*near, *fill)) if name != REQUESTS and name in facts][:3]
    pairs = [(REQUESTS, axes[0]), *([(axes[1], axes[2])] if len(axes) == 3 else [(REQUESTS, a) for a in axes[1:2]])]
    return [_map(study, options, facts[x], facts[y]) for x, y in pairs]


def _map(study: Study, options: Sequence[Option], x: Fact, y: Fact) -> BreakEvenMap:
    across, up = _axis(x, study), _axis(y, study)
    cells = [(a, b) for b in up for a in across]
    answers = [with_value(with_value(study.answers, x, _typed(x, a)), y, _typed(y, b)) for a, b in cells]
    variants = value_variants(study, options, answers, MAP_SAMPLES)
    best = [variants.best(i) for i in range(len(cells))]
    labels = ["nothing meets all limits" if i is None else options[i].label for i in best]
    worth = [0.0 if i is None else float(variants.mean_npv_usd[row, i]) for row, i in enumerate(best)]
    rows = [slice(i * across.size, (i + 1) * across.size) for i in range(up.size)]
    return BreakEvenMap(
        x_label=_axis_label(x),
        y_label=_axis_label(y),
        x_values=[_on_axis(x, v) for v in across],
        y_values=[_on_axis(y, v) for v in up],
        winners=[labels[row] for row in rows],
        npv_usd=[worth[row] for row in rows],
        current_x=None if (here := _middle(x, study)) is None else _on_axis(x, here),
        current_y=None if (here := _middle(y, study)) is None else _on_axis(y, here),
    )


def _axis_label(fact: Fact) -> str:
    unit = "%" if fact.type == "share" else fact.unit
    return f"{fact.label} ({unit})" if unit else fact.label


def _on_axis(fact: Fact, value: float) -> float:
    """Shares stand on the axis as percentages."""
    return round(100.0 * float(value), 6) if fact.type == "share" else float(value)


def _axis(fact: Fact, study: Study) -> Array:
    if fact.type == "share":
        grid = _grid(fact, study)
        low, high = (0.0, 1.0) if grid is None else (float(grid[0]), float(grid[-1]))
        return np.linspace(low, high, MAP_STEPS)
    middle = _middle(fact, study) or 0.0
    middle = middle if middle > 0 else (100.0 if fact.type == "int" else 1.0)
    values = np.geomspace(max(middle / REACH, fact.lowest, 1e-6), min(middle * REACH, fact.highest), MAP_STEPS)
    return np.unique(np.maximum(np.round(values), 1.0)) if fact.type == "int" else values
