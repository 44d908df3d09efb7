"""The real program in a real terminal (tmux): what a person sees and types."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from screens import example

from advisor.project import Project

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]
_PATIENCE_S = 90.0


class Tmux:
    """One tmux server of its own with one window, in which the program runs."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def run(self, *words: str) -> str:
        """A tmux command on this server."""
        done = subprocess.run(["tmux", "-S", str(self._socket), *words], capture_output=True, text=True, check=False)
        return done.stdout

    def start(self, command: str, size: tuple[int, int], **environment: str) -> None:
        """Start `command`, and then say with which code it ended."""
        sets = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
        shell = f"{command}; echo ended with $?; exec cat"
        columns, rows = (str(number) for number in size)
        self.run("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", rows, *sets, "sh", "-c", shell)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names, one at a time."""
        for key in keys:
            self.run("send-keys", key)
            time.sleep(0.3)

    def screen(self) -> str:
        """What is on the screen."""
        return self.run("capture-pane", "-p")

    def until(self, condition: Callable[[str], object]) -> str:
        """The first screen for which `condition` holds."""
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            if condition(screen := self.screen()):
                return screen
            time.sleep(0.2)
        raise AssertionError(f"never came true; the screen is\n{self.screen()}")


@pytest.fixture
def tmux(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    """A server that ends with the test."""
    # A socket's path may not be longer than 107 characters.
    server = Tmux(tmp_path_factory.getbasetemp().parent / f"t{os.getpid()}")
    yield server
    server.run("kill-server")


def advisor_command(*words: str) -> str:
    return " ".join([sys.executable, "-P", "-m", "advisor", *words])


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_an_answer_a_look_around_and_out(tmux: Tmux, project: Path, size: tuple[int, int]) -> None:
    tmux.start(advisor_command("tui", "--project", str(project)), size)
    tmux.until(lambda screen: "1. " in screen and "[1 Interview]" in screen)
    tmux.press("l")
    tmux.until(lambda screen: "All questions and answers" in screen)
    tmux.press("Enter")
    tmux.until(lambda screen: "What should come out for each request?" in screen)
    tmux.press("Down", "Enter")
    screen = tmux.until(lambda screen: "1 answered" in screen)
    assert all(len(line) <= size[0] for line in screen.splitlines())
    tmux.press("Escape", "2")
    tmux.until(lambda screen: "[2 Recommendation]" in screen and "Best in" in screen)
    tmux.press("3")
    tmux.until(lambda screen: "[3 Costs]" in screen and "oooo" in screen)
    tmux.press("q")
    tmux.until(lambda screen: "ended with 0" in screen)
    assert Project.open(project).answers().value("task.kind") == "extraction"


def test_the_window_may_shrink_and_grow(tmux: Tmux, tmp_path: Path) -> None:
    example(tmp_path / "p")
    tmux.start(advisor_command("tui", "--project", str(tmp_path / "p")), (120, 40))
    tmux.until(lambda screen: "Runner-up" in screen)
    for columns, rows in ((80, 24), (50, 15), (140, 45)):
        tmux.run("resize-window", "-x", str(columns), "-y", str(rows))
        tmux.until(lambda screen, rows=rows: len(screen.splitlines()) >= rows - 1 and "[1 Interview]" in screen)
    tmux.press("Escape", "q")
    tmux.until(lambda screen: "ended with 0" in screen)


def test_a_bug_leaves_a_masked_report_and_the_answers(tmux: Tmux, project: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'tui' in sys.argv or sys.argv[0] == '-m':\n"
        "    import advisor.tui.app\n"
        "    def broken(self): raise RuntimeError('a bug with sk-abcdefghijklmnopqrstuvwx in it')\n"
        "    advisor.tui.app.AdvisorApp.action_light_dark = broken\n",
        encoding="utf-8",
    )
    states = tmp_path / "state"
    command = advisor_command("tui", "--project", str(project))
    tmux.start(command, (100, 30), PYTHONPATH=f"{tmp_path}:{Path(__file__).parents[2]}", XDG_STATE_HOME=str(states))
    tmux.until(lambda screen: "1. " in screen and "[1 Interview]" in screen)
    _answer_the_first_question(tmux)
    tmux.press("Escape", "t")
    screen = tmux.until(lambda screen: "ended with 70" in screen)
    assert "this is our bug (RuntimeError). The report is in" in " ".join(screen.split())
    assert "Traceback" not in screen
    report = next(states.rglob("bug-*.txt")).read_text(encoding="utf-8")
    assert "a bug with [masked] in it" in report
    assert "\x1b" not in report
    assert Project.open(project).answers().value("task.kind") == "classification"


def test_killing_the_program_loses_nothing_and_leaves_no_process(tmux: Tmux, project: Path) -> None:
    tmux.start(advisor_command("tui", "--project", str(project)), (80, 24))
    tmux.until(lambda screen: "1. " in screen and "best in" in screen)
    _answer_the_first_question(tmux)
    tmux.run("kill-server")
    assert Project.open(project).answers().value("task.kind") == "classification"
    end = time.monotonic() + 20
    while time.monotonic() < end and (left := _processes_of(project)):
        time.sleep(0.2)
    assert not left


def _answer_the_first_question(tmux: Tmux) -> None:
    tmux.press("Escape", "l")
    tmux.until(lambda screen: "All questions and answers" in screen)
    tmux.press("Enter")
    tmux.until(lambda screen: "▸ ○ A label from a list" in screen)
    tmux.press("Enter")
    tmux.until(lambda screen: "1 answered" in screen)


def _processes_of(project: Path) -> list[str]:
    """Command lines of running processes that name the project."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if str(project) in line and "advisor" in line]
