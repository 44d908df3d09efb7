"""What the words of a training row mean: methods, stacks, precisions, targets, sharding, as tables write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pricing.setup import Metric, Stack

if TYPE_CHECKING:
    from pricing.devices import Device
    from pricing.rows import TrainingRow


def method_of(row: TrainingRow) -> Any:
    """Methods beside LoRA that train few parameters (IA3, prefixes, ...) are read as LoRA: the same passes."""
    text = (row.method or "lora").lower()
    if text.startswith(("full", "spectrum", "galore")) or text in ("sft", "pretraining"):
        return "full"
    if text == "encoder":
        return "encoder"
    quant = (row.quant or "none").lower()
    if text in ("qlora", "q-lora") or re.search("nf4|fp4|int4|4-?bit", quant):
        return "qlora"
    return "int8" if re.search("int8|8-?bit", quant) or text == "int8" else "lora"


def stack_of(row: TrainingRow) -> Stack:
    """Which code trains, from what the row says of it: its name, its way of writing the precision, its sharding."""
    named = (row.framework or "").lower()
    for stack in Stack:
        if stack.value in named:
            return stack
    if any(word in named for word in ("torchtune", "torchtitan", "composer", "foundry")):
        return Stack.NATIVE
    if any(word in named for word in ("nemo", "megatron")):
        return Stack.MEGATRON
    if "litgpt" in named or "lightning" in named:
        return Stack.FABRIC
    precision = (row.precision or "").lower()
    if precision.endswith("-true"):
        return Stack.FABRIC
    if row.release or "submitter" in precision or re.search("fp8-|mxfp8|nvfp4", precision):
        return Stack.MEGATRON
    compiles = row.torch_compile is not None and "adapter" not in precision
    if row.mp_mode or compiles or (row.sharding or "").startswith("FSDP"):
        return Stack.NATIVE
    return Stack.TRANSFORMERS


def precision_of(text: str | None, device: Device) -> Any:
    """The arithmetic; not stated: 16 bits in the form that the device has, 32 on a processor without them."""
    if text is None:
        return "bf16" if device.bf16 else "fp32" if device.kind == "cpu" else "fp16"
    lower = text.lower()
    if "fp8" in lower or "float8" in lower or "nvfp4" in lower:
        return "fp8"
    if lower.startswith("amp") or "fp32 states" in lower:
        return "mixed"
    if lower in ("fp32", "float32", "32", "32-true"):
        return "fp32"
    return "fp16" if lower.startswith(("fp16", "float16")) and "bf16" not in lower else "bf16"


def optimizer_of(text: str | None) -> str:
    lower = (text or "adamw").lower()
    if "8bit" in lower or "8-bit" in lower:
        return "paged_adamw_8bit" if "paged" in lower else "adamw_8bit"
    if "sgd" in lower:
        return "sgd"
    return "adamw_fused" if "fused" in lower else "adamw"


def checkpointing_of(row: TrainingRow, stack: Stack, assumed: list[str]) -> bool:
    if row.grad_ckpt is None:
        many_gpus = (row.sharding or "").lower().startswith("deepspeed")
        likely = many_gpus or stack is Stack.UNSLOTH or (stack is Stack.TRANSFORMERS and _big(row))
        assumed.append("activation checkpointing" if likely else "no activation checkpointing")
        return likely
    return row.grad_ckpt not in (False, "none", "no", "false", "False")


def _big(row: TrainingRow) -> bool:
    """Models that are hardly ever trained without checkpointing on one GPU."""
    return (row.params_b or 0.0) >= 3.0 and row.seq_len is not None and row.seq_len >= 1024


def targets_of(text: str | None) -> str:
    lower = (text or "all-linear").lower()
    if re.search(r"down|gate|up_proj|w1|mlp", lower):
        return "all-linear" if re.search(r"q|attn|linear|proj.*mlp|mlp.*proj", lower.replace("_proj", "")) else "mlp"
    if lower.startswith("all") or "all " in lower or "all-linear" in lower:
        return "all-linear"
    if re.fullmatch(r"\s*(q|query|q_proj)\s*,\s*(v|value|v_proj)\s*", lower):
        return "q,v"
    return "attention"


def trains_embeddings(text: str | None) -> bool:
    lower = (text or "").lower()
    return "trainable" in lower and any(word in lower for word in ("wte", "embed", "head"))


def double_quant_of(quant: str | None) -> bool:
    """GPTQ and AWQ keep a 16-bit scale and a 4-bit zero for 128 weights: close to doubly quantised NF4."""
    lower = (quant or "").lower()
    return lower != "nf4"


def sharding_of(row: TrainingRow) -> Any:
    text = (row.sharding or "").lower()
    if (row.n_gpus or 1) == 1:
        return "none"
    if stack_of(row) is Stack.MEGATRON:
        return "none"
    if "zero2/zero3" in text:
        return "zero3" if (row.params_b or 0.0) * 2 > 70 or method_of(row) == "full" else "zero2"
    if "shard_grad_op" in text or "zero2" in text or "zero-2" in text:
        return "zero2"
    if any(word in text for word in ("zero3", "zero-3", "fsdp", "full_shard", "2d", "3d")):
        return "zero3"
    if row.mp_mode or (not text and _needs_sharding(row)):
        return "zero3"
    return "ddp" if text in ("", "ddp", "none") else "zero3"


def _needs_sharding(row: TrainingRow) -> bool:
    """Whether the weights of a method alone are too large for one common GPU."""
    bits = 0.55 if method_of(row) == "qlora" else 8.0 if method_of(row) == "full" else 2.0
    return (row.params_b or 0.0) * bits > 70


def offload_of(row: TrainingRow) -> Any:
    text = (row.offload or "").lower()
    if "activation" in text:
        return "activations"
    return "cpu" if "cpu" in text or "offload" in (row.optimizer or "").lower() else "none"


def gpu_link(stated: str | None, gpu: str | None, device: str) -> Any:
    """How GPUs of one machine are joined: as stated, else by what the card has."""
    if "pcie" in f"{stated or ''} {gpu or ''}".lower():
        return "pcie"
    cards = r"\b(rtx|rx|arc|l4|l40s?|a10g?|a40|t4|a30)\b"
    return "pcie" if re.search(cards, device.lower()) else "nvlink"


def metric_of(text: str | None) -> Metric:
    lower = (text or "").lower()
    if "reserved" in lower:
        return "reserved"
    return "allocated" if "allocated" in lower or lower == "active" else "device"


def mean_in(note: str | None) -> float | None:
    found = re.search(r"mean[^0-9]*=\s*([\d.]+)", note or "")
    return float(found[1]) if found else None
