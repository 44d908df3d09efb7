"""A task for SkyPilot: it finds the GPU that the decision chose on any cloud, copies the project there and trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import advisor
import trainers
from trainers.runs.emit import Emitted, own_command

TITLE = "SkyPilot"
COMMAND = "sky launch {folder}/sky.yaml"
METHODS = ("lora", "qlora", "full", "encoder")
_OTHER_NAMES = {
    "a100-80": "A100-80GB",
    "a100-80-pcie": "A100-80GB",
    "a100-40": "A100",
    "h100-pcie": "H100",
    "h100-nvl": "H100",
    "v100-32": "V100-32GB",
}
"""Catalogue ids whose SkyPilot name is not the id in capitals without dashes (`sky show-gpus`)."""


def files(job: Emitted) -> dict[str, str]:
    """`sky.yaml`."""
    import yaml

    return {"sky.yaml": yaml.safe_dump(_task(job), sort_keys=False, width=1000)}


def _task(job: Emitted) -> dict[str, Any]:
    resources: dict[str, Any] = {"disk_size": 100}
    if job.gpu:
        name = _OTHER_NAMES.get(job.gpu, job.gpu.upper().replace("-", ""))
        resources["accelerators"] = f"{name}:{job.spec.processes}"
    mounts, install = _adviser()
    task: dict[str, Any] = {
        "name": job.spec.id.lower().replace(".", "-").replace("_", "-"),
        "resources": resources,
        "num_nodes": 1,
        "workdir": str(job.project),
        "setup": install,
        "run": own_command(job) + "\n",
    }
    return {**task, "file_mounts": mounts} if mounts else task


def _adviser() -> tuple[dict[str, str], str]:
    """How the adviser itself gets there: the checkout that runs now, or the released package."""
    root = Path(trainers.__file__).resolve().parents[1]
    if (root / "pyproject.toml").is_file():
        return {"~/adviser": str(root)}, "cd ~/adviser && pip install -c constraints.txt -e '.[train]'\n"
    return {}, f"pip install 'tuning-advisor[train]=={advisor.__version__}'\n"
