"""A batch script for Slurm: the same command on a node of the cluster, stopped in time to save a checkpoint."""

from __future__ import annotations

import math
import shlex

from trainers.runs.emit import Emitted, own_command

TITLE = "Slurm"
COMMAND = "sbatch {folder}/slurm.sh"
METHODS = ("lora", "qlora", "full", "encoder")
_DEFAULT_HOURS = 12.0
_MARGIN = 1.5
_GRACE_S = 300
"""SIGTERM comes so long before the end of the allotted time: the run then saves a checkpoint."""


def files(job: Emitted) -> dict[str, str]:
    """`slurm.sh`."""
    hours = _DEFAULT_HOURS if job.hours_p90 is None else max(0.5, job.hours_p90 * _MARGIN + 0.25)
    whole = math.ceil(hours * 60)
    lines = [
        "#!/bin/bash",
        f"#SBATCH --job-name={job.spec.id}",
        "#SBATCH --nodes=1",
        "#SBATCH --ntasks=1",
        f"#SBATCH --cpus-per-task={max(4, 4 * job.spec.processes)}",
        *([f"#SBATCH --gpus-per-node={job.spec.processes}"] if job.gpu else []),
        f"#SBATCH --time={whole // 60:02d}:{whole % 60:02d}:00",
        f"#SBATCH --signal=B:TERM@{_GRACE_S}",
        f"#SBATCH --output={job.spec.id}-%j.log",
        "set -euo pipefail",
        f"cd {shlex.quote(str(job.project))}",
        f"trap 'advisor runs stop {job.spec.id} --wait' TERM",
        f"{own_command(job)} &",
        "wait $!",
    ]
    return {"slurm.sh": "\n".join(lines) + "\n"}
