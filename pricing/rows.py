"""One line of a batch file as a training job: the fields that published tables use, read with their spellings.

Missing fields are assumed and said to be; impossible ones (negative, zero, not a number, unknown GPU, a model that is
nowhere described) raise `InvalidDataError`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from advisor.base.errors import InvalidDataError
from pricing.devicenames import find_device
from pricing.setup import Metric, Stack, TrainingSetup
from pricing.shapes import find_dims
from pricing.values import Range

if TYPE_CHECKING:
    from datetime import date

    from pricing.catalogue import Catalogue

Count = Annotated[int, Field(gt=0, lt=10**9)]
Amount = Annotated[float, Field(gt=0, lt=1e12, allow_inf_nan=False)]
Billions = Annotated[float, Field(ge=1e-6, lt=1e6, allow_inf_nan=False)]


def _whole(value: Any) -> Any:
    """2.0 as 2; booleans are no counts."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[Count, BeforeValidator(_whole)]


class Row(BaseModel):
    """What training and serving rows share; keys that describe neither are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    id: str | int | None = None
    model: str
    params_b: Billions | None = None
    active_params_b: Billions | None = None
    quant: str | None = None
    precision: str | None = None
    gpu: str | None = None
    n_gpus: Whole | None = None
    n_nodes: Whole | None = None
    usd_per_hour: Amount | None = None


class TrainingRow(Row):
    """A training set-up as a table prints it."""

    method: str | None = None
    micro_batch: Whole | None = None
    grad_accum: Whole | None = None
    global_batch: Whole | None = None
    seq_len: Whole | None = None
    seq_len_note: str | None = None
    mean_tokens: Amount | None = None
    packing: bool | None = None
    torch_compile: bool | None = None
    optimizer: str | None = None
    optimizer_in_bwd: bool = False
    grad_ckpt: bool | str | None = None
    flash_attention: int | str | None = None
    attention: str | None = None
    chunked_ce: bool = False
    fused_ce: str | bool | None = None
    framework: str | None = None
    sharding: str | None = None
    offload: str | None = None
    gpu_link: str | None = None
    interconnect: str | None = None
    mp_mode: str | None = None
    release: str | None = None
    lora_rank: Whole | None = None
    lora_targets: str | None = None
    trainable_params: Amount | None = None
    mem_metric: str | None = None
    epochs: Amount | None = None
    rows: Whole | None = None
    tp: Whole | None = None
    pp: Whole | None = None
    cp: Whole | None = None


@dataclass(frozen=True, slots=True)
class ReadTraining:
    """A job and what had to be assumed."""

    setup: TrainingSetup
    assumed: tuple[str, ...]


def parse_row(raw: object, kind: type[Row]) -> Any:
    """The line as a row. Raises `InvalidDataError` naming the field."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the line"
        raise InvalidDataError(f"{field}: {first['msg'].lower()}, not {first.get('input')!r}") from None


