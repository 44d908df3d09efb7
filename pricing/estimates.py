"""Estimates of one row as plain data, with the names and units of the batch contract."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pricing.fitted import INFERENCE
from pricing.inference import Speeds, concurrent_requests, speeds
from pricing.rows import read_training
from pricing.servingrows import ReadServing, read_serving
from pricing.training import ASSUMED_WIDENING, GUESSED_WIDENING, TrainingEstimate, estimate_training, spread

if TYPE_CHECKING:
    from datetime import date

    from advisor.base.quantiles import Quantiles
    from pricing.catalogue import Catalogue


def training_line(raw: object, catalogue: Catalogue, on: date) -> dict[str, Any]:
    """Memory of one device, tokens a second over all, hours, money, verdict."""
    read = read_training(raw, catalogue, on)
    return training_json(estimate_training(read.setup, read.assumed))


def training_json(estimate: TrainingEstimate) -> dict[str, Any]:
    """The estimate with the contract's names; figures that are unknown are left out."""
    figures = {
        "peak_memory_gib": estimate.peak_memory_gib,
        "tokens_per_s": estimate.tokens_per_s,
        "hours": estimate.hours,
        "cost_usd": estimate.cost_usd,
    }
    line: dict[str, Any] = {name: value.to_json() for name, value in figures.items() if value is not None}
    if estimate.fits is not None:
        line["fits"] = estimate.fits
    return line | {"recipe": estimate.recipe, "assumed": list(estimate.assumed)}


def serving_line(raw: object, catalogue: Catalogue, on: date) -> dict[str, Any]:
    """First token, time per token, throughput, prefill, memory and verdict."""
    read = read_serving(raw, catalogue, on)
    return serving_json(read, speeds(read.setup))


def serving_json(read: ReadServing, found: Speeds) -> dict[str, Any]:
    """The estimate with the contract's names. Throughput is of one request at batch 1, of all together otherwise."""
    wide = serving_widening(read)
    single, many = INFERENCE.log_sd_single * wide, INFERENCE.log_sd_many * wide
    throughput_sd = single if found.batch == 1 else many
    output = 1 / found.step_s if read.decode_only else found.output_tokens_per_s
    memory = spread(found.memory_bytes / 2**30 + RUNTIME_GIB, 0.05 * wide)
    line: dict[str, Any] = {
        "ttft_ms": spread(1000 * found.ttft_s, many).to_json(),
        "tpot_ms": spread(1000 * found.tpot_s, throughput_sd).to_json(),
        "output_tokens_per_s": spread(output, throughput_sd).to_json(),
        "prefill_tokens_per_s": spread(found.prefill_tokens_per_s, INFERENCE.log_sd_prefill * wide).to_json(),
        "peak_memory_gib": memory.to_json(),
    }
    if (verdict := serving_verdict(read, memory)) is not None:
        line["fits"] = verdict
    return line | {"batch": found.batch, "assumed": list(read.assumed)}


def serving_widening(read: ReadServing) -> float:
    """How much wider than usual the ranges are."""
    guessed = GUESSED_WIDENING if read.setup.dims.guessed else 1.0
    return guessed * (ASSUMED_WIDENING if read.assumed else 1.0)


RUNTIME_GIB = 1.0
"""Driver, kernels and graphs of an engine on each GPU."""


def serving_verdict(read: ReadServing, memory: Quantiles) -> str | None:
    """Whether weights, cache and runtime fit: *tight* when only fewer requests than asked for do."""
    total = read.setup.device.memory_gib
    if total is None:
        return None
    if memory.p50 > total:
        return "does_not_fit"
    wanted = read.setup.batch or 1
    enough = concurrent_requests(read.setup) >= wanted
    return "fits" if memory.p90 <= total and enough else "tight"


def at_batch(read: ReadServing, batch: int) -> ReadServing:
    """The same set-up with so many concurrent requests."""
    return replace(read, setup=replace(read.setup, batch=batch))
