"""Seeing and steering runs from outside: list, view, follow, start, stop, resume. Any number of watchers may look.

Nothing here starts or keeps a process that belongs to the caller: the supervisor is detached, so the death of whoever
watches changes nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import trainers
from advisor.base.errors import AdvisorError, CouldNotError, InvalidDataError, UsageError
from advisor.base.files import replace_file
from trainers.runs import locks, stall
from trainers.runs.events import Event, last_of, read_events, read_tail
from trainers.runs.spec import Result, RunSpec, Status, read_record, write_record

__all__ = [
    "Progress",
    "RunState",
    "RunView",
    "broken_runs",
    "create",
    "find",
    "follow",
    "list_runs",
    "read_events",
    "request_stop",
    "resume",
    "start",
    "view",
]

SPEC = "spec.json"
RESULT = "result.json"
STOP = "stop"
_TAIL_BYTES = 4 * 2**20
_SPIN_COUNT = "20000"
"""Rounds that threads of a child wait for each other before they sleep: long enough for the gaps between operations
(below 0.1 ms), short enough for a busy machine. The default, 300,000 rounds or some milliseconds, burns the
time slice that the awaited thread needs as soon as anything else runs (measured on 2 busy cores: half the speed)."""
_START_SECONDS = 60.0


class RunState(StrEnum):
    """What a run is doing, or how it ended. `lost`: its supervisor ended without saying how the run did."""

    PLANNED = "planned"
    RUNNING = "running"
    STOPPING = "stopping"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    KILLED = "killed"
    OUT_OF_MEMORY = "out_of_memory"
    LOST = "lost"

    @property
    def alive(self) -> bool:
        """Whether a supervisor is at work."""
        return self in (RunState.RUNNING, RunState.STOPPING)

    @property
    def resumable(self) -> bool:
        """Whether `resume` may be tried."""
        return not self.alive and self not in (RunState.FINISHED, RunState.PLANNED)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands; None where nothing is known yet."""

    step: int
    total_steps: int | None
    loss: float | None
    held_out_loss: float | None
    tokens_per_s: float | None
    memory_gib: float | None
    seconds_left: float | None
    cost_usd: float | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunView:
    """One run as it stands on disk now."""

    id: str
    folder: Path
    spec: RunSpec
    state: RunState
    progress: Progress | None
    result: Result | None


def create(project: Path, spec: RunSpec) -> Path:
    """Make the run's folder with its plan in it; nothing runs yet. Raises `UsageError` when the id is taken."""
    folder = project / "runs" / spec.id
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise _taken(folder) from None
    except OSError as error:
        raise CouldNotError(f"the run's folder cannot be made: {error.strerror}", where=str(folder)) from None
    write_record(folder / SPEC, spec)
    return folder


def refuse_taken(project: Path, name: str | None) -> None:
    """Raise `UsageError` when a run has this name already; None stands for a name that is still to be found."""
    if name is not None and (project / "runs" / name).exists():
        raise _taken(project / "runs" / name)


def _taken(folder: Path) -> UsageError:
    fix = "choose another --name, or go on with it: advisor runs resume"
    return UsageError("there is a run of this name already", where=str(folder), fix=fix)


def list_runs(project: Path) -> list[RunView]:
    """All runs whose plan can be read, the newest last."""
    return sorted(
        (view(folder) for folder in _folders(project) if _problem(folder) is None), key=lambda run: run.spec.created
    )


def broken_runs(project: Path) -> dict[Path, str]:
    """Folders below `runs/` that are no readable run, with the reason."""
    problems = {folder: _problem(folder) for folder in _folders(project)}
    return {folder: problem for folder, problem in problems.items() if problem is not None}


