"""What a method is given and what it hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from trainers.runs.spec import Measured, RunSpec


class Report(Protocol):
    """Tell whoever supervises; `kind` and fields as in `trainers.runs.events`."""

    def __call__(self, kind: str, **fields: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """One run as a method sees it."""

    spec: RunSpec
    folder: Path
    """The run folder; checkpoints go below it."""
    report: Report
    should_stop: Callable[[], bool]
    rank: int = 0
    world: int = 1

    @property
    def project(self) -> Path:
        return self.folder.parent.parent

    def path_of(self, text: str) -> Path:
        """A path of the spec, which may be relative to the project."""
        return self.project / text


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a method ended by itself: to the end, or stopped on request with a checkpoint."""

    finished: bool
    measured: Measured
    artefact: str | None
