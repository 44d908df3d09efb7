"""What a training step keeps of its forward pass, in bytes.

A layer keeps, for one token (e: bytes of an element between matrices, c: bytes of a matrix operand):

    norms       two of them: an RMS norm in plain PyTorch keeps a 32-bit copy of its input (and, when its weight is
                trained, the normed value); a fused or compiled one keeps its input
    attention   queries, keys, values and the output (keys and values repeated to the number of query heads unless the
                kernel takes grouped heads); without a fused kernel also the probabilities in 32 and in c bytes, and
                the scores before and after a soft cap: heads * context of each
    feed-forward   gated: gate, its activation, up; plain: the input of the activation function
    inputs      of every matrix that is trained (shared by q, k and v); of adapted ones a copy in the adapter's type,
                and its dropped-out copy with a one-byte mask; without dropout and in the matrices' type only the input

The output head keeps logits * (c + 32-bit copy + log-softmax + gradient); a fused loss works through it in chunks.

Sources: Korthikanti et al. 2022, arXiv:2205.05198, section 4 (the same list for a plain transformer); Dao 2023,
arXiv:2307.08691 (attention without its score matrix); the autograd formulas of PyTorch 2 and the forward passes of
transformers' Llama, peft's LoRA layer and litgpt's model, read for which tensors they save.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pricing.fitted import MEMORY
from pricing.setup import Stack

if TYPE_CHECKING:
    from pricing.setup import TrainingSetup

MASK_BYTES = 1.0
"""Of the dropout in front of an adapter; recipes usually have one."""


def activation_bytes(setup: TrainingSetup) -> float:
    """Activations of the largest micro-batch."""
    tokens, layers = setup.micro_batch_tokens, setup.dims.n_layers
    layer = layer_bytes_per_token(setup)
    if not setup.grad_ckpt:
        return tokens * layers * layer
    kept = 0.0 if setup.offload == "activations" else layers * setup.dims.hidden * setup.element_bytes
    return tokens * (kept + layer)


def layer_bytes_per_token(setup: TrainingSetup) -> float:
    """What the backward pass of one layer needs of one token."""
    return _norms(setup) + _attention(setup) + _feed_forward(setup) + _inputs(setup)


def _norms(setup: TrainingSetup) -> float:
    dims, e = setup.dims, setup.element_bytes
    if setup.compiled or setup.stack in (Stack.MEGATRON, Stack.UNSLOTH) or not dims.rms_norm:
        each = e
    else:
        each = 4.0 + (e if setup.trains_all else 0.0)
    return 2 * each * dims.hidden


def _attention(setup: TrainingSetup) -> float:
    dims, e = setup.dims, setup.element_bytes
    q, kv = dims.heads * dims.head_dim, dims.kv_heads * dims.head_dim
    grouped = setup.stack in (Stack.MEGATRON, Stack.UNSLOTH)
    kept = (2 * q + 2 * (kv if grouped else q)) * e
    if not setup.flash or dims.softcapped:
        capped = 2 * setup.compute_bytes if dims.softcapped else 0.0
        kept += dims.heads * setup.seq_len * (setup.compute_bytes + 4.0 + capped)
    return kept


def _feed_forward(setup: TrainingSetup) -> float:
    dims, e = setup.dims, setup.element_bytes
    width = dims.ffn * dims.experts_per_token
    if not dims.gated_mlp:
        return width * e
    return (2 if setup.compiled or setup.stack is Stack.UNSLOTH else 3) * width * e


def _inputs(setup: TrainingSetup) -> float:
    """Inputs of trained matrices; copies in front of adapters."""
    from pricing.memory import target_widths

    dims, c = setup.dims, setup.compute_bytes
    matrices = (2 * dims.hidden + dims.ffn * dims.experts_per_token) * c
    if setup.trains_all:
        return matrices
    if not setup.adapter_dropout and setup.adapter_bytes == c:
        return matrices
    copy = setup.adapter_bytes + MASK_BYTES
    widths = target_widths(dims, setup.lora_targets)
    if dims.n_experts > 1:
        widths = widths[: 4 + 3 * dims.experts_per_token]
    adapted = copy * sum(inputs for inputs, _ in widths)
    if setup.stack is Stack.FABRIC and setup.lora_targets != "mlp":
        adapted -= copy * dims.hidden * (1 if setup.lora_targets == "q,v" else 2)
    kept = MEMORY.fabric_kept_inputs if setup.stack is Stack.FABRIC else 0.0
    if setup.stack is Stack.FABRIC and setup.quantised:
        kept += MEMORY.fabric_quantised_inputs
    return adapted + kept * matrices


def logits_bytes(setup: TrainingSetup) -> float:
    """The output head's chain from logits to their gradient."""
    dims, tokens = setup.dims, setup.micro_batch_tokens
    if setup.method == "encoder":
        return 0.0
    if setup.fused_loss:
        chunk = min(tokens, setup.loss_positions or 0) * dims.vocab * (setup.compute_bytes + _logit_chain(setup))
        return tokens * dims.hidden * 2 * setup.compute_bytes + chunk
    return tokens * dims.vocab * (setup.element_bytes + _logit_chain(setup))


def _logit_chain(setup: TrainingSetup) -> float:
    """Bytes for one logit beside the logit itself."""
    if setup.stack is Stack.FABRIC:
        return MEMORY.chunked_logit_chain
    if setup.compiled:
        return MEMORY.compiled_logit_chain
    return MEMORY.gptq_logit_chain if setup.quantised and setup.quant_kernel == "gptq" else MEMORY.logit_chain
