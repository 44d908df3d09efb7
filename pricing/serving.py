"""How fast a model answers on a machine: rooflines for prefill and decode, with a floor for launching kernels.

    decode step of b requests   t(b) = max(bytes(b) / bandwidth, 2 * active parameters * b / arithmetic) + floor
    bytes(b)                    = weights read by b tokens + b * context * cache bytes of a token
    tokens/s                    = b / t(b)
    prefill tokens/s            = arithmetic / (2 * active parameters)
    first token                 = prompt / prefill tokens/s + floor
    floor                       = layers * seconds of launching and synchronising one layer, plus all-reduce over GPUs

Bandwidth and arithmetic are the vendor's peaks times the share that serving engines reach.
Sources: Williams, Waterman, Patterson 2009, doi:10.1145/1498765.1498785 (roofline); Pope et al. 2022, arXiv:2211.05102
(inference cost of transformers); Yuan et al. 2024, arXiv:2402.16363 (rooflines of language-model inference).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pricing.dims import Dims, dims_of

if TYPE_CHECKING:
    from pricing.entries import Gpu, Model

BANDWIDTH_SHARE = 0.75
ARITHMETIC_SHARE = 0.45
LAYER_FLOOR_S = 40e-6
ALL_REDUCE_S = 15e-6
"""For each all-reduce; a layer has two."""
SCALING_LOSS_SHARE = 0.07
"""Of the throughput, for each doubling of the number of GPUs."""
CPU_BANDWIDTH_GB_S = 8.0
CPU_GFLOPS = 60.0
"""Usable, for each vCPU (AVX-512 or AVX2, float32 to bfloat16)."""
CPU_LAYER_FLOOR_S = 400e-6
TYPICAL_PROMPT_TOKENS = 1000
TYPICAL_CONTEXT_TOKENS = 1200
BATCH = 32
"""Concurrent requests at which throughput is quoted, if their cache fits."""
GIB = 2.0**30
LOG_SD_GPU = 0.35
LOG_SD_CPU = 0.6


@dataclass(frozen=True, slots=True)
class ServingProfile:
    """Speed of one replica of a model on one machine."""

    prefill_tokens_per_s: float
    decode_tokens_per_s_single: float
    """Output tokens per second of one request alone."""
    decode_tokens_per_s: float
    """Output tokens per second over all requests at a sensible batch."""
    first_token_ms: float
    """Of a prompt of 1,000 tokens, nobody waiting before it."""
    log_sd: float
    """Standard deviation of ln(speed)."""
    source: str


@dataclass(frozen=True, slots=True)
class _Machine:
    bandwidth_bytes_s: float
    arithmetic_flops: float
    floor_s: float
    memory_bytes: float


def serving_profile(model: Model, gpu: Gpu, count: int, weight_bytes: float = 2.0) -> ServingProfile:
    """Speed of `model` on `count` of `gpu` (tensor parallel), or on one CPU machine, with weights of so many bytes each.

    Raises `ValueError` when the model's size or the machine's bandwidth is unknown.
    """
    dims = dims_of(model)
    machine = _cpu(gpu, dims) if gpu.kind == "cpu" else _accelerator(gpu, count, dims)
    prefill = machine.arithmetic_flops / (2 * dims.active_params)
    batch = sensible_batch(dims, machine.memory_bytes, weight_bytes)
    return ServingProfile(
        prefill_tokens_per_s=prefill,
        decode_tokens_per_s_single=1 / _step_s(dims, machine, 1, weight_bytes),
        decode_tokens_per_s=batch / _step_s(dims, machine, batch, weight_bytes),
        first_token_ms=1000 * (TYPICAL_PROMPT_TOKENS / prefill + machine.floor_s),
        log_sd=LOG_SD_CPU if gpu.kind == "cpu" else LOG_SD_GPU,
        source=f"roofline of {gpu.name} x {count}, {8 * weight_bytes:g}-bit weights, batch {batch}",
    )


def sensible_batch(dims: Dims, memory_bytes: float, weight_bytes: float = 2.0) -> int:
    """Concurrent requests of a typical length whose cache fits beside the weights, at most `BATCH`, at least one."""
    room = 0.9 * memory_bytes - dims.params * weight_bytes
    per_request = TYPICAL_CONTEXT_TOKENS * dims.kv_bytes_per_token()
    return max(1, min(BATCH, int(room / per_request)))


def _accelerator(gpu: Gpu, count: int, dims: Dims) -> _Machine:
    if gpu.bandwidth_gb_s is None or gpu.bf16_tflops is None:
        raise ValueError(f"bandwidth or arithmetic of {gpu.name} is unknown")
    scaling = count * (1 - SCALING_LOSS_SHARE) ** (count.bit_length() - 1)
    all_reduce = 2 * ALL_REDUCE_S if count > 1 else 0.0
    return _Machine(
        bandwidth_bytes_s=BANDWIDTH_SHARE * gpu.bandwidth_gb_s * 1e9 * scaling,
        arithmetic_flops=ARITHMETIC_SHARE * gpu.bf16_tflops * 1e12 * scaling,
        floor_s=dims.n_layers * (LAYER_FLOOR_S + all_reduce),
        memory_bytes=(gpu.memory_gib or 0.0) * GIB * count,
    )


def _cpu(gpu: Gpu, dims: Dims) -> _Machine:
    vcpus = gpu.vcpus or 1
    return _Machine(
        bandwidth_bytes_s=CPU_BANDWIDTH_GB_S * 1e9 * vcpus,
        arithmetic_flops=CPU_GFLOPS * 1e9 * vcpus,
        floor_s=dims.n_layers * CPU_LAYER_FLOOR_S,
        memory_bytes=(gpu.memory_gib or 0.0) * GIB,
    )


def _step_s(dims: Dims, machine: _Machine, batch: int, weight_bytes: float) -> float:
    """Seconds of one decode step of `batch` requests."""
    weights = weight_bytes * weights_read(dims, batch)
    cache = batch * TYPICAL_CONTEXT_TOKENS * dims.kv_bytes_per_token()
    memory_s = (weights + cache) / machine.bandwidth_bytes_s
    arithmetic_s = 2 * dims.active_params * batch / machine.arithmetic_flops
    return max(memory_s, arithmetic_s) + machine.floor_s


def weights_read(dims: Dims, batch: int) -> float:
    """Parameters that `batch` tokens of different requests read together.

    In a mixture of experts a share 1 - (1 - k/E)^batch of the experts is touched, if routing is even.
    """
    if dims.params <= dims.active_params:
        return dims.active_params
    touched = 1 - (1 - dims.active_params / dims.params) ** batch
    return max(dims.active_params, touched * dims.params)
