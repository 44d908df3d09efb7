"""The same plan for other trainers: a module each, with `TITLE`, `COMMAND` and `files(job)` -> name: text."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from advisor.base.errors import UsageError
from trainers.runs.spec import RunSpec


@dataclass(frozen=True, slots=True)
class Emitted:
    """What the other trainer needs to know of a plan. Paths are absolute; `max_tokens` is the longest row."""

    spec: RunSpec
    model: str
    data: Path
    max_tokens: int
    dtype: str
    learning_rate: float

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.spec.settings

    @property
    def micro_batch_size(self) -> int:
        """Rows a process has in memory at once."""
        whole = int(self.settings["batch_size"])
        return min(int(self.settings.get("micro_batch_size") or whole), max(1, whole // self.spec.processes))

    @property
    def accumulation(self) -> int:
        """Micro-batches an optimiser step."""
        return max(1, int(self.settings["batch_size"]) // (self.micro_batch_size * self.spec.processes))

    @property
    def adapter(self) -> bool:
        return self.spec.method in ("lora", "qlora")


def trainer_names() -> list[str]:
    """The trainers a plan can be written for."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__))


def write_for(name: str, job: Emitted, folder: Path) -> tuple[list[Path], str]:
    """Write the plan for the trainer into `folder`; returns the files and the command that runs it.

    Raises `UsageError` for an unknown trainer or a method that it does not have.
    """
    from advisor.base.files import replace_file

    if name not in trainer_names():
        raise UsageError(f"unknown trainer {name!r}", fix="use one of " + ", ".join(trainer_names()))
    if job.spec.method not in ("lora", "qlora", "full"):
        raise UsageError(f"{name} does not train by {job.spec.method!r}", fix="plan lora, qlora or full")
    module = import_module(f"{__name__}.{name}")
    written = []
    for file, text in module.files(job).items():
        replace_file(folder / file, text)
        written.append(folder / file)
    command: str = module.COMMAND.format(folder=folder, processes=job.spec.processes)
    return written, command
