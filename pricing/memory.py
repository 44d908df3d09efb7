"""Memory of a training step on one device, by component.

    weights        matrices * bytes of an element (4-bit: 0.5 + a 32-bit constant for 64 of them, or an 8-bit one when
                   doubly quantised); embeddings, norms and output head stay unquantised
    adapters       trained parameters * bytes
    gradients      trained parameters * bytes
    optimizer      trained parameters * bytes of its states (AdamW: two; 8-bit: a quarter of that; SGD: none; paged: in
                   the computer's memory), and a 32-bit copy of the weights where the optimizer keeps one
    activations    tokens * layers * what a layer keeps for its backward pass (`pricing.activations`); checkpointed:
                   only each layer's input, and one layer at a time is computed again
    logits         tokens * vocabulary * (logits, their 32-bit copy, softmax and gradient), one chunk with a fused loss
    workspace      unpacked copies of the largest quantised matrix, matrix-library workspaces
    optimizer step   one more state-sized buffer while a plain (not fused) AdamW updates
    reserve        what the allocator holds beyond the tensors
    context        the driver's and the libraries' own
    on a processor: 16-bit copies of 32-bit weights while a mixed-precision step runs (torch.autocast keeps them), the
                   weights as they were read where they are quantised while loading, interpreter and libraries

    peak = weights + adapters + optimizer + workspace + max(activations + logits, gradients + optimizer step):
           gradients grow while activations are released. With gradient accumulation, or where only a part is trained,
           gradients are there all the time: gradients + max(activations + logits, optimizer step)
    sharding over n devices divides gradients and optimizer (zero2), and weights too (zero3), by n; two layers' weights
    are gathered in full at a time

Sources: Korthikanti et al. 2022, arXiv:2205.05198 (activation memory, checkpointing); Dettmers et al. 2023,
arXiv:2305.14314 (4-bit weights, double quantisation); Rajbhandari et al. 2020, arXiv:1910.02054 (states of
mixed-precision training, sharding); Hsu et al. 2024, arXiv:2410.10989 (fused loss).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pricing.activations import activation_bytes, logits_bytes
from pricing.fitted import MEMORY
from pricing.setup import Stack

if TYPE_CHECKING:
    from pricing.dims import Dims
    from pricing.setup import TrainingSetup

GIB = 2.0**30


@dataclass(frozen=True, slots=True)
class Component:
    """One line of the memory account, in GiB at the peak of a step."""

    name: str
    gib: float
    note: str


@dataclass(frozen=True, slots=True)
class Trained:
    """Parameters that are trained: adapters in the adapter's type, whole matrices in the model's."""

    adapters: float
    whole: float

    @property
    def total(self) -> float:
        return self.adapters + self.whole


def trained_params(setup: TrainingSetup) -> Trained:
    """All of them; or two low-rank matrices beside each target, and the embeddings where they are trained too."""
    if setup.trains_all:
        return Trained(0.0, setup.dims.params)
    whole = float(setup.dims.embedding_params + setup.dims.head_params) if setup.train_embeddings else 0.0
    adapters = adapter_params(setup.dims, setup.lora_rank, setup.lora_targets)
    if setup.trainable_params is not None:
        adapters = max(0.0, setup.trainable_params - whole)
    return Trained(adapters, whole)


def target_widths(dims: Dims, targets: str) -> list[tuple[int, int]]:
    """(inputs, outputs) of each matrix of a layer that gets an adapter."""
    q, kv = dims.heads * dims.head_dim, dims.kv_heads * dims.head_dim
    attention = [(dims.hidden, q), (dims.hidden, kv), (dims.hidden, kv), (q, dims.hidden)]
    up = [(dims.hidden, dims.ffn)] * (2 if dims.gated_mlp else 1)
    mlp = [*up, (dims.ffn, dims.hidden)] * dims.n_experts
    if targets == "q,v":
        return [attention[0], attention[2]]
    return {"attention": attention, "mlp": mlp}.get(targets, attention + mlp)


def adapter_params(dims: Dims, rank: int, targets: str) -> float:
    """rank * (inputs + outputs) over the target matrices of all layers."""
    return float(rank * dims.n_layers * sum(a + b for a, b in target_widths(dims, targets)))


def memory_components(setup: TrainingSetup) -> tuple[Component, ...]:
    """The account of one device's memory at the peak of a step. The components add up to the peak."""
    step = _step(setup)
    parts = [*_states(setup), *step, _workspace(setup)]
    if setup.device.kind == "cpu":
        return (*parts, *_beyond_tensors_of_processor(setup, sum(part.gib for part in step)))
    return (*parts, *_beyond_tensors(setup, sum(part.gib for part in parts)))


def _states(setup: TrainingSetup) -> list[Component]:
    dims, trained = setup.dims, trained_params(setup)
    on_device = 0.0 if setup.offload == "cpu" else 1.0
    weights = _weight_bytes(setup)
    shard = 1.0 if _flat_units(setup) else _shard(setup, "zero3")
    gathered = 2 * weights / dims.n_layers if shard < 1 else 0.0
    adapters = trained.adapters * setup.adapter_bytes
    copies = 0.0 if setup.trains_all else trained.whole * setup.whole_bytes
    state = (trained.adapters * _optimizer_bytes(setup, setup.adapter_bytes)
             + trained.whole * _optimizer_bytes(setup, setup.whole_bytes))  # fmt: skip
    return [
        _gib("weights", weights * shard * on_device + gathered, f"{dims.params / 1e9:.3g}B, {setup.weights_kind}"),
        _gib("adapters", adapters + copies, _adapter_note(setup, trained.total)),
        _gib("optimizer", state * _shard(setup, "zero2") * on_device, _optimizer_note(setup)),
    ]


