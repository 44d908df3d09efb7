"""What looking at data measures, as facts of the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.answers import Origin
from advisor.project import Project, is_project

if TYPE_CHECKING:
    from trainers.data.review.session import Standing


def trains_on(folder: Path, file: Path) -> bool:
    """Whether the rows of `file` are those the project trains on: its train.jsonl, or any file before there is one."""
    train = folder / "data" / "train.jsonl"
    return not train.exists() or (file.exists() and file.samefile(train))


def record_measured(folder: Path, facts: Mapping[str, Any], *, source: str, evidence_n: int) -> list[str]:
    """Record the facts as measured in the project at `folder`, when there is one; the ids that were recorded.

    A value that the project holds already, measured alike, is not written again.
    """
    if not is_project(folder):
        return []
    project = Project.open(folder)
    known, recorded = project.answers(), []
    for fact, value in facts.items():
        before = known.get(fact)
        if before is not None and before.origin == Origin.MEASURED and before.value == value:
            continue
        project.record(fact, value, Origin.MEASURED, source=source, evidence_n=evidence_n)
        recorded.append(fact)
    return recorded


def record_review(folder: Path, standing: Standing, file: str) -> list[str]:
    """Record the quality that a review found so far; the ids that were recorded."""
    if standing.quality is None:
        return []
    facts = {
        "data.reviewed_quality_rate": round(standing.quality.rate, 4),
        "data.reviewed_examples": standing.reviewed,
    }
    return record_measured(folder, facts, source=f"advisor data review {file}", evidence_n=standing.reviewed)
