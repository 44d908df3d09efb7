"""How fast an engine answers: rooflines for prefill and decode with a floor for launches, one request or many.

    decode step of b requests   t(b) = (read(b)^2 + compute(b)^2)^(1/2) + launches + all-reduces
      read(b)      (bytes of the weights that b tokens touch + b * context * cache bytes of a token) / bandwidth reached
      compute(b)   2 * active parameters * b / arithmetic reached
      launches     layers * seconds of a layer + seconds of a step: the gaps between the kernels of one graph. An engine
                   that launches from Python (`eager`) works ahead of the GPU: then launches^2 joins the other squares
      all-reduces  2 * layers * seconds of one, with tensor parallelism
    prefill        prompt * (2 * active parameters + attention) / arithmetic reached + launches
    GPU time of a request   prefill(prompt) + output * t(b) / b
    tokens/s       output / GPU time: all requests together; at b = 1 it is what one request sees
    b              as asked for, at most what the cache has room for
    time to first token = prefill + t(1);   time per output token = t(b) + the prefills of others in between

Tensor parallelism divides weights, cache and arithmetic by its degree; pipeline stages work at once only in large
batches; `layerwise` engines use one GPU at a time in decode.

Sources: Williams et al. 2009, doi:10.1145/1498765.1498785 (roofline); Pope et al. 2022, arXiv:2211.05102; Yuan et al.
2024, arXiv:2402.16363 (rooflines of language-model inference); Kwon et al. 2023, arXiv:2309.06180 (paged cache);
Yu et al. 2022, OSDI (continuous batching).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, pow, sqrt
from typing import TYPE_CHECKING

from pricing.engines import Engine
from pricing.fitted import INFERENCE, InferenceConstants

if TYPE_CHECKING:
    from pricing.devices import Device
    from pricing.dims import Dims

GIB = 2.0**30
USABLE_SHARE = 0.9
"""Of GPU memory, for weights and cache."""
MOST_REQUESTS = 1024
"""Concurrent requests a server schedules at most."""


@dataclass(frozen=True, slots=True)
class ServingSetup:
    """One model on one replica. Lengths are tokens."""

    dims: Dims
    device: Device
    engine: Engine = Engine.SERVER
    n_gpus: int = 1
    tensor_parallel: int = 1
    weight_bytes: float = 2.0
    """Of one parameter of the matrices."""
    arithmetic_factor: float = 1.0
    """How much faster than 16-bit the matrix arithmetic is (8-bit 2, 4-bit 4, where the GPU has it)."""
    cache_bytes: float = 2.0
    """Of one cache element."""
    slow_kernels: bool = False
    """Whether quantised weights are unpacked by general kernels (bitsandbytes)."""
    single_kernels: bool = False
    """Whether a quantised product takes one kernel, as an unquantised one does (ExLlama's, for 4-bit GPTQ)."""
    layer_split: bool = False
    """Whether several GPUs hold different layers and work one after another."""
    link: str = "nvlink"
    batch: int | None = 1
    """Concurrent requests; None: as many as there is room for."""
    input_len: float = 0.0
    output_len: float = 256.0


@dataclass(frozen=True, slots=True)
class Speeds:
    """What an engine does with a set-up."""

    batch: int
    prefill_tokens_per_s: float
    ttft_s: float
    """Of one request with nobody before it."""
    tpot_s: float
    """Between two tokens of one request, the prefills of others in between."""
    step_s: float
    """Of one decode step of all requests."""
    output_tokens_per_s: float
    """Over all requests."""
    memory_bytes: float
    """Weights and cache on one GPU."""


def speeds(setup: ServingSetup, constants: InferenceConstants = INFERENCE) -> Speeds:
    """Prefill, first token, time per token, throughput. Raises `ValueError` when the device's figures are unknown."""
    batch = concurrent_requests(setup)
    context = setup.input_len + setup.output_len / 2
    prefill_s = _prefill_s(setup, max(setup.input_len, 1.0), constants)
    step_s = step_seconds(setup, batch, context, constants)
    gpu_s = prefill_s + setup.output_len * step_s / batch
    prompt = max(setup.input_len, 512.0)
    return Speeds(
        batch=batch,
        prefill_tokens_per_s=prompt / _prefill_s(setup, prompt, constants),
        ttft_s=prefill_s + step_seconds(setup, 1, setup.input_len, constants),
        step_s=step_s,
        tpot_s=step_s + (batch - 1) * prefill_s / max(setup.output_len, 1.0),
        output_tokens_per_s=setup.output_len / gpu_s,
        memory_bytes=_weights(setup) / setup.n_gpus + batch * _cache(setup, context) / setup.n_gpus,
    )


def concurrent_requests(setup: ServingSetup) -> int:
    """Requests that run together: those asked for, as far as their cache fits; at least one."""
    wanted = MOST_REQUESTS if setup.batch is None else setup.batch
    if setup.device.memory_gib is None or wanted == 1:
        return wanted
    room = USABLE_SHARE * setup.device.memory_gib * GIB * setup.n_gpus - _weights(setup)
    each = _cache(setup, setup.input_len + setup.output_len / 2)
    return max(1, min(wanted, int(room / each))) if each else wanted


def step_seconds(setup: ServingSetup, batch: int, context: float, constants: InferenceConstants = INFERENCE) -> float:
    """Seconds of one decode step of `batch` requests with `context` tokens each."""
    family = constants.family(setup.engine)
    quantised = setup.weight_bytes < 2
    bandwidth = _bandwidth(setup) * family.bandwidth_share
    head = float(setup.dims.head_params)
    matrices = max(0.0, weights_touched(setup.dims, batch) - head) * setup.weight_bytes
    weights = matrices / (bandwidth * (family.quantised_share if quantised else 1.0)) + head * 2.0 / bandwidth
    cache = batch * _cache(setup, context) * family.cache_reads / bandwidth
    compute = 2 * setup.dims.active_params * batch / _arithmetic(setup, constants)
    layer_s = family.layer_s * (family.quantised_layers if quantised and not setup.single_kernels else 1.0)
    if setup.slow_kernels:
        layer_s *= constants.slow_kernel_layers
    launches = setup.dims.n_layers * layer_s + family.step_s
    together = _all_reduce_s(setup, batch, constants)
    if setup.engine is Engine.EAGER:
        return hypot(weights + cache, launches, compute) + together
    return hypot(weights + cache, compute) + launches + together


def _prefill_s(setup: ServingSetup, tokens: float, constants: InferenceConstants) -> float:
    """Seconds of reading a prompt of that many tokens."""
    dims, family = setup.dims, constants.family(setup.engine)
    window = min(tokens, dims.sliding_window or tokens)
    attention = 2.0 * (dims.attention_layers or dims.n_layers) * dims.heads * dims.head_dim * window
    flops = tokens * (2.0 * dims.active_params + attention / constants.attention_share)
    if setup.weight_bytes < 1 and setup.arithmetic_factor == 1:
        flops /= constants.unpacked_prefill_share
    if dims.n_experts > 1 or dims.params > 1.5 * dims.active_params:
        flops /= constants.expert_prefill_share
    launches = dims.n_layers * family.layer_s + family.step_s
    busy = flops / _arithmetic(setup, constants, prefill=True)
    return hypot(busy, launches) + _all_reduce_s(setup, tokens, constants)


def weights_touched(dims: Dims, batch: float) -> float:
    """Parameters that `batch` tokens of different requests read together.

    In a mixture of experts a share 1 - (1 - active / all)^batch is touched, if routing is even.
    """
    if dims.params <= 1.2 * dims.active_params:
        return dims.active_params
    touched = 1 - pow(1 - dims.active_params / dims.params, batch)
    return max(dims.active_params, touched * dims.params)


def _parallel(setup: ServingSetup) -> float:
    """GPUs that work at the same time on one step."""
    if setup.engine is Engine.LAYERWISE or setup.layer_split:
        return 1.0
    if setup.engine is Engine.EAGER:
        return float(setup.tensor_parallel)
    busy_stages = setup.n_gpus / setup.tensor_parallel if (setup.batch or MOST_REQUESTS) > 8 else 1.0
    return setup.tensor_parallel * busy_stages


def _bandwidth(setup: ServingSetup) -> float:
    if setup.device.bandwidth_gb_s is None or setup.device.bf16_tflops is None:
        raise ValueError(f"bandwidth or arithmetic of {setup.device.name} is unknown")
    return setup.device.bandwidth_gb_s * 1e9 * _parallel(setup)


def _arithmetic(setup: ServingSetup, constants: InferenceConstants, *, prefill: bool = False) -> float:
    """Operations a second that matrix products reach."""
    family = constants.family(setup.engine)
    device = setup.device
    peak = (device.bf16_tflops or 1.0) * 1e12 * sqrt(device.power_share)
    if setup.engine is Engine.LAYERWISE:
        peak *= constants.half_accumulation if device.half_rate else 1.0
        gpus = pow(setup.n_gpus, constants.layerwise_prefill_scaling) if prefill else 1.0
    else:
        gpus = _parallel(setup)
    balance = (device.bf16_tflops or 1.0) * 1000 / (device.bandwidth_gb_s or 1.0)
    share = 1 / (1 / family.arithmetic_share + pow(balance / constants.balance_scale, 2))
    if device.kind == "soc" and device.compute_capability is None:
        share = constants.vector_share
    gain = 1 + constants.narrow_gain * (setup.arithmetic_factor - 1)
    return peak * share * gain * gpus


def _all_reduce_s(setup: ServingSetup, tokens: float, constants: InferenceConstants) -> float:
    """Two sums over the GPUs in every layer: a latency and the hidden state of every token over the link."""
    if setup.tensor_parallel == 1:
        return 0.0
    pcie = setup.link == "pcie"
    latency = constants.pcie_all_reduce_s if pcie else constants.nvlink_all_reduce_s
    if setup.engine is Engine.EAGER:
        latency += constants.eager_all_reduce_s
    link = (constants.pcie_gb_s if pcie else constants.nvlink_gb_s * nvlink_generation(setup.device)) * 1e9
    return 2 * setup.dims.n_layers * (latency + tokens * setup.dims.hidden * 2.0 / link)


def nvlink_generation(device: Device) -> float:
    """Bandwidth of a GPU's NVLink over an A100's: 300 GB/s each way (Ampere), 450 (Hopper), 900 (Blackwell)."""
    capability = device.compute_capability or ""
    return 3.0 if capability.startswith("10.") else 1.5 if capability.startswith("9.") else 1.0


def _weights(setup: ServingSetup) -> float:
    dims = setup.dims
    matrices = min(float(dims.linear_params), dims.params)
    return matrices * setup.weight_bytes + (dims.params - matrices) * max(setup.weight_bytes, 2.0)


def _cache(setup: ServingSetup, tokens: float) -> float:
    """Bytes of the cache of one request with that many tokens."""
    dims = setup.dims
    full = tokens * dims.kv_bytes_per_token(setup.cache_bytes)
    if dims.sliding_window is None:
        return full
    local = dims.n_layers - (dims.attention_layers or 0)
    width = 2 * dims.kv_heads * dims.head_dim * setup.cache_bytes
    if dims.attention_layers is None:
        return min(tokens, dims.sliding_window) * local * width
    return full + min(tokens, dims.sliding_window) * local * width
