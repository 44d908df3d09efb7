"""The event log: whole lines, whatever happened to the disk or the writer."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from trainers.runs.events import DAMAGED, FILE, EventLog, last_of, read_events, read_tail


def log_of(folder: Path, attempt: int = 1, before_s: float = 0.0) -> EventLog:
    return EventLog(folder, attempt, before_s)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    log = log_of(tmp_path, attempt=3, before_s=10.0)
    log.write("step", {"step": 1, "loss": 2.5})
    log.write("ended", {"status": "finished"})
    events, offset = read_events(tmp_path)
    assert [(event.kind, event.attempt) for event in events] == [("step", 3), ("ended", 3)]
    assert events[0].fields == {"step": 1, "loss": 2.5}
    assert events[0].elapsed_s >= 10.0
    assert offset == (tmp_path / FILE).stat().st_size
    assert last_of(events, "step") == events[0]
    assert last_of(events, "warning") is None


def test_reading_goes_on_from_an_offset(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.write("step", {"step": 1})
    _, offset = read_events(tmp_path)
    assert read_events(tmp_path, offset) == ([], offset)
    log.write("step", {"step": 2})
    events, _ = read_events(tmp_path, offset)
    assert [event.fields["step"] for event in events] == [2]


def test_half_a_last_line_is_left_until_it_is_whole(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.write("step", {"step": 1})
    line = (tmp_path / FILE).read_bytes()
    with open(tmp_path / FILE, "ab") as stream:
        stream.write(line[:20])
    events, offset = read_events(tmp_path)
    assert len(events) == 1
    with open(tmp_path / FILE, "ab") as stream:
        stream.write(line[20:])
    assert len(read_events(tmp_path, offset)[0]) == 1


def test_a_half_written_line_of_a_lost_writer_costs_only_itself(tmp_path: Path) -> None:
    log_of(tmp_path).write("step", {"step": 1})
    with open(tmp_path / FILE, "ab") as stream:
        stream.write(b'{"v":1,"time":"2026')
    log_of(tmp_path, attempt=2).write("step", {"step": 2})
    events, _ = read_events(tmp_path)
    assert [event.kind for event in events] == ["step", DAMAGED, "step"]
    assert events[2].fields["step"] == 2


@pytest.mark.parametrize("line", [b"[1]\n", b"\xff\xfe\n", b'{"v":1}\n', b"NaN\n", b'{"kind":"step","time":"x"}\n'])
def test_a_line_that_is_no_event_is_damaged(tmp_path: Path, line: bytes) -> None:
    (tmp_path / FILE).write_bytes(line)
    events, _ = read_events(tmp_path)
    assert [event.kind for event in events] == [DAMAGED]


def test_the_tail_starts_with_a_whole_line(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    for step in range(200):
        log.write("step", {"step": step})
    tail = read_tail(tmp_path, 1000)
    assert 2 <= len(tail) < 200
    assert tail[-1].fields["step"] == 199
    assert all(event.kind == "step" for event in tail)
    assert len(read_tail(tmp_path, 10**9)) == 200


def test_a_full_disk_delays_events_but_loses_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_of(tmp_path)
    real = os.write
    full = True

    def write(handle: int, data: Any) -> int:
        if full:
            real(handle, bytes(data)[:7])  # what a filling disk does: part of it fits
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr(os, "write", write)
    log.write("step", {"step": 1})
    log.write("ended", {"status": "failed"})
    assert read_events(tmp_path)[0] == []
    full = False
    assert log.flush()
    assert [event.kind for event in read_events(tmp_path)[0]] == ["step", "ended"]


def test_no_file_means_no_events(tmp_path: Path) -> None:
    assert read_events(tmp_path) == ([], 0)
    assert read_tail(tmp_path, 100) == []
