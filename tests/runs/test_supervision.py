"""Real runs of a tiny model: they outlive their watchers, and whatever kills them, they go on where they were."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from advisor.base.errors import CouldNotError
from trainers.runs import checkpoints, client, locks
from trainers.runs.client import RunState
from trainers.runs.events import Event, read_events

Plan = Callable[..., Path]
SETTINGS = {"epochs": 4.0, "dtype": "fp32", "checkpoints": 16, "early_stopping_patience": None}
STEPS = 192


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that wait for each other slow tiny models down, most of all on a busy machine."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@dataclass(frozen=True)
class Curve:
    """What a run computed."""

    losses: dict[int, float]
    held_out: dict[int, float]
    weights: str


def curve_of(folder: Path) -> Curve:
    """The losses by step (the latest attempt that made the step counts) and the hash of the trained weights."""
    events, _ = read_events(folder)
    losses = {event.fields["step"]: event.fields["loss"] for event in events if event.kind == "step"}
    held = {event.fields["step"]: event.fields["held_out_loss"] for event in events if event.kind == "evaluated"}
    return Curve(losses, held, checkpoints.sha256_of(folder / "model" / "model.safetensors"))


def follow_until(folder: Path, until: Callable[[Event], bool]) -> Event:
    for event in client.follow(folder, poll_s=0.02):
        if until(event):
            return event
    pytest.fail("the run ended before that happened")


def at_step(step: int) -> Callable[[Event], bool]:
    return lambda event: event.kind == "step" and event.fields["step"] >= step


def to_the_end(folder: Path) -> list[Event]:
    return list(client.follow(folder, poll_s=0.05))


def trainer_of(folder: Path) -> int:
    launched = [event for event in read_events(folder)[0] if event.kind == "launched"]
    return int(launched[-1].fields["pid"])


def supervisor_of(folder: Path) -> int:
    return int(json.loads((folder / "supervisor.json").read_text())["pid"])


@pytest.fixture(scope="module")
def uninterrupted(tiny_project: Path, tmp_path_factory: pytest.TempPathFactory, plan_below: Plan) -> Curve:
    """The run that nothing happened to."""
    folder = tmp_path_factory.mktemp("calm") / "p"
    shutil.copytree(tiny_project, folder)
    os.environ["OMP_NUM_THREADS"] = "1"
    run = plan_below(folder, **SETTINGS)
    client.start(run)
    events = to_the_end(run)
    assert events[0].kind == "launched"
    assert (events[-1].kind, events[-1].fields["status"]) == ("ended", "finished")
    return curve_of(run)


@pytest.mark.slow
def test_a_run_ends_with_everything_written_down(planned: Plan) -> None:
    folder = planned(**SETTINGS)
    client.start(folder)
    assert client.view(folder).state == RunState.RUNNING
    with pytest.raises(CouldNotError, match="started before"):
        client.start(folder)
    kinds = [event.kind for event in to_the_end(folder)]
    assert kinds[:2] == ["launched", "preflight"]
    assert kinds[-2:] == ["outcome", "ended"]
    run = client.view(folder)
    assert run.state == RunState.FINISHED
    assert run.result is not None
    measured = run.result.measured
    assert (measured.steps, run.result.artefact) == (STEPS, "model")
    assert measured.held_out_loss is not None
    assert measured.held_out_loss_before is not None
    assert measured.held_out_loss < measured.held_out_loss_before / 5  # it learns
    assert measured.cost_usd == pytest.approx((measured.wall_seconds or 0) / 3600 * 0.36, rel=0.01)
    assert checkpoints.problem_with(folder / "model") is None
    with pytest.raises(CouldNotError, match="finished"):
        client.resume(folder)


@pytest.mark.slow
def test_a_run_whose_events_stop_is_said_to_stall(planned: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen, not dead: first the trainer, which the supervisor notices, then that as well, which the watcher does."""
    monkeypatch.setenv("ADVISOR_STALL_SECONDS", "1")
    folder = planned(**SETTINGS)
    client.start(folder)
    follow_until(folder, at_step(10))
    trainer, supervisor = trainer_of(folder), supervisor_of(folder)
    line = [sys.executable, "-m", "advisor", "runs", "watch", "--project", str(folder.parents[1])]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        assert watcher.stderr is not None
        os.kill(trainer, signal.SIGSTOP)
        try:
            found = follow_until(folder, lambda e: e.kind == "warning" and (e.fields.get("step") or 0) >= 10)
            assert found.fields["code"] == "stall"
            progress = client.view(folder).progress
            assert progress is not None
            assert any("nothing heard from the trainer" in text for text in progress.warnings)
            listed = subprocess.run([*line[:4], "list", *line[5:]], capture_output=True, text=True, check=True)
            assert "it may hang" in listed.stdout
            os.kill(supervisor, signal.SIGSTOP)
            assert "nothing written for" in watcher.stderr.readline()
        finally:
            os.kill(supervisor, signal.SIGCONT)
            os.kill(trainer, signal.SIGCONT)
        said, _ = watcher.communicate(timeout=60)
    assert "! nothing heard from the trainer for" in said
    assert watcher.returncode == 0
    run = client.view(folder)
    assert run.state == RunState.FINISHED
    assert run.progress is not None
    assert not any("nothing heard" in text for text in run.progress.warnings)  # it was heard again


