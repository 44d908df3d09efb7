"""How much one replica serves, and how many are needed: latency limits, peak load, redundancy, adapters.

    answer seconds(b)    = prefill + output * time per token(b)
    throughput at a limit: the largest b whose answer still takes no longer
    requests a second    = 1 / GPU time of a request = 1 / (prefill + output * step(b) / b), at full load
    replicas             = ceil(peak requests a second / (requests a second * utilisation)) + redundant ones
    adapters             rank * (inputs + outputs) * 2 bytes each; a batch that mixes them takes 2 ms more a step

Utilisation below 1 leaves room for bursts: with random arrivals waiting grows as utilisation / (1 - utilisation)
(Kingman 1961, doi:10.1017/S0305004100036094). Adapters that share a base model: Chen et al. 2023, arXiv:2310.18547
(Punica: two milliseconds more for a token).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from pricing.inference import ServingSetup, Speeds, concurrent_requests, speeds
from pricing.memory import adapter_params
from pricing.serving import BATCH as USUAL_BATCH

if TYPE_CHECKING:
    from pricing.dims import Dims

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
TARGET_UTILISATION = 0.7
ADAPTER_STEP_S = 0.002
"""Added to a decode step when requests of a batch use several adapters."""
GIB = 2.0**30


@dataclass(frozen=True, slots=True)
class Point:
    """One replica with so many concurrent requests."""

    batch: int
    speeds: Speeds
    answer_s: float
    """From question to the last token."""
    requests_per_s: float
    """At full load."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Replicas for a peak load."""

    replicas: int
    redundant: int
    utilisation_at_peak: float
    utilisation_on_average: float


def curve(setup: ServingSetup, adapters: int = 1) -> list[Point]:
    """Latency and throughput over concurrency, as far as the cache has room."""
    most = concurrent_requests(replace(setup, batch=None))
    wanted = [batch for batch in BATCHES if batch <= most] or [1]
    return [point(setup, batch, adapters) for batch in wanted]


def point(setup: ServingSetup, batch: int, adapters: int = 1) -> Point:
    """One replica at that concurrency."""
    found = speeds(replace(setup, batch=batch))
    extra_s = ADAPTER_STEP_S if adapters > 1 else 0.0
    answer_s = found.ttft_s + setup.output_len * (found.tpot_s + extra_s)
    gpu_s = setup.output_len / found.output_tokens_per_s + setup.output_len * extra_s / batch
    return Point(batch, found, answer_s, 1 / gpu_s)


def best_within(points: list[Point], limit_s: float) -> Point | None:
    """The point of the highest throughput whose answer takes no longer than the limit; None when even one does."""
    within = [p for p in points if p.answer_s <= limit_s]
    return max(within, key=lambda p: p.requests_per_s, default=None)


def usual(points: list[Point]) -> Point:
    """Where replicas are usually run when nothing else is asked for: 32 requests at a time, or as many as fit."""
    return max((p for p in points if p.batch <= USUAL_BATCH), key=lambda p: p.batch)


def fleet(
    peak_requests_per_s: float,
    average_requests_per_s: float,
    at: Point,
    *,
    redundant: int = 1,
    utilisation: float = TARGET_UTILISATION,
) -> Fleet:
    """Replicas that carry the peak at the wanted utilisation, and spare ones beside them."""
    busy = max(1, ceil(peak_requests_per_s / (at.requests_per_s * utilisation)))
    total = busy + redundant
    return Fleet(
        replicas=total,
        redundant=redundant,
        utilisation_at_peak=peak_requests_per_s / (at.requests_per_s * total),
        utilisation_on_average=average_requests_per_s / (at.requests_per_s * total),
    )


def adapters_gib(dims: Dims, count: int, rank: int, targets: str = "all-linear") -> float:
    """Memory of so many 16-bit adapters that are kept loaded."""
    return count * adapter_params(dims, rank, targets) * 2.0 / GIB
