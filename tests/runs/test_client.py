"""What a watcher concludes from the files of a run."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from advisor.base.errors import CouldNotError, InvalidDataError, UsageError
from advisor.base.files import replace_file
from trainers.runs import client, locks
from trainers.runs.client import RunState
from trainers.runs.events import EventLog
from trainers.runs.spec import Measured, Result, Status, write_record

Plan = Callable[..., Path]


def result(status: Status) -> Result:
    return Result(run="run", status=status, attempt=1, measured=Measured(), ended="2026-11-24T00:00:00+00:00")


def test_a_plan_without_a_launch_is_planned(planned: Plan) -> None:
    run = client.view(planned())
    assert (run.state, run.progress, run.result) == (RunState.PLANNED, None, None)


@pytest.mark.parametrize("status", list(Status))
def test_a_result_says_how_it_ended(planned: Plan, status: Status) -> None:
    folder = planned()
    (folder / locks.SUPERVISOR).touch()
    write_record(folder / client.RESULT, result(status))
    run = client.view(folder)
    assert run.state.value == status.value
    assert run.state.resumable == (status != Status.FINISHED)


def test_launched_but_neither_alive_nor_ended_is_lost_whatever_process_id_it_had(planned: Plan) -> None:
    folder = planned()
    (folder / locks.SUPERVISOR).touch()
    # A live process of that id proves nothing: ids are given out again.
    replace_file(folder / "supervisor.json", f'{{"v": 1, "pid": {os.getpid()}, "token": "x"}}\n')
    assert client.view(folder).state == RunState.LOST


def test_a_held_lock_is_alive_and_a_stop_file_is_stopping(planned: Plan) -> None:
    folder = planned()
    handle = locks.take(folder / locks.SUPERVISOR)
    assert handle is not None
    assert client.view(folder).state == RunState.RUNNING
    with pytest.raises(CouldNotError, match="was started before"):
        client.start(folder)
    with pytest.raises(CouldNotError, match="cannot be resumed"):
        client.resume(folder)
    client.request_stop(folder)
    assert client.view(folder).state == RunState.STOPPING
    os.close(handle)
    with pytest.raises(CouldNotError, match="nothing to stop"):
        client.request_stop(folder)


def test_a_lock_has_one_holder_and_looking_takes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not locks.held(path)
    first = locks.take(path)
    assert first is not None
    assert locks.held(path)
    assert locks.take(path, patience_s=0.05) is None
    os.close(first)
    assert not locks.held(path)
    again = locks.take(path)
    assert again is not None
    os.close(again)


def test_progress_is_that_of_the_latest_attempt(planned: Plan) -> None:
    folder = planned()
    first = EventLog(folder, 1, 0.0)
    first.write("started", {"step": 0, "total_steps": 50})
    first.write("step", {"step": 9, "total_steps": 50, "loss": 1.0, "seconds_left": 4.0})
    first.write("warning", {"code": "x", "text": "an old warning", "step": 9})
    second = EventLog(folder, 2, 100.0)
    second.write("started", {"step": 5, "total_steps": 50, "memory_gib": 0.5})
    second.write("warning", {"code": "x", "text": "a new warning", "step": 5})
    second.write("evaluated", {"step": 5, "held_out_loss": 0.75})
    second.write("step", {"step": 6, "total_steps": 50, "loss": 0.5, "tokens_per_s": 10.0, "seconds_left": 3.0})
    progress = client.view(folder).progress
    assert progress is not None
    assert (progress.step, progress.total_steps, progress.loss) == (6, 50, 0.5)
    assert (progress.held_out_loss, progress.memory_gib, progress.seconds_left) == (0.75, 0.5, 3.0)
    assert progress.warnings == ("a new warning",)
    assert progress.cost_usd == pytest.approx(100.0 / 3600 * 0.36, rel=0.05)  # planned at 0.36 USD an hour


def test_names(project: Path, planned: Plan) -> None:
    with pytest.raises(UsageError, match="no runs"):
        client.find(project, None)
    planned(name="lora-a-1")
    planned(name="lora-b-1")
    assert client.find(project, None).id == "lora-b-1"
    assert client.find(project, "lora-a").id == "lora-a-1"
    with pytest.raises(UsageError, match="several"):
        client.find(project, "lora")
    with pytest.raises(UsageError, match="no run 'full'"):
        client.find(project, "full")
    with pytest.raises(UsageError, match="already"):
        planned(name="lora-a-1")


def test_a_broken_run_is_told_apart_and_hides_no_other(project: Path, planned: Plan) -> None:
    planned(name="good")
    bad = planned(name="bad")
    (bad / client.SPEC).write_text('{"v": 1, "id": "bad"')
    (project / "runs" / "empty").mkdir()
    assert [run.id for run in client.list_runs(project)] == ["good"]
    problems = {folder.name: problem for folder, problem in client.broken_runs(project).items()}
    assert "not valid JSON" in problems["bad"]
    assert "no such file" in problems["empty"]
    with pytest.raises(InvalidDataError, match="not valid JSON"):
        client.view(bad)


def test_a_plan_with_a_misspelt_key_is_refused_with_its_name(planned: Plan) -> None:
    folder = planned()
    text = (folder / client.SPEC).read_text().replace('"processes"', '"proceses"')
    (folder / client.SPEC).write_text(text)
    with pytest.raises(InvalidDataError, match="proceses"):
        client.view(folder)


def test_an_unreadable_plan_cannot_start(planned: Plan) -> None:
    folder = planned()
    (folder / client.SPEC).write_text("{}")
    with pytest.raises(CouldNotError, match="cannot start"):
        client.start(folder)
