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
from pricing.rowwords import (
    checkpointing_of,
    double_quant_of,
    gpu_link,
    mean_in,
    method_of,
    metric_of,
    offload_of,
    optimizer_of,
    precision_of,
    sharding_of,
    stack_of,
    targets_of,
    trains_embeddings,
)
from pricing.setup import Stack, TrainingSetup
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
    method = method_of(row)
    stack = stack_of(row)
    n_gpus = row.n_gpus or 1
    micro = row.micro_batch or _micro_batch(row, n_gpus)
    if row.micro_batch is None:
        assumed.append(f"a micro-batch of {micro}")
    seq_len = row.seq_len or _assume(assumed, "sequences of {} tokens", 1024)
    checkpointing = checkpointing_of(row, stack, assumed)
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
        mean_tokens=row.mean_tokens or mean_in(row.seq_len_note),
        packing=bool(row.packing),
        precision=precision_of(row.precision, found.device),
        stack=stack,
        optimizer=optimizer_of(row.optimizer),
        optimizer_in_backward=row.optimizer_in_bwd or "in-backward" in (row.optimizer or ""),
        master_weights=stack is Stack.MEGATRON or (sharding_of(row) != "none" and "deepspeed" in (row.sharding or "")),
        grad_ckpt=checkpointing,
        flash=row.attention not in ("eager", "plain") and str(row.flash_attention) not in ("0", "False"),
        compiled=bool(row.torch_compile),
        fused_loss=row.chunked_ce or bool(row.fused_ce) or stack is Stack.UNSLOTH,
        lora_rank=row.lora_rank or (16 if method in ("full", "encoder") else _assume(assumed, "rank {}", 16)),
        lora_targets=targets_of(row.lora_targets),
        train_embeddings=trains_embeddings(row.lora_targets),
        fp32_adapters=stack in (Stack.TRANSFORMERS, Stack.UNSLOTH),
        double_quant=double_quant_of(row.quant),
        quant_kernel="gptq" if re.search("gptq|awq|hqq|aqlm", (row.quant or "").lower()) else "bitsandbytes",
        sharding=sharding_of(row),
        offload=offload_of(row),
        link=gpu_link(row.gpu_link, row.gpu, found.device.name),
        trainable_params=row.trainable_params,
        rows=row.rows,
        epochs=row.epochs or 1.0,
        usd_per_hour=Range(row.usd_per_hour, row.usd_per_hour, row.usd_per_hour) if row.usd_per_hour else None,
        metric=metric_of(row.mem_metric),
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
