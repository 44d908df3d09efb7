"""A review on disk: `plan.json`, the sampled rows in `sample.jsonl`, and what was said in `verdicts.jsonl`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from advisor.base.errors import InvalidDataError
from advisor.base.files import append_line, parse_json, read_jsonl, read_text
from trainers.data.review.sampling import Plan

PLAN_FILE, SAMPLE_FILE, VERDICTS_FILE = "plan.json", "sample.jsonl", "verdicts.jsonl"


class Verdict(StrEnum):
    """What a reviewer says of an answer. Rejected and corrected ones count as bad."""

    ACCEPT = "accept"
    REJECT = "reject"
    CORRECT = "correct"


class PlanRecord(BaseModel):
    """`plan.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    created: str
    file: str
    sha256: str
    mapping: dict[str, Any]
    rows: int
    sample: int
    allowed_bad: int
    quality: float
    confidence: float
    kind: str
    seed: int
    strata: dict[str, int]
    """Rows of the sample by stratum."""

    def plan(self) -> Plan:
        return Plan(self.rows, self.sample, self.allowed_bad, self.quality, self.confidence, self.kind)


class Saying(BaseModel):
    """One line of `verdicts.jsonl`. The last one of a reviewer on a row counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    at: str
    reviewer: str
    id: str
    verdict: Verdict
    comment: str | None = None
    answer: str | None = None
    """The right answer, when the verdict is `correct`."""


def read_plan(folder: Path) -> PlanRecord | None:
    """The plan in the folder; None when there is none. Raises `InvalidDataError` when it is broken."""
    path = folder / PLAN_FILE
    if not path.exists():
        return None
    try:
        return PlanRecord.model_validate(parse_json(read_text(path), where=str(path)))
    except ValidationError as error:
        raise _broken(error, str(path)) from None


def read_sayings(folder: Path) -> list[Saying]:
    """All verdicts in the order they were given; a line cut off by a crash at the end is left out."""
    path = folder / VERDICTS_FILE
    if not path.exists():
        return []
    found = []
    for line, value in read_jsonl(path, forgive_last=True):
        try:
            found.append(Saying.model_validate(value))
        except ValidationError as error:
            raise _broken(error, f"{path}:{line}") from None
    return found


def append_saying(folder: Path, saying: Saying) -> None:
    """Put a verdict on disk."""
    append_line(folder / VERDICTS_FILE, saying.model_dump(mode="json", exclude_none=True))


def _broken(error: ValidationError, where: str) -> InvalidDataError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "the line"
    return InvalidDataError(f"{key}: {first['msg']}", where=where, fix="mend it, or restore it from git")
