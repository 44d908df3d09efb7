"""What a training job takes: peak memory, tokens a second, hours and money, each as P10, P50 and P90.

    hours    = real tokens of the rows * epochs / tokens a second / 3600
    cost     = hours * devices * rent * attempts
    spread   : lognormal around P50; wider for every group of settings that had to be assumed, for many devices and for
               dimensions that were guessed
    verdict  : *fits* when P90 of the memory fits into what a device can use, *tight* when P50 does

Memory is the account of `pricing.memory`, speed that of `pricing.speed`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp
from typing import TYPE_CHECKING, Literal

from advisor.base.quantiles import Z90, Quantiles
from pricing.fitted import MEMORY, SPEED
from pricing.memory import Component, memory_components
from pricing.setup import TrainingSetup
from pricing.speed import training_tokens_per_s

if TYPE_CHECKING:
    from pricing.calibration import Calibration
    from pricing.values import Range

Fits = Literal["fits", "tight", "does_not_fit"]
ASSUMED_WIDENING = 1.35
GUESSED_WIDENING = 1.8
RESERVED_GIB = 0.5
"""Of a GPU's memory, for the display and the driver; a processor shares its memory with the system."""
CPU_USABLE_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class TrainingEstimate:
    """What a job takes. None is unknown."""

    peak_memory_gib: Quantiles
    """Of one device."""
    tokens_per_s: Quantiles | None
    """Real tokens a second over all devices."""
    hours: Quantiles | None
    """Of one run."""
    cost_usd: Quantiles | None
    """Of all attempts."""
    components: tuple[Component, ...]
    fits: Fits | None
    recipe: str
    assumed: tuple[str, ...]
    basis: str = "formula"
    """`formula`, or what the estimate was calibrated with."""
    memory_factor: float = 1.0
    """What own runs changed the formula's memory by."""
    speed_factor: float = 1.0


def estimate_training(
    setup: TrainingSetup, assumed: tuple[str, ...] = (), calibration: Calibration | None = None
) -> TrainingEstimate:
    """Peak memory, speed, hours and cost of the job; `assumed` widens, `calibration` (own runs) narrows the ranges."""
    setup = with_lengths(setup)
    components = memory_components(setup)
    peak = sum(part.gib for part in components)
    speed = training_tokens_per_s(setup)
    memory_factor, memory_sd = 1.0, memory_log_sd(setup, assumed)
    speed_factor, speed_sd = 1.0, speed_log_sd(setup, assumed)
    if calibration is not None:
        memory_factor, memory_sd = calibration.memory.applied(memory_sd)
        speed_factor, speed_sd = calibration.speed.applied(speed_sd)
    memory = spread(peak * memory_factor, memory_sd)
    tokens_per_s = None if speed is None else spread(speed * speed_factor, speed_sd)
    hours = run_hours(setup, tokens_per_s)
    return TrainingEstimate(
        peak_memory_gib=memory,
        tokens_per_s=tokens_per_s,
        hours=hours,
        cost_usd=_cost(hours, setup),
        components=components,
        fits=verdict(memory, setup),
        recipe=recipe(setup),
        assumed=(*assumed, *_assumed(setup)),
        basis="formula" if calibration is None else calibration.basis,
        memory_factor=memory_factor,
        speed_factor=speed_factor,
    )


def with_lengths(setup: TrainingSetup) -> TrainingSetup:
    """The job with longest and mean length taken from its histogram, where it has one."""
    if setup.lengths is None:
        return setup
    seq_len = setup.seq_len if setup.packing else min(setup.seq_len, setup.lengths.longest)
    rows = setup.rows if setup.rows is not None else setup.lengths.rows
    return replace(setup, seq_len=seq_len, mean_tokens=setup.lengths.mean, rows=rows)


def spread(middle: float, log_sd: float) -> Quantiles:
    """A lognormal distribution around its median."""
    width = exp(Z90 * log_sd)
    return Quantiles(middle / width, middle, middle * width)


def memory_log_sd(setup: TrainingSetup, assumed: tuple[str, ...] = ()) -> float:
    """Standard deviation of ln(memory)."""
    if setup.device.kind == "cpu":
        return MEMORY.log_sd_cpu * _widening(setup, assumed)
    return MEMORY.log_sd * _widening(setup, assumed) * (1.5 if setup.n_gpus > 1 else 1.0)


