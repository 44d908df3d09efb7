"""`events.jsonl`: what happened in a run, one JSON object a line, written by the supervisor alone.

Every event has `v`, `time` (UTC), `attempt`, `elapsed_s` (over all attempts so far) and `kind`; the rest by kind:

- launched: pid, host, command, versions            the supervisor started a trainer
- preflight: counts over all rows, refusals         see `trainers.methods.shared.preflight.Preflight`
- started: step, total_steps, parameters, ...       the model is loaded
- step: step, total_steps, loss, tokens_per_s, memory_gib, seconds_left, ...
- evaluated: step, held_out_loss, seconds           loss on rows that are not trained on
- checkpoint: step, path, seconds                   a checkpoint is on disk
- resumed: step, checkpoint                         training goes on from there
- warning: code, text, step
- stop_requested                                    somebody wants the run to stop
- outcome: finished, measured, artefact             the trainer's last word when it ended by itself
- error: code, what, where, fix                     the trainer's last word when it failed
- ended: status, reason, fix                        the supervisor's last word; without it the supervisor was lost
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from advisor.base.errors import InvalidDataError
from advisor.base.files import dump_json, parse_json

FILE = "events.jsonl"
DAMAGED = "damaged"
_SYNC_SECONDS = 1.0
_FREQUENT = frozenset({"step"})
_KEEP_WAITING = 10_000
_COMMON = ("v", "time", "attempt", "elapsed_s", "kind")


@dataclass(frozen=True, slots=True)
class Event:
    """One line of `events.jsonl`; a line that cannot be read has the kind `damaged` and no fields."""

    kind: str
    time: str
    attempt: int
    elapsed_s: float
    fields: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The event as it stands in the file."""
        head = {"v": 1, "time": self.time, "attempt": self.attempt, "elapsed_s": self.elapsed_s, "kind": self.kind}
        return {**head, **self.fields}


def utc_now() -> str:
    """Now, as an ISO date and time with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def parse_event(line: bytes, where: str) -> Event:
    """One line as an event; whatever cannot be read becomes a `damaged` event instead of an error."""
    try:
        value = parse_json(line.decode(), where=where)
        kind, when = value["kind"], value["time"]
        attempt, elapsed = int(value["attempt"]), float(value["elapsed_s"])
    except (UnicodeDecodeError, InvalidDataError, KeyError, TypeError, ValueError):
        return Event(DAMAGED, "", 0, 0.0, {})
    return Event(str(kind), str(when), attempt, elapsed, {k: v for k, v in value.items() if k not in _COMMON})


def read_events(folder: Path, offset: int = 0) -> tuple[list[Event], int]:
    """The events after byte `offset` of the run's file and the offset to go on from; half a last line is left."""
    path = folder / FILE
    try:
        with open(path, "rb") as stream:
            stream.seek(offset)
            data = stream.read()
    except FileNotFoundError:
        return [], offset
    whole = data.rfind(b"\n") + 1
    lines = [line for line in data[:whole].split(b"\n") if line.strip()]
    return [parse_event(line, str(path)) for line in lines], offset + whole


def read_tail(folder: Path, size_bytes: int) -> list[Event]:
    """The events in the last `size_bytes` of the file; a line cut by the window is left out."""
    path = folder / FILE
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return []
    events, _ = read_events(folder, max(0, size - size_bytes))
    return events[1:] if size > size_bytes else events


class EventLog:
    """The supervisor's end of the file. A full disk loses nothing that still fits in memory: it is tried again."""

    def __init__(self, folder: Path, attempt: int, elapsed_before_s: float) -> None:
        self._path = folder / FILE
        self.attempt = attempt
        self._before_s = elapsed_before_s
        self._began = time.monotonic()
        self._synced = 0.0
        self._waiting: list[bytes] = []
        self._mend()

    @property
    def elapsed_s(self) -> float:
        """Seconds of all attempts so far."""
        return round(self._before_s + time.monotonic() - self._began, 3)

    def write(self, kind: str, fields: dict[str, Any]) -> Event:
        """Append an event. Frequent kinds are put on disk once a second, the others before this returns."""
        event = Event(kind, utc_now(), self.attempt, self.elapsed_s, fields)
        self._waiting.append(dump_json(event.as_json()).encode() + b"\n")
        self.flush(sync=kind not in _FREQUENT)
        return event

    def flush(self, *, sync: bool = True) -> bool:
        """Write what waits; False when the disk refused (it stays waiting, the oldest steps are dropped first)."""
        try:
            self._append(sync or time.monotonic() - self._synced > _SYNC_SECONDS)
        except OSError:
            del self._waiting[: max(0, len(self._waiting) - _KEEP_WAITING)]
            return False
        return True

    def _append(self, sync: bool) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            while self._waiting:
                self._append_line(handle, self._waiting[0])
                del self._waiting[0]
            if sync:
                os.fsync(handle)
                self._synced = time.monotonic()
        finally:
            os.close(handle)

    @staticmethod
    def _append_line(handle: int, line: bytes) -> None:
        """All of the line or nothing of it: what a full disk let through of it is taken back."""
        size = os.fstat(handle).st_size
        try:
            written = os.write(handle, line)
            if written != len(line):
                raise OSError("short write")
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, size)
            raise

    def _mend(self) -> None:
        """End a half-written last line, so that the next event has a line of its own."""
        with contextlib.suppress(OSError), open(self._path, "rb+") as stream:
            if stream.seek(0, os.SEEK_END) == 0:
                return
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                stream.write(b"\n")


def last_of(events: Sequence[Event], kind: str) -> Event | None:
    """The newest event of a kind, or None."""
    return next((event for event in reversed(events) if event.kind == kind), None)
