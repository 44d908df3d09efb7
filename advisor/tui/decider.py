"""Deciding in a process of its own, so that typing stays smooth: numbers are crunched under another interpreter's lock.

The child (`python -m advisor.tui.decider FOLDER TODAY`) reads pickled requests from its standard input and writes one
pickled reply each to its standard output; it ends with its input, so it never outlives the interface.
"""

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import traceback
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING

from advisor.base.errors import AdvisorError, CouldNotError

if TYPE_CHECKING:
    from advisor.answers import Answers
    from advisor.decision.result import Decision


class EngineBugError(Exception):
    """A bug in the child; its text is the child's traceback."""


@dataclass(frozen=True, slots=True)
class _Reply:
    """One of the three is set."""

    decision: "Decision | None" = None
    problem: str | None = None
    bug: str | None = None


class Decider:
    """The parent's end. One decision at a time; the child is started with the first and again after it died."""

    def __init__(self, folder: Path, today: date) -> None:
        self._folder, self._today = folder, today
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Start the child ahead of the first request, so that its imports are done by then."""
        with self._lock:
            self._alive()

    def decide(self, answers: "Answers", *, quick: bool) -> "Decision":
        """The decision on `answers`; blocks. Raises `AdvisorError` for what a user can mend, else `EngineBugError`."""
        with self._lock:
            process = self._alive()
            try:
                reply = self._ask(process, answers, quick)
            except (OSError, EOFError, pickle.UnpicklingError) as error:
                raise self._death(error) from None
        if reply.bug is not None:
            raise EngineBugError(reply.bug)
        if reply.decision is None:
            raise CouldNotError(reply.problem or "no decision")
        return reply.decision

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self._closed = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout, self._errors):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()

    def _alive(self) -> "subprocess.Popen[bytes]":
        if self._closed:
            raise CouldNotError("the interface is closing")
        if self._process is None or self._process.poll() is not None:
            from trainers.runs.client import child_environment

            self._errors = tempfile.TemporaryFile()  # noqa: SIM115
            words = [str(self._folder), self._today.isoformat()]
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "advisor.tui.decider", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=child_environment(),
            )
        return self._process

    @staticmethod
    def _ask(process: "subprocess.Popen[bytes]", answers: "Answers", quick: bool) -> _Reply:
        assert process.stdin is not None
        assert process.stdout is not None
        pickle.dump((answers, quick), process.stdin)
        process.stdin.flush()
        reply = pickle.load(process.stdout)
        assert isinstance(reply, _Reply)
        return reply

    def _death(self, error: Exception) -> Exception:
        """What to raise when the child has died in the middle of its work; the next wish starts another."""
        if self._closed:
            return CouldNotError("the interface is closing")
        assert self._process is not None
        self._process.kill()
        code = self._process.wait()
        said = ""
        if self._errors is not None:
            said = os.pread(self._errors.fileno(), 20_000, 0).decode("utf-8", "replace")
        return EngineBugError(f"the process that decides ended with code {code} ({type(error).__name__})\n{said}")


def serve(folder: Path, today: date, requests: IO[bytes], replies: IO[bytes]) -> None:
    """The child's loop: until the requests end."""
    adviser = previous = None
    while True:
        try:
            answers, quick = pickle.load(requests)
        except EOFError:
            return
        try:
            if adviser is None:
                from advisor.leaning import Adviser
                from advisor.project import Project

                project = Project.open(folder)
                adviser, previous = Adviser(project.rulebook, project.catalogue, today), project.latest_decision()
            reply = _Reply(decision=adviser.decide(answers, quick=quick, previous=previous))
        except AdvisorError as error:
            reply = _Reply(problem=str(error))
        except Exception:
            reply = _Reply(bug=traceback.format_exc())
        pickle.dump(reply, replies)
        replies.flush()


def _main() -> None:
    # Replies go to a copy of standard output, and standard output to standard error: a stray print breaks nothing.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(OSError):
        os.nice(5)
    # The class must be found under its importable name when the parent unpickles it.
    from advisor.tui import decider

    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        decider.serve(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), sys.stdin.buffer, replies)


if __name__ == "__main__":
    _main()
