"""What a planned run will take: from the model's dimensions, the lengths of the rows and the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from pricing.devices import Device, from_gpu, this_machine
from pricing.dims import Dims
from pricing.fitted import FORMULA
from pricing.setup import Method, TrainingSetup
from pricing.training import TrainingEstimate, estimate_training
from trainers.runs.spec import Predicted, RunSpec, Spread

if TYPE_CHECKING:
    from advisor.base.quantiles import Quantiles
    from pricing.catalogue import Catalogue
    from pricing.entries import Gpu

_GPU_NAME_NOISE = ("nvidia", "geforce", "amd", "instinct", "tesla")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the run will be, and what an hour of it is taken to cost."""

    device: Device
    count: int
    usd_per_hour: float | None
    """Of all devices together."""
    price_basis: str | None
    """How the price was come by, in words."""


def this_computer(gpus: Sequence[Mapping[str, Any]], catalogue: Catalogue, on: date) -> Machine:
    """This computer's GPUs when it has some, else its processor, priced like the nearest machine in the catalogue."""
    if gpus:
        return _gpu_machine(gpus, catalogue, on)
    device = this_machine()
    cores = _cores(device)
    rented = sorted((g for g in catalogue.gpus.values() if g.kind == "cpu" and g.vcpus), key=lambda g: g.vcpus or 0)
    chosen = next((gpu for gpu in rented if (gpu.vcpus or 0) >= cores), rented[-1] if rented else None)
    rent = chosen.rent(on) if chosen else None
    if chosen is None or rent is None:
        return Machine(device, 1, None, None)
    return Machine(replace(device, usd_per_hour=rent.range), 1, float(rent.value), f"the rent of a {chosen.name}")


def _cores(device: Device) -> int:
    words = device.name.rsplit(",", 1)[-1].split()
    return int(words[0]) if words and words[0].isdigit() else 1


def _gpu_machine(gpus: Sequence[Mapping[str, Any]], catalogue: Catalogue, on: date) -> Machine:
    name, memory_gib = str(gpus[0]["name"]), float(gpus[0]["memory_gib"])
    known = _catalogue_gpu(name, memory_gib, catalogue)
    if known is None:
        device = Device(name=name, kind="gpu", memory_gib=memory_gib, bf16_tflops=None, bandwidth_gb_s=None)
        return Machine(device, len(gpus), None, None)
    device = replace(from_gpu(known, on), memory_gib=memory_gib)
    rent = known.rent(on)
    price = None if rent is None else float(rent.value) * len(gpus)
    return Machine(device, len(gpus), price, None if rent is None else f"the rent of {len(gpus)} x {known.name}")


def _catalogue_gpu(name: str, memory_gib: float, catalogue: Catalogue) -> Gpu | None:
    """The catalogue's entry for what the driver calls a GPU: all words of one of its names, nearest in memory."""
    words = {word for word in name.lower().replace("-", " ").split() if word not in _GPU_NAME_NOISE}
    fitting = [
        gpu
        for gpu in catalogue.gpus.values()
        if any(set(known.lower().replace("-", " ").split()) <= words for known in (gpu.name, *gpu.aliases))
    ]
    return min(fitting, key=lambda gpu: abs((gpu.memory_gib or 0) - memory_gib), default=None)


def dims_of_config(config: Mapping[str, Any]) -> Dims | None:
    """Dimensions from a model's `config.json`; None when it is not a transformer of the usual kind."""
    try:
        hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        return Dims(
            n_layers=int(config["num_hidden_layers"]),
            hidden=hidden,
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or hidden // heads),
            ffn=int(config["intermediate_size"]),
            vocab=int(config["vocab_size"]),
            gated_mlp=config.get("model_type") not in ("bert", "roberta", "gpt2", "deberta-v2", "distilbert"),
            tied=bool(config.get("tie_word_embeddings", True)),
            n_experts=int(config.get("num_local_experts") or config.get("num_experts") or 1),
            experts_per_token=int(config.get("num_experts_per_tok") or 1),
        )
    except (KeyError, TypeError, ValueError):
        return None


