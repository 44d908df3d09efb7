"""Memory of a training step on one device, by component.

    weights        parameters * bytes of an element; 4-bit: 0.5 + a 32-bit (doubly quantised: 8-bit) constant per 64
    adapters       trainable parameters * bytes
    gradients      trainable parameters * bytes
    optimizer      trainable parameters * bytes of its states (AdamW: two; 8-bit: 1/4 of that; SGD: none)
    activations    tokens * layers * bytes that the backward pass of a layer needs; with checkpointing only each layer's
                   input is kept, and one layer is recomputed at a time
    logits         tokens * vocabulary * (logits, their 32-bit copy, softmax and gradient), less with a fused loss
    runtime        context, kernels, workspaces, allocator

Sources: Korthikanti et al. 2022, arXiv:2205.05198 (activation memory, checkpointing); Dettmers et al. 2023,
arXiv:2305.14314 (4-bit weights, double quantisation); Rajbhandari et al. 2020, arXiv:1910.02054 (states of
mixed-precision training, sharding); Dao 2023, arXiv:2307.08691 (attention without its score matrix); Hsu et al. 2024,
arXiv:2410.10989 (fused loss).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pricing.dims import Dims
    from pricing.setup import TrainingSetup

GIB = 2.0**30


@dataclass(frozen=True, slots=True)
class Component:
    """One line of the memory account."""

    name: str
    gib: float
    note: str


def trainable_params(setup: TrainingSetup) -> float:
    """How many parameters are trained: all, or the two low-rank matrices beside each target."""
    if setup.trainable_params is not None:
        return setup.trainable_params
    if setup.method in ("full", "encoder"):
        return setup.dims.params
    return adapter_params(setup.dims, setup.lora_rank, setup.lora_targets)


def adapter_params(dims: Dims, rank: int, targets: str) -> float:
    """rank * (inputs + outputs) over the target matrices: `attention`, `q,v` or `all-linear`."""
    q, kv = dims.heads * dims.head_dim, dims.kv_heads * dims.head_dim
    widths = (dims.hidden + q) + (dims.hidden + kv)
    if targets != "q,v":
        widths += (dims.hidden + kv) + (q + dims.hidden)
    if targets == "all-linear":
        widths += (3 if dims.gated_mlp else 2) * (dims.hidden + dims.ffn) * dims.n_experts
    return float(rank * dims.n_layers * widths)


def memory_components(setup: TrainingSetup) -> tuple[Component, ...]:
    """The account of one device's memory at the peak of a step, in GiB."""
    trained = trainable_params(setup)
    adapters = 0.0 if setup.method in ("full", "encoder") else trained * setup.adapter_bytes
    state = trained * _optimizer_bytes(setup)
    return (
        _gib("weights", _weight_bytes(setup), f"{setup.dims.params / 1e9:.3g}B parameters, {setup.weights_kind}"),
        _gib("adapters", adapters, f"rank {setup.lora_rank}, {trained / 1e6:.3g}M parameters"),
        _gib("gradients", trained * setup.gradient_bytes, f"{setup.gradient_bytes:g} bytes each"),
        _gib("optimizer", state, setup.optimizer),
        _gib("activations", activation_bytes(setup), "checkpointed" if setup.grad_ckpt else "all kept"),
        _gib("logits", logits_bytes(setup), f"vocabulary of {setup.dims.vocab:,}"),
        _gib("runtime", runtime_bytes(setup), "context, workspaces, allocator"),
    )


def _gib(name: str, size_bytes: float, note: str) -> Component:
    return Component(name, size_bytes / GIB, note)


def _weight_bytes(setup: TrainingSetup) -> float:
    dims = setup.dims
    rest = dims.params - dims.linear_params
    return dims.linear_params * setup.weight_bytes + rest * max(2.0, setup.base_bytes)


def _optimizer_bytes(setup: TrainingSetup) -> float:
    if setup.optimizer == "sgd":
        return 0.0
    return 2.0 if "8bit" in setup.optimizer else 2 * setup.state_bytes


def layer_bytes_per_token(setup: TrainingSetup) -> float:
    """What the backward pass of one layer keeps for one token, attention without its score matrix."""
    dims = setup.dims
    q, kv = dims.heads * dims.head_dim, dims.kv_heads * dims.head_dim
    ffn = dims.ffn * dims.experts_per_token
    kept = 4 * dims.hidden + 3 * q + 4 * kv + (4 if dims.gated_mlp else 2) * ffn
    copies = 1.0 if setup.method in ("full", "encoder") else 0.75
    return kept * copies * setup.base_bytes + 8 * dims.hidden


def activation_bytes(setup: TrainingSetup) -> float:
    """Activations of a micro-batch."""
    tokens, layers = setup.micro_batch_tokens, setup.dims.n_layers
    layer = layer_bytes_per_token(setup)
    if not setup.flash:
        layer += 2.5 * setup.base_bytes * setup.dims.heads * setup.seq_len
    if setup.grad_ckpt:
        return tokens * (layers * setup.dims.hidden * setup.base_bytes + layer)
    return tokens * layers * layer


def logits_bytes(setup: TrainingSetup) -> float:
    """Logits, their 32-bit copy and gradient; a fused loss keeps one chunk."""
    if setup.fused_loss:
        return setup.micro_batch_tokens * setup.dims.hidden * 8.0
    return setup.micro_batch_tokens * setup.dims.vocab * (setup.base_bytes + 8.0)


def runtime_bytes(setup: TrainingSetup) -> float:
    """What the process needs beside its tensors."""
    return (0.6 if setup.device.kind == "cpu" else 1.0) * GIB