@pytest.mark.slow
def test_killed_trainer_resumes_to_the_same_result(planned: Plan, uninterrupted: Curve) -> None:
    folder = planned(**SETTINGS)
    client.start(folder)
    follow_until(folder, at_step(30))
    os.kill(trainer_of(folder), signal.SIGKILL)
    to_the_end(folder)
    run = client.view(folder)
    assert run.state == RunState.KILLED
    assert run.result is not None
    assert "SIGKILL" in (run.result.reason or "")
    assert (run.result.measured.steps or 0) >= 30
    client.resume(folder)
    events = to_the_end(folder)
    resumed = [event for event in events if event.kind == "resumed"]
    assert [event.attempt for event in resumed] == [2]
    assert client.view(folder).state == RunState.FINISHED
    assert curve_of(folder) == uninterrupted


@pytest.mark.slow
def test_lost_supervisor_the_trainer_ends_and_the_run_resumes_to_the_same_result(
    planned: Plan, uninterrupted: Curve
) -> None:
    folder = planned(**SETTINGS)
    client.start(folder)
    follow_until(folder, at_step(30))
    os.kill(supervisor_of(folder), signal.SIGKILL)
    to_the_end(folder)
    assert client.view(folder).state == RunState.LOST
    client.resume(folder)  # waits for the trainer that is still at its last step
    to_the_end(folder)
    assert not locks.held(folder / locks.TRAINER)
    assert client.view(folder).state == RunState.FINISHED
    curve = curve_of(folder)
    assert (curve.weights, curve.held_out) == (uninterrupted.weights, uninterrupted.held_out)
    assert curve.losses.items() <= uninterrupted.losses.items()
    assert len(curve.losses) > STEPS * 0.9  # what lay in the pipe when the supervisor died is not known to anybody


@pytest.mark.slow
def test_stopped_run_resumes_to_the_same_result(planned: Plan, uninterrupted: Curve) -> None:
    folder = planned(**SETTINGS)
    client.start(folder)
    stopped_after = follow_until(folder, at_step(20)).fields["step"]
    client.request_stop(folder)
    to_the_end(folder)
    run = client.view(folder)
    assert run.state == RunState.STOPPED
    assert stopped_after <= ((run.result and run.result.measured.steps) or 0) < STEPS
    client.resume(folder)
    to_the_end(folder)
    assert client.view(folder).state == RunState.FINISHED
    assert curve_of(folder) == uninterrupted


