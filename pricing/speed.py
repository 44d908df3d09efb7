"""Tokens a second of training.

    seconds of a micro-batch = smooth maximum(arithmetic + traffic, launches) + unpacking + communication + update

    arithmetic     flops / (peak * share reached); forward 2N + attention, the same once more with checkpointing,
                   backward twice that when every weight is trained, once when only adapters are; N: parameters in use,
                   output head included
    traffic        bytes that element-wise kernels move / memory bandwidth
    launches       layers * passes * seconds to launch and check one layer's kernels
    unpacking      quantised weights are unpacked in every pass: parameters * passes * bytes / bandwidth
    communication  what sharding gathers and reduces / link, less the part that arithmetic hides
    update         optimizer traffic of the trained parameters / bandwidth, once per gradient accumulation

    tokens/s = real tokens of a micro-batch * devices / seconds; padded tokens are computed but do not count

Sources: Kaplan et al. 2020, arXiv:2001.08361 (2N and 6N); Korthikanti et al. 2022, arXiv:2205.05198 (recomputation);
Rajbhandari et al. 2020, arXiv:1910.02054, section 7 (volume of sharded communication); Williams et al. 2009,
doi:10.1145/1498765.1498785 (roofline).
"""

from __future__ import annotations

from math import hypot, log2, pow, sqrt
from typing import TYPE_CHECKING

from pricing.fitted import SPEED, SpeedConstants
from pricing.memory import target_widths, trained_params
from pricing.setup import Stack

if TYPE_CHECKING:
    from pricing.setup import TrainingSetup

EXPECTED_MAXIMUM = ((1, 0.0), (2, 0.564), (4, 1.029), (8, 1.424), (16, 1.766), (32, 2.070), (64, 2.344))
"""Expected largest of m standard normal draws."""
LENGTH_SPREAD = 0.5
"""Coefficient of variation of row lengths where the data set's own histogram is not known."""


def training_tokens_per_s(setup: TrainingSetup, constants: SpeedConstants = SPEED) -> float | None:
    """Real (unpadded) tokens a second over all devices; None when the device's arithmetic is unknown."""
    if setup.device.bf16_tflops is None or setup.device.bandwidth_gb_s is None:
        return None
    real, processed = tokens_of_micro_batch(setup)
    return real * setup.n_gpus / micro_batch_s(setup, processed, constants)


def tokens_of_micro_batch(setup: TrainingSetup) -> tuple[float, float]:
    """(real, processed) tokens of a usual micro-batch, for each device that works on it.

    Rows that are not packed are padded to the longest of their micro-batch: its expected length is the mean plus the
    expected maximum of that many draws times the spread of lengths, at most `seq_len`.
    """
    if setup.packing or setup.mean_tokens is None:
        full = setup.micro_batch_tokens / setup.model_parallel
        return full, full
    mean = min(setup.mean_tokens, float(setup.seq_len))
    if setup.lengths is not None:
        longest = min(float(setup.seq_len), setup.lengths.expected_longest(setup.micro_batch))
    else:
        longest = min(float(setup.seq_len), mean * (1 + LENGTH_SPREAD * _expected_maximum(setup.micro_batch)))
    return setup.micro_batch * mean / setup.model_parallel, setup.micro_batch * longest / setup.model_parallel


def _expected_maximum(draws: int) -> float:
    return next((value for count, value in EXPECTED_MAXIMUM if count >= draws), EXPECTED_MAXIMUM[-1][1])


def micro_batch_s(setup: TrainingSetup, tokens: float, constants: SpeedConstants = SPEED) -> float:
    """Seconds that one device takes for `tokens` of a micro-batch, its share of the update included."""
    bandwidth = _bandwidth(setup)
    work = tokens * (_flops_time(setup, tokens, constants) + _traffic_bytes(setup, constants) / bandwidth)
    work /= pow(constants.split_share, log2(setup.model_parallel))
    launches = setup.dims.n_layers * passes(setup) * _launch_s(setup, constants)
    busy = sqrt(hypot(work**2, launches**2))
    unpack = 0.0
    if setup.quantised:
        unpack = setup.dims.linear_params * passes(setup) * constants.unpack_bytes / bandwidth
    hidden = constants.hidden_pcie_share if setup.link == "pcie" else constants.hidden_share
    exposed = max(0.0, _communication_s(setup, constants) - hidden * busy)
    return busy + unpack + exposed + _update_s(setup, constants)


def _bandwidth(setup: TrainingSetup) -> float:
    return (setup.device.bandwidth_gb_s or 1.0) * 1e9


def passes(setup: TrainingSetup) -> float:
    """Passes through a layer: forward, backward (two products where weights are trained), and once more recomputed."""
    return (3.0 if setup.trains_all else 2.0) + (1.0 if setup.grad_ckpt else 0.0)


def flops_per_token(setup: TrainingSetup, tokens: float | None = None) -> tuple[float, float]:
    """Floating-point operations of one token's forward and backward pass: (matrices, attention).

    Causal attention over `length` tokens: 2 * 2 * heads * head_dim * length / 2 in the forward pass of a layer, and
    two and a half times that backward (the scores are computed again).
    """
    dims = setup.dims
    length = tokens * setup.model_parallel / setup.micro_batch if tokens else setup.seq_len
    window = min(length, dims.sliding_window or length)
    attention = 2.0 * (dims.attention_layers or dims.n_layers) * dims.heads * dims.head_dim * window
    matrices = 2.0 * dims.active_params
    trained = min(1.0, trained_params(setup).total / dims.params)
    forwards = 2 if setup.grad_ckpt else 1
    return matrices * (forwards + 1 + trained), attention * (forwards + 2.5)


