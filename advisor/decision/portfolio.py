"""Many use cases at once: one option each, on shared machines, people's hours and budgets.

    maximise   sum_uo x_uo v_uo  -  sum_g n_g c_g  -  weight x CVaR
    one        sum_o x_uo = 1                                            for every use case u
    load       sum_uo in g  load_uo x_uo  <=  n_g                        replicas of machine group g (a base model on a
               machine)
    spare      n_g >= spare_g z_g,  x_uo <= z_g                          a group that is used has a spare replica
    fleet      sum_g gpus_g n_g <= owned                                 for every kind of owned GPU
    budgets    up-front, a month (by quarter), labelling hours, engineers' hours
    CVaR       eta + 1 / (tail S) sum_s xi_s,   xi_s >= -sum_uo x_uo v_uos + sum_g n_g c_g - eta,   xi_s >= 0

v_uo is the expected net present value without the machines of its group; v_uos the same in scenario s. Adapters and
prompts of one
base model share its replicas, so a second use case on it costs only its load. CVaR as in Rockafellar and Uryasev 2000.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from advisor.decision.solver import Solved, solve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RISK_WEIGHT = 0.1
TAIL = 0.1
QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Group:
    """A base model on a kind of machine: replicas are bought whole and shared by the use cases on it."""

    id: str
    label: str
    gpu: str
    gpus_per_replica: int
    spare: int
    """Replicas that run at least once the group is used."""
    present_usd: float
    """Present value of one replica over the horizon."""
    monthly_usd: float
    owned: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """One option of one use case."""

    option_id: str
    label: str
    value_usd: float
    """Expected net present value without the machines of its group."""
    upfront_usd: float
    quarterly_usd: tuple[float, ...]
    """Usual month of each quarter of the first year, without the machines of its group."""
    label_hours: float = 0.0
    engineer_hours: float = 0.0
    weeks: float = 0.0
    group: str | None = None
    load: float = 0.0
    """Replicas of its group that it keeps busy at its peak."""
    scenarios_usd: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class UseCase:
    """A use case and its plans that meet its own limits."""

    name: str
    plans: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """What the use cases share. None is no limit."""

    upfront_usd: float | None = None
    monthly_usd: float | None = None
    label_hours: float | None = None
    engineer_hours: float | None = None
    owned_gpus: Mapping[str, int] = field(default_factory=dict)


SHARED_LABELS = {
    "upfront_usd": "up-front budget",
    "monthly_usd": "monthly budget",
    "label_hours": "labelling hours",
    "engineer_hours": "engineers' hours",
}


@dataclass(frozen=True, slots=True)
class Portfolio:
    """The solver's answer. `chosen` maps the use case to its plan; empty when nothing is feasible."""

    chosen: dict[str, Plan]
    replicas: dict[str, int]
    objective_usd: float | None
    solved: Solved


def solve_portfolio(
    cases: Sequence[UseCase], groups: Mapping[str, Group], shared: Shared, *, seconds: float = 60.0, gap: float = 0.01
) -> Portfolio:
    """The best plans together, within `gap` of the optimum or until the time is up (the status says which)."""
    model = _Model(cases, groups, shared)
    solved = solve(model.problem, seconds=seconds, gap=gap)
    if not solved.found:
        return Portfolio({}, {}, None, solved)
    return Portfolio(model.chosen(), model.replicas(), model.value(), solved)


