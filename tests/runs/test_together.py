"""Two processes compute what one does: data parallel and sharded, started by torchrun through the supervisor."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainers.runs import checkpoints, client
from trainers.runs.client import RunState
from trainers.runs.events import Event, last_of, read_events

pytestmark = pytest.mark.slow
Plan = Callable[..., Path]
SETTINGS: dict[str, Any] = {"max_steps": 30, "dtype": "fp32", "checkpoints": 3, "evaluations": 2, "batch_size": 5}


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def run(folder: Path) -> list[Event]:
    client.start(folder)
    events = list(client.follow(folder, poll_s=0.05))
    found = client.view(folder)
    assert found.state == RunState.FINISHED, (found.result, (folder / "console.log").read_text()[-2000:])
    return events


def losses(events: list[Event]) -> list[float]:
    return [event.fields["loss"] for event in events if event.kind == "step"]


def started(events: list[Event]) -> dict[str, Any]:
    event = last_of(events, "started")
    assert event is not None
    return event.fields


@pytest.fixture(scope="module")
def alone(tiny_project: Path, tmp_path_factory: pytest.TempPathFactory, plan_below: Plan) -> dict[str, Any]:
    """Runs of one process: method -> (events, folder)."""
    project = tmp_path_factory.mktemp("alone") / "p"
    shutil.copytree(tiny_project, project)
    folders = {method: plan_below(project, name=method, method=method, **SETTINGS) for method in ("full", "lora")}
    return {method: (run(folder), folder) for method, folder in folders.items()}


def test_two_processes_give_the_losses_of_one(planned: Plan, alone: dict[str, Any]) -> None:
    events, _ = alone["lora"]
    folder = planned(method="lora", processes=2, **SETTINGS)
    both = run(folder)
    assert (started(events)["world"], started(both)["world"]) == (1, 2)
    assert started(both)["parameters_here"] == started(both)["parameters"]
    # Batches of five: one process takes three rows, the other two.
    assert losses(both) == pytest.approx(losses(events), rel=1e-3)
    one, other = (last_of(found, "evaluated") for found in (events, both))
    assert one is not None
    assert other is not None
    assert other.fields["held_out_loss"] == pytest.approx(one.fields["held_out_loss"], rel=1e-3)
    assert checkpoints.problem_with(folder / "adapter") is None


def test_sharded_parameters_lie_in_both_and_the_losses_stay(planned: Plan, alone: dict[str, Any]) -> None:
    events, calm = alone["full"]
    folder = planned(method="full", processes=2, shard=True, **SETTINGS)
    both = run(folder)
    begun = started(both)
    assert begun["world"] == 2
    assert begun["parameters_here"] < 0.6 * begun["parameters"]
    assert losses(both) == pytest.approx(losses(events), rel=1e-3)
    from safetensors.torch import load_file

    weights, other = (load_file(where / "model" / "model.safetensors") for where in (folder, calm))
    assert set(weights) == set(other)
    assert all(weights[name].shape == other[name].shape for name in weights)
    assert max(float((weights[name] - other[name]).abs().max()) for name in weights) < 0.02


def test_a_sharded_adapter_stops_and_goes_on(planned: Plan) -> None:
    settings = {**SETTINGS, "method": "lora", "processes": 2, "shard": True, "epochs": 5.0, "max_steps": 150}
    calm = run(planned(name="calm", **settings))
    folder = planned(name="stopped", **settings)
    client.start(folder)
    for event in client.follow(folder, poll_s=0.02):
        if event.kind == "step" and event.fields["step"] >= 10 and client.view(folder).state == RunState.RUNNING:
            client.request_stop(folder)
    assert client.view(folder).state == RunState.STOPPED
    client.resume(folder)
    list(client.follow(folder, poll_s=0.05))
    assert client.view(folder).state == RunState.FINISHED
    found = {e.fields["step"]: e.fields["loss"] for e in read_events(folder)[0] if e.kind == "step"}
    assert [found[step] for step in range(1, 151)] == pytest.approx(losses(calm), rel=1e-4)


def test_sharding_alone_is_refused(planned: Plan) -> None:
    folder = planned(shard=True, **SETTINGS)
    client.start(folder)
    list(client.follow(folder))
    result = client.view(folder).result
    assert result is not None
    assert "several processes" in (result.reason or "")
    assert "--processes 2" in (result.fix or "")