def _flops_time(setup: TrainingSetup, tokens: float, constants: SpeedConstants) -> float:
    """Seconds of arithmetic for one token."""
    matrices, attention = flops_per_token(setup, tokens)
    share = constants.attention_share if setup.flash else constants.plain_attention_share
    return (matrices + attention / share) / reached_flops(setup, constants)


def reached_flops(setup: TrainingSetup, constants: SpeedConstants = SPEED) -> float:
    """Arithmetic that large matrix products reach: the peak times a share that falls where memory is slow for it."""
    device = setup.device
    peak = (device.bf16_tflops or 0.0) * 1e12 * sqrt(device.power_share)
    if device.kind == "cpu":
        beside = 1.0 if setup.trains_all else constants.cpu_adapter_share
        return peak * beside * (device.fp32_share or 1.0 if setup.precision == "fp32" else 1.0)
    balance = (device.bf16_tflops or 0.0) * 1000 / (device.bandwidth_gb_s or 1.0)
    share = 1 / (1 / constants.best_share + pow(balance / constants.balance_scale, constants.balance_power))
    if setup.precision == "fp8" and not (device.compute_capability or "9.0").startswith(("7.", "8.0", "8.6")):
        share *= constants.fp8_gain
    if setup.precision == "fp32":
        share *= constants.fp32_share
    return peak * share * _stack_share(setup, constants)


def _stack_share(setup: TrainingSetup, constants: SpeedConstants) -> float:
    gains = {Stack.MEGATRON: constants.megatron_gain, Stack.NATIVE: constants.native_gain}
    return gains.get(setup.stack, 1.0)


def _traffic_bytes(setup: TrainingSetup, constants: SpeedConstants) -> float:
    """Bytes that one token's element-wise work moves: norms, rotations, activations, residuals, and the adapters'."""
    dims = setup.dims
    if setup.device.kind == "cpu":
        return 0.0
    width = dims.hidden + 0.5 * dims.ffn * dims.experts_per_token
    fused = setup.compiled or setup.stack in (Stack.MEGATRON, Stack.UNSLOTH)
    each = constants.fused_traffic if fused else constants.traffic
    moved = each * width
    if not setup.trains_all:
        inputs = sum(a for a, _ in target_widths(dims, setup.lora_targets)) / dims.n_experts
        moved += constants.adapter_traffic * inputs * (0.5 if fused or not setup.fp32_adapters else 1.0)
    return dims.n_layers * passes(setup) * moved * setup.compute_bytes


def _launch_s(setup: TrainingSetup, constants: SpeedConstants) -> float:
    """Seconds to launch one pass through one layer; adapters add kernels, a compiled graph has few."""
    if setup.device.kind == "cpu":
        return constants.cpu_launch_s
    if setup.compiled or setup.stack in (Stack.NATIVE, Stack.MEGATRON):
        return constants.native_launch_s
    return constants.launch_s * (1.0 if setup.trains_all else constants.adapter_launches)


def _communication_s(setup: TrainingSetup, constants: SpeedConstants) -> float:
    """Seconds of gathering and reducing for one micro-batch, nothing hidden.

    Fully sharded: weights are gathered in the forward and in the backward pass and gradients are reduced, in every
    micro-batch; sharded gradients (zero2) are reduced in every micro-batch, unsharded ones once per accumulation.
    A device sends and receives (n - 1) / n of it.
    """
    n = setup.n_gpus
    if n == 1 or setup.sharding == "none":
        return 0.0
    gradients = trained_params(setup).total * 2.0
    weights = setup.dims.linear_params * setup.weight_bytes if setup.weight_bytes < 2 else setup.dims.params * 2.0
    volume = {"zero3": 2 * weights + gradients, "zero2": 2 * gradients}.get(
        setup.sharding, 2 * gradients / setup.grad_accum
    )
    return volume * (n - 1) / n / _link_bytes_s(setup, constants)


def _link_bytes_s(setup: TrainingSetup, constants: SpeedConstants) -> float:
    if setup.n_nodes > 1:
        return constants.between_nodes_gb_s * 1e9
    if setup.link == "pcie":
        return constants.pcie_gb_s * 1e9
    newer = (setup.device.bf16_tflops or 0.0) > 500
    return constants.nvlink_gb_s * 1e9 * (1.5 if newer else 1.0)


def _update_s(setup: TrainingSetup, constants: SpeedConstants) -> float:
    """The optimizer's traffic, shared over the micro-batches of a step."""
    each = 8.0 * setup.whole_bytes if setup.trains_all else 8.0 * setup.adapter_bytes
    share = 1 / setup.n_gpus if setup.sharding in ("zero2", "zero3") else 1.0
    moved = trained_params(setup).total * each * share * constants.update_passes
    bandwidth = constants.offload_gb_s * 1e9 if setup.offload == "cpu" and setup.trains_all else _bandwidth(setup)
    return moved / bandwidth / setup.grad_accum
