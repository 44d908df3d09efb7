"""What a supervisor concludes from an exit."""

from pathlib import Path
from typing import Any

import pytest

from trainers.runs.endings import Ending, out_of_memory_kills, why_it_ended
from trainers.runs.spec import Status


def conclude(console: Path, **given: Any) -> Ending:
    facts: dict[str, Any] = {
        "returncode": 0,
        "outcome": None,
        "error": None,
        "stopped_now": False,
        "memory_kills": 0,
        "console": console,
    }
    return why_it_ended(**{**facts, **given})


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"outcome": {"finished": True}}, Status.FINISHED, ""),
        ({"outcome": {"finished": False}}, Status.STOPPED, "with a checkpoint"),
        ({"returncode": -9}, Status.KILLED, "SIGKILL"),
        ({"returncode": -9, "memory_kills": 1}, Status.OUT_OF_MEMORY, "out of memory"),
        ({"returncode": -15, "memory_kills": 1}, Status.KILLED, "SIGTERM"),
        ({"returncode": -11}, Status.KILLED, "SIGSEGV"),
        ({"returncode": -9, "stopped_now": True}, Status.STOPPED, "at once"),
        ({"returncode": 1, "error": {"code": "bug", "what": "ValueError: x"}}, Status.FAILED, "ValueError: x"),
        ({"returncode": 1, "error": {"code": "out_of_memory", "what": "no room"}}, Status.OUT_OF_MEMORY, "no room"),
        ({"returncode": 1}, Status.FAILED, "Segmentation"),
    ],
)
def test_how_it_ended(tmp_path: Path, given: dict[str, Any], status: Status, words: str) -> None:
    console = tmp_path / "console.log"
    console.write_text("loading\nSegmentation trouble\n\n")
    ending = conclude(console, **given)
    assert ending.status == status
    assert words in (ending.reason or "")
    if status == Status.OUT_OF_MEMORY:
        assert "--micro-batch-size 1" in (ending.fix or "")


def test_a_missing_console_is_no_trouble(tmp_path: Path) -> None:
    assert conclude(tmp_path / "none", returncode=3).reason == "the trainer ended with code 3 and no word"


def test_the_kernel_counts_kills() -> None:
    assert out_of_memory_kills() >= 0
