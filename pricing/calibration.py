"""What one's own runs say about an estimate: a factor on it, and how far it is still to be trusted.

ln(measured / estimated) of a machine is a + noise: `a` is the machine's own (its clock, its drivers, its stack), the
noise differs from run to run. With a prior a ~ N(0, sd^2 - noise^2) and n measured runs of mean m, the posterior is

    precision = 1 / (sd^2 - noise^2) + n / noise^2
    factor    = exp(mean),  mean = (n * m / noise^2) / precision
    new sd    = sqrt(1 / precision + noise^2)

Source: the normal model with known variance, Gelman et al. 2013, "Bayesian Data Analysis", section 2.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, log, sqrt

MEMORY_NOISE = 0.03
SPEED_NOISE = 0.05
"""Standard deviation of ln(measured) between runs of one set-up on one machine."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """ln(measured / estimated) of own runs."""

    log_ratios: tuple[float, ...]
    noise: float

    def applied(self, prior_sd: float) -> tuple[float, float]:
        """(factor on the estimate, standard deviation of ln(measured) around it)."""
        if not self.log_ratios:
            return 1.0, prior_sd
        between = max(prior_sd**2 - self.noise**2, 1e-6)
        n = len(self.log_ratios)
        precision = 1 / between + n / self.noise**2
        mean = sum(self.log_ratios) / self.noise**2 / precision
        return exp(mean), sqrt(1 / precision + self.noise**2)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run or a probe: what the formula said of it and what was measured; None where it was not."""

    estimated_memory_gib: float | None = None
    measured_memory_gib: float | None = None
    estimated_tokens_per_s: float | None = None
    measured_tokens_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Evidence for memory and for speed, from one machine."""

    memory: Evidence
    speed: Evidence
    basis: str


def calibrate(outcomes: Iterable[Outcome], basis: str | None = None) -> Calibration | None:
    """The calibration that the outcomes allow; None without any."""
    kept = list(outcomes)
    memory = _ratios((o.estimated_memory_gib, o.measured_memory_gib) for o in kept)
    speed = _ratios((o.estimated_tokens_per_s, o.measured_tokens_per_s) for o in kept)
    if not memory and not speed:
        return None
    runs = f"{len(kept)} own run{'s' if len(kept) > 1 else ''}"
    return Calibration(Evidence(memory, MEMORY_NOISE), Evidence(speed, SPEED_NOISE), basis or f"formula and {runs}")


def _ratios(pairs: Iterable[tuple[float | None, float | None]]) -> tuple[float, ...]:
    return tuple(log(measured / estimated) for estimated, measured in pairs if estimated and measured)