class _Model:
    """The PuLP model with its variables by name."""

    def __init__(self, cases: Sequence[UseCase], groups: Mapping[str, Group], shared: Shared) -> None:
        import pulp

        self._pulp = pulp
        self.problem = pulp.LpProblem("portfolio", pulp.LpMaximize)
        self.cases = cases
        used = {plan.group for case in cases for plan in case.plans if plan.group is not None}
        self.groups = {name: groups[name] for name in sorted(used)}
        sizes = [abs(p.value_usd) for case in cases for p in case.plans]
        self.scale = max(sizes, default=1.0) or 1.0
        self.pick = [
            [self.problem.add_variable(f"pick_{u}_{o}", cat="Binary") for o in range(len(case.plans))]
            for u, case in enumerate(cases)
        ]
        self.count = {
            g: self.problem.add_variable(f"replicas_{i}", 0, cat="Integer") for i, g in enumerate(self.groups)
        }
        self.open = {g: self.problem.add_variable(f"open_{i}", cat="Binary") for i, g in enumerate(self.groups)}
        self._objective()
        self._one_each()
        self._machines(shared)
        self._budgets(shared)

    def _sum(self, name: str) -> Any:
        """Sum over all picks of one attribute of their plans."""
        terms = [
            (x, getattr(plan, name))
            for case, row in zip(self.cases, self.pick, strict=True)
            for plan, x in zip(case.plans, row, strict=True)
            if getattr(plan, name)
        ]
        return self._pulp.LpAffineExpression(terms)

    def _objective(self) -> None:
        pulp, scale = self._pulp, self.scale
        machines = pulp.lpSum(group.present_usd / scale * self.count[g] for g, group in self.groups.items())
        value = self._sum("value_usd") * (1.0 / scale) - machines
        scenarios = max((len(p.scenarios_usd) for case in self.cases for p in case.plans), default=0)
        if scenarios == 0:
            self.problem += value, "value"
            return
        eta = self.problem.add_variable("value_at_risk")
        over = [self.problem.add_variable(f"over_{s}", 0) for s in range(scenarios)]
        self.problem += value - RISK_WEIGHT * (eta + pulp.lpSum(over) * (1.0 / (TAIL * scenarios))), "value_less_risk"
        for s in range(scenarios):
            gained = pulp.LpAffineExpression(
                [
                    (x, plan.scenarios_usd[s] / scale)
                    for case, row in zip(self.cases, self.pick, strict=True)
                    for plan, x in zip(case.plans, row, strict=True)
                    if plan.scenarios_usd
                ]
            )
            self.problem += over[s] + gained - machines + eta >= 0, f"scenario_{s}"

    def _one_each(self) -> None:
        for u, row in enumerate(self.pick):
            self.problem += self._pulp.lpSum(row) == 1, f"one_option_{u}"

    def _machines(self, shared: Shared) -> None:
        members: dict[str, list[tuple[Any, float]]] = {g: [] for g in self.groups}
        for case, row in zip(self.cases, self.pick, strict=True):
            for plan, x in zip(case.plans, row, strict=True):
                if plan.group is not None:
                    members[plan.group].append((x, plan.load))
        for i, (g, group) in enumerate(self.groups.items()):
            self.problem += self._pulp.LpAffineExpression(members[g]) <= self.count[g], f"load_{i}"
            self.problem += self.count[g] >= group.spare * self.open[g], f"spare_{i}"
            everyone = self._pulp.lpSum(x for x, _ in members[g])
            self.problem += everyone <= len(self.cases) * self.open[g], f"opens_{i}"
        for i, (gpu, owned) in enumerate(sorted(shared.owned_gpus.items())):
            mine = [
                (self.count[g], group.gpus_per_replica)
                for g, group in self.groups.items()
                if group.owned and group.gpu == gpu
            ]
            if mine:
                self.problem += self._pulp.LpAffineExpression(mine) <= owned, f"fleet_{i}"

    def _budgets(self, shared: Shared) -> None:
        for name in SHARED_LABELS:
            bound = getattr(shared, name)
            if bound is None:
                continue
            size = max(abs(bound), 1.0)
            for i, used in enumerate(self.usage(name)):
                self.problem += used * (1.0 / size) <= bound / size, f"{name}_{i}"

    def usage(self, name: str) -> list[Any]:
        """What the picks use of a shared limit; for the monthly budget one expression a quarter."""
        if name != "monthly_usd":
            return [self._sum(name)]
        found = []
        for q in range(QUARTERS):
            terms = [
                (x, plan.quarterly_usd[q])
                for case, row in zip(self.cases, self.pick, strict=True)
                for plan, x in zip(case.plans, row, strict=True)
            ]
            terms += [(self.count[g], group.monthly_usd) for g, group in self.groups.items()]
            found.append(self._pulp.LpAffineExpression(terms))
        return found

    def chosen(self) -> dict[str, Plan]:
        """Use case -> the plan that was picked."""
        found = {}
        for case, row in zip(self.cases, self.pick, strict=True):
            found[case.name] = next(p for p, x in zip(case.plans, row, strict=True) if (x.value() or 0.0) > 0.5)
        return found

    def replicas(self) -> dict[str, int]:
        """Group -> whole replicas, where any run."""
        counts = {g: round(x.value() or 0.0) for g, x in self.count.items()}
        return {g: n for g, n in counts.items() if n > 0}

    def value(self) -> float:
        """The objective in US dollars."""
        return float(self._pulp.value(self.problem.objective)) * self.scale


