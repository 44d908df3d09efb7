"""One line of a batch file as a serving set-up: the fields that published tables use, read with their spellings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pricing.devicenames import find_device
from pricing.engines import Engine, engine_of
from pricing.inference import ServingSetup
from pricing.rows import Row, Whole, parse_row
from pricing.rowwords import gpu_link
from pricing.shapes import find_dims

if TYPE_CHECKING:
    from datetime import date

    from pricing.catalogue import Catalogue
    from pricing.devices import Device

WEIGHT_BYTES = (
    (r"q2_k|2-?bit", 0.35),
    (r"q3_k|3-?bit", 0.45),
    (r"q4_k|q4_0|q4_1", 0.606),
    (r"q5_k|q5_", 0.72),
    (r"q6_k", 0.82),
    (r"q8_0", 1.0625),
    (r"mxfp4", 0.531),
    (r"nvfp4|fp4", 0.5625),
    (r"nf4-dq", 0.516),
    (r"nf4|bnb", 0.5625),
    (r"int4-g32", 0.578),
    (r"int4|awq|4-?bit|w4", 0.54),
    (r"int8|8-?bit|w8", 1.02),
    (r"fp8", 1.0),
    (r"float32|fp32", 4.0),
)
"""Bytes of a weight by format, scales included: 4-bit formats keep a scale for 16 to 128 weights."""


TYPICAL_PROMPT, TYPICAL_ANSWER = 256, 256
"""Tokens of a chat turn in public request logs (ShareGPT), where a row says nothing."""


class ServingRow(Row):
    """A serving set-up as a table prints it."""

    engine: str | None = None
    tp: Whole | None = None
    pp: Whole | None = None
    batch: Whole | str | None = None
    concurrency: Whole | None = None
    input_len: Whole | None = None
    output_len: Whole | None = None
    kv_dtype: str | None = None
    tps_scope: str | None = None


@dataclass(frozen=True, slots=True)
class ReadServing:
    """A set-up and what had to be assumed."""

    setup: ServingSetup
    assumed: tuple[str, ...]
    decode_only: bool = False
    """Whether tokens a second are wanted of decoding alone, without the time to the first token."""


def read_serving(raw: object, catalogue: Catalogue, on: date | None = None) -> ReadServing:
    """A batch line as a serving set-up. Raises `InvalidDataError` naming the field."""
    row: ServingRow = parse_row(raw, ServingRow)
    dims = find_dims(row.model, catalogue, row.params_b, row.active_params_b)
    assumed: list[str] = ["the model's shape, guessed from its size"] if dims.guessed else []
    text = f"{row.quant or ''} {row.precision or ''}".lower()
    weight_bytes = weight_bytes_of(row.quant, row.precision)
    n_gpus = row.n_gpus or row.tp or 1
    need = 1.2 * dims.params * weight_bytes / n_gpus / 2**30
    found = find_device(row.gpu or "unspecified", catalogue, on, need)
    engine = engine_of(row.engine)
    if engine is None:
        assumed.append("a batching server such as vLLM")
    batch = _batch(row)
    output_len = row.output_len or TYPICAL_ANSWER
    input_len = row.input_len or (0 if batch == 1 else TYPICAL_PROMPT)
    if row.output_len is None:
        assumed.append(f"answers of {TYPICAL_ANSWER} tokens")
    if row.input_len is None:
        assumed.append(f"prompts of {input_len} tokens")
    engine = engine or Engine.SERVER
    setup = ServingSetup(
        dims=dims,
        device=found.device,
        engine=engine,
        n_gpus=n_gpus,
        tensor_parallel=_tensor_parallel(row, engine, n_gpus),
        weight_bytes=weight_bytes,
        arithmetic_factor=arithmetic_factor(text, found.device),
        cache_bytes=1.0 if "fp8" in (row.kv_dtype or "").lower() or _narrow_cache(text, engine) else 2.0,
        slow_kernels=engine is Engine.EAGER and _general_kernels(text, row.engine or ""),
        single_kernels=weight_bytes < 0.6 and "gptq" in text,
        layer_split="exllama" in (row.engine or "").lower(),
        link=gpu_link(None, row.gpu, found.device.name),
        batch=batch,
        input_len=float(input_len),
        output_len=float(output_len),
    )
    return ReadServing(setup, (*found.assumed, *assumed), decode_only=(row.tps_scope or "").strip() == "per request")


def weight_bytes_of(quant: str | None, precision: str | None) -> float:
    """Bytes of a weight of the matrices."""
    for text in (quant or "", precision or ""):
        for pattern, size in WEIGHT_BYTES:
            if re.search(pattern, text.lower()):
                return size
    return 2.0


def arithmetic_factor(text: str, device: Device) -> float:
    """How much faster than 16-bit this GPU multiplies in the format (dense, vendor's figures); 1 where it cannot."""
    capability = device.compute_capability or ""
    newest = capability.startswith(("10.", "12."))
    if "fp4" in text and newest and "gptq" not in text:
        return 4.0
    eight_bit = newest or capability.startswith(("8.9", "9.")) or device.name.startswith(("MI3", "Gaudi"))
    return 2.0 if "fp8" in text and eight_bit else 1.0


def _general_kernels(text: str, engine: str) -> bool:
    """Whether quantised weights are unpacked by bitsandbytes rather than by kernels made for the format."""
    made_for_it = re.search("gptq|awq|hqq|marlin", f"{text} {engine.lower()}")
    return made_for_it is None and bool(re.search(r"nf4|bnb|bitsandbytes|\bint[48]\b|[48]-?bit", text))


def _narrow_cache(text: str, engine: Engine) -> bool:
    """TensorRT-LLM's and vLLM's published 8- and 4-bit checkpoints keep the cache in 8 bits."""
    return engine is Engine.SERVER and bool(re.search(r"\bfp8\b|\bfp4\b|nvfp4", text))


def _tensor_parallel(row: ServingRow, engine: Engine, n_gpus: int) -> int:
    if engine is Engine.LAYERWISE:
        return 1
    if row.tp is not None:
        return min(row.tp, n_gpus)
    return 1 if engine is Engine.EAGER else max(1, n_gpus // (row.pp or 1))


def _batch(row: ServingRow) -> int | None:
    """Concurrent requests; None is a saturated server."""
    wanted: Any = row.concurrency or row.batch
    if isinstance(wanted, str):
        return int(wanted) if wanted.strip().isdigit() and int(wanted) > 0 else None
    return 1 if wanted is None else int(wanted)