def find(project: Path, run: str | None) -> RunView:
    """The run with this id (or the one whose id begins like this); the newest when None. Raises `UsageError`."""
    runs = list_runs(project)
    if not runs:
        raise UsageError("this project has no runs", where=str(project), fix="start one with: advisor train")
    if run is None:
        return runs[-1]
    exact = [found for found in runs if found.id == run]
    close = exact or [found for found in runs if found.id.startswith(run)]
    if len(close) != 1:
        ids = ", ".join(found.id for found in (close or runs)[-8:])
        what = f"{run!r} may mean several runs" if close else f"there is no run {run!r}"
        raise UsageError(what, fix=f"name one of: {ids}")
    return close[0]


def view(folder: Path) -> RunView:
    """The run in `folder`. Raises `InvalidDataError` when its plan or its result cannot be read."""
    spec = read_record(folder / SPEC, RunSpec)
    state, result = _state(folder)
    return RunView(spec.id, folder, spec, state, _progress(spec, read_tail(folder, _TAIL_BYTES)), result)


def start(folder: Path) -> None:
    """Start the planned run in `folder`; returns when its supervisor is at work.

    Raises `CouldNotError` when the run is at work or was started before, or the supervisor could not start.
    """
    state, _ = _state(folder)
    if state != RunState.PLANNED:
        ways = (
            f"advisor runs resume {folder.name}" if state.resumable else "advisor runs watch, or a new: advisor train"
        )
        raise CouldNotError(f"the run was started before: it is {state}", where=folder.name, fix=ways)
    _launch(folder)


def resume(folder: Path) -> None:
    """Go on with a run that did not finish, from its newest whole checkpoint. Raises `CouldNotError`."""
    state, _ = _state(folder)
    if not state.resumable and state != RunState.PLANNED:
        fix = "advisor runs watch" if state.alive else "start a new run: advisor train"
        raise CouldNotError(f"the run cannot be resumed: it is {state}", where=folder.name, fix=fix)
    _launch(folder)


def request_stop(folder: Path, *, now: bool = False) -> None:
    """Ask the run to save a checkpoint and stop; with `now`, to stop at once and lose the steps since the last one.

    Raises `CouldNotError` when the run is not at work.
    """
    state, _ = _state(folder)
    if not state.alive:
        raise CouldNotError(f"nothing to stop: the run is {state}", where=folder.name)
    replace_file(folder / STOP, "now\n" if now else "checkpoint\n")


