"""What one replica of a model does on a machine of the catalogue: prefill, first token, decode alone and together.

A GPU (or several, tensor parallel, with a batching server) follows the rooflines of `pricing.inference`. A processor
follows the same roofline with what its cores reach:

    decode step of b requests   t(b) = max(bytes(b) / bandwidth, 2 * active parameters * b / arithmetic) + floor
    bytes(b)                    = weights that b tokens touch + b * context * cache bytes of a token

A processor's floor, bandwidth and arithmetic for each core: SmolLM2-135M in PyTorch 2.13 on two cores answered 24
tokens a second alone and 266 in a batch of 16 (2026-11-23).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pricing.devices import from_gpu
from pricing.dims import Dims, dims_of
from pricing.fitted import INFERENCE
from pricing.inference import ServingSetup, concurrent_requests, speeds, weights_touched
from pricing.servingrows import arithmetic_factor

if TYPE_CHECKING:
    from pricing.entries import Gpu, Model

TYPICAL_PROMPT_TOKENS = 1000
TYPICAL_ANSWER_TOKENS = 250
BATCH = 32
"""Concurrent requests at which throughput is quoted, if their cache fits."""
CPU_LAYER_FLOOR_S = 4.0e-4
CPU_PREFILL_SHARE = 1.2
"""Inference reaches more of a processor than training does: no gradients, larger products."""
LOG_SD_CPU = 0.6
GIB = 2.0**30


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


def serving_profile(model: Model, gpu: Gpu, count: int, weight_bytes: float = 2.0) -> ServingProfile:
    """Speed of `model` on `count` of `gpu` (tensor parallel) or on one CPU machine, weights of so many bytes each.

    Raises `ValueError` when the model's size or the machine's bandwidth is unknown.
    """
    dims = dims_of(model)
    return _processor(dims, gpu, weight_bytes) if gpu.kind == "cpu" else _accelerator(dims, gpu, count, weight_bytes)


def _accelerator(dims: Dims, gpu: Gpu, count: int, weight_bytes: float) -> ServingProfile:
    device = from_gpu(gpu)
    factor = arithmetic_factor({1.0: "fp8"}.get(weight_bytes, ""), device)
    setup = ServingSetup(
        dims=dims,
        device=device,
        n_gpus=count,
        tensor_parallel=count,
        weight_bytes=weight_bytes,
        arithmetic_factor=factor,
        input_len=TYPICAL_PROMPT_TOKENS,
        output_len=TYPICAL_ANSWER_TOKENS,
    )
    alone, together = speeds(setup), speeds(_with_batch(setup, BATCH))
    return ServingProfile(
        prefill_tokens_per_s=alone.prefill_tokens_per_s,
        decode_tokens_per_s_single=1 / alone.tpot_s,
        decode_tokens_per_s=together.batch / together.step_s,
        first_token_ms=1000 * alone.ttft_s,
        log_sd=INFERENCE.log_sd_many,
        source=f"roofline of {gpu.name} x {count}, {8 * weight_bytes:g}-bit weights, batch {together.batch}",
    )


def _with_batch(setup: ServingSetup, batch: int) -> ServingSetup:
    from dataclasses import replace

    wanted = replace(setup, batch=batch)
    return replace(wanted, batch=concurrent_requests(wanted))


def _processor(dims: Dims, gpu: Gpu, weight_bytes: float) -> ServingProfile:
    device = from_gpu(gpu)
    arithmetic = CPU_PREFILL_SHARE * (device.bf16_tflops or 0.0) * 1e12 * max(1.0, device.fp32_share or 1.0)
    bandwidth = (device.bandwidth_gb_s or 0.0) * 1e9
    if not arithmetic or not bandwidth:
        raise ValueError(f"bandwidth or arithmetic of {gpu.name} is unknown")
    floor_s = dims.n_layers * CPU_LAYER_FLOOR_S
    cache = (TYPICAL_PROMPT_TOKENS + TYPICAL_ANSWER_TOKENS / 2) * dims.kv_bytes_per_token()
    room = 0.8 * (device.memory_gib or 0.0) * GIB - dims.params * weight_bytes
    batch = max(1, min(BATCH, int(room / cache)))

    def step_s(requests: int) -> float:
        moved = weights_touched(dims, requests) * weight_bytes + requests * cache
        return max(moved / bandwidth, 2 * dims.active_params * requests / arithmetic) + floor_s

    prefill = arithmetic / (2 * dims.active_params)
    return ServingProfile(
        prefill_tokens_per_s=prefill,
        decode_tokens_per_s_single=1 / step_s(1),
        decode_tokens_per_s=batch / step_s(batch),
        first_token_ms=1000 * (TYPICAL_PROMPT_TOKENS / prefill + floor_s),
        log_sd=LOG_SD_CPU,
        source=f"roofline of {gpu.name}, {8 * weight_bytes:g}-bit weights, batch {batch}",
    )
