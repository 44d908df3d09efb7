"""Predictions and outcomes of one's own runs, as plain records: what was expected, what was measured, how far apart.

A record is made by whoever knows the run folder (the command line reads `runs/<id>/spec.json` and `result.json`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, fabs, log
from statistics import fmean

from advisor.base.quantiles import Quantiles
from pricing.calibration import Calibration, Outcome, calibrate


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of a run."""

    predicted: Quantiles
    measured: float

    @property
    def log_ratio(self) -> float:
        """ln(measured / predicted P50)."""
        return log(self.measured / self.predicted.p50)

    @property
    def inside(self) -> bool:
        """Whether the outcome lies between P10 and P90."""
        return self.predicted.p10 <= self.measured <= self.predicted.p90


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A finished run; a figure is None when it was not predicted or not measured."""

    id: str
    method: str
    model: str
    basis: str
    machine: str
    memory_gib: Compared | None
    tokens_per_s: Compared | None
    hours: Compared | None


def compared(predicted: Quantiles | None, measured: float | None) -> Compared | None:
    """Both sides, or None when one is missing."""
    if predicted is None or measured is None or measured <= 0 or predicted.p50 <= 0:
        return None
    return Compared(predicted, measured)


@dataclass(frozen=True, slots=True)
class Summary:
    """How good the predictions of several runs were."""

    runs: int
    mean_error: float
    """Mean of |measured / predicted - 1|, on the logarithmic scale turned back into a share."""
    inside_share: float


def summarise(figures: Iterable[Compared | None]) -> Summary | None:
    """None when no run has the figure."""
    known = [figure for figure in figures if figure is not None]
    if not known:
        return None
    error = exp(fmean(fabs(figure.log_ratio) for figure in known)) - 1
    return Summary(len(known), error, fmean(float(figure.inside) for figure in known))


def calibration_of(records: Iterable[RunRecord], machine: str) -> Calibration | None:
    """What the formula's own predictions on that machine teach; predictions that were calibrated already do not."""
    outcomes = [
        Outcome(
            estimated_memory_gib=r.memory_gib.predicted.p50 if r.memory_gib else None,
            measured_memory_gib=r.memory_gib.measured if r.memory_gib else None,
            estimated_tokens_per_s=r.tokens_per_s.predicted.p50 if r.tokens_per_s else None,
            measured_tokens_per_s=r.tokens_per_s.measured if r.tokens_per_s else None,
        )
        for r in records
        if r.basis == "formula" and r.machine == machine
    ]
    return calibrate(outcomes)