def follow(folder: Path, *, poll_s: float = 0.2, leave: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Every event of the run from the first on, as they come; ends when the run is not at work or `leave()`."""
    offset = 0
    while not leave():
        alive = locks.held(folder / locks.SUPERVISOR)
        events, offset = read_events(folder, offset)
        yield from events
        if not alive and not events:
            return
        if not events:
            time.sleep(poll_s)


def _folders(project: Path) -> list[Path]:
    runs = project / "runs"
    if not runs.is_dir():
        return []
    return sorted(path for path in runs.iterdir() if path.is_dir() and not path.name.startswith("."))


def _problem(folder: Path) -> str | None:
    try:
        read_record(folder / SPEC, RunSpec)
        if (folder / RESULT).exists():
            read_record(folder / RESULT, Result)
    except InvalidDataError as error:
        return str(error)
    return None


def _state(folder: Path) -> tuple[RunState, Result | None]:
    alive = locks.held(folder / locks.SUPERVISOR)
    result = read_record(folder / RESULT, Result) if (folder / RESULT).exists() else None
    if alive:
        return (RunState.STOPPING if (folder / STOP).exists() else RunState.RUNNING), result
    if result is not None:
        return RunState(result.status.value), result
    launched = (folder / locks.SUPERVISOR).exists()
    return (RunState.LOST if launched else RunState.PLANNED), None


def _progress(spec: RunSpec, events: Sequence[Event]) -> Progress | None:
    """The latest figures of the current attempt and the warnings that still hold."""
    if not events:
        return None
    attempt = max(event.attempt for event in events)
    current = [event for event in events if event.attempt == attempt]
    begun, step = last_of(current, "started"), last_of(current, "step")
    judged = last_of(events, "evaluated")
    fields = {**(begun.fields if begun else {}), **(step.fields if step else {})}
    return Progress(
        step=fields.get("step", 0),
        total_steps=fields.get("total_steps"),
        loss=fields.get("loss"),
        held_out_loss=judged.fields.get("held_out_loss") if judged else None,
        tokens_per_s=fields.get("tokens_per_s"),
        memory_gib=fields.get("memory_gib"),
        seconds_left=0.0 if last_of(current, "outcome") else fields.get("seconds_left"),
        cost_usd=None if spec.usd_per_hour is None else round(events[-1].elapsed_s / 3600 * spec.usd_per_hour, 6),
        warnings=tuple(dict.fromkeys(event.fields.get("text", "") for event in _holding(current))),
    )


_NOT_HEARD = ("warning", "stop_requested")
"""What the supervisor writes of a run that may be silent."""


def _holding(events: Sequence[Event]) -> list[Event]:
    """The warnings that still hold: a stall is over when the trainer is heard again."""
    spoken = max((place for place, event in enumerate(events) if event.kind not in _NOT_HEARD), default=-1)
    return [
        event
        for place, event in enumerate(events)
        if event.kind == "warning" and (event.fields.get("code") != stall.CODE or place > spoken)
    ]


_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "2000000000", "MALLOC_TRIM_THRESHOLD_": "4000000000"}
"""glibc gives large blocks back at once and gets them again zeroed, page by page: a tenth of the time of training on a
CPU went there and a third of that of generation. With these it keeps them; the peak of training stays the same."""


_KERNELS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128"}
"""oneDNN keeps 1,024 compiled kernels, each for one shape and of about a quarter of a MiB, and packed rows make new
shapes in every step: LoRA of a 135M model had 2.05 GiB after 30 steps and grew on, 1.82 GiB with 64 kernels, at equal
losses and processor time. A step of one shape needs about 40."""


def child_environment() -> dict[str, str]:
    """The environment of our child processes: they find these packages even when the program is not installed."""
    root = str(Path(trainers.__file__).resolve().parents[1])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        "GOMP_SPINCOUNT": _SPIN_COUNT,
        **_KEEP_MEMORY,
        **_KERNELS,
        **os.environ,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
    }


def _launch(folder: Path) -> None:
    """Start a supervisor in a session of its own and wait for its first word: `ready`, or why not."""
    folder = folder.resolve()
    read_end, write_end = os.pipe()
    try:
        with open(folder / "supervisor.log", "ab") as log:
            process = subprocess.Popen(
                # -P: what lies in the working folder (a project has `rules/`) is never taken for a module of ours.
                [sys.executable, "-P", "-m", "trainers.runs.supervisor", str(folder), str(write_end)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(write_end,),
                cwd=folder,
                env=child_environment(),
            )
    except OSError as error:
        os.close(read_end)
        raise CouldNotError(f"the supervisor cannot start: {error}", where=str(folder)) from None
    finally:
        os.close(write_end)
    with os.fdopen(read_end, encoding="utf-8") as stream:
        word = stream.read()
    process.wait(_START_SECONDS)
    if word != "ready":
        raise CouldNotError(
            word or "the supervisor ended before it was at work", where=folder.name, fix=f"see {folder}/supervisor.log"
        )


def outcome_error(run: RunView) -> AdvisorError | None:
    """The error that a finished, failed or stopped run means for a command that waited for it."""
    if run.state in (RunState.FINISHED, RunState.RUNNING, RunState.STOPPING, RunState.PLANNED):
        return None
    if run.state == RunState.LOST:
        return CouldNotError(
            "the run was lost: its supervisor ended", where=run.id, fix=f"advisor runs resume {run.id}"
        )
    result = run.result
    reason = (result and result.reason) or f"the run is {run.state}"
    fix = (result and result.fix) or f"advisor runs resume {run.id}"
    return CouldNotError(reason, where=run.id, fix=None if result and result.status == Status.FINISHED else fix)