def speed_log_sd(setup: TrainingSetup, assumed: tuple[str, ...] = ()) -> float:
    """Standard deviation of ln(tokens a second)."""
    if setup.device.kind == "cpu":
        return SPEED.log_sd_cpu
    return (SPEED.log_sd_many_devices if setup.n_gpus > 1 else SPEED.log_sd) * _widening(setup, assumed)


def _widening(setup: TrainingSetup, assumed: tuple[str, ...]) -> float:
    return (GUESSED_WIDENING if setup.dims.guessed else 1.0) * (ASSUMED_WIDENING if assumed else 1.0)


def usable_gib(setup: TrainingSetup) -> float | None:
    """Memory of a device that a job can have; None when the device's memory is unknown."""
    total = setup.device.memory_gib
    if total is None:
        return None
    return total * CPU_USABLE_SHARE if setup.device.kind == "cpu" else total - RESERVED_GIB


def verdict(memory: Quantiles, setup: TrainingSetup) -> Fits | None:
    """*fits* when even P90 fits, *tight* when P50 does; None when the device's memory is unknown."""
    usable = usable_gib(setup)
    if usable is None:
        return None
    if memory.p90 <= usable:
        return "fits"
    return "tight" if memory.p50 <= usable else "does_not_fit"


def run_hours(setup: TrainingSetup, tokens_per_s: Quantiles | None) -> Quantiles | None:
    """Hours of one run; None when its rows or its speed are unknown."""
    if setup.rows is None or tokens_per_s is None:
        return None
    tokens = setup.rows * min(setup.mean_tokens or setup.seq_len, setup.seq_len) * setup.epochs
    slow, usual, fast = tokens_per_s.p10, tokens_per_s.p50, tokens_per_s.p90
    return Quantiles(tokens / fast / 3600, tokens / usual / 3600, tokens / slow / 3600)


def _cost(hours: Quantiles | None, setup: TrainingSetup) -> Quantiles | None:
    """Money of all attempts: the quantiles of two independent lognormal factors multiplied."""
    rent: Range | None = setup.usd_per_hour or setup.device.usd_per_hour
    if hours is None or rent is None:
        return None
    times = setup.n_gpus * setup.attempts
    middle = hours.p50 * rent.value * times
    if not middle:
        return Quantiles.exactly(0.0)
    from math import hypot, log

    down = hypot(log(hours.p50 / hours.p10), log(rent.value / rent.low) if rent.low else 0.0)
    up = hypot(log(hours.p90 / hours.p50), log(rent.high / rent.value))
    return Quantiles(middle * exp(-down), middle, middle * exp(up))


def recipe(setup: TrainingSetup) -> str:
    """The settings that the figures hold for, in words."""
    rank = "" if setup.trains_all else f" rank {setup.lora_rank} on {setup.lora_targets}"
    devices = f"{setup.n_gpus} x {setup.device.name}" if setup.n_gpus > 1 else setup.device.name
    parts = [
        f"{setup.method}{rank}",
        f"{setup.weights_kind} weights",
        f"{setup.precision} arithmetic",
        setup.optimizer,
        f"micro-batch {setup.micro_batch} x {setup.seq_len} tokens, {setup.grad_accum} accumulated",
        "packed" if setup.packing else "padded",
        "checkpointing" if setup.grad_ckpt else "no checkpointing",
        "fused attention" if setup.flash else "plain attention",
        "fused loss" if setup.fused_loss else "plain loss",
        setup.stack.value,
        devices + ("" if setup.sharding == "none" else f", {setup.sharding}"),
    ]
    return "; ".join(parts)


def _assumed(setup: TrainingSetup) -> tuple[str, ...]:
    notes = []
    if setup.dims.guessed:
        notes.append("the model's dimensions, from its size")
    if setup.mean_tokens is None and not setup.packing:
        notes.append(f"every row is {setup.seq_len} tokens long")
    return tuple(notes)


__all__ = ["Component", "TrainingEstimate", "TrainingSetup", "estimate_training"]
