"""What a run reports, shown in TensorBoard, W&B or MLflow too, by the callbacks that transformers has for them.

Each follows its own environment variables (WANDB_PROJECT, MLFLOW_TRACKING_URI, ...); where these are silent, everything
stays on this machine and an attempt that resumes a run goes on in the same curve. A tracker that fails is left out with
a warning: training never ends because of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainers.methods.shared.job import Report
from trainers.runs.spec import RunSpec

FOLDER = "tensorboard"
_MLFLOW_RUN = "mlflow_run"
_STEP_NAMES = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "gradient_norm": "grad_norm",
    "epoch": "epoch",
    "tokens_per_s": "tokens_per_s",
    "memory_gib": "memory_gib",
}
"""Fields of our `step` event and what transformers' Trainer calls them, so that curves of both can be laid together."""


@dataclass(frozen=True, slots=True)
class _Arguments:
    """What the callbacks want to know of a run."""

    spec: RunSpec
    output_dir: str

    @property
    def run_name(self) -> str:
        return self.spec.id

    def to_dict(self) -> dict[str, Any]:
        known = {"method": self.spec.method, "model": self.spec.model, "rows": self.spec.data.rows}
        return {**known, "data_sha256": self.spec.data.sha256, **self.spec.settings}

    def to_json_string(self) -> str:
        return json.dumps(self.to_dict(), indent=2)


class Tracked:
    """A report that passes everything on and tells the trackers of a run what they can show."""

    def __init__(self, report: Report, spec: RunSpec, folder: Path) -> None:
        from transformers import TrainerControl, TrainerState

        self._report = report
        self._folder = folder
        self._arguments = _Arguments(spec, str(folder))
        self._state, self._control = TrainerState(), TrainerControl()
        _set_defaults(spec, folder)
        self._callbacks: dict[str, Any] = {}
        for name in spec.trackers:
            self._attempt(name, lambda name=name: self._callbacks.__setitem__(name, _callback(name)))

    def __call__(self, kind: str, **fields: object) -> None:
        """Report first: what the trackers do with it comes second."""
        self._report(kind, **fields)
        if kind == "started":
            self._tell("on_train_begin")
            self._remember()
        elif kind == "step":
            self._state.global_step = _whole(fields.get("step"))
            self._log({new: fields[old] for old, new in _STEP_NAMES.items() if fields.get(old) is not None})
        elif kind == "evaluated":
            self._log({"eval_loss": fields.get("held_out_loss")})

    def close(self) -> None:
        """The end of the attempt, however it ended."""
        self._tell("on_train_end")

    def _log(self, values: Mapping[str, object]) -> None:
        self._tell("on_log", logs={name: value for name, value in values.items() if isinstance(value, int | float)})

    def _tell(self, event: str, **more: Any) -> None:
        for name, callback in list(self._callbacks.items()):
            call = getattr(callback, event)
            self._attempt(name, lambda call=call: call(self._arguments, self._state, self._control, **more))

    def _attempt(self, name: str, act: Any) -> None:
        try:
            act()
        except Exception as error:
            self._callbacks.pop(name, None)
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            self._report("warning", code="tracker", text=f"{name} is left out: {first}", step=None)

    def _remember(self) -> None:
        """MLflow gives a run its id; a resumed attempt goes on under it."""
        if "mlflow" in self._callbacks:
            import mlflow

            active = mlflow.active_run()
            if active is not None:
                (self._folder / _MLFLOW_RUN).write_text(active.info.run_id, encoding="utf-8")


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _callback(name: str) -> Any:
    from transformers import integrations

    kinds = {
        "tensorboard": integrations.TensorBoardCallback,
        "wandb": integrations.WandbCallback,
        "mlflow": integrations.MLflowCallback,
    }
    return kinds[name]()


def _set_defaults(spec: RunSpec, folder: Path) -> None:
    """Where the trackers write when their own variables do not say so."""
    project = folder.parent.parent
    same = hashlib.sha256(f"{spec.id} {spec.created}".encode()).hexdigest()[:12]
    defaults = {
        "TENSORBOARD_LOGGING_DIR": str(folder / FOLDER),
        "WANDB_PROJECT": project.name,
        "WANDB_RUN_ID": same,
        "WANDB_RESUME": "allow",
        "WANDB_DIR": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{project.resolve()}/mlflow.db",
        "MLFLOW_EXPERIMENT_NAME": project.name,
    }
    if (folder / _MLFLOW_RUN).is_file():
        defaults["MLFLOW_RUN_ID"] = (folder / _MLFLOW_RUN).read_text(encoding="utf-8").strip()
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
