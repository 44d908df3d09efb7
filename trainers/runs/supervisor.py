"""The supervisor: a detached process that starts the trainer, writes down what it says, and how it ended.

    python -m trainers.runs.supervisor FOLDER HANDLE        HANDLE: where to say `ready`, or why not

It is the only writer of `events.jsonl` and `result.json` and holds `supervisor.lock` as long as it lives. The trainer
talks through a named pipe. Nobody's death harms it but its own, and then the trainer saves a checkpoint and ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import ValidationError

from advisor.base.files import dump_json, replace_file
from trainers.runs import locks, stall
from trainers.runs.client import RESULT, SPEC, STOP, child_environment
from trainers.runs.endings import Ending, out_of_memory_kills, why_it_ended
from trainers.runs.events import EventLog, read_tail, utc_now
from trainers.runs.spec import Measured, Result, RunSpec, Status, read_record, write_record

IDENTITY = "supervisor.json"
PIPE_VARIABLE = "ADVISOR_RUN_EVENTS"
TOKEN_VARIABLE = "ADVISOR_RUN_TOKEN"
UNHEARD = "unheard.jsonl"
"""What a trainer said after its supervisor was lost; the next supervisor writes it down."""
_CATCH_UP = frozenset({"step", "evaluated", "checkpoint", "warning"})
_BALLAST = ".ballast"
_BALLAST_BYTES = 64 * 1024
"""Given back when the disk is full, so that the last words still find room."""
_TICK_S = 0.2
_ORPHAN_S = 600.0
_KILL_GRACE_S = 5.0


@dataclass(slots=True)
class Heard:
    """What the trainer has said so far in this attempt."""

    outcome: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    step: dict[str, Any] | None = None
    held_out: float | None = None
    last_word: float = field(default_factory=time.monotonic)
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=20))
    stalled: bool = False


class Supervisor:
    """One attempt of a run, from launch to result."""

    def __init__(self, folder: Path, spec: RunSpec) -> None:
        self.folder = folder
        self.spec = spec
        attempt, elapsed_s = _before(folder)
        self.log = EventLog(folder, attempt, elapsed_s)
        self.heard = Heard()
        self.token = secrets.token_hex(8)
        self._work = Path(tempfile.mkdtemp(prefix="advisor-run-"))
        self._pipe = self._work / "events"
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._terminated = False
        self._rest = b""
        (folder / RESULT).unlink(missing_ok=True)
        (folder / STOP).unlink(missing_ok=True)
        replace_file(
            folder / IDENTITY,
            dump_json({"v": 1, "pid": os.getpid(), "host": socket.gethostname(), "token": self.token}) + "\n",
        )
        with contextlib.suppress(OSError):
            (folder / _BALLAST).write_bytes(os.urandom(_BALLAST_BYTES))

    def run(self) -> None:
        """Launch, listen until the trainer has ended, write the result."""
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        kills_before = out_of_memory_kills()
        try:
            ending = self._wait_for_orphan() or self._attend(kills_before)
        except Exception as error:
            traceback.print_exc()
            self._kill()
            ending = Ending(Status.FAILED, f"the supervisor failed: {error}", f"see {self.folder}/supervisor.log")
        finally:
            shutil.rmtree(self._work, ignore_errors=True)
        self._finish(ending)

    def _wait_for_orphan(self) -> Ending | None:
        """A trainer whose supervisor was lost ends at its next step; two trainers must never share a folder."""
        handle = locks.take(self.folder / locks.TRAINER, patience_s=_ORPHAN_S)
        if handle is not None:
            os.close(handle)
            return None
        return Ending(
            Status.FAILED, "the trainer of an earlier attempt is still at work", "end it, then resume the run"
        )

    def _catch_up(self) -> None:
        """Write down what the trainer of a lost supervisor still did."""
        path = self.folder / UNHEARD
        with contextlib.suppress(OSError):
            for line in path.read_bytes().splitlines():
                kind, fields = _parsed(line)
                if kind in _CATCH_UP:
                    self._write(kind, fields)
            path.unlink()

    def _attend(self, kills_before: int) -> Ending:
        os.mkfifo(self._pipe)
        # Both ends are opened here: the reading end then never sees the end of the file.
        reader = os.open(self._pipe, os.O_RDWR | os.O_NONBLOCK)
        try:
            process = self._launch()
            while process.poll() is None:
                self._listen(reader, _TICK_S)
                self._mind_stop()
                self._mind_stall()
            while self._listen(reader, 0.0):
                pass
        finally:
            os.close(reader)
        return why_it_ended(
            returncode=process.returncode,
            outcome=self.heard.outcome,
            error=self.heard.error,
            stopped_now=self._stopping and self._terminated,
            memory_kills=out_of_memory_kills() - kills_before,
            console=self.folder / "console.log",
        )

    def _launch(self) -> subprocess.Popen[bytes]:
        command = _command(self.spec, self.folder)
        environment = {
            **child_environment(),
            PIPE_VARIABLE: str(self._pipe),
            TOKEN_VARIABLE: self.token,
        }
        with open(self.folder / "console.log", "ab") as console:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
            )
        self.log.write("launched", {"pid": self._process.pid, "host": socket.gethostname(), "command": command})
        return self._process

    def _listen(self, reader: int, patience_s: float) -> bool:
        """Write down what the trainer has said; whether there was anything."""
        ready, _, _ = select.select([reader], [], [], patience_s)
        if not ready:
            self.log.flush(sync=False)
            return False
        try:
            data = os.read(reader, 1 << 16)
        except BlockingIOError:
            return False
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._hear(line)
        return bool(data)

    def _hear(self, line: bytes) -> None:
        kind, value = _parsed(line)
        if not kind:
            return
        now = time.monotonic()
        if kind == "step":
            self.heard.gaps.append(now - self.heard.last_word)
            self.heard.step = value
        elif kind == "evaluated":
            self.heard.held_out = value.get("held_out_loss")
        elif kind == "outcome":
            self.heard.outcome = value
        elif kind == "error":
            self.heard.error = value
        self.heard.last_word, self.heard.stalled = now, False
        self._write(kind, value)

    def _write(self, kind: str, fields: dict[str, Any]) -> None:
        self.log.write(kind, fields)

    def _mind_stop(self) -> None:
        """The trainer sees the stop file by itself; `now` ends it from here."""
        try:
            wish = (self.folder / STOP).read_text(encoding="utf-8").strip()
        except OSError:
            return
        if not self._stopping:
            self._stopping = True
            self._write("stop_requested", {"now": wish == "now"})
        if wish == "now" and not self._terminated:
            self._terminated = True
            self._kill()

    def _mind_stall(self) -> None:
        silent_s = time.monotonic() - self.heard.last_word
        if self.heard.stalled or silent_s < stall.patience_s(self.heard.gaps):
            return
        self.heard.stalled = True
        text = f"nothing heard from the trainer for {silent_s:.0f} s: it may hang (advisor runs stop --now)"
        self._write("warning", {"code": stall.CODE, "text": text, "step": (self.heard.step or {}).get("step")})

    def _on_terminate(self, _signal: int, _frame: FrameType | None) -> None:
        """SIGTERM (a shutdown) is a wish to stop with a checkpoint."""
        with contextlib.suppress(OSError):
            replace_file(self.folder / STOP, "checkpoint\n")

    def _kill(self) -> None:
        """End the trainer and its processes: politely, then not. Only ever our own child."""
        if self._process is None or self._process.poll() is not None:
            return
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_KILL_GRACE_S)
                return

    def _finish(self, ending: Ending) -> None:
        (self.folder / _BALLAST).unlink(missing_ok=True)
        result = Result(
            run=self.spec.id,
            status=ending.status,
            reason=ending.reason,
            fix=ending.fix,
            attempt=self.log.attempt,
            measured=self._measured(),
            artefact=(self.heard.outcome or {}).get("artefact") if ending.status == Status.FINISHED else None,
            ended=utc_now(),
        )
        self.log.write("ended", {"status": ending.status.value, "reason": ending.reason, "fix": ending.fix})
        _insist(lambda: write_record(self.folder / RESULT, result))
        self.log.flush()
        (self.folder / STOP).unlink(missing_ok=True)

    def _measured(self) -> Measured:
        """The trainer's own account, or what its last step tells when it could give none."""
        known: dict[str, Any] = dict((self.heard.outcome or {}).get("measured") or {})
        if not known and self.heard.step:
            step = self.heard.step
            known = {
                "peak_memory_gib": step.get("memory_gib"),
                "tokens_per_s": step.get("tokens_per_s"),
                "seconds": step.get("train_seconds"),
                "steps": step.get("step"),
                "tokens": step.get("tokens"),
                "final_train_loss": step.get("loss"),
                "held_out_loss": self.heard.held_out,
            }
        known["wall_seconds"] = round(self.log.elapsed_s, 2)
        if self.spec.usd_per_hour is not None:
            known["cost_usd"] = round(self.log.elapsed_s / 3600 * self.spec.usd_per_hour, 6)
        try:
            return Measured.model_validate(known)
        except ValidationError:
            return Measured()


