"""Twenty steps before the money: what the plan's machine really does with the plan's model and rows.

    python -m trainers.runs.probe < request.json     {"project": ..., "spec": RunSpec}  ->  one JSON object

The first steps take the longest rows (the peak of memory), the others ordinary ones (the speed). Nothing is kept.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.base.errors import CouldNotError
from trainers.runs.look import in_child, serve
from trainers.runs.spec import Predicted, RunSpec, Spread

STEPS = 20
LONGEST = 4
_LEAST_SPREAD = 0.1
"""A machine is never steadier than this from one hour to the next."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What the steps measured. The first step of each kind is warm-up and not in the speed."""

    peak_memory_gib: float
    tokens_per_s: float
    spread: float
    """Relative standard deviation of the speed from step to step."""
    seconds: float
    first_loss: float
    last_loss: float


def probe(project: Path, spec: RunSpec) -> Probe:
    """Run the probe in a child process. Raises `CouldNotError` when the child could not (out of memory, ...)."""
    answer = in_child("trainers.runs.probe", {"project": str(project), "spec": spec.model_dump(mode="json")})
    return Probe(**answer)


def measured_plan(found: Probe, tokens: float, usd_per_hour: float | None) -> Predicted:
    """A prediction from what the probe measured; `tokens` are those of the whole run."""
    width = max(found.spread, _LEAST_SPREAD)
    speed = _around(found.tokens_per_s, width)
    hours = Spread(p10=tokens / speed.p90 / 3600, p50=tokens / speed.p50 / 3600, p90=tokens / speed.p10 / 3600)
    cost = None
    if usd_per_hour is not None:
        cost = Spread(p10=hours.p10 * usd_per_hour, p50=hours.p50 * usd_per_hour, p90=hours.p90 * usd_per_hour)
    memory = found.peak_memory_gib
    return Predicted(
        # Freed memory is not always given back, so a long run needs a little more than a short one.
        peak_memory_gib=Spread(p10=memory, p50=memory * 1.1, p90=memory * 1.5),
        tokens_per_s=speed,
        hours=hours,
        cost_usd=cost,
        basis="probe",
    )


def _around(middle: float, width: float) -> Spread:
    return Spread(p10=middle / (1 + width), p50=middle, p90=middle * (1 + width))


class _EnoughError(Exception):
    """Enough steps were seen."""


class _Watch:
    """Collects the steps and ends the training when there are enough."""

    def __init__(self) -> None:
        self.steps: list[Mapping[str, Any]] = []

    def __call__(self, kind: str, **fields: Any) -> None:
        if kind == "step":
            self.steps.append(fields)
            if len(self.steps) == STEPS:
                raise _EnoughError


def _work(request: dict[str, Any]) -> dict[str, Any]:
    from trainers.methods import get_method
    from trainers.methods.shared.job import Job

    planned = RunSpec.model_validate(request["spec"])
    settings = {**planned.settings, "longest_first": LONGEST, "evaluations": 0, "checkpoints": 0, "held_out_rows": 0}
    # The schedule of the learning rate stays that of the whole run; the run is cut short by the watch.
    spec = planned.model_copy(update={"settings": settings})
    watch = _Watch()
    runs = Path(request["project"]) / "runs"
    runs.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=runs, prefix=".probe-") as folder, contextlib.suppress(_EnoughError):
        get_method(spec.method).train(Job(spec, Path(folder), watch, lambda: False))
    return _summary(watch.steps)


def _summary(steps: list[Mapping[str, Any]]) -> dict[str, Any]:
    ordinary = [_speed(one, two) for one, two in zip(steps[LONGEST:], steps[LONGEST + 1 :], strict=False)]
    if not ordinary:
        raise CouldNotError("the run is too short for a probe", fix="start it without --probe")
    total_tokens = steps[-1]["tokens"] - steps[LONGEST]["tokens"]
    total_seconds = steps[-1]["train_seconds"] - steps[LONGEST]["train_seconds"]
    mean = statistics.fmean(ordinary)
    return {
        "peak_memory_gib": steps[-1]["memory_gib"],
        "tokens_per_s": round(total_tokens / max(total_seconds, 1e-9), 1),
        "spread": round(statistics.pstdev(ordinary) / mean / max(len(ordinary), 1) ** 0.5, 4),
        "seconds": round(steps[-1]["train_seconds"], 2),
        "first_loss": steps[0]["loss"],
        "last_loss": steps[-1]["loss"],
    }


def _speed(before: Mapping[str, Any], after: Mapping[str, Any]) -> float:
    seconds = float(after["train_seconds"]) - float(before["train_seconds"])
    return (float(after["tokens"]) - float(before["tokens"])) / max(seconds, 1e-9)


if __name__ == "__main__":
    sys.exit(serve(_work))
