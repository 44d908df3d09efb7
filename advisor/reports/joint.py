"""The use cases decided together: the output of `advisor portfolio --json` as a section of a portfolio report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from advisor.base.errors import InvalidDataError
from advisor.base.files import parse_json, read_text
from advisor.reports.blocks import NOT_APPLICABLE, Block, Callout, Cell, Column, Kind, Paragraph, Table, Tone

LIMITS = {
    "upfront_usd": ("money up front", Kind.USD),
    "monthly_usd": ("money a month, dearest quarter of the first year", Kind.USD),
    "label_hours": ("hours of people who label", Kind.COUNT),
    "engineer_hours": ("hours of engineers", Kind.COUNT),
}


class _Read(BaseModel):
    """A part of the file that the report shows; what a later program adds is not read."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Choice(_Read):
    """One use case's plan."""

    use_case: str
    option_id: str
    label: str
    value_usd: float
    upfront_cost_usd: float
    monthly_cost_usd: float
    weeks_to_production: float
    machines: str | None = None


class Machines(_Read):
    """Replicas of one base model on one kind of machine, and who shares them."""

    label: str
    owned: bool
    replicas: int
    gpus: int
    monthly_usd: float
    use_cases: list[str]


class Use(_Read):
    """How much of a shared limit is used."""

    used: float
    limit: float | None = None


class Conflict(_Read):
    """Why no plan fits."""

    without_plan: list[str] = []
    limits: list[str] = []
    needs: dict[str, float] = {}
    factor: float | None = None


class Solver(_Read):
    """What the solver said."""

    solver: str
    status: str
    gap: float | None = None
    seconds: float


class Joint(_Read):
    """The whole file."""

    v: int = Field(ge=1, le=1)
    verdict: str
    objective_usd: float | None = None
    choices: list[Choice] = []
    machines: list[Machines] = []
    shared: dict[str, Use] = {}
    conflict: Conflict | None = None
    solver: Solver | None = None


def read_joint(path: Path) -> Joint:
    """The file. Raises `InvalidDataError` naming the key that is wrong."""
    raw: Any = parse_json(read_text(path), where=str(path))
    try:
        return Joint.model_validate(raw)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise InvalidDataError(
            f"{key}: {problem['msg']}", where=str(path), fix="give what `advisor portfolio FILES --json` printed"
        ) from None


def joint_blocks(joint: Joint) -> list[Block]:
    """The plans chosen together, the machines they share, and how far the shared limits are used."""
    if not joint.choices:
        return _conflict(joint.conflict or Conflict())
    blocks: list[Block] = [_choices(joint.choices)]
    if joint.machines:
        blocks.append(_machines(joint.machines))
    blocks.append(_shared(joint.shared))
    if joint.solver is not None:
        gap = "" if joint.solver.gap is None else f", gap {joint.solver.gap:.2%}"
        said = f"{joint.solver.solver}: {joint.solver.status}{gap}, {joint.solver.seconds:.1f} s"
        text = f"Chosen together for the highest expected value less its risk, within the shared limits ({said})."
        blocks.append(Paragraph(text, quiet=True))
    return blocks


def _conflict(conflict: Conflict) -> list[Block]:
    said = [f"{name}: no option meets its own limits" for name in conflict.without_plan]
    if conflict.limits:
        said.append("in conflict: " + ", ".join(_limit(name) for name in conflict.limits))
    said += [f"{_limit(name)} would have to be {need:,.0f}" for name, need in conflict.needs.items()]
    if conflict.factor is not None:
        said.append(f"all shared limits would have to be {conflict.factor:.2f} times as large")
    return [Callout(Tone.ERROR, "No plan for all use cases within the shared limits", "; ".join(said))]


def _limit(name: str) -> str:
    return LIMITS[name][0] if name in LIMITS else name


def _choices(choices: list[Choice]) -> Table:
    columns = [
        Column("use_case", "Use case"),
        Column("option", "Plan chosen together"),
        Column("value_usd", "Expected value", Kind.USD),
        Column("upfront_usd", "Up front", Kind.USD),
        Column("monthly_usd", "A month, first quarter", Kind.USD),
        Column("weeks", "Takes", Kind.WEEKS),
        Column("option_id", "Id", data_only=True),
    ]
    rows: list[list[Cell]] = [
        [c.use_case, c.label, c.value_usd, c.upfront_cost_usd, c.monthly_cost_usd, c.weeks_to_production, c.option_id]
        for c in choices
    ]
    return Table("joint_choices", "One plan for each, without the machines that they share", columns, rows)


def _machines(machines: list[Machines]) -> Table:
    columns = [
        Column("machines", "Machines"),
        Column("owned", "Whose"),
        Column("replicas", "Replicas", Kind.COUNT),
        Column("gpus", "GPUs", Kind.COUNT),
        Column("monthly_usd", "A month", Kind.USD),
        Column("use_cases", "Shared by"),
    ]
    rows: list[list[Cell]] = [
        [m.label, "owned" if m.owned else "rented", m.replicas, m.gpus, m.monthly_usd, ", ".join(m.use_cases)]
        for m in machines
    ]
    return Table("joint_machines", "The machines", columns, rows)


def _shared(shared: dict[str, Use]) -> Table:
    columns = [
        Column("limit", "Shared"),
        Column("used", "Used"),
        Column("bound", "Limit"),
        Column("used_value", "Used, as a number", Kind.NUMBER, data_only=True),
        Column("bound_value", "Limit, as a number", Kind.NUMBER, data_only=True),
    ]
    rows: list[list[Cell]] = [
        [_limit(name), _amount(name, use.used), _amount(name, use.limit), use.used, use.limit]
        for name, use in shared.items()
    ]
    return Table("joint_limits", "What the plans use of everything that is shared", columns, rows)


def _amount(name: str, value: float | None) -> str:
    from advisor.reports.numbers import number

    return NOT_APPLICABLE if value is None else number(value, LIMITS.get(name, ("", Kind.NUMBER))[1])
