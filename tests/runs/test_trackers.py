"""The curves of a run in TensorBoard, W&B and MLflow (extras `track`, `wandb`, `mlflow`)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainers.runs import client
from trainers.runs.client import RunState
from trainers.runs.events import last_of
from trainers.runs.spec import RunSpec, read_record

Plan = Callable[..., Path]
SHORT: dict[str, Any] = {"max_steps": 6, "dtype": "fp32", "checkpoints": 1, "evaluations": 2}


def run(folder: Path) -> list[float]:
    """The losses of a run that must finish."""
    client.start(folder)
    events = list(client.follow(folder, poll_s=0.05))
    assert client.view(folder).state == RunState.FINISHED, (folder / "console.log").read_text()[-2000:]
    warning = last_of(events, "warning")
    assert warning is None or warning.fields["code"] != "tracker", warning
    return [event.fields["loss"] for event in events if event.kind == "step"]


@pytest.mark.slow
def test_tensorboard_reads_the_curves(planned: Plan) -> None:
    pytest.importorskip("tensorboard", reason="extra `track`")
    folder = planned(trackers=("tensorboard",), **SHORT)
    losses = run(folder)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder / "tensorboard"))
    read.Reload()
    shown = read.Scalars("train/loss")
    assert [point.step for point in shown] == [1, 2, 3, 4, 5, 6]
    assert [point.value for point in shown] == pytest.approx(losses, rel=1e-5)
    assert len(read.Scalars("eval/loss")) >= 2
    assert "train/learning_rate" in read.Tags()["scalars"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # SQLAlchemy has its own about how MLflow uses it
def test_mlflow_has_the_run_with_its_settings(planned: Plan, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="extra `mlflow`")
    place = f"sqlite:///{project}/elsewhere.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place)
    folder = planned(trackers=("mlflow",), **SHORT)
    losses = run(folder)
    client_of = mlflow.MlflowClient(place)
    known = client_of.get_run((folder / "mlflow_run").read_text())
    assert (known.info.run_name, known.info.status, known.data.params["method"]) == ("run", "FINISHED", "full")
    shown = client_of.get_metric_history(known.info.run_id, "loss")
    assert [point.value for point in shown] == pytest.approx(losses, rel=1e-5)


@pytest.mark.slow
def test_wandb_writes_the_run_offline(planned: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="extra `wandb`")
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder = planned(trackers=("wandb",), **SHORT)
    run(folder)
    (written,) = folder.glob("wandb/offline-run-*/*.wandb")
    assert b"train/loss" in written.read_bytes()


@pytest.mark.slow
def test_a_tracker_that_fails_never_ends_the_run(
    planned: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard", reason="extra `track`")
    (tmp_path / "a-file").write_text("")
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "a-file"))
    folder = planned(trackers=("tensorboard",), **SHORT)
    client.start(folder)
    events = list(client.follow(folder, poll_s=0.05))
    assert client.view(folder).state == RunState.FINISHED
    told = [event.fields for event in events if event.kind == "warning"]
    assert any(fields["code"] == "tracker" and "tensorboard is left out" in fields["text"] for fields in told)


def test_a_plan_without_trackers_reads_as_before(planned: Plan) -> None:
    folder = planned()
    value = json.loads((folder / client.SPEC).read_text())
    assert (value.pop("trackers"), value.pop("launcher")) == ([], "torchrun")
    (folder / client.SPEC).write_text(json.dumps(value))  # as an earlier version wrote it
    assert read_record(folder / client.SPEC, RunSpec).trackers == ()
