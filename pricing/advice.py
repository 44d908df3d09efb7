"""What to change so that a training job fits on its device, the least sacrifice first, each with its new memory.

Changes that leave the result as it is come first (they cost time, or nothing), then those that change the method, then
other hardware. They add up: every line includes the ones before it, until one fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pricing.devices import from_gpu
from pricing.training import Fits, TrainingEstimate, estimate_training

if TYPE_CHECKING:
    from datetime import date

    from advisor.base.quantiles import Quantiles
    from pricing.catalogue import Catalogue
    from pricing.setup import TrainingSetup


@dataclass(frozen=True, slots=True)
class Change:
    """One change and where it leads."""

    what: str
    sacrifice: str
    peak_memory_gib: Quantiles
    fits: Fits | None
    setup: TrainingSetup


def ways_to_fit(setup: TrainingSetup, assumed: tuple[str, ...] = ()) -> list[Change]:
    """The changes in order, up to and with the first that makes the job fit; empty when it fits as it is.

    Each step takes the least sacrifice that saves something now: checkpointing may save nothing beside the states of
    full fine-tuning, and much once those are gone.
    """
    found: list[Change] = []
    current, estimate = setup, estimate_training(setup, assumed)
    while estimate.fits not in ("fits", None):
        step = next(_savings(current, estimate, assumed), None)
        if step is None:
            break
        found.append(step)
        current, estimate = step.setup, estimate_training(step.setup, assumed)
    return found


def _savings(setup: TrainingSetup, now: TrainingEstimate, assumed: tuple[str, ...]) -> Iterator[Change]:
    """Changes that save at least a hundredth, the least sacrifice first."""
    for what, sacrifice, change in _changes():
        changed = change(setup)
        if changed == setup:
            continue
        estimate = estimate_training(changed, assumed)
        if estimate.peak_memory_gib.p50 <= 0.99 * now.peak_memory_gib.p50:
            yield Change(what, sacrifice, estimate.peak_memory_gib, estimate.fits, changed)


def _changes() -> Iterator[tuple[str, str, Callable[[TrainingSetup], TrainingSetup]]]:
    yield "fused attention", "none", lambda s: replace(s, flash=True)
    yield "a fused loss (Liger, cut cross-entropy)", "none", lambda s: replace(s, fused_loss=True)
    yield "activation checkpointing", "a third more time", lambda s: replace(s, grad_ckpt=True)
    yield "micro-batches of 1, accumulated", "some time", _smallest_batch
    yield "an 8-bit optimizer", "hardly any", _eight_bit
    yield "gradients and optimizer sharded over the GPUs", "communication", lambda s: _sharded(s, "zero2")
    yield "weights sharded over the GPUs too", "more communication", lambda s: _sharded(s, "zero3")
    yield "LoRA instead of full fine-tuning", "equal at usual data sizes", _adapters
    yield "4-bit weights (QLoRA)", "a little quality, time to unpack", _four_bit
    yield "adapters of rank 8 on attention only", "a little quality", _smaller_adapters
    yield "sequences half as long", "long rows are cut off", _shorter


SHORTEST = 128


def _shorter(setup: TrainingSetup) -> TrainingSetup:
    return setup if setup.seq_len <= SHORTEST else replace(setup, seq_len=max(SHORTEST, setup.seq_len // 2))


def _smallest_batch(setup: TrainingSetup) -> TrainingSetup:
    return replace(setup, micro_batch=1, grad_accum=setup.grad_accum * setup.micro_batch)


def _eight_bit(setup: TrainingSetup) -> TrainingSetup:
    return setup if "8bit" in setup.optimizer else replace(setup, optimizer="adamw_8bit")


def _sharded(setup: TrainingSetup, stage: str) -> TrainingSetup:
    order = ("none", "ddp", "zero2", "zero3")
    if setup.n_gpus == 1 or order.index(setup.sharding) >= order.index(stage):
        return setup
    return replace(setup, sharding="zero2" if stage == "zero2" else "zero3")


def _adapters(setup: TrainingSetup) -> TrainingSetup:
    return replace(setup, method="lora", trainable_params=None) if setup.method == "full" else setup


def _four_bit(setup: TrainingSetup) -> TrainingSetup:
    return replace(setup, method="qlora") if setup.method in ("lora", "int8") else setup


def _smaller_adapters(setup: TrainingSetup) -> TrainingSetup:
    if setup.trains_all:
        return setup
    return replace(setup, lora_rank=min(setup.lora_rank, 8), lora_targets="attention", trainable_params=None)


def gpus_that_fit(setup: TrainingSetup, catalogue: Catalogue, on: date, most: int = 3) -> list[Change]:
    """The cheapest GPUs of the catalogue on which the job fits as it is, by rent."""
    found: list[tuple[float, Change]] = []
    for gpu in catalogue.gpus.values():
        rent = gpu.rent(on)
        if gpu.kind != "gpu" or rent is None:
            continue
        other = replace(setup, device=from_gpu(gpu, on))
        estimate = estimate_training(other)
        if estimate.fits == "fits":
            price = rent.number * setup.n_gpus
            text = f"{setup.n_gpus} x {gpu.name}" if setup.n_gpus > 1 else gpu.name
            change = Change(text, f"${price:.2f} an hour", estimate.peak_memory_gib, estimate.fits, other)
            found.append((price, change))
    return [change for _, change in sorted(found, key=lambda pair: pair[0])[:most]]
