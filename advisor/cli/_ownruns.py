"""Finished runs of a project as records of prediction and outcome."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.base.errors import AdvisorError
from advisor.cli.common import talk

if TYPE_CHECKING:
    from advisor.base.quantiles import Quantiles
    from pricing.ownruns import RunRecord
    from trainers.runs.spec import Result, RunSpec, Spread


def finished_runs(project: Path) -> "Iterator[RunRecord]":
    """Every run that finished and was predicted, oldest first; a folder that cannot be read is named and left out."""
    from trainers.runs.spec import Result, RunSpec, read_record

    folders = sorted(path.parent for path in (project / "runs").glob("*/result.json"))
    for folder in folders:
        try:
            spec = read_record(folder / "spec.json", RunSpec)
            result = read_record(folder / "result.json", Result)
        except AdvisorError as error:
            talk(f"left out: {error}")
            continue
        if spec.predicted is not None and result.status == "finished":
            yield _record(spec, result)


def _record(spec: "RunSpec", result: "Result") -> "RunRecord":
    from pricing.ownruns import RunRecord, compared

    predicted, measured = spec.predicted, result.measured
    assert predicted is not None
    hours = measured.seconds / 3600 if measured.seconds else None
    return RunRecord(
        id=spec.id,
        method=spec.method,
        model=spec.model,
        basis=predicted.basis,
        machine=str(getattr(predicted, "machine", None) or ""),
        memory_gib=compared(_quantiles(predicted.peak_memory_gib), measured.peak_memory_gib),
        tokens_per_s=compared(_quantiles(predicted.tokens_per_s), measured.tokens_per_s),
        hours=compared(_quantiles(predicted.hours), hours),
    )


def _quantiles(spread: "Spread | None") -> "Quantiles | None":
    from advisor.base.quantiles import Quantiles

    return None if spread is None else Quantiles(spread.p10, spread.p50, spread.p90)
