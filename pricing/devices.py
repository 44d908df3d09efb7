"""The machine that trains or serves: a GPU of the catalogue, or this computer's processor.

A processor's arithmetic is what full fine-tuning of a small transformer reaches, not its peak: measured on two cores
with PyTorch 2.13 and SmolLM2-135M (batches of 256 to 2,048 tokens), by instruction set: AMX tiles (2026-11-23) and
AVX-512 with bfloat16 (2026-11-25); AVX-512 and AVX2 by the ratio of their peaks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pricing.values import Range

if TYPE_CHECKING:
    from datetime import date

    from pricing.entries import Gpu

GIB = 2.0**30


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator or processor; None is unknown."""

    name: str
    kind: Literal["gpu", "cpu", "soc"]
    memory_gib: float | None
    bf16_tflops: float | None
    bandwidth_gb_s: float | None
    bf16: bool = True
    tdp_w: float | None = None
    compute_capability: str | None = None
    fp32_share: float | None = None
    """Of `bf16_tflops`, in 32-bit floats, where it is a measured figure (processors)."""
    usd_per_hour: Range | None = None
    half_rate: bool = False
    """Whether the card runs at half rate when it accumulates in 32 bits (GeForce); `bf16_tflops` is that half rate."""
    power_share: float = 1.0
    """Power limit over the board's nominal power."""


def from_gpu(gpu: Gpu, on: date | None = None) -> Device:
    """A catalogue entry as a device, with the usual rent of that day."""
    if gpu.kind == "cpu":
        return _cloud_cpu(gpu, on)
    rent = gpu.rent(on) if on else None
    return Device(
        name=gpu.name,
        kind=gpu.kind,
        memory_gib=gpu.memory_gib,
        bf16_tflops=gpu.bf16_tflops,
        bandwidth_gb_s=gpu.bandwidth_gb_s,
        bf16=gpu.bf16,
        tdp_w=gpu.tdp_w,
        compute_capability=gpu.compute_capability,
        half_rate=gpu.vendor == "NVIDIA" and gpu.form == "consumer",
        usd_per_hour=rent.range if rent else None,
    )


@dataclass(frozen=True, slots=True)
class _Core:
    """What one core reaches while training, in 10^9 floating-point operations a second."""

    bf16_gflops: float
    fp32_gflops: float


_AMX = _Core(bf16_gflops=170.0, fp32_gflops=108.0)
_AVX512_BF16 = _Core(bf16_gflops=150.0, fp32_gflops=90.0)
_AVX512 = _Core(bf16_gflops=31.0, fp32_gflops=56.0)
_AVX2 = _Core(bf16_gflops=15.0, fp32_gflops=31.0)
CORE_BANDWIDTH_GB_S = 8.0


def _core(flags: frozenset[str]) -> _Core:
    if "amx_bf16" in flags:
        return _AMX
    if "avx512_bf16" in flags:
        return _AVX512_BF16
    return _AVX512 if "avx512f" in flags else _AVX2


def _cpu_device(name: str, cores: int, memory_gib: float | None, core: _Core, rent: Range | None = None) -> Device:
    return Device(
        name=name,
        kind="cpu",
        memory_gib=memory_gib,
        bf16_tflops=core.bf16_gflops * cores / 1000,
        bandwidth_gb_s=CORE_BANDWIDTH_GB_S * cores,
        bf16=core.bf16_gflops > core.fp32_gflops,
        fp32_share=core.fp32_gflops / core.bf16_gflops,
        usd_per_hour=rent,
    )


def _cloud_cpu(gpu: Gpu, on: date | None) -> Device:
    """A rented machine of unknown processor: AVX-512 is assumed, two virtual cores to a core."""
    rent = gpu.rent(on) if on else None
    cores = max(1, (gpu.vcpus or 2) // 2)
    return _cpu_device(gpu.name, cores, gpu.memory_gib, _AVX512, rent.range if rent else None)


@cache
def this_machine() -> Device:
    """This computer's processor and memory, from the operating system."""
    text = _read("/proc/cpuinfo")
    flags = frozenset(_field(text, "flags").split())
    name = _field(text, "model name") or "this computer's processor"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return _cpu_device(f"{name}, {cores} cores", cores, memory_gib(), _core(flags))


def memory_gib() -> float | None:
    """Memory that this computer (or its container) may use, in GiB; None when the system does not say."""
    try:
        total = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        return None
    limit = _read("/sys/fs/cgroup/memory.max").strip()
    return min(total, float(limit) if limit.isdigit() else total) / GIB


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _field(text: str, name: str) -> str:
    line = next((line for line in text.splitlines() if line.startswith(name)), "")
    return line.partition(":")[2].strip()