def setup_of(
    method: Method,
    dims: Dims,
    machine: Machine,
    settings: Mapping[str, Any],
    preflight: Mapping[str, Any],
    dtype: str,
    processes: int,
) -> TrainingSetup:
    """The job in the estimator's terms. Our loop applies the head to trained positions only: a fused loss."""
    batch = int(settings.get("micro_batch_size") or settings["batch_size"])
    rows = int(preflight["rows"])
    # What the loop really sees: whole steps of whole batches.
    seen_epochs = preflight["steps"] * int(settings["batch_size"]) / max(rows, 1)
    on_gpu = machine.device.kind == "gpu"
    if method == "encoder":  # its heads are small: no token passes through a vocabulary
        dims = replace(dims, stated_params=dims.params, stated_active_params=float(dims.active_linear_params))
    return TrainingSetup(
        dims=dims,
        method=method,
        device=machine.device,
        n_gpus=processes if on_gpu else 1,
        micro_batch=batch,
        grad_accum=max(1, int(settings["batch_size"]) // batch),
        seq_len=int(preflight["longest_tokens"]),
        mean_tokens=preflight["tokens"] / max(rows, 1),
        packing=False,
        precision="fp32" if dtype != "bf16" else "mixed" if method in ("full", "encoder") else "bf16",
        optimizer="adamw_fused",
        grad_ckpt=bool(settings.get("gradient_checkpointing")),
        flash=on_gpu,
        fused_loss=True,
        loss_positions=_loss_positions(settings, preflight, batch),
        adapter_dropout=bool(settings.get("dropout")),
        lora_rank=int(settings.get("rank", 16)),
        lora_targets="all-linear" if settings.get("targets", "all-linear") == "all-linear" else "attention",
        fp32_adapters=dtype != "bf16",
        upcast=False,
        rows=rows,
        epochs=seen_epochs,
    )


def _loss_positions(settings: Mapping[str, Any], preflight: Mapping[str, Any], batch: int) -> int:
    """Positions whose logits are there at once: the trained ones of a micro-batch of the longest rows, or a chunk."""
    trained = batch * int(preflight["longest_tokens"]) * float(preflight.get("trained_share", 1.0))
    return min(round(trained), int(settings.get("loss_chunk_tokens", 1024)))


def computed_share(
    dims: Dims, preflight: Mapping[str, Any], settings: Mapping[str, Any], *, packs: bool = True
) -> float:
    """Share of a plain trainer's arithmetic that our loop does.

    The head (vocab x hidden) is applied to trained positions only, and what all rows of a step begin with is computed
    once a step: (body * computed + head * trained) / (body + head), by parameters.
    """
    mean = preflight["tokens"] / max(preflight["rows"], 1)
    batch = int(settings.get("micro_batch_size") or settings["batch_size"])
    packs = packs and settings.get("layout", "auto") != "padded"
    shared = preflight.get("shared_tokens", 0) if packs else 0
    computed = 1 - shared * (1 - 1 / batch) / mean
    head = float(dims.head_params)
    body = max(dims.active_params - head, 1.0)
    return float((body * computed + head * preflight["trained_share"]) / (body + head))


def slowest_hours_on(gpu: Gpu, spec: RunSpec, preflight: Mapping[str, Any], on: date) -> float | None:
    """P90 of the hours that a plan takes on GPUs of this kind, one a process; None when the model is not understood."""
    from trainers.methods import get_method
    from trainers.models.local import model_dimensions

    config = model_dimensions(spec.model)
    dims = dims_of_config(config.get("text_config", config))
    if dims is None:
        return None
    machine = Machine(from_gpu(gpu, on), spec.processes, None, None)
    method = get_method(spec.method).ESTIMATE
    setup = setup_of(method, dims, machine, spec.settings, preflight, "bf16", spec.processes)
    hours = estimate_training(setup).hours
    return None if hours is None else hours.p90


def predicted(estimate: TrainingEstimate, work_share: float = 1.0, machine: str | None = None) -> Predicted:
    """The estimate as it is kept in the plan; speed divided by the share of the work that is really done."""

    def kept(value: Quantiles | None, factor: float = 1.0) -> Spread | None:
        if value is None:
            return None
        return Spread(p10=value.p10 * factor, p50=value.p50 * factor, p90=value.p90 * factor)

    return Predicted(
        peak_memory_gib=kept(estimate.peak_memory_gib),
        tokens_per_s=kept(estimate.tokens_per_s, 1 / work_share),
        hours=kept(estimate.hours, work_share),
        cost_usd=kept(estimate.cost_usd, work_share),
        basis=estimate.basis,
        machine=machine,
        formula=FORMULA,
        memory_factor=estimate.memory_factor,
        speed_factor=estimate.speed_factor,
    )


def ways_to_fit(setup: TrainingSetup) -> list[str]:
    """What would make the job fit on its device, the smallest sacrifice first."""
    tries: list[tuple[str, TrainingSetup]] = []
    small = replace(setup, micro_batch=1, grad_accum=setup.grad_accum * setup.micro_batch)
    if setup.micro_batch > 1:
        tries.append(("--micro-batch-size 1 (same result, slower)", small))
    tries.append(
        ("--micro-batch-size 1 --gradient-checkpointing (same result, slower)", replace(small, grad_ckpt=True))
    )
    if setup.method == "full":
        tries.append(("--method lora", replace(small, grad_ckpt=True, method="lora")))
    if setup.method in ("full", "lora"):
        tries.append(("--method qlora --gradient-checkpointing", replace(small, grad_ckpt=True, method="qlora")))
    fitting = [text for text, job in tries if estimate_training(job).fits in ("fits", "tight", None)]
    return [*fitting, "a smaller model", "a machine with more memory"]


__all__ = ["Machine", "dims_of_config", "estimate_training", "predicted", "setup_of", "this_computer", "ways_to_fit"]