def _adapter_note(setup: TrainingSetup, trained: float) -> str:
    share = trained / setup.dims.params
    return "none" if setup.trains_all else f"{trained / 1e6:.3g}M parameters, {share:.2%} of the model"


def _optimizer_note(setup: TrainingSetup) -> str:
    if setup.optimizer.startswith("paged"):
        return "paged: its states move to the computer's memory"
    return setup.optimizer + (", with 32-bit weights" if setup.master_weights else "")


def _step(setup: TrainingSetup) -> list[Component]:
    """Gradients, activations, logits and the update, as far as they are there at the same moment."""
    trained, shard = trained_params(setup), _shard(setup, "zero2")
    gradients = (trained.adapters * setup.adapter_bytes + trained.whole * setup.whole_bytes) * shard
    if _flat_units(setup):
        gradients = setup.dims.params * setup.whole_bytes * shard
    update = gradients if _buffered_update(setup) else 0.0
    if setup.optimizer_in_backward:
        gradients /= setup.dims.n_layers
    activations, logits = activation_bytes(setup), logits_bytes(setup)
    forward = activations + logits
    if setup.trains_all and setup.grad_accum == 1:
        gradients = min(gradients, max(0.0, gradients + update - forward))
    return [
        _gib("gradients", gradients, "as far as they add to the peak"),
        _gib("activations", activations, "checkpointed" if setup.grad_ckpt else "all kept"),
        _gib("logits", logits, f"vocabulary of {setup.dims.vocab:,}, {'fused' if setup.fused_loss else 'plain'} loss"),
        _gib("optimizer step", max(0.0, update - forward), "buffer of the update, as far as it adds to the peak"),
    ]


def _buffered_update(setup: TrainingSetup) -> bool:
    """Whether the update takes a buffer as large as the gradients: plain AdamW does, fused and 8-bit ones do not."""
    return setup.optimizer == "adamw" and setup.stack in (Stack.TRANSFORMERS, Stack.FABRIC)


def _gib(name: str, size_bytes: float, note: str) -> Component:
    return Component(name, size_bytes / GIB, note)


def _weight_bytes(setup: TrainingSetup) -> float:
    """Stored weights: matrices as the method stores them, the rest unquantised."""
    dims = setup.dims
    rest = max(dims.params - dims.linear_params, float(dims.embedding_params))
    if dims.tied and setup.stack is Stack.FABRIC and dims.params < dims.linear_params + 1.5 * dims.embedding_params:
        rest += dims.head_params
    matrices = min(dims.linear_params, dims.params)
    unquantised = setup.element_bytes if setup.quantised else setup.weight_bytes
    return matrices * setup.weight_bytes + rest * unquantised


def _optimizer_bytes(setup: TrainingSetup, gradient_bytes: float) -> float:
    """Bytes of optimizer state for one trained parameter."""
    master = 4.0 if setup.master_weights else 0.0
    if setup.optimizer == "sgd" or setup.optimizer.startswith("paged"):
        return master
    if "8bit" in setup.optimizer:
        return 2.0 + master
    return master + 2 * (4.0 if setup.master_weights else gradient_bytes)


def _shard(setup: TrainingSetup, from_stage: str) -> float:
    """The share of a state that one device holds."""
    order = ("none", "ddp", "zero2", "zero3")
    return 1 / setup.n_gpus if order.index(setup.sharding) >= order.index(from_stage) else 1.0


def _flat_units(setup: TrainingSetup) -> bool:
    """Whether frozen and trained weights share flat shards: then gradients are kept for all, and units stay gathered.

    Fabric's FSDP strategy does so with LoRA; litgpt's tables show two GPUs hardly lower than one.
    """
    return setup.stack is Stack.FABRIC and setup.sharding == "zero3" and not setup.trains_all


def _workspace(setup: TrainingSetup) -> Component:
    dims = setup.dims
    unpacked = 2 * dims.hidden * dims.ffn * setup.compute_bytes if setup.quantised else 0.0
    if setup.quant_kernel == "gptq" and setup.quantised:
        unpacked += MEMORY.gptq_workspace_gib * GIB
    library = 0.0 if setup.device.kind == "cpu" else MEMORY.library_workspace_gib * GIB
    if setup.device.kind == "cpu" and setup.precision == "mixed":
        unpacked += 2 * dims.params
    return _gib("workspace", unpacked + library, "unpacked or 16-bit copies of weights, matrix library")


def _beyond_tensors(setup: TrainingSetup, tensors_gib: float) -> tuple[Component, ...]:
    """What the allocator and the driver hold beyond the tensors, as far as `metric` counts it."""
    reserve = 0.0 if setup.metric == "allocated" else MEMORY.reserve_share * tensors_gib
    context = MEMORY.context_gib if setup.metric == "device" else 0.0
    return (
        Component("reserve", reserve, "held by the allocator"),
        Component("context", context, "driver and libraries"),
    )


def _beyond_tensors_of_processor(setup: TrainingSetup, step_gib: float) -> tuple[Component, ...]:
    """What the process holds beyond the tensors: holes in its heap, and the 16-bit weights that it quantised."""
    found = (
        Component("reserve", MEMORY.cpu_heap_share * step_gib, "holes in the heap"),
        Component("runtime", MEMORY.cpu_runtime_gib, "interpreter and libraries"),
    )
    return (*found, _gib("loading", 2 * setup.dims.params, "weights as read")) if setup.quantised else found