@pytest.mark.slow
def test_a_killed_watcher_changes_nothing(project: Path, planned: Plan) -> None:
    folder = planned(**SETTINGS)
    client.start(folder)
    command = [sys.executable, "-m", "advisor", "runs", "watch", "--json", "--project", str(project)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as watcher:
        assert watcher.stdout is not None
        assert json.loads(watcher.stdout.readline())["kind"] == "launched"
        watcher.kill()
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # a second one attaches
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "finished"


@pytest.mark.slow
def test_of_two_starts_at_once_one_is_refused(planned: Plan) -> None:
    folder = planned(**SETTINGS)

    def start(_: int) -> str:
        try:
            client.start(folder)
        except CouldNotError as error:
            return error.what
        return "started"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(start, range(4)))
    assert answers.count("started") == 1
    assert all("at work" in answer or "was started before" in answer for answer in answers if answer != "started")
    events = to_the_end(folder)
    assert sum(event.kind == "launched" for event in events) == 1
    assert client.view(folder).state == RunState.FINISHED


@pytest.mark.slow
def test_a_half_written_checkpoint_is_passed_over(planned: Plan, uninterrupted: Curve) -> None:
    folder = planned(**SETTINGS)
    client.start(folder)
    follow_until(folder, at_step(40))
    os.kill(trainer_of(folder), signal.SIGKILL)
    to_the_end(folder)
    newest = sorted((folder / "checkpoints").glob("step-*"))[-1]
    os.truncate(newest / "model.safetensors", 1000)
    client.resume(folder)
    events = to_the_end(folder)
    warned = [event.fields["text"] for event in events if event.kind == "warning"]
    assert any(newest.name in text and "bytes instead of" in text for text in warned)
    assert curve_of(folder) == uninterrupted


@pytest.mark.slow
def test_stopping_at_once_does_not_wait_for_the_step(planned: Plan) -> None:
    folder = planned(**SETTINGS)
    client.start(folder)
    follow_until(folder, lambda event: event.kind == "launched")
    client.request_stop(folder, now=True)
    to_the_end(folder)
    run = client.view(folder)
    assert run.state == RunState.STOPPED
    assert "at once" in ((run.result and run.result.reason) or "")


@pytest.mark.slow
def test_too_little_memory_is_told_from_other_failures(planned: Plan) -> None:
    folder = planned(**SETTINGS, memory_limit_gib=0.1)
    client.start(folder)
    to_the_end(folder)
    run = client.view(folder)
    assert run.state == RunState.OUT_OF_MEMORY
    assert "--micro-batch-size 1" in ((run.result and run.result.fix) or "")


@pytest.mark.slow
def test_changed_data_is_refused(project: Path, planned: Plan) -> None:
    folder = planned(**SETTINGS)
    with open(project / "data" / "train.jsonl", "a", encoding="utf-8") as stream:
        stream.write('{"prompt": "a", "completion": "b"}\n')
    client.start(folder)
    to_the_end(folder)
    run = client.view(folder)
    assert run.state == RunState.FAILED
    assert "the data changed" in ((run.result and run.result.reason) or "")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes; skipped where it cannot be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no right to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_a_reason_that_still_gets_written_down(
    tiny_project: Path, small_disk: Path, plan_below: Plan
) -> None:
    project = small_disk / "p"
    shutil.copytree(tiny_project, project)
    folder = plan_below(project, **SETTINGS)
    filler = project / "filler"
    free = shutil.disk_usage(small_disk).free
    filler.write_bytes(os.urandom(free - 1_000_000))  # room for the plan and less than one checkpoint
    client.start(folder)
    to_the_end(folder)
    run = client.view(folder)
    assert run.state == RunState.FAILED
    assert "disk is full" in ((run.result and run.result.reason) or "")
    filler.unlink()
    client.resume(folder)
    to_the_end(folder)
    assert client.view(folder).state == RunState.FINISHED