def read_training(raw: object, catalogue: Catalogue, on: date | None = None) -> ReadTraining:
    """A batch line as a training job."""
    row: TrainingRow = parse_row(raw, TrainingRow)
    dims = find_dims(row.model, catalogue, row.params_b, row.active_params_b)
    found = find_device(row.gpu or "unspecified", catalogue, on)
    assumed = list(found.assumed) + (["the model's shape, guessed from its size"] if dims.guessed else [])
    method = _method(row)
    stack = stack_of(row)
    n_gpus = row.n_gpus or 1
    micro = row.micro_batch or _micro_batch(row, n_gpus)
    if row.micro_batch is None:
        assumed.append(f"a micro-batch of {micro}")
    seq_len = row.seq_len or _assume(assumed, "sequences of {} tokens", 1024)
    checkpointing = _checkpointing(row, stack, assumed)
    setup = TrainingSetup(
        dims=dims,
        method=method,
        device=found.device,
        n_gpus=n_gpus,
        n_nodes=row.n_nodes or -(-n_gpus // 8),
        micro_batch=micro,
        grad_accum=row.grad_accum or max(1, (row.global_batch or 0) // (micro * n_gpus)),
        model_parallel=_model_parallel(row, n_gpus, micro),
        seq_len=seq_len,
        mean_tokens=row.mean_tokens or _mean_in(row.seq_len_note),
        packing=bool(row.packing),
        precision=_precision(row, stack),
        stack=stack,
        optimizer=_optimizer(row.optimizer),
        optimizer_in_backward=row.optimizer_in_bwd or "in-backward" in (row.optimizer or ""),
        master_weights=stack is Stack.MEGATRON or (_sharding(row) != "none" and "deepspeed" in (row.sharding or "")),
        grad_ckpt=checkpointing,
        flash=row.attention not in ("eager", "plain") and str(row.flash_attention) not in ("0", "False"),
        compiled=bool(row.torch_compile),
        fused_loss=row.chunked_ce or bool(row.fused_ce) or stack is Stack.UNSLOTH,
        lora_rank=row.lora_rank or (16 if method in ("full", "encoder") else _assume(assumed, "rank {}", 16)),
        lora_targets=_targets(row.lora_targets),
        train_embeddings=_trains_embeddings(row.lora_targets),
        fp32_adapters=stack in (Stack.TRANSFORMERS, Stack.UNSLOTH),
        double_quant=_double_quant(row.quant),
        quant_kernel="gptq" if re.search("gptq|awq|hqq|aqlm", row.quant or "") else "bitsandbytes",
        sharding=_sharding(row),
        offload=_offload(row),
        link=gpu_link(row.gpu_link, row.gpu, found.device.name),
        trainable_params=row.trainable_params,
        rows=row.rows,
        epochs=row.epochs or 1.0,
        usd_per_hour=Range(row.usd_per_hour, row.usd_per_hour, row.usd_per_hour) if row.usd_per_hour else None,
        metric=_metric(row.mem_metric),
    )
    return ReadTraining(setup, tuple(assumed))


def _assume(assumed: list[str], text: str, value: int) -> int:
    assumed.append(text.format(value))
    return value


def _micro_batch(row: TrainingRow, n_gpus: int) -> int:
    if row.global_batch:
        return max(1, row.global_batch // (n_gpus * (row.grad_accum or 1)))
    return 1


def _model_parallel(row: TrainingRow, n_gpus: int, micro: int) -> int:
    """Devices that share a micro-batch: as stated, or because the batch has fewer rows than there are devices."""
    stated = (row.tp or 1) * (row.pp or 1) * (row.cp or 1)
    if row.global_batch is None or row.grad_accum is None:
        return stated
    return max(stated, round(n_gpus * row.grad_accum * micro / row.global_batch))


def _method(row: TrainingRow) -> Any:
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


def _precision(row: TrainingRow, stack: Stack) -> Any:
    text = (row.precision or "bf16").lower()
    if "fp8" in text or "float8" in text or "nvfp4" in text:
        return "fp8"
    if text.startswith("amp") or "fp32 states" in text:
        return "mixed"
    if text in ("fp32", "float32", "32", "32-true"):
        return "fp32"
    return "fp16" if text.startswith(("fp16", "float16")) and "bf16" not in text else "bf16"


def _optimizer(text: str | None) -> str:
    lower = (text or "adamw").lower()
    if "8bit" in lower or "8-bit" in lower:
        return "paged_adamw_8bit" if "paged" in lower else "adamw_8bit"
    if "sgd" in lower:
        return "sgd"
    return "adamw_fused" if "fused" in lower else "adamw"


def _checkpointing(row: TrainingRow, stack: Stack, assumed: list[str]) -> bool:
    if row.grad_ckpt is None:
        many_gpus = (row.sharding or "").lower().startswith("deepspeed")
        likely = many_gpus or stack is Stack.UNSLOTH or (stack is Stack.TRANSFORMERS and _big(row))
        assumed.append("activation checkpointing" if likely else "no activation checkpointing")
        return likely
    return row.grad_ckpt not in (False, "none", "no", "false", "False")


def _big(row: TrainingRow) -> bool:
    """Models that are hardly ever trained without checkpointing on one GPU."""
    return (row.params_b or 0.0) >= 3.0 and row.seq_len is not None and row.seq_len >= 1024


def _targets(text: str | None) -> str:
    lower = (text or "all-linear").lower()
    if re.search(r"down|gate|up_proj|w1|mlp", lower):
        return "all-linear" if re.search(r"q|attn|linear|proj.*mlp|mlp.*proj", lower.replace("_proj", "")) else "mlp"
    if lower.startswith("all") or "all " in lower or "all-linear" in lower:
        return "all-linear"
    if re.fullmatch(r"\s*(q|query|q_proj)\s*,\s*(v|value|v_proj)\s*", lower):
        return "q,v"
    return "attention"


def _trains_embeddings(text: str | None) -> bool:
    lower = (text or "").lower()
    return "trainable" in lower and any(word in lower for word in ("wte", "embed", "head"))


def _double_quant(quant: str | None) -> bool:
    """GPTQ and AWQ keep a 16-bit scale and a 4-bit zero for 128 weights: close to doubly quantised NF4."""
    lower = (quant or "").lower()
    return lower != "nf4"


def _sharding(row: TrainingRow) -> Any:
    text = (row.sharding or "").lower()
    if (row.n_gpus or 1) == 1:
        return "none"
    if stack_of(row) is Stack.MEGATRON:
        return "none"
    if "zero2/zero3" in text:
        return "zero3" if (row.params_b or 0.0) * 2 > 70 or _method(row) == "full" else "zero2"
    if "shard_grad_op" in text or "zero2" in text or "zero-2" in text:
        return "zero2"
    if any(word in text for word in ("zero3", "zero-3", "fsdp", "full_shard", "2d", "3d")):
        return "zero3"
    if row.mp_mode or (not text and _needs_sharding(row)):
        return "zero3"
    return "ddp" if text in ("", "ddp", "none") else "zero3"


def _needs_sharding(row: TrainingRow) -> bool:
    """Whether the weights of a method alone are too large for one common GPU."""
    bits = 0.55 if _method(row) == "qlora" else 8.0 if _method(row) == "full" else 2.0
    return (row.params_b or 0.0) * bits > 70


def _offload(row: TrainingRow) -> Any:
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


def _metric(text: str | None) -> Metric:
    lower = (text or "").lower()
    if "reserved" in lower:
        return "reserved"
    return "allocated" if "allocated" in lower or lower == "active" else "device"


def _mean_in(note: str | None) -> float | None:
    found = re.search(r"mean[^0-9]*=\s*([\d.]+)", note or "")
    return float(found[1]) if found else None
