"""The plan of a run and its outcome, as they stand on disk (`spec.json`, `result.json`)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from advisor.base.errors import InvalidDataError
from advisor.base.files import parse_json, read_text, replace_file


class Record(BaseModel):
    """A frozen record; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataFile(Record):
    """A file that the run reads. `path` is relative to the project when the file lies inside it."""

    path: str
    sha256: str
    rows: int


class Spread(Record):
    """P10, P50, P90."""

    p10: float
    p50: float
    p90: float


class Predicted(Record):
    """What was expected before the run; None where nothing could be said."""

    peak_memory_gib: Spread | None = None
    tokens_per_s: Spread | None = None
    hours: Spread | None = None
    cost_usd: Spread | None = None
    basis: str
    """`formula`, or that and own runs that calibrated it"""
    machine: str | None = None
    """The device it was made for."""
    formula: str | None = None
    """Which state of the formula said it; None: a probe or a price list did."""
    memory_factor: float = 1.0
    """What own runs had changed the formula's memory by; and its speed."""
    speed_factor: float = 1.0


class RunSpec(Record):
    """Everything that decides what a run does. Written once, before the run."""

    v: Literal[1] = 1
    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    method: str
    model: str
    data: DataFile
    held_out: DataFile | None = None
    settings: dict[str, Any]
    processes: int = Field(1, ge=1)
    """Processes that train together (data parallel, or sharded when the settings say so)."""
    launcher: Literal["torchrun", "ray"] = "torchrun"
    """Who starts them: torchrun on this machine, or Ray Train here or on a cluster."""
    trackers: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ()
    """Where the curves are shown besides `advisor runs watch`."""
    usd_per_hour: float | None = Field(None, ge=0)
    """What the machine costs; None when it is not priced."""
    memory_limit_gib: float | None = Field(None, gt=0)
    """The trainer fails above this instead of taking the machine with it; None: no limit."""
    predicted: Predicted | None = None
    decision: str | None = None
    """The decision file that recommended this run."""
    created: str


class Status(StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    KILLED = "killed"
    OUT_OF_MEMORY = "out_of_memory"


class Measured(Record):
    """What the run really took. Seconds are training steps only (loading, evaluation and saving are not in them)."""

    peak_memory_gib: float | None = None
    tokens_per_s: float | None = None
    seconds: float | None = None
    wall_seconds: float | None = None
    steps: int | None = None
    tokens: int | None = None
    final_train_loss: float | None = None
    held_out_loss: float | None = None
    held_out_loss_before: float | None = None
    cost_usd: float | None = None


class Result(Record):
    """`result.json`: replaced by each attempt of the run."""

    v: Literal[1] = 1
    run: str
    status: Status
    reason: str | None = None
    fix: str | None = None
    attempt: int
    measured: Measured
    artefact: str | None = None
    """The trained adapter or model, relative to the run folder."""
    ended: str


Kind = TypeVar("Kind", bound=Record)


def read_record(path: Path, kind: type[Kind]) -> Kind:
    """A record from disk. Raises `InvalidDataError` naming the file and the key."""
    return parse_record(parse_json(read_text(path), where=str(path)), kind, where=str(path))


def parse_record(value: object, kind: type[Kind], *, where: str) -> Kind:
    """`value` as a `kind`. Raises `InvalidDataError` naming the key."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InvalidDataError(f"{key}: {first['msg']}", where=where) from None


def write_record(path: Path, record: Record) -> None:
    """Replace the file atomically."""
    replace_file(path, record.model_dump_json(indent=2) + "\n")
