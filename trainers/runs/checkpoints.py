"""Checkpoints that are whole or not there.

A checkpoint is a folder `step-000040` that appears by one rename after its files are on disk, with a marker `COMPLETE`
that holds the size and SHA-256 of each file. Whatever fails that test (power loss, a truncated copy) is passed over and
the one before it is used.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.base.errors import InvalidDataError
from advisor.base.files import dump_json, parse_json, read_text

MARKER = "COMPLETE"
STATE = "state.json"
KEEP = 2
_PREFIX = "step-"
_NO_SPACE_BYTES = 1 << 18
"""Less than this left while a write failed means that the disk is full."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A verified checkpoint."""

    folder: Path
    step: int
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Broken:
    """A checkpoint that cannot be used, and why."""

    folder: Path
    reason: str


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Put a file or a folder's list of names on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_folder(target: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary folder, put it on disk with its marker, then give it its name in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        work.chmod(0o755)
        write(work)
        files = sorted(path for path in work.rglob("*") if path.is_file())
        for path in files:
            sync(path)
        seals = {
            str(path.relative_to(work)): {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in files
        }
        (work / MARKER).write_text(dump_json({"v": 1, "files": seals}, indent=1) + "\n", encoding="utf-8")
        sync(work / MARKER)
        sync(work)
        if target.exists():
            shutil.rmtree(target)
        os.rename(work, target)
        sync(target.parent)
    except BaseException as error:
        full = shutil.disk_usage(target.parent).free < _NO_SPACE_BYTES
        shutil.rmtree(work, ignore_errors=True)
        # torch and safetensors tell of a full disk in words of their own.
        if full and isinstance(error, Exception):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
        raise


def problem_with(folder: Path) -> str | None:
    """Why a sealed folder cannot be trusted; None when it can."""
    if not (folder / MARKER).is_file():
        return "it was never completed"
    try:
        seals = parse_json(read_text(folder / MARKER), where=str(folder / MARKER))["files"]
        for name, seal in seals.items():
            path = folder / name
            if not path.is_file():
                return f"{name} is missing"
            if path.stat().st_size != seal["bytes"]:
                return f"{name} has {path.stat().st_size} bytes instead of {seal['bytes']}"
            if sha256_of(path) != seal["sha256"]:
                return f"{name} has changed since it was written"
    except (InvalidDataError, KeyError, TypeError):
        return "its marker is unreadable"
    return None


def save(folder: Path, step: int, state: dict[str, Any], write: Callable[[Path], None], *, protect: int | None) -> Path:
    """Write the checkpoint of `step` below `folder`, then drop all but the newest two and the protected step."""
    target = folder / f"{_PREFIX}{step:06d}"

    def fill(work: Path) -> None:
        write(work)
        (work / STATE).write_text(dump_json({"v": 1, "step": step, **state}) + "\n", encoding="utf-8")

    write_folder(target, fill)
    for old in _folders(folder)[KEEP:]:
        if _step(old) != protect:
            shutil.rmtree(old, ignore_errors=True)
    for leftover in folder.glob(f".{_PREFIX}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    return target


def latest(folder: Path) -> tuple[Checkpoint | None, list[Broken]]:
    """The newest checkpoint that is whole, and the newer ones that are not."""
    broken: list[Broken] = []
    for path in _folders(folder):
        reason = problem_with(path)
        if reason is None:
            return Checkpoint(path, _step(path), parse_json(read_text(path / STATE), where=str(path))), broken
        broken.append(Broken(path, reason))
    return None, broken


def at_step(folder: Path, step: int) -> Path | None:
    """The whole checkpoint of exactly `step`, or None."""
    path = folder / f"{_PREFIX}{step:06d}"
    return path if path.is_dir() and problem_with(path) is None else None


def _folders(folder: Path) -> list[Path]:
    """Newest first."""
    found = [path for path in folder.glob(f"{_PREFIX}*") if path.is_dir() and path.name[len(_PREFIX) :].isdigit()]
    return sorted(found, key=_step, reverse=True)


def _step(path: Path) -> int:
    return int(path.name[len(_PREFIX) :])
