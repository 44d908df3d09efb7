"""People's time by approach and by hosting: one YAML file each in `pricing/data/effort`, hours and weeks as a range.

A range is read as P10 and P90 of a lognormal distribution; `{low: 0, high: 0}` is exactly nothing.
"""

from datetime import date
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from advisor.base.errors import InvalidDataError
from advisor.base.yamlfile import load_model

FOLDER = Path(__file__).parent / "data" / "effort"


class Span(BaseModel):
    """P10 and P90 of a duration in the unit its field names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float = Field(ge=0, allow_inf_nan=False)
    high: float = Field(ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _ordered(self) -> "Span":
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high})")
        return self


class EffortKind(StrEnum):
    """What the effort belongs to."""

    APPROACH = "approach"
    HOSTING = "hosting"
    STEP = "step"


class Effort(BaseModel):
    """Hours once and every month, calendar weeks until it runs, and hours for each re-training.

    `data_hours` are those of the set-up that go into collecting, cleaning and checking data or documents; `exit_hours`
    are spent once at the end, to switch off, hand over and end contracts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: int
    id: str
    kind: EffortKind
    label: str
    setup_hours: Span
    data_hours: Span | None = None
    exit_hours: Span | None = None
    hours_per_month: Span
    weeks: Span
    retrain_hours: Span | None = None
    source: str
    checked: date

    @model_validator(mode="after")
    def _data_is_part_of_it(self) -> "Effort":
        part, whole = self.data_hours, self.setup_hours
        if part is not None and (part.low >= whole.low or part.high >= whole.high):
            raise ValueError("data_hours are a part of setup_hours and must be less")
        return self


def load_effort(*extra: Path) -> dict[str, Effort]:
    """Every effort file by id; later folders override. Raises `InvalidDataError` with file and line."""
    found: dict[str, Effort] = {}
    for folder in (FOLDER, *extra):
        for path in sorted(folder.glob("*.yaml")):
            effort = load_model(path, Effort)
            if effort.id != path.stem:
                raise InvalidDataError(f"the id {effort.id!r} differs from the file name", where=f"{path}:2")
            found[effort.id] = effort
    return found
