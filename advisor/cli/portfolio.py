"""Portfolio: many use cases at once, sharing machines, people and budgets."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.cli.common import Options, common_options, emit, emit_json

if TYPE_CHECKING:
    from advisor.decision.portfolio import Conflict, Group, Portfolio, Shared, UseCase

EXACT_RISK_CASES = 10
"""Up to this many use cases the risk of the whole is weighed; above it the risks of the plans are added up (which is
never less)."""


@click.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--upfront-usd", type=click.FloatRange(0), help="Money for all use cases together, once.")
@click.option(
    "--monthly-usd", type=click.FloatRange(0), help="Money a month for all, in every quarter of the first year."
)
@click.option("--label-hours", type=click.FloatRange(0), help="Hours of people who label.")
@click.option("--engineer-hours", type=click.FloatRange(0), help="Hours of engineers for building.")
@click.option(
    "--gpus", help="Owned GPUs that all share, for example `2 x h100, 1 x l4`; else the largest fleet in the files."
)
@click.option("--seconds", type=click.FloatRange(1, 3600), default=60.0, help="Time for the solver (default 60).")
@click.option("--gap", type=click.FloatRange(0, 1), default=0.01, help="Stop this close to the optimum (default 0.01).")
@common_options
def command(options: Options, files: tuple[Path, ...], seconds: float, gap: float, **shared: Any) -> int:
    """Choose one option for every use case in FILES (answers files). Exit code 1 when the limits leave no plan for
    all."""
    from advisor.decision.portfolio import conflict_of, solve_portfolio

    cases, groups, fleet = _cases(options, files, shared.pop("gpus"))
    limits = _shared(shared, fleet)
    result = None
    if all(case.plans for case in cases):
        result = solve_portfolio(cases, groups, limits, seconds=seconds, gap=gap)
    if result is None or not result.chosen:
        conflict = conflict_of(cases, groups, limits)
        return _infeasible(options, result, conflict, limits)
    if options.json:
        emit_json(_plain(result, groups, limits, files))
    else:
        for line in _lines(result, groups, limits):
            emit(line)
    return 0


def _cases(
    options: Options, files: tuple[Path, ...], gpus: str | None
) -> tuple[list["UseCase"], dict[str, "Group"], dict[str, int]]:
    """Use cases, machine groups and the owned fleet, from the answers files."""
    from advisor.answers import Answer
    from advisor.base.errors import UsageError
    from advisor.cli.decide import read_answers
    from advisor.contradictions import refuse_contradictions
    from advisor.decision.portfolio_case import use_case
    from advisor.decision.ranking import rank
    from advisor.decision.study import build_study
    from pricing.catalogue import load_catalogue
    from rules.load import load_rules

    rules, catalogue = load_rules(), load_catalogue()
    given = _read_gpus(gpus, rules.facts["hardware.gpus"]) if gpus is not None else None
    cases, groups, fleet = [], dict[str, Any](), dict[str, int]()
    names = _names(files)
    for file, name in zip(files, names, strict=True):
        answers = read_answers(file, rules.facts)
        refuse_contradictions(answers, rules.facts, where=str(file))
        if "task.kind" not in answers:
            raise UsageError(
                "nothing is known about the kind of task", where=str(file), fix="answer at least task.kind"
            )
        if given is not None:
            answers = answers.with_("hardware.gpus", Answer(given))
        for item in answers.value("hardware.gpus") or []:
            gpu = catalogue.find_gpu(str(item["gpu"])).id
            fleet[gpu] = max(fleet.get(gpu, 0), int(item["count"]))
        start = answers.value("finance.start")
        on = max(options.today, start) if start is not None else options.today
        study = build_study(answers, rules, catalogue, on, samples=512)
        case, mine = use_case(study, rank(study), name, scenarios=len(files) <= EXACT_RISK_CASES)
        cases.append(case)
        groups |= mine
    return cases, groups, fleet


def _names(files: tuple[Path, ...]) -> list[str]:
    """File names without ending; the whole path where two are equal."""
    stems = [file.stem for file in files]
    return [stem if stems.count(stem) == 1 else str(file) for stem, file in zip(stems, files, strict=True)]


def _read_gpus(text: str, fact: Any) -> Any:
    from advisor.typed import parse_typed

    return fact.parse(parse_typed(fact, text))


def _shared(given: dict[str, Any], fleet: dict[str, int]) -> "Shared":
    from advisor.decision.portfolio import Shared

    return Shared(**given, owned_gpus=fleet)


def _infeasible(options: Options, result: "Portfolio | None", conflict: "Conflict", limits: "Shared") -> int:
    from advisor.decision.portfolio import SHARED_LABELS

    ways = [
        f"{SHARED_LABELS[name]} from {getattr(limits, name):,.0f} to {need:,.0f}"
        for name, need in conflict.needs.items()
    ]
    if conflict.factor is not None:
        ways.append(f"all shared limits {conflict.factor:.2f} times as large")
    if options.json:
        status = None if result is None else result.solved.status
        emit_json(
            {
                "v": 1,
                "verdict": "nothing_feasible",
                "status": status,
                "conflict": {
                    "without_plan": conflict.without_plan,
                    "limits": conflict.limits,
                    "needs": conflict.needs,
                    "factor": conflict.factor,
                },
            }
        )
        return 1
    emit("No plan for all use cases within the limits.")
    for name in conflict.without_plan:
        emit(f"  {name}: no option meets its own limits; see `advisor decide` on its file")
    if conflict.limits:
        names = [SHARED_LABELS.get(name, name) for name in conflict.limits]
        emit(f"  in conflict: {', '.join(names)}")
    for way in ways:
        emit(f"  way out: {way}")
    return 1


def _usage(result: "Portfolio", groups: dict[str, "Group"], limits: "Shared") -> dict[str, dict[str, float | None]]:
    """What the plans use of everything that is shared."""
    plans = result.chosen.values()
    machines = sum(groups[g].monthly_usd * n for g, n in result.replicas.items())
    quarters = [sum(p.quarterly_usd[q] for p in plans) + machines for q in range(4)]
    used = {
        "upfront_usd": sum(p.upfront_usd for p in plans),
        "monthly_usd": max(quarters),
        "label_hours": sum(p.label_hours for p in plans),
        "engineer_hours": sum(p.engineer_hours for p in plans),
    }
    return {name: {"used": value, "limit": getattr(limits, name)} for name, value in used.items()}


def _fleet(result: "Portfolio", groups: dict[str, "Group"]) -> list[dict[str, Any]]:
    return [
        {
            "group": g,
            "label": groups[g].label,
            "gpu": groups[g].gpu,
            "owned": groups[g].owned,
            "replicas": n,
            "gpus": n * groups[g].gpus_per_replica,
            "monthly_usd": n * groups[g].monthly_usd,
            "use_cases": [name for name, plan in result.chosen.items() if plan.group == g],
        }
        for g, n in result.replicas.items()
    ]


def _plain(
    result: "Portfolio", groups: dict[str, "Group"], limits: "Shared", files: tuple[Path, ...]
) -> dict[str, Any]:
    s = result.solved
    return {
        "v": 1,
        "verdict": "recommend",
        "files": [str(file) for file in files],
        "objective_usd": result.objective_usd,
        "choices": [
            {
                "use_case": name,
                "option_id": plan.option_id,
                "label": plan.label,
                "value_usd": plan.value_usd,
                "upfront_cost_usd": plan.upfront_usd,
                "monthly_cost_usd": plan.quarterly_usd[0],
                "label_hours": plan.label_hours,
                "engineer_hours": plan.engineer_hours,
                "weeks_to_production": plan.weeks,
                "machines": plan.group,
            }
            for name, plan in result.chosen.items()
        ],
        "machines": _fleet(result, groups),
        "shared": _usage(result, groups, limits),
        "owned_gpus": dict(limits.owned_gpus),
        "solver": {"solver": s.solver, "status": s.status, "gap": s.gap, "seconds": s.seconds,
                   "variables": s.variables, "constraints": s.constraints},
    }  # fmt: skip


def _lines(result: "Portfolio", groups: dict[str, "Group"], limits: "Shared") -> list[str]:
    from advisor.leaning import money

    lines = [f"{'use case':24} {'value':>10} {'once':>9} {'a month':>9} {'weeks':>6}  plan"]
    for name, plan in result.chosen.items():
        lines.append(
            f"{name[:24]:24} {money(plan.value_usd):>10} {money(plan.upfront_usd):>9} "
            f"{money(plan.quarterly_usd[0]):>9} {plan.weeks:>6.1f}  {plan.label}"
        )
    for row in _fleet(result, groups):
        place, cases = "owned" if row["owned"] else "rented", ", ".join(row["use_cases"])
        monthly = money(row["monthly_usd"])
        lines.append(f"machines: {row['replicas']} x {row['label']} ({place}), {monthly} a month, for {cases}")
    for name, row in _usage(result, groups, limits).items():
        bound = "" if row["limit"] is None else f" of {row['limit']:,.0f}"
        lines.append(f"{name}: {row['used']:,.0f}{bound}")
    s = result.solved
    gap = "" if s.gap is None else f", gap {s.gap:.2%}"
    lines.append(f"worth {money(result.objective_usd)} less its risk; {s.solver}: {s.status}{gap}, {s.seconds:.1f} s")
    return lines