def _parsed(line: bytes) -> tuple[str, dict[str, Any]]:
    """Kind and fields; an empty kind for half a line of a trainer that was killed while it wrote."""
    try:
        value = json.loads(line)
        return str(value.pop("kind")), value
    except (ValueError, KeyError, AttributeError):
        return "", {}


def _before(folder: Path) -> tuple[int, float]:
    """The number of the coming attempt and the seconds that earlier ones took."""
    events = read_tail(folder, 1 << 20)
    attempt = max((event.attempt for event in events), default=0)
    return attempt + 1, max((event.elapsed_s for event in events), default=0.0)


def _command(spec: RunSpec, folder: Path) -> list[str]:
    """One process, or as many as the plan says under torchrun or Ray (accelerate would silently start one)."""
    module = ["-m", "trainers.runs.worker", str(folder)]
    if spec.launcher == "ray":
        return [sys.executable, "-P", "-m", "trainers.runs.with_ray", str(folder)]
    if spec.processes == 1:
        return [sys.executable, "-P", *module]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(spec.processes)]
    return [sys.executable, *launcher, *module]


def _insist(write: Any, *, seconds: float = 60.0) -> None:
    """Try again while the disk is full: the result is worth waiting for."""
    end = time.monotonic() + seconds
    while True:
        try:
            write()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(1.0)


def main(argv: list[str]) -> int:
    """Take the lock, say `ready` and leave the caller; then supervise."""
    folder, handle = Path(argv[0]), int(argv[1])
    if os.fork() > 0:
        os._exit(0)  # the caller's child ends here; the supervisor belongs to nobody
    with os.fdopen(handle, "w", encoding="utf-8") as caller:
        lock = locks.take(folder / locks.SUPERVISOR)
        if lock is None:
            caller.write("the run is at work already")
            return 1
        try:
            supervisor = Supervisor(folder, read_record(folder / SPEC, RunSpec))
        except Exception as error:
            caller.write(f"the supervisor cannot start: {error}")
            return 1
        caller.write("ready")
    supervisor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
