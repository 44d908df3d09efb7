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
from pricing.fitted import FORMULA


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
    formula: str | None = None
    """Which formula predicted it; None: a probe or a price list did."""
    memory_factor: float = 1.0
    """What earlier runs had changed the prediction by; the formula's own is the prediction over this."""
    speed_factor: float = 1.0


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


def calibration_of(records: Iterable[RunRecord], machine: str, method: str | None = None) -> Calibration | None:
    """What the runs on that machine teach about today's formula, those of the method where there are some.

    None when there is none. Runs that another formula or a probe predicted say nothing about this one.
    """
    known = [record for record in records if record.machine in (machine, "") and record.formula == FORMULA]
    alike = [record for record in known if record.method == method]
    return calibrate(_outcome(record) for record in alike or known)


def _outcome(record: RunRecord) -> Outcome:
    memory, speed = record.memory_gib, record.tokens_per_s
    return Outcome(
        estimated_memory_gib=memory.predicted.p50 / record.memory_factor if memory else None,
        measured_memory_gib=memory.measured if memory else None,
        estimated_tokens_per_s=speed.predicted.p50 / record.speed_factor if speed else None,
        measured_tokens_per_s=speed.measured if speed else None,
    )
