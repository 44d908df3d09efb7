"""Start the child process of an evaluation and listen to it; nothing here imports torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from advisor.base.errors import (
    AdvisorError,
    CouldNotError,
    InvalidDataError,
    MissingPartError,
    UsageError,
    require,
)
from trainers.evaluation.folder import CONSOLE, EvaluationFolder
from trainers.runs.client import child_environment

Listen = Callable[[dict[str, Any]], None]


def answer_all(folder: EvaluationFolder, project: Path, listen: Listen) -> None:
    """Let a child make every answer that is missing; events go to `listen`. Raises what stopped the child.

    Interrupted (Ctrl+C) it stops the child; what was answered stays.
    """
    require("torch", "train")
    require("transformers", "train")
    with open(folder.path / CONSOLE, "ab") as console:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "trainers.evaluation.worker", str(folder.path), str(project)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=console,
            env=environment(),
            text=True,
            encoding="utf-8",
        )
    try:
        assert child.stdout is not None
        failure = _listen(child.stdout, listen)
        code = child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()
    if failure is not None:
        raise failure
    if code != 0:
        raise _ended_badly(code, folder)


def environment() -> dict[str, str]:
    """The child's environment, with quiet libraries."""
    quiet = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    return {**quiet, **child_environment()}


def _listen(lines: Any, listen: Listen) -> AdvisorError | None:
    """Hand events on; an `error` event is returned as the error it stands for."""
    failure: AdvisorError | None = None
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # half a line of a child that was killed
        if event.get("kind") == "error":
            failure = _failure(event)
        else:
            listen(event)
    return failure


def _failure(event: dict[str, Any]) -> AdvisorError:
    kinds = {kind.exit_code: kind for kind in (CouldNotError, UsageError, InvalidDataError, MissingPartError)}
    kind = kinds.get(event.get("exit_code", 1), CouldNotError)
    return kind(str(event["what"]), where=event.get("where"), fix=event.get("fix"))


def _ended_badly(code: int, folder: EvaluationFolder) -> AdvisorError:
    log = folder.path / CONSOLE
    if code < 0:
        why = "often for lack of memory" if -code == 9 else "see the log"
        what = f"the process that answers was ended by signal {-code} ({why})"
    else:
        what = f"the process that answers failed: {_last_line(log)}"
    return CouldNotError(what, where=str(log), fix="what was answered is kept: run the same command again to go on")


def _last_line(log: Path) -> str:
    with open(log, "rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - 4000))
        lines = stream.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
