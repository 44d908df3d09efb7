"""The choice as an optimisation: pick one option within the limits, for the most value less a weight on the risk of
loss.

    maximise    z = sum over options of x_o (E[npv_o] - weight x CVaR_o)
    subject to  sum x_o = 1,  sum x_o metric_o <= limit (or >= a floor),  x_o binary
    then        minimise the steps of work, sum x_o level_o, with z at least (1 - tolerance) of the best

The second stage is the rule to take the cheapest step that suffices: figures this uncertain do not tell plans apart
that lie
within a few percent of each other, and the simpler one commits less. CVaR_o is the mean loss (-npv) in the worst tenth
of the samples (Rockafellar and Uryasev 2000). Written with PuLP, solved with HiGHS;
the status that is reported is the solver's own (`sol_status`, not the "Optimal" that PuLP says after a time limit).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from advisor.decision.limits import SURE_OF, Limit
from advisor.decision.options import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from advisor.decision.solver import Solved
    from advisor.decision.valuation import Outcome

    Array = NDArray[np.float64]

RISK_WEIGHT = 0.1
"""What a dollar of mean loss in the worst tenth counts against an option (judgement: a mild aversion)."""
TAIL = 0.1
TOLERANCE = 0.05
"""Plans whose value lies within this share of the best one's are told apart by their steps of work (judgement)."""
LEAST_SHARE = 1e-3
LEVEL_UNIT = 10.0
"""One step of work outweighs any difference of value inside the tolerance."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An option as the model sees it: its objective and the medians that limits speak of."""

    option_id: str
    objective_usd: float
    metrics: Mapping[str, float]
    level: int = 0
    """Steps of work: prompting before retrieval before training (`advisor.decision.options.LEVELS`)."""

    def meets(self, limits: Sequence[Limit]) -> bool:
        return all(limit.allows(self.metrics[limit.metric]) for limit in limits)


@dataclass(frozen=True, slots=True)
class Choice:
    """The solver's answer."""

    option_id: str | None
    solved: Solved


def cvar_loss(npv: Array, tail: float = TAIL) -> float:
    """Conditional value at risk: mean loss (-npv) in the worst `tail` share of samples, US dollars; below zero for
    gains."""
    count = max(1, int(np.ceil(tail * npv.size)))
    worst = npv.copy()
    worst.partition(count - 1)
    return -float(np.add.reduce(worst[:count])) / count


def quantile(samples: Array, share: float) -> float:
    """The value below which `share` of the samples lie; a constant array (broadcast from a scalar) costs nothing."""
    if samples.strides == (0,):
        return float(samples[0])
    place = min(int(share * samples.size), samples.size - 1)
    return float(np.partition(samples, place)[place])


class Metrics(dict[str, float]):
    """An option's metrics, each where a limit on it is judged (`SURE_OF`), taken from the samples when first asked
    for."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self._outcome = outcome

    def __missing__(self, name: str) -> float:
        value = quantile(metric_samples(self._outcome, name), SURE_OF[name])
        self[name] = value
        return value


def metric_samples(outcome: Outcome, name: str) -> Array:
    """The samples of what a limit speaks of, shape (samples,). Where nothing answers, nothing is answered badly."""
    if name == "missing_replicas":
        return np.broadcast_to(np.asarray(outcome.account.missing_replicas, dtype=float), outcome.npv_usd.shape)
    samples: Array = getattr(outcome, name)
    if name == "quality" and outcome.option.approach == "keep_current":
        return np.where(samples <= 0.0, 1.0, samples)
    return samples


def candidate(outcome: Outcome, risk_weight: float = RISK_WEIGHT) -> Candidate:
    """The candidate of one valued option."""
    npv = outcome.npv_usd
    objective = float(np.add.reduce(npv)) / npv.size - risk_weight * cvar_loss(npv)
    return Candidate(outcome.option.id, objective, Metrics(outcome), LEVELS[outcome.option.approach])


def choose(candidates: Sequence[Candidate], limits: Sequence[Limit], *, seconds: float = 10.0) -> Choice:
    """Solve the model. `option_id` is None when no option meets every limit."""
    import pulp

    from advisor.decision.solver import solve

    candidates = undominated(candidates, limits)
    scale = max((abs(c.objective_usd) for c in candidates), default=1.0) or 1.0
    problem = pulp.LpProblem("pick_one_option", pulp.LpMaximize)
    picks = [problem.add_variable(f"pick_{i}", cat="Binary") for i in range(len(candidates))]
    value = pulp.lpSum(c.objective_usd / scale * x for c, x in zip(candidates, picks, strict=True))
    problem += value, "value"
    problem += pulp.lpSum(picks) == 1, "one_option"
    for limit in limits:
        problem += _limit_row(limit, candidates, picks), limit.fact.replace(".", "_")
    solved = solve(problem, seconds=seconds)
    best = _picked(candidates, picks) if solved.found else None
    if best is None or best.objective_usd <= 0.0 or best.level == 0:
        return Choice(None if best is None else best.option_id, solved)
    problem += value >= (1.0 - TOLERANCE) * best.objective_usd / scale - 1e-9, "as_good"
    steps = pulp.lpSum(c.level * x for c, x in zip(candidates, picks, strict=True))
    problem.setObjective(value - LEVEL_UNIT * steps)
    solved = solve(problem, seconds=seconds)
    simplest = _picked(candidates, picks) if solved.found else best
    return Choice((simplest or best).option_id, solved)


def undominated(candidates: Sequence[Candidate], limits: Sequence[Limit]) -> list[Candidate]:
    """Candidates that no other one beats in value, steps and every limited metric: the rest cannot be chosen."""
    kept: list[Candidate] = []
    rows: list[tuple[float, ...]] = []
    for c in sorted(candidates, key=lambda c: (-c.objective_usd, c.level)):
        mine = (float(c.level), *(_towards(limit, c.metrics[limit.metric]) for limit in limits))
        if not any(all(a <= b for a, b in zip(other, mine, strict=True)) for other in rows):
            kept.append(c)
            rows.append(mine)
    return kept


def _towards(limit: Limit, value: float) -> float:
    """The metric so that less is better."""
    return -value if limit.floor else value


def _picked(candidates: Sequence[Candidate], picks: Sequence[Any]) -> Candidate | None:
    return next((c for c, x in zip(candidates, picks, strict=True) if (x.value() or 0.0) > 0.5), None)


def as_good(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Candidates (best first) in the order of recommendation: those within the tolerance by steps of work, then the
    rest."""
    if not candidates or candidates[0].objective_usd <= 0.0:
        return list(candidates)
    least = (1.0 - TOLERANCE) * candidates[0].objective_usd
    near = sorted((c for c in candidates if c.objective_usd >= least), key=lambda c: (c.level, -c.objective_usd))
    return [*near, *(c for c in candidates if c.objective_usd < least)]


