"""The trainer's process: reads the plan, runs its method, and tells the supervisor what happens.

python -m trainers.runs.worker FOLDER          (started by the supervisor; by torchrun when there are several)
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from advisor.base.errors import AdvisorError, CouldNotError
from advisor.base.files import dump_json
from trainers.methods import get_method
from trainers.methods.shared.job import Job, Outcome, Report
from trainers.runs import locks
from trainers.runs.client import SPEC, STOP
from trainers.runs.spec import RunSpec, read_record
from trainers.runs.supervisor import IDENTITY, PIPE_VARIABLE, TOKEN_VARIABLE, UNHEARD

_MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
_ORPHAN_PATIENCE_S = 5.0


class Pipe:
    """The way to the supervisor. When nobody listens any more the trainer is told to stop, not to fail.

    What nobody heard is kept in a file for the next supervisor.
    """

    def __init__(self, path: str | None, folder: Path, *, silent: bool) -> None:
        self._handle = None if silent or path is None else os.open(path, os.O_WRONLY)
        self._unheard = folder / UNHEARD
        self.broken = False

    def __call__(self, kind: str, **fields: object) -> None:
        if self._handle is None:
            return
        line = _line({"kind": kind, **fields})
        rest = line
        try:
            while rest and not self.broken:
                rest = rest[os.write(self._handle, rest) :]
        except OSError:
            self.broken = True
        if rest:
            with contextlib.suppress(OSError), open(self._unheard, "ab") as stream:
                stream.write(line)


def _line(value: dict[str, Any]) -> bytes:
    """A JSON line; a number that is not finite becomes null."""
    try:
        return dump_json(value).encode() + b"\n"
    except ValueError:
        finite = json.loads(json.dumps(value, default=str), parse_constant=lambda _: None)
        return dump_json(finite).encode() + b"\n"


class Attended:
    """Whether the supervisor that started this trainer still lives and nobody wants the run to stop."""

    def __init__(self, folder: Path, token: str | None, pipe: Pipe) -> None:
        self._folder = folder
        self._token = token
        self._pipe = pipe

    def should_stop(self) -> bool:
        """True when a stop was requested or the supervisor is gone."""
        return (self._folder / STOP).exists() or self._pipe.broken or not self._supervised()

    def _supervised(self) -> bool:
        if self._token is None:
            return True  # started by hand
        if not locks.held(self._folder / locks.SUPERVISOR):
            return False
        try:
            identity = json.loads((self._folder / IDENTITY).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return True
        return bool(identity.get("token") == self._token)


def run(folder: Path) -> int:
    """Run the plan in `folder`; 0 unless it failed. The first process reports, the others keep silent."""
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    pipe = Pipe(os.environ.get(PIPE_VARIABLE), folder, silent=rank != 0)
    attended = Attended(folder, os.environ.get(TOKEN_VARIABLE), pipe)
    try:
        with _alone(folder, rank):
            spec = read_record(folder / SPEC, RunSpec)
            with _tracked(spec, folder, pipe, rank) as report:
                job = Job(spec, folder, report, attended.should_stop, rank, world)
                outcome: Outcome = get_method(spec.method).train(job)
    except AdvisorError as error:
        traceback.print_exc()
        pipe("error", code="refused", what=error.what, where=error.where, fix=error.fix)
        return error.exit_code
    except BaseException as error:
        traceback.print_exc()
        pipe("error", **_described(error, folder))
        return 1
    pipe("outcome", finished=outcome.finished, measured=outcome.measured.model_dump(), artefact=outcome.artefact)
    return 0


@contextlib.contextmanager
def _tracked(spec: RunSpec, folder: Path, pipe: Pipe, rank: int) -> Iterator[Report]:
    """Where the method reports to: the pipe, and the trackers that the plan names."""
    if rank != 0 or not spec.trackers:
        yield pipe
        return
    from trainers.runs.trackers import Tracked

    tracked = Tracked(pipe, spec, folder)
    try:
        yield tracked
    finally:
        tracked.close()


@contextlib.contextmanager
def _alone(folder: Path, rank: int) -> Iterator[None]:
    """The first process holds the trainer's lock: two trainers never share a folder."""
    if rank != 0:
        yield
        return
    handle = locks.take(folder / locks.TRAINER, patience_s=_ORPHAN_PATIENCE_S)
    if handle is None:
        raise CouldNotError("another trainer works in this run's folder", where=str(folder))
    try:
        yield
    finally:
        os.close(handle)


def _described(error: BaseException, folder: Path) -> dict[str, str | None]:
    """An unexpected error as `code`, `what`, `where`, `fix`."""
    text = str(error).strip() or type(error).__name__
    first = text.splitlines()[0]
    if isinstance(error, MemoryError) or any(word in text.lower() for word in _MEMORY_WORDS):
        return {"code": "out_of_memory", "what": f"out of memory: {first}", "where": None, "fix": None}
    if isinstance(error, OSError) and error.errno is not None:
        full = "the disk is full" if error.errno == 28 else first
        fix = "free some space, then: advisor runs resume" if error.errno == 28 else f"see {folder}/console.log"
        return {"code": "system", "what": full, "where": error.filename and str(error.filename), "fix": fix}
    what = f"{type(error).__name__}: {first}"
    return {"code": "bug", "what": what, "where": None, "fix": f"the traceback is in {folder}/console.log"}


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    sys.exit(run(Path(sys.argv[1])))
