"""Constants that were fitted to measurements, kept as data in `pricing/data/fitted`.

Each file says how, on what and when it was fitted; `python benchmarks/estimates.py --fit` fits them again. Every
constant has a physical meaning and a prior (what theory or a data sheet says), and the fit stays near the prior unless
several sources of measurements pull it away.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Generic, TypeVar, assert_never

from pydantic import BaseModel, ConfigDict, Field

from advisor.base.yamlfile import load_model
from pricing.engines import Engine, EngineConstants

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
FORMULA = "2026-11-25"
"""Changes with the equations of training. Runs that another formula predicted teach nothing about this one."""
FOLDER = Path(__file__).parent / "data" / "fitted"


@dataclass(frozen=True, slots=True)
class MemoryConstants:
    """Of `pricing.memory` and `pricing.activations`."""

    library_workspace_gib: Positive
    """Workspaces of the matrix library."""
    reserve_share: Positive
    """What the allocator holds beyond the tensors, over the tensors."""
    context_gib: Positive
    """Driver and libraries on a GPU."""
    cpu_runtime_gib: Positive
    """Interpreter and libraries of a training process on a processor."""
    cpu_heap_share: Positive
    """What the C library's heap holds beyond what a step allocates and frees, over that, on a processor."""
    logit_chain: Positive
    """Bytes for one logit beside the logit: 32-bit copy, log-softmax, gradient."""
    compiled_logit_chain: Positive
    chunked_logit_chain: Positive
    """The same where the loss works in chunks of 16-bit logits (litgpt)."""
    gptq_logit_chain: Positive
    """The same beside GPTQ or AWQ weights: a 16-bit loss."""
    gptq_workspace_gib: Positive
    fabric_kept_inputs: Positive
    """How much of the inputs of frozen matrices Lightning Fabric's runs keep."""
    fabric_quantised_inputs: Positive
    """The same once more with quantised weights."""
    log_sd: Positive
    """Standard deviation of ln(measured / estimated)."""
    log_sd_cpu: Positive
    """The same on a processor, where the heap's holes vary."""


@dataclass(frozen=True, slots=True)
class SpeedConstants:
    """Of `pricing.speed`."""

    best_share: Positive
    """Of the peak, where memory is fast for the arithmetic."""
    balance_scale: Positive
    """Arithmetic over bandwidth (flops per byte) at which half of that is left."""
    balance_power: Positive
    native_gain: Positive
    megatron_gain: Positive
    fp8_gain: Positive
    fp32_share: Positive
    attention_share: Positive
    """Of what matrix products reach, in fused attention."""
    plain_attention_share: Positive
    traffic: Positive
    """Elements that element-wise kernels move for one element of a layer's width, in one pass."""
    fused_traffic: Positive
    adapter_traffic: Positive
    """The same for one element of an adapter's input."""
    launch_s: Positive
    """Launching one pass through one layer, from Python."""
    adapter_launches: Positive
    """How many times longer that takes with adapters."""
    native_launch_s: Positive
    cpu_launch_s: Positive
    cpu_adapter_share: Positive
    """Of what full fine-tuning reaches on a processor, beside adapters: their thin products reach less."""
    unpack_bytes: Positive
    """Moved to unpack one quantised weight in one pass."""
    split_share: Positive
    """Kept for each doubling of the devices that share a micro-batch."""
    hidden_share: Positive
    """Of the arithmetic, under which communication over NVLink can hide."""
    hidden_pcie_share: Positive
    nvlink_gb_s: Positive
    pcie_gb_s: Positive
    between_nodes_gb_s: Positive
    update_passes: Positive
    offload_gb_s: Positive
    log_sd: Positive
    log_sd_many_devices: Positive
    log_sd_cpu: Positive


@dataclass(frozen=True, slots=True)
class InferenceConstants:
    """Of `pricing.inference`."""

    eager: EngineConstants
    compiled: EngineConstants
    server: EngineConstants
    layerwise: EngineConstants
    slow_kernel_layers: Positive
    """How many times longer a layer takes to launch with general unpacking kernels."""
    attention_share: Positive
    unpacked_prefill_share: Positive
    """Of 16-bit prefill speed, where 4-bit weights are unpacked on the way."""
    expert_prefill_share: Positive
    """Of a dense model's, in a mixture of experts."""
    half_accumulation: Positive
    """How much faster GeForce cards multiply when they accumulate in 16 bits."""
    layerwise_prefill_scaling: Positive
    """Exponent of the number of GPUs."""
    balance_scale: Positive
    vector_share: Positive
    """Of the peak, on chips whose arithmetic is that of their vector units (Apple's)."""
    narrow_gain: Positive
    """Of the vendor's gain for 8- and 4-bit arithmetic."""
    nvlink_all_reduce_s: Positive
    eager_all_reduce_s: Positive
    """Added where every all-reduce is launched from Python."""
    pcie_all_reduce_s: Positive
    nvlink_gb_s: Positive
    """Of an A100's; newer ones have more."""
    pcie_gb_s: Positive
    log_sd_single: Positive
    log_sd_prefill: Positive
    log_sd_many: Positive

    def family(self, engine: Engine) -> EngineConstants:
        """The constants of an engine's family."""
        match engine:
            case Engine.EAGER:
                return self.eager
            case Engine.COMPILED:
                return self.compiled
            case Engine.SERVER:
                return self.server
            case Engine.LAYERWISE:
                return self.layerwise
            case _:
                assert_never(engine)


Constants = TypeVar("Constants", MemoryConstants, SpeedConstants, InferenceConstants)


class FittedFile(BaseModel, Generic[Constants]):
    """One file: how the constants were fitted, what was believed before, and the constants."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: int
    how: str
    fitted: date
    rows: int = Field(gt=0)
    prior: Constants
    constants: Constants


MEMORY = load_model(FOLDER / "memory.yaml", FittedFile[MemoryConstants]).constants
SPEED = load_model(FOLDER / "training_speed.yaml", FittedFile[SpeedConstants]).constants
INFERENCE = load_model(FOLDER / "inference.yaml", FittedFile[InferenceConstants]).constants