def _limit_row(limit: Limit, candidates: Sequence[Candidate], picks: Sequence[object]) -> object:
    import pulp

    size = abs(limit.bound) or 1.0
    used = pulp.lpSum(c.metrics[limit.metric] / size * x for c, x in zip(candidates, picks, strict=True))  # type: ignore[operator]
    return used >= limit.bound / size - 1e-9 if limit.floor else used <= limit.bound / size + 1e-9


def smallest_conflict(candidates: Sequence[Candidate], limits: Sequence[Limit]) -> list[Limit]:
    """The smallest set of limits that no option meets together (empty when there is none)."""
    for size in range(1, len(limits) + 1):
        for group in combinations(limits, size):
            if not any(c.meets(group) for c in candidates):
                return list(group)
    return []


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Moving one limit to `bound` makes `option_id` possible."""

    limit: Limit
    bound: float
    option_id: str
    objective_usd: float


def relaxations(candidates: Sequence[Candidate], limits: Sequence[Limit]) -> list[Relaxation]:
    """For every single limit: the least move that makes something feasible, smallest relative move first."""
    found = []
    for limit in limits:
        others = [other for other in limits if other is not limit]
        possible = [c for c in candidates if c.meets(others)]
        if not possible:
            continue
        nearest = min(possible, key=lambda c: abs(c.metrics[limit.metric] - limit.bound))
        found.append(Relaxation(limit, nearest.metrics[limit.metric], nearest.option_id, nearest.objective_usd))
    return sorted(found, key=lambda r: abs(r.bound - r.limit.bound) / (abs(r.limit.bound) or 1.0))


def joint_relaxations(candidates: Sequence[Candidate], limits: Sequence[Limit]) -> list[list[Relaxation]]:
    """Where no single limit can be moved alone: the moves of several that together let an option in, the nearest one
    first (money, time and latency by their ratio, quality by its odds)."""

    def moves(c: Candidate) -> list[Relaxation]:
        return [
            Relaxation(limit, c.metrics[limit.metric], c.option_id, c.objective_usd)
            for limit in limits
            if not limit.allows(c.metrics[limit.metric])
        ]

    def far(way: list[Relaxation]) -> float:
        return sum(abs(_scaled(r.limit, r.bound) - _scaled(r.limit, r.limit.bound)) for r in way)

    return sorted((way for c in candidates if (way := moves(c))), key=far)


def _scaled(limit: Limit, value: float) -> float:
    if limit.floor:
        share = min(max(value, LEAST_SHARE), 1.0 - LEAST_SHARE)
        return math.log(share / (1.0 - share))
    return math.log(max(value, LEAST_SHARE))


def impossible(candidates: Sequence[Candidate], limits: Sequence[Limit]) -> list[Limit]:
    """The limits that no option meets even by themselves."""
    return [limit for limit in limits if not any(c.meets([limit]) for c in candidates)]


def pareto(candidates: Sequence[Candidate]) -> list[str]:
    """Options that no other beats in monthly cost, quality and latency at once."""
    rows = np.array(
        [[c.metrics["monthly_usd"], -c.metrics["quality"], c.metrics["latency_p95_ms"]] for c in candidates]
    )
    front = []
    for i, row in enumerate(rows):
        dominated = np.any(np.all(rows <= row, axis=1) & np.any(rows < row, axis=1))
        if not dominated:
            front.append(candidates[i].option_id)
    return front
