"""Which GPU a string means: what drivers, clouds and tables print (`NVIDIA A100-SXM4-80GB`, `RTX 4090-24GB`).

A string is read as a base name (`a100`), a form (`sxm`, `pcie`, `nvl`) and a memory size; all three must agree with the
catalogue as far as they are given. A named GPU that the catalogue lacks is refused. Words that name no GPU at all
(`unspecified (80 GB class)`, `8-GPU node`) are taken for a common GPU of that memory, and that is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from advisor.base.errors import InvalidDataError
from pricing.catalogue import find, fold, names_of
from pricing.devices import Device, from_gpu, this_machine

if TYPE_CHECKING:
    from datetime import date

    from pricing.catalogue import Catalogue
    from pricing.entries import Gpu

_MAKERS = r"\b(nvidia|geforce|tesla|amd|instinct|radeon|apple|intel|quadro)\b"
_WORDS = r"\b(generation|blackwell|workstation|server|edition|graphics|gpu|hbm\d?e?|(sxm|oam|pcie|nvl)\d?)\b"
_MEMORY = re.compile(r"(\d+)\s*g(?:i?b)\b")
_CORES = re.compile(r"\d+\s*core\b")
_FORM = re.compile(r"\b(sxm|pcie|nvl)\d?\b")
_UNNAMED = re.compile(r"\b(any|unspecified|class|consumer|node|unknown|size|not|stated|\d*gpu|\d+|)\b")
_CAP = re.compile(r"(\d+)\s*w(?:att)?s?\s*(?:cap|limit)", re.IGNORECASE)
_BY_MEMORY = ((16, "rtx-4080"), (24, "rtx-4090"), (32, "rtx-5090"), (40, "a100-40"), (48, "l40s"), (80, "a100-80"),
              (96, "rtx-pro-6000"), (141, "h200"), (192, "b200"))  # fmt: skip
_COMMON = ("h100", "h200", "b200", "b300")
"""Data-centre GPUs, smallest first, for a machine that is not named at all."""


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A device and what had to be assumed to find it."""

    device: Device
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    base: str
    form: str | None
    memory_gib: int | None
    cap_w: int | None


def find_device(text: str, catalogue: Catalogue, on: date | None = None, need_gib: float | None = None) -> FoundDevice:
    """The device that `text` means; `cpu` is this computer. `need_gib`: what an unnamed GPU must hold.

    Raises `InvalidDataError` for a name that the catalogue does not know.
    """
    if fold(text) in ("cpu", "this machine", "local"):
        return FoundDevice(this_machine())
    index = _index(catalogue)
    exact = index.exact.get(fold(text))
    if exact is not None:
        return FoundDevice(_device(index, exact, on))
    read = _read(text)
    if not read.base:
        return _unnamed(text, read, index, on, need_gib)
    same = index.by_base.get(read.base, [])
    if not same:
        find(catalogue.gpus, text, "GPU")
    return _chosen(read, same, index, on)


@dataclass(frozen=True, slots=True)
class _Index:
    """A catalogue's GPUs by every name, and devices that were made already."""

    catalogue: Catalogue
    exact: dict[str, Gpu]
    by_base: dict[str, list[Gpu]]
    devices: dict[tuple[str, date | None], Device] = field(default_factory=dict)


_memo: dict[int, _Index] = {}


def _index(catalogue: Catalogue) -> _Index:
    """Made once for a catalogue."""
    kept = _memo.get(id(catalogue))
    if kept is not None and kept.catalogue is catalogue:
        return kept
    found = _Index(catalogue, {}, {})
    for gpu in catalogue.gpus.values():
        for name in names_of(gpu):
            found.exact.setdefault(fold(name), gpu)
            same = found.by_base.setdefault(_read(name).base, [])
            if all(gpu is not other for other in same):
                same.append(gpu)
    _memo.clear()
    _memo[id(catalogue)] = found
    return found


def _device(index: _Index, gpu: Gpu, on: date | None) -> Device:
    key = (gpu.id, on)
    if key not in index.devices:
        index.devices[key] = from_gpu(gpu, on)
    return index.devices[key]


@lru_cache(maxsize=4096)
def _read(text: str) -> _Read:
    lower = re.sub(r"[\s_\-\u2010-\u2015]+", " ", text.lower())
    brackets = " ".join(re.findall(r"\((.*?)\)", lower))
    plain = re.sub(r"\(.*?\)", " ", lower)
    memory = _MEMORY.search(plain) or _MEMORY.search(brackets)
    form = _FORM.search(lower)
    cap = _CAP.search(brackets)
    base = _CORES.sub(" ", _MEMORY.sub(" ", re.sub(f"{_MAKERS}|{_WORDS}", " ", plain)))
    base = "" if not _UNNAMED.sub("", base).strip() else re.sub(r"[^a-z0-9]", "", base)
    return _Read(base, form[1] if form else None, int(memory[1]) if memory else None, int(cap[1]) if cap else None)


def _chosen(read: _Read, same: list[Gpu], index: _Index, on: date | None) -> FoundDevice:
    """The entry that agrees with form and memory; the one that owns the bare name when neither decides."""
    formed = [g for g in same if read.form and (g.form or "").lower().startswith(read.form)] or same
    near = [g for g in formed if read.memory_gib and g.memory_gib and abs(g.memory_gib - read.memory_gib) <= 4]
    usual = [g for g in near or formed if any(_is_bare(name, read.base) for name in names_of(g))]
    gpu = (usual or near or formed)[0]
    device, assumed = _device(index, gpu, on), []
    if read.memory_gib is None and len({g.memory_gib for g in formed}) > 1:
        assumed.append(f"the {gpu.memory_gib:g} GiB version of the GPU")
    if read.memory_gib is not None and not near:
        device = replace(device, memory_gib=float(read.memory_gib))
        assumed.append(f"{gpu.name} with {read.memory_gib} GiB")
    if read.cap_w is not None and device.tdp_w:
        device = replace(device, power_share=min(1.0, read.cap_w / device.tdp_w))
    return FoundDevice(device, tuple(assumed))


def _is_bare(name: str, base: str) -> bool:
    return re.sub(r"[^a-z0-9]", "", name.lower()) == base


def _unnamed(text: str, read: _Read, index: _Index, on: date | None, need_gib: float | None) -> FoundDevice:
    gpus = index.catalogue.gpus
    if read.memory_gib is not None:
        ids = [i for size, i in _BY_MEMORY if size >= read.memory_gib - 4] or [_BY_MEMORY[-1][1]]
    else:
        ids = [i for i in _COMMON if (gpus[i].memory_gib or 0) >= (need_gib or 0)] or [_COMMON[-1]]
    if ids[0] not in gpus:
        raise InvalidDataError(f"{text!r} names no GPU", fix="name one; `advisor prices list gpus` shows them")
    device = _device(index, gpus[ids[0]], on)
    if read.memory_gib is not None:
        device = replace(device, memory_gib=float(read.memory_gib))
    return FoundDevice(device, (f"a {device.name}, because the GPU is not named",))
