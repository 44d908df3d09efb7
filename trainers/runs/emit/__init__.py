"""The same plan for other trainers: a module each, with `TITLE`, `COMMAND` and `files(job)` -> name: text."""

from __future__ import annotations

import json
import pkgutil
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from advisor.base.errors import UsageError
from trainers.methods.shared.batches import total_steps
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
    project: Path = Path()
    gpu: str | None = None
    """Catalogue id of the GPU that the decision chose; None for a machine without one."""
    hours_p90: float | None = None

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
    def warmup_steps(self) -> int:
        """Steps until the peak learning rate."""
        s = self.settings
        steps = total_steps(self.spec.data.rows, int(s["batch_size"]), float(s["epochs"]), s.get("max_steps"))
        return max(1, round(float(s["warmup_share"]) * steps))

    @property
    def adapter(self) -> bool:
        return self.spec.method in ("lora", "qlora")


def own_command(job: Emitted) -> str:
    """The command that makes this very run, for places that run it with our own trainer."""
    words = ["advisor", "train", "--method", job.spec.method, "--model", job.spec.model]
    words += ["--data", job.spec.data.path, "--name", job.spec.id]
    if job.spec.processes > 1:
        words += ["--processes", str(job.spec.processes)]
    if job.spec.launcher != "torchrun":
        words += ["--launcher", job.spec.launcher]
    for tracker in job.spec.trackers:
        words += ["--track", tracker]
    for key, value in job.settings.items():
        words += ["--set", f"{key}={json.dumps(value) if not isinstance(value, str) else value}"]
    return shlex.join([*words, "--yes", "--watch"])


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
    module = import_module(f"{__name__}.{name}")
    methods = getattr(module, "METHODS", ("lora", "qlora", "full"))
    if job.spec.method not in methods:
        raise UsageError(f"{name} does not train by {job.spec.method!r}", fix=f"plan one of {', '.join(methods)}")
    written = []
    for file, text in module.files(job).items():
        replace_file(folder / file, text)
        written.append(folder / file)
    command: str = module.COMMAND.format(folder=folder, processes=job.spec.processes)
    return written, command
