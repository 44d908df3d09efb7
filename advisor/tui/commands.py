"""Commands of this program run as processes of their own, so that nothing heavy is ever imported here.

Their output goes to unnamed files: a command that outlives the interface (an evaluation) writes on without it.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO, TYPE_CHECKING, Any

from advisor.tui.messages import CommandDone, CommandSaid

if TYPE_CHECKING:
    from advisor.tui.app import AdvisorApp

_POLL_S = 0.15


class Commands:
    """The commands at work; each has a name, and one name runs once at a time."""

    def __init__(self, app: "AdvisorApp") -> None:
        self._app = app
        self._said: dict[str, str] = {}

    def running(self, name: str) -> bool:
        """Whether the command called `name` is at work."""
        return name in self._said

    def said(self, name: str) -> str | None:
        """The last line that the command at work wrote to its error stream."""
        return self._said.get(name)

    def start(self, name: str, *words: str) -> bool:
        """Run `advisor WORDS --json` on the open project; False when `name` is at work already.

        The app receives `CommandSaid` while it works and `CommandDone` when it has ended.
        """
        if name in self._said:
            return False
        self._said[name] = ""
        thread = threading.Thread(target=self._run, args=(name, words), name=f"command-{name}", daemon=True)
        thread.start()
        return True

    def _run(self, name: str, words: tuple[str, ...]) -> None:
        project = str(self._app.folder)
        today = self._app.today.isoformat()
        command = [sys.executable, "-P", "-m", "advisor", *words, "--project", project, "--json", "--today", today]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                    env=_environment(),
                )
            except OSError as error:
                self._done(name, 1, None, f"it cannot be started: {error.strerror}")
                return
            while process.poll() is None:
                time.sleep(_POLL_S)
                self._tell(name, _last_line(_text(err)))
            value = _json(_text(out))
            problem = _problem(_text(err)) if process.returncode else None
            self._done(name, process.returncode, value, problem)

    def _tell(self, name: str, line: str) -> None:
        if line and line != self._said.get(name):
            self._said[name] = line
            self._app.post_message(CommandSaid(name, line))

    def _done(self, name: str, code: int, value: Any, problem: str | None) -> None:
        self._said.pop(name, None)
        self._app.post_message(CommandDone(name, code, value, problem))


def _environment() -> dict[str, str]:
    from trainers.runs.client import child_environment

    return child_environment()


def _text(stream: IO[bytes]) -> str:
    """Everything in the file so far. It shares its place with the writing child, so it is read by position."""
    import os

    size = os.fstat(stream.fileno()).st_size
    return os.pread(stream.fileno(), size, 0).decode("utf-8", "replace")


def _problem(text: str) -> str:
    """The message of a command that failed: our own without the program's name, a usage error without the usage."""
    text = text.strip()
    for start in ("\nError: ", "advisor: "):
        before, found, after = text.rpartition(start)
        if found and (start.startswith("\n") or not before or before.endswith("\n")):
            return after.strip()
    return text


def _last_line(text: str) -> str:
    lines = [line for line in text.replace("\r", "\n").split("\n") if line.strip()]
    return lines[-1].strip() if lines else ""


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
