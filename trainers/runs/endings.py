"""From an exit code, the last words and the kernel's counters to how a run ended and what to do about it."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainers.runs.spec import Status

MEMORY_WAYS_OUT = (
    "resume with less memory: start a new run with --micro-batch-size 1, then --gradient-checkpointing, then qlora, "
    "then a smaller model"
)
_CONSOLE_BYTES = 4000


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended."""

    status: Status
    reason: str | None = None
    fix: str | None = None


def why_it_ended(
    *,
    returncode: int,
    outcome: dict[str, Any] | None,
    error: dict[str, Any] | None,
    stopped_now: bool,
    memory_kills: int,
    console: Path,
) -> Ending:
    """What the trainer said counts most, then how the system says it died."""
    if outcome is not None:
        if outcome.get("finished"):
            return Ending(Status.FINISHED)
        return Ending(Status.STOPPED, "stopped on request, with a checkpoint")
    if error is not None and not stopped_now:
        status = Status.OUT_OF_MEMORY if error.get("code") == "out_of_memory" else Status.FAILED
        fix = error.get("fix") or (MEMORY_WAYS_OUT if status == Status.OUT_OF_MEMORY else None)
        return Ending(status, error.get("what"), fix)
    if stopped_now:
        return Ending(Status.STOPPED, "stopped at once; steps since the last checkpoint are lost")
    if returncode < 0:
        return _killed(-returncode, memory_kills)
    tail = last_lines(console)
    return Ending(Status.FAILED, f"the trainer ended with code {returncode} and no word{tail}", f"see {console}")


def _killed(number: int, memory_kills: int) -> Ending:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if number == signal.SIGKILL and memory_kills > 0:
        return Ending(Status.OUT_OF_MEMORY, "the system killed the trainer: out of memory", MEMORY_WAYS_OUT)
    return Ending(Status.KILLED, f"the trainer was killed by {name}", "advisor runs resume goes on from its checkpoint")


def last_lines(console: Path) -> str:
    """The last line of the console that says something, as an addition to a sentence."""
    try:
        text = console.read_bytes()[-_CONSOLE_BYTES:].decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {lines[-1]}" if lines else ""


def out_of_memory_kills() -> int:
    """How often the kernel has killed for want of memory (whole machine and this control group); 0 if unknown."""
    return _counter(Path("/proc/vmstat"), "oom_kill") + _counter(Path("/sys/fs/cgroup/memory.events"), "oom_kill")


def _counter(path: Path, name: str) -> int:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    found = (line.split() for line in lines)
    return next((int(words[1]) for words in found if len(words) == 2 and words[0] == name), 0)