def objective_of(chosen: Sequence[Plan], replicas: Mapping[str, int], groups: Mapping[str, Group]) -> float:
    """The objective of one complete choice, for checks by enumeration."""
    machines = sum(groups[g].present_usd * n for g, n in replicas.items())
    value = sum(plan.value_usd for plan in chosen) - machines
    scenarios = max((len(p.scenarios_usd) for p in chosen), default=0)
    if scenarios == 0:
        return value
    losses = sorted(
        (machines - sum(p.scenarios_usd[s] for p in chosen if p.scenarios_usd) for s in range(scenarios)), reverse=True
    )
    return value - RISK_WEIGHT * _cvar(losses)


def _cvar(losses: Sequence[float]) -> float:
    """Mean of the worst `TAIL` share of equally likely losses (sorted, worst first), the last one counted in part."""
    room = TAIL * len(losses)
    total, left = 0.0, room
    for loss in losses:
        part = min(1.0, left)
        total += part * loss
        left -= part
        if left <= 1e-12:
            break
    return total / room


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why nothing is feasible: use cases without any plan, or the shared limits that conflict and how far each must
    move."""

    without_plan: list[str]
    limits: list[str]
    needs: dict[str, float]
    """Limit -> the least value at which, with the others as they are, something is feasible."""
    factor: float | None = None
    """Where moving one limit does not help: by how much all of them must grow together."""


def conflict_of(
    cases: Sequence[UseCase], groups: Mapping[str, Group], shared: Shared, *, seconds: float = 20.0
) -> Conflict:
    """The smallest set of shared limits that conflict (by deletion), and the least move of each that mends it."""
    empty = [case.name for case in cases if not case.plans]
    if empty:
        return Conflict(empty, [], {})
    kept = [name for name in SHARED_LABELS if getattr(shared, name) is not None]
    kept += [f"owned {gpu}" for gpu in shared.owned_gpus]
    for name in list(kept):
        fewer = [other for other in kept if other != name]
        if not _feasible(cases, groups, _only(shared, fewer), seconds):
            kept = fewer
    needs = {}
    for name in kept:
        if name in SHARED_LABELS:
            need = _least(cases, groups, shared, name, seconds)
            if need is not None:
                needs[name] = need
    factor = None if needs else _least_factor(cases, groups, shared, seconds)
    return Conflict([], kept, needs, factor)


def _only(shared: Shared, names: Sequence[str]) -> Shared:
    """The limits with these names."""
    return Shared(
        upfront_usd=shared.upfront_usd if "upfront_usd" in names else None,
        monthly_usd=shared.monthly_usd if "monthly_usd" in names else None,
        label_hours=shared.label_hours if "label_hours" in names else None,
        engineer_hours=shared.engineer_hours if "engineer_hours" in names else None,
        owned_gpus={gpu: n for gpu, n in shared.owned_gpus.items() if f"owned {gpu}" in names},
    )


def _feasible(cases: Sequence[UseCase], groups: Mapping[str, Group], shared: Shared, seconds: float) -> bool:
    import pulp

    model = _Model(cases, groups, shared)
    model.problem.setObjective(pulp.LpAffineExpression())
    return solve(model.problem, seconds=seconds).found


def _least(
    cases: Sequence[UseCase], groups: Mapping[str, Group], shared: Shared, name: str, seconds: float
) -> float | None:
    """The smallest value of one limit at which the rest can be met; None when none mends it."""
    names = [other for other in SHARED_LABELS if other != name and getattr(shared, other) is not None]
    names += [f"owned {gpu}" for gpu in shared.owned_gpus]
    model = _Model(cases, groups, _only(shared, names))
    need = model.problem.add_variable("need", 0)
    for i, used in enumerate(model.usage(name)):
        model.problem += used <= need, f"need_{i}"
    model.problem.setObjective(-1.0 * need)
    solved = solve(model.problem, seconds=seconds)
    return float(need.value()) if solved.found else None


def _least_factor(
    cases: Sequence[UseCase], groups: Mapping[str, Group], shared: Shared, seconds: float
) -> float | None:
    """The smallest factor on all shared limits at which something is feasible; None when the fleet alone forbids it."""
    model = _Model(cases, groups, Shared(owned_gpus=shared.owned_gpus))
    factor = model.problem.add_variable("factor", 1)
    for name in SHARED_LABELS:
        bound = getattr(shared, name)
        if bound is not None and bound > 0:
            for i, used in enumerate(model.usage(name)):
                model.problem += used * (1.0 / bound) <= factor, f"factor_{name}_{i}"
    model.problem.setObjective(-1.0 * factor)
    solved = solve(model.problem, seconds=seconds)
    return float(factor.value()) if solved.found else None
