"""The optimisation against enumeration: one use case and portfolios; conflicts and their ways out."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calling import Advisor
from cases import BULK, CLINIC, SUPPORT, studied
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.decision.limits import Limit
from advisor.decision.optimize import (
    TOLERANCE,
    Candidate,
    choose,
    cvar_loss,
    relaxations,
    smallest_conflict,
    undominated,
)
from advisor.decision.portfolio import (
    Group,
    Plan,
    Shared,
    UseCase,
    conflict_of,
    objective_of,
    solve_portfolio,
)
from advisor.decision.ranking import rank

EXAMPLES = Path(__file__).parents[2] / "examples"
few = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
LATENCY = Limit("limits.latency_p95_ms", "latency limit", "latency_p95_ms", 1000.0)
FLOOR = Limit("limits.quality_floor", "quality floor", "quality", 0.8, floor=True)


@few
@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.floats(0.3, 0.99), st.floats(10, 5000), st.integers(1, 7)),
        min_size=1,
        max_size=30,
    )
)
def test_the_choice_is_the_one_that_enumeration_finds(rows: list[tuple[float, float, float, int]]) -> None:
    candidates = [
        Candidate(f"o{i}", value, {"quality": quality, "latency_p95_ms": latency}, level)
        for i, (value, quality, latency, level) in enumerate(rows)
    ]
    inside = [c for c in candidates if c.metrics["latency_p95_ms"] <= 1000.0 and c.metrics["quality"] >= 0.8]
    choice = choose(candidates, [LATENCY, FLOOR])
    if not inside:
        assert choice.option_id is None
        return
    top = max(c.objective_usd for c in inside)
    near = [c for c in inside if top <= 0 or c.objective_usd >= (1 - TOLERANCE) * top]
    level = min(c.level for c in near) if top > 0 else None
    best = max(c.objective_usd for c in near if level in (None, c.level))
    chosen = next(c for c in candidates if c.option_id == choice.option_id)
    assert chosen.objective_usd == pytest.approx(best, rel=1e-5, abs=1e-5 * max(abs(top), 1.0))
    assert choice.solved.status == "Optimal Solution Found"


@pytest.mark.parametrize("facts", [SUPPORT, BULK, CLINIC])
def test_the_quick_choice_is_the_solvers(facts: dict[str, Any]) -> None:
    study = studied(facts, samples=64)
    choice = choose(study.choosable, study.limits)
    assert study.candidates[rank(study).feasible[0]].option_id == choice.option_id
    kept = undominated(study.choosable, study.limits)
    assert choice.option_id in {candidate.option_id for candidate in kept}
    assert len(kept) < len(study.choosable)


def test_the_worst_tenth_is_the_mean_of_its_losses() -> None:
    npv = np.array([-50.0, -30.0, *np.arange(1.0, 19.0)])
    assert cvar_loss(npv) == pytest.approx(40.0)
    assert cvar_loss(np.full(100, 7.0)) == pytest.approx(-7.0)


def test_the_smallest_conflict_and_the_nearest_way_out() -> None:
    rows = [("fast", 0.6, 200.0), ("good", 0.9, 3000.0), ("middling", 0.78, 900.0)]
    candidates = [Candidate(n, 1.0, {"quality": q, "latency_p95_ms": ms}) for n, q, ms in rows]
    assert smallest_conflict(candidates, [LATENCY, FLOOR]) == [LATENCY, FLOOR]
    ways = relaxations(candidates, [LATENCY, FLOOR])
    assert (ways[0].option_id, ways[0].bound) == ("middling", 0.78)
    assert (ways[1].option_id, ways[1].bound) == ("good", 3000.0)


def _random(seed: int, cases: int, plans: int, scenarios: int) -> tuple[list[UseCase], dict[str, Group], Shared]:
    rng = np.random.default_rng(seed)
    groups = {
        "a": Group("a", "a", "l4", 1, 2, 3_000.0, 400.0, True),
        "b": Group("b", "b", "h100", 2, 1, 9_000.0, 900.0, False),
    }
    made = []
    for u in range(cases):
        found = []
        for o in range(plans):
            value = float(rng.normal(8_000, 6_000))
            group = (None, "a", "b")[o % 3]
            found.append(
                Plan(
                    f"{u}/{o}",
                    "",
                    value,
                    float(rng.uniform(500, 6000)),
                    tuple(float(x) for x in rng.uniform(50, 900, 4)),
                    float(rng.uniform(0, 50)),
                    float(rng.uniform(10, 80)),
                    group=group,
                    load=float(rng.uniform(0.1, 1.7)) if group else 0.0,
                    scenarios_usd=tuple(float(x) for x in rng.normal(value, 9_000, scenarios)),
                )
            )
        made.append(UseCase(f"case {u}", tuple(found)))
    shared = Shared(3_500.0 * cases, 700.0 * cases, 30.0 * cases, 50.0 * cases, {"l4": 3})
    return made, groups, shared


def _all_choices(
    cases: list[UseCase], groups: dict[str, Group], shared: Shared
) -> Iterator[tuple[tuple[Plan, ...], dict[str, int]]]:
    """Every choice within the limits, with the fewest replicas that carry it."""
    for chosen in itertools.product(*(case.plans for case in cases)):
        load = {g: sum(p.load for p in chosen if p.group == g) for g in groups}
        used = {p.group for p in chosen}
        replicas = {g: max(math.ceil(load[g] - 1e-9), groups[g].spare) for g in groups if g in used}
        monthly = sum(groups[g].monthly_usd * n for g, n in replicas.items())
        fleet = sum(n * groups[g].gpus_per_replica for g, n in replicas.items() if groups[g].owned)
        quarters = [sum(p.quarterly_usd[q] for p in chosen) + monthly for q in range(4)]
        fits = (
            fleet <= shared.owned_gpus["l4"]
            and sum(p.upfront_usd for p in chosen) <= (shared.upfront_usd or math.inf)
            and max(quarters) <= (shared.monthly_usd or math.inf)
            and sum(p.label_hours for p in chosen) <= (shared.label_hours or math.inf)
            and sum(p.engineer_hours for p in chosen) <= (shared.engineer_hours or math.inf)
        )
        if fits:
            yield chosen, replicas


@pytest.mark.parametrize("scenarios", [0, 10])
@pytest.mark.parametrize("seed", range(5))
def test_a_portfolio_is_the_one_that_enumeration_finds(seed: int, scenarios: int) -> None:
    cases, groups, shared = _random(seed, 4, 6, scenarios)
    values = [objective_of(chosen, n, groups) for chosen, n in _all_choices(cases, groups, shared)]
    result = solve_portfolio(cases, groups, shared, gap=0.0)
    if not values:
        assert not result.chosen
        return
    assert result.objective_usd == pytest.approx(max(values), rel=1e-6, abs=0.5)
    assert result.solved.status == "Optimal Solution Found"
    chosen = [result.chosen[case.name] for case in cases]
    assert objective_of(chosen, result.replicas, groups) == pytest.approx(max(values), rel=1e-6, abs=0.5)


def test_an_infeasible_portfolio_names_the_limit_and_how_far_it_must_move() -> None:
    cases, groups, _ = _random(3, 3, 6, 0)
    least = sum(min(plan.upfront_usd for plan in case.plans) for case in cases)
    shared = Shared(upfront_usd=least - 100.0, label_hours=10_000.0)
    assert not solve_portfolio(cases, groups, shared).chosen
    conflict = conflict_of(cases, groups, shared)
    assert conflict.limits == ["upfront_usd"]
    assert conflict.needs["upfront_usd"] == pytest.approx(least)
    mended = Shared(upfront_usd=conflict.needs["upfront_usd"] + 1e-3, label_hours=10_000.0)
    assert solve_portfolio(cases, groups, mended).chosen


def test_use_cases_on_one_base_model_share_its_replicas() -> None:
    group = Group("base", "base", "l4", 1, 2, 1_000.0, 100.0, False)
    plan = Plan("x", "", 5_000.0, 100.0, (10.0,) * 4, group="base", load=0.3)
    cases = [UseCase(str(i), (plan,)) for i in range(6)]
    result = solve_portfolio(cases, {"base": group}, Shared(), gap=0.0)
    assert result.replicas == {"base": 2}
    assert result.objective_usd == pytest.approx(6 * 5_000.0 - 2_000.0)


def test_the_command_decides_on_files_together(advisor: Advisor) -> None:
    files = [EXAMPLES / f"{name}.yaml" for name in ("support-desk", "clinic")]
    free = advisor("portfolio", *files, "--json", "--today", "2026-11-24").json
    assert [choice["use_case"] for choice in free["choices"]] == ["support-desk", "clinic"]
    assert free["solver"]["status"] == "Optimal Solution Found"
    assert free["shared"]["upfront_usd"]["used"] > 40_000
    ended = advisor("portfolio", *files, "--json", "--today", "2026-11-24", "--upfront-usd", "45000")
    assert ended.code == 0
    assert ended.json["shared"]["upfront_usd"]["used"] <= 45_000
    assert ended.json["objective_usd"] < free["objective_usd"]
    broke = advisor("portfolio", *files, "--json", "--today", "2026-11-24", "--monthly-usd", "10")
    assert broke.code == 1
    assert broke.json["conflict"]["limits"] == ["monthly_usd"]


@few
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(10, 5000), st.integers(1, 7)), min_size=1, max_size=20),
    st.sampled_from([1e-3, 0.01, 7.0, 1e4]),
)
def test_the_unit_of_money_does_not_matter(rows: list[tuple[float, float, int]], unit: float) -> None:
    def chosen(scale: float) -> str | None:
        budget = Limit("limits.monthly_budget_usd", "monthly budget", "monthly_usd", 1000.0 * scale)
        made = [
            Candidate(f"o{i}", v * scale, {"monthly_usd": m * scale}, level) for i, (v, m, level) in enumerate(rows)
        ]
        return choose(made, [budget]).option_id

    before, after = chosen(1.0), chosen(unit)
    if before != after:
        assert before is not None
        assert after is not None
        (a, _, first), (b, _, second) = rows[int(before[1:])], rows[int(after[1:])]
        assert first == second
        assert a == pytest.approx(b, rel=1e-5, abs=1e-3)
