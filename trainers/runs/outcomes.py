"""Finished runs of a project as records of prediction and outcome, and what they teach about the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from advisor.base.errors import AdvisorError
from advisor.base.quantiles import Quantiles
from pricing.calibration import Calibration
from pricing.ownruns import RunRecord, calibration_of, compared
from trainers.runs.spec import Result, RunSpec, Spread, Status, read_record


def finished_runs(project: Path, unreadable: Callable[[AdvisorError], None] | None = None) -> Iterator[RunRecord]:
    """Every run that finished and was predicted, by name; one that cannot be read is told and left out."""
    for folder in sorted(path.parent for path in (project / "runs").glob("*/result.json")):
        try:
            spec = read_record(folder / "spec.json", RunSpec)
            result = read_record(folder / "result.json", Result)
        except AdvisorError as error:
            if unreadable is not None:
                unreadable(error)
            continue
        if spec.predicted is not None and result.status is Status.FINISHED:
            yield _record(spec, result)


def own_calibration(project: Path, machine: str, method: str) -> Calibration | None:
    """What the project's finished runs on that machine teach about estimates for it; None without any."""
    return calibration_of(finished_runs(project), machine, method)


def _record(spec: RunSpec, result: Result) -> RunRecord:
    predicted, measured = spec.predicted, result.measured
    if predicted is None:
        raise ValueError("a run without a prediction has nothing to compare")
    # The forecast holds the held-out evaluations as well, which `seconds` leaves out.
    seconds = measured.wall_seconds or measured.seconds
    return RunRecord(
        id=spec.id,
        method=spec.method,
        model=spec.model,
        basis=predicted.basis,
        machine=predicted.machine or "",
        memory_gib=compared(_quantiles(predicted.peak_memory_gib), measured.peak_memory_gib),
        tokens_per_s=compared(_quantiles(predicted.tokens_per_s), measured.tokens_per_s),
        hours=compared(_quantiles(predicted.hours), seconds / 3600 if seconds else None),
        formula=predicted.formula,
        memory_factor=predicted.memory_factor,
        speed_factor=predicted.speed_factor,
    )


def _quantiles(spread: Spread | None) -> Quantiles | None:
    return None if spread is None else Quantiles(spread.p10, spread.p50, spread.p90)
