"""The trainer's processes as workers of Ray Train; the plan, the loop and the losses stay the same.

    python -m trainers.runs.with_ray FOLDER          (started by the supervisor; extra `ray`)

Without a cluster Ray starts one on this machine and ends it. With `RAY_ADDRESS` set it uses that cluster; the project
must then lie on a file system that all nodes share, at the same path.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from trainers.runs.client import SPEC
from trainers.runs.spec import RunSpec, read_record
from trainers.runs.supervisor import PIPE_VARIABLE, TOKEN_VARIABLE

_PASSED_ON = (PIPE_VARIABLE, TOKEN_VARIABLE, "PYTHONPATH", "HF_HUB_OFFLINE", "OMP_NUM_THREADS")


def train_in_worker(config: dict[str, Any]) -> None:
    """One worker: Ray has set RANK and WORLD_SIZE and made the process group as torchrun would have."""
    from trainers.runs import worker

    code = worker.run(Path(config["folder"]))
    if code != 0:
        raise RuntimeError(f"the trainer ended with code {code}")


def main(folder: Path) -> int:
    """Start the workers and wait for them; 0 unless one failed (what failed was said over the pipe)."""
    import ray
    import torch
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    processes = read_record(folder / SPEC, RunSpec).processes
    on_gpu = torch.cuda.is_available()
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    here = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": processes, "include_dashboard": False}
    ray.init(runtime_env={"env_vars": passed}, log_to_driver=True, **here)
    # What Ray itself writes down is of no use after the run: our own checkpoints are in the run folder.
    with tempfile.TemporaryDirectory(prefix="advisor-ray-") as storage:
        trainer = TorchTrainer(
            train_in_worker,
            train_loop_config={"folder": str(folder)},
            scaling_config=ScalingConfig(num_workers=processes, use_gpu=on_gpu),
            torch_config=TorchConfig(backend="nccl" if on_gpu else "gloo"),
            run_config=RunConfig(name=folder.name, storage_path=storage),
        )
        try:
            trainer.fit()
        except Exception as error:
            print(f"Ray Train: {error}", file=sys.stderr)  # noqa: T201 - the console of the run
            return 1
        finally:
            ray.shutdown()
    return 0


if __name__ == "__main__":
    # Workers load the function by its module's name, not by value.
    from trainers.runs.with_ray import main as begin

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    sys.exit(begin(Path(sys.argv[1])))
