"""What a training job takes: peak memory, tokens a second, hours and money, each as P10, P50 and P90.

    tokens/s   = arithmetic reached / arithmetic per token
    arithmetic = forward 2N, backward 4N when every weight is trained and 2N plus the adapters' share when not,
                 forward once more with checkpointing; N: parameters in use, output head included
    hours      = processed tokens * epochs / tokens/s / 3600;   cost = hours * devices * rent
    spread     : lognormal around P50

Sources: Kaplan et al. 2020, arXiv:2001.08361 (2N and 6N); Korthikanti et al. 2022, arXiv:2205.05198 (recomputation).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Literal

from advisor.base.quantiles import Quantiles
from pricing.memory import Component, memory_components, trainable_params
from pricing.setup import TrainingSetup

if TYPE_CHECKING:
    from pricing.values import Range

Fits = Literal["fits", "tight", "does_not_fit"]
Z90 = 1.2815515655446004
MEMORY_LOG_SD = 0.12
SPEED_LOG_SD = {"gpu": 0.35, "cpu": 0.3, "soc": 0.5}
UTILISATION = 0.4
"""Share of a GPU's peak that training usually reaches."""
USABLE_SHARE = 0.95
"""Of a device's memory; the rest is the driver's and other processes'."""


@dataclass(frozen=True, slots=True)
class TrainingEstimate:
    """What a job takes. None is unknown."""

    peak_memory_gib: Quantiles
    """Of one device."""
    tokens_per_s: Quantiles | None
    """Real tokens a second over all devices."""
    hours: Quantiles | None
    cost_usd: Quantiles | None
    components: tuple[Component, ...]
    fits: Fits | None
    recipe: str
    assumed: tuple[str, ...]


def estimate_training(setup: TrainingSetup) -> TrainingEstimate:
    """Peak memory, speed, hours and cost of the job."""
    components = memory_components(setup)
    memory = spread(sum(part.gib for part in components), MEMORY_LOG_SD)
    speed = training_tokens_per_s(setup)
    tokens_per_s = None if speed is None else spread(speed, SPEED_LOG_SD[setup.device.kind])
    hours = _hours(setup, tokens_per_s)
    return TrainingEstimate(
        peak_memory_gib=memory,
        tokens_per_s=tokens_per_s,
        hours=hours,
        cost_usd=_cost(hours, setup.n_gpus, setup.usd_per_hour or setup.device.usd_per_hour),
        components=components,
        fits=verdict(memory, setup.device.memory_gib),
        recipe=recipe(setup),
        assumed=_assumed(setup),
    )


def spread(middle: float, log_sd: float) -> Quantiles:
    """A lognormal distribution around its median."""
    width = exp(Z90 * log_sd)
    return Quantiles(middle / width, middle, middle * width)


def verdict(memory: Quantiles, device_gib: float | None) -> Fits | None:
    """*fits* when even P90 fits, *tight* when P50 does; None when the device's memory is unknown."""
    if device_gib is None:
        return None
    usable = USABLE_SHARE * device_gib
    if memory.p90 <= usable:
        return "fits"
    return "tight" if memory.p50 <= usable else "does_not_fit"


def flops_per_token(setup: TrainingSetup) -> float:
    """Floating-point operations of one token's forward and backward pass, attention included."""
    dims = setup.dims
    attention = 4.0 * dims.n_layers * dims.heads * dims.head_dim * setup.seq_len / 2
    forward = 2.0 * dims.active_params + attention
    trained_share = 1.0 if setup.method in ("full", "encoder") else trainable_params(setup) / dims.params
    backward = forward * (1 + trained_share)
    return forward * (2 if setup.grad_ckpt else 1) + backward


def training_tokens_per_s(setup: TrainingSetup) -> float | None:
    """Real (unpadded) tokens a second over all devices; None when the device's arithmetic is unknown."""
    device = setup.device
    if device.bf16_tflops is None:
        return None
    share = 1.0 if device.kind == "cpu" else UTILISATION
    if setup.precision == "fp32":
        share *= device.fp32_share or 0.5
    processed = share * device.bf16_tflops * 1e12 * setup.n_gpus / flops_per_token(setup)
    return processed * real_share(setup)


def real_share(setup: TrainingSetup) -> float:
    """Share of processed tokens that are not padding; without packing rows are padded to the longest of a batch."""
    if setup.packing or setup.mean_tokens is None or setup.micro_batch == 1:
        return 1.0
    return max(0.5, setup.mean_tokens / setup.seq_len)


def _hours(setup: TrainingSetup, tokens_per_s: Quantiles | None) -> Quantiles | None:
    if setup.rows is None or tokens_per_s is None:
        return None
    tokens = setup.rows * (setup.mean_tokens or setup.seq_len) * setup.epochs
    return Quantiles(
        tokens / tokens_per_s.p90 / 3600, tokens / tokens_per_s.p50 / 3600, tokens / tokens_per_s.p10 / 3600
    )


def _cost(hours: Quantiles | None, n_gpus: int, rent: Range | None) -> Quantiles | None:
    if hours is None or rent is None:
        return None
    return Quantiles(hours.p10 * n_gpus * rent.low, hours.p50 * n_gpus * rent.value, hours.p90 * n_gpus * rent.high)


def recipe(setup: TrainingSetup) -> str:
    """The settings that the figures hold for, in words."""
    parts = [
        setup.method,
        f"{setup.weights_kind} weights",
        f"{setup.precision} arithmetic",
        setup.optimizer,
        f"micro-batch {setup.micro_batch} x {setup.seq_len} tokens",
        "checkpointing" if setup.grad_ckpt else "no checkpointing",
        "fused loss" if setup.fused_loss else "plain loss",
    ]
    return ", ".join(parts)


def _assumed(setup: TrainingSetup) -> tuple[str, ...]:
    notes = []
    if setup.dims.guessed:
        notes.append("the model's dimensions, from its size")
    if setup.mean_tokens is None:
        notes.append(f"every row is {setup.seq_len} tokens long")
    return tuple(notes)


__all__ = ["Component", "TrainingEstimate", "TrainingSetup", "estimate_training"]
