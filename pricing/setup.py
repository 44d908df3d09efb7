"""What is to be trained, with what, on what: everything that memory, speed and cost depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pricing.devices import Device
    from pricing.dims import Dims
    from pricing.values import Range

Method = Literal["full", "lora", "qlora", "int8", "encoder"]


@dataclass(frozen=True, slots=True)
class TrainingSetup:
    """One training job. Lengths are tokens; `micro_batch` is per device."""

    dims: Dims
    method: Method
    device: Device
    n_gpus: int = 1
    micro_batch: int = 4
    grad_accum: int = 1
    seq_len: int = 512
    """Length of the longest sequence (after truncation); it sets the peak of memory."""
    mean_tokens: float | None = None
    """Mean length of a row; None: every row is `seq_len` long."""
    packing: bool = False
    precision: Literal["bf16", "fp16", "fp32", "mixed"] = "bf16"
    optimizer: str = "adamw"
    grad_ckpt: bool = False
    flash: bool = True
    fused_loss: bool = False
    lora_rank: int = 16
    lora_targets: str = "all-linear"
    fp32_adapters: bool = True
    double_quant: bool = True
    trainable_params: float | None = None
    rows: int | None = None
    epochs: float = 1.0
    usd_per_hour: Range | None = None
    """Rent of one device; None: the device's own."""

    @property
    def micro_batch_tokens(self) -> float:
        """Tokens of the largest micro-batch, padding included."""
        return float(self.micro_batch * self.seq_len)

    @property
    def base_bytes(self) -> float:
        """Bytes of an element of the computation."""
        return 4.0 if self.precision == "fp32" else 2.0

    @property
    def weight_bytes(self) -> float:
        """Bytes of one parameter of the frozen or trained matrices, quantisation constants included."""
        if self.method == "qlora":
            return 0.5 + (0.0159 if self.double_quant else 0.0625)
        if self.method == "int8":
            return 1.0
        return 4.0 if self.precision in ("fp32", "mixed") and self.method in ("full", "encoder") else self.base_bytes

    @property
    def weights_kind(self) -> str:
        """How the weights are stored, in words."""
        if self.method == "qlora":
            return "4-bit" + (", doubly quantised" if self.double_quant else "")
        return "8-bit" if self.method == "int8" else f"{8 * self.weight_bytes:.0f}-bit"

    @property
    def adapter_bytes(self) -> float:
        """Bytes of one adapter parameter."""
        return 4.0 if self.fp32_adapters else self.base_bytes

    @property
    def gradient_bytes(self) -> float:
        """Bytes of one gradient."""
        return self.weight_bytes if self.method in ("full", "encoder") else self.adapter_bytes

    @property
    def state_bytes(self) -> float:
        """Bytes of one optimizer state of one trained parameter."""
        return self.gradient_bytes
