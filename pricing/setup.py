"""What is to be trained, with what, on what: everything that memory, speed and cost depend on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pricing.devices import Device
    from pricing.dims import Dims
    from pricing.lengths import Lengths
    from pricing.values import Range

Method = Literal["full", "lora", "qlora", "int8", "encoder"]
Metric = Literal["device", "reserved", "allocated"]


class Stack(StrEnum):
    """Which code trains: they differ in what they keep for the backward pass and in how well they use a GPU."""

    TRANSFORMERS = "transformers"
    """transformers + peft (also behind axolotl, LLaMA-Factory, ms-swift, TRL)."""
    FABRIC = "fabric"
    """Lightning Fabric in true 16-bit (litgpt): adapters, gradients and optimizer states in 16 bits."""
    NATIVE = "native"
    """PyTorch-native loops (torchtune, torchtitan, llm-foundry): 16-bit adapters, fused attention."""
    MEGATRON = "megatron"
    """Vendors' tuned code (NeMo, Megatron): fused kernels, 8-bit floating point."""
    UNSLOTH = "unsloth"
    """Hand-written kernels for one GPU."""


@dataclass(frozen=True, slots=True)
class TrainingSetup:
    """One training job. Lengths are tokens; `micro_batch` is per device."""

    dims: Dims
    method: Method
    device: Device
    n_gpus: int = 1
    n_nodes: int = 1
    micro_batch: int = 4
    model_parallel: int = 1
    """Devices that share one micro-batch (tensor, pipeline or context parallel)."""
    grad_accum: int = 1
    seq_len: int = 512
    """Length of the longest sequence (after truncation); it sets the peak of memory."""
    mean_tokens: float | None = None
    """Mean length of a row; None: every row is `seq_len` long."""
    lengths: Lengths | None = None
    """The data set's own histogram, where it is at hand."""
    packing: bool = False
    precision: Literal["bf16", "fp16", "fp32", "mixed", "fp8"] = "bf16"
    """Of the computation; `mixed` keeps 32-bit weights beside 16-bit arithmetic."""
    stack: Stack = Stack.TRANSFORMERS
    optimizer: str = "adamw"
    optimizer_in_backward: bool = False
    master_weights: bool = False
    """Whether the optimizer keeps 32-bit copies of 16-bit weights (DeepSpeed, Megatron)."""
    grad_ckpt: bool = False
    flash: bool = True
    compiled: bool = False
    fused_loss: bool = False
    loss_positions: int | None = None
    """Positions whose logits a loss in chunks holds at once; None: a fused kernel, which holds none."""
    lora_rank: int = 16
    lora_targets: str = "all-linear"
    """`attention`, `q,v`, `mlp`, `all-linear`."""
    train_embeddings: bool = False
    """Whether the embedding and the output head are trained in full beside the adapters."""
    fp32_adapters: bool = True
    adapter_dropout: bool = True
    """Whether adapters drop out some of their input (recipes usually do), for which a copy of it is kept."""
    upcast: bool = True
    """Whether what stays unquantised is turned into 32-bit floats, as peft's preparation for k-bit training does."""
    double_quant: bool = True
    quant_kernel: Literal["bitsandbytes", "gptq"] = "bitsandbytes"
    sharding: Literal["none", "ddp", "zero2", "zero3"] = "none"
    """`zero3` is also FSDP with full sharding, `zero2` shards gradients and optimizer states."""
    offload: Literal["none", "cpu", "activations"] = "none"
    link: Literal["nvlink", "pcie"] = "nvlink"
    trainable_params: float | None = None
    rows: int | None = None
    epochs: float = 1.0
    attempts: int = 1
    """Runs that are paid for until one is good enough."""
    usd_per_hour: Range | None = None
    """Rent of one device; None: the device's own."""
    metric: Metric = "device"
    """What counts as memory: all that the device holds, what the allocator reserved, or what tensors took."""

    @property
    def micro_batch_tokens(self) -> float:
        """Tokens of the largest micro-batch, padding included."""
        return float(self.micro_batch * self.seq_len)

    @property
    def trains_all(self) -> bool:
        """Whether every weight is trained."""
        return self.method in ("full", "encoder")

    @property
    def quantised(self) -> bool:
        """Whether the frozen weights are stored in 8 or fewer bits."""
        return self.method in ("qlora", "int8")

    @property
    def compute_bytes(self) -> float:
        """Bytes of an element of the matrix arithmetic's operands."""
        return 4.0 if self.precision == "fp32" else 2.0

    @property
    def element_bytes(self) -> float:
        """Bytes of an element between the matrices.

        peft's preparation for k-bit training turns every unquantised weight, embeddings included, into 32-bit floats,
        and the residual stream with them (peft.utils.other.prepare_model_for_kbit_training).
        """
        upcast = (
            self.upcast and self.quantised and self.stack is Stack.TRANSFORMERS and self.quant_kernel == "bitsandbytes"
        )
        return 4.0 if upcast else self.compute_bytes

    @property
    def weight_bytes(self) -> float:
        """Bytes of one parameter of the matrices, quantisation constants included."""
        if self.method == "qlora":
            return 0.5 + (0.0159 if self.double_quant else 0.0625)
        if self.method == "int8":
            return 1.0
        return 4.0 if self.precision in ("fp32", "mixed") else 2.0

    @property
    def weights_kind(self) -> str:
        """How the weights are stored, in words."""
        if self.method == "qlora":
            return "4-bit" + (", doubly quantised" if self.double_quant else "")
        return "8-bit" if self.method == "int8" else f"{8 * self.weight_bytes:.0f}-bit"

    @property
    def adapter_bytes(self) -> float:
        """Bytes of one adapter parameter."""
        return 4.0 if self.fp32_adapters else self.compute_bytes

    @property
    def whole_bytes(self) -> float:
        """Bytes of a parameter that is trained as it is, and of its gradient."""
        return 4.0 if self.precision in ("fp32", "mixed") else 2.0
