"""`advisor ask` as a process over a pipe: numbered prompts, saved after every answer, and an end without a terminal."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from advisor.cli.main import run
from advisor.project import Project
from rules.facts import Fact
from rules.load import load_rules

FACTS = load_rules().facts
EXAMPLES = Path(__file__).parents[2] / "examples"


def new_project(tmp_path: Path, *arguments: str) -> Path:
    assert run(["init", str(tmp_path / "p"), *arguments]) == 0
    return tmp_path / "p"


def ask(project: Path, typed: bytes | str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "advisor", "ask", "--plain", "--project", str(project), *arguments]
    data = typed.encode() if isinstance(typed, str) else typed
    ended = subprocess.run(command, input=data, capture_output=True, timeout=120, check=False)
    assert b"Traceback" not in ended.stderr + ended.stdout
    return ended


def first_question(project: Path) -> Fact:
    """The fact that is asked for first; the decision chooses it."""
    out = ask(project, "q\n").stdout.decode()
    asked = next(line for line in out.splitlines() if line.startswith("Question 1: "))
    return next(fact for fact in FACTS.values() if asked == f"Question 1: {fact.question}")


def an_answer(fact: Fact) -> str:
    """Some valid answer, as one types it."""
    kinds = {"bool": "y", "choice": "1", "date": "2027-01-01", "gpus": "none", "text": "words", "share": "50%"}
    return kinds.get(fact.type, "200")


def test_questions_answers_and_commands_over_a_pipe(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    fact = first_question(project)
    typed = f"what?!\n?\n{an_answer(fact)}\n\nb\n\nu\nr\nb\nq\n"
    ended = ask(project, typed)
    out = ended.stdout.decode()
    assert f"Question 1: {fact.question}" in out
    assert f"Why: {fact.why}" in out
    assert "If skipped: " in out
    assert "Not taken: 'what?!' is " in out
    assert "An answer changes the recommendation" in out or "answer to this changes the recommendation" in out
    assert "Saved. " in out
    assert "(answered); Enter keeps it." in out
    assert "Undone." in out
    assert "Done again." in out
    assert "Not taken: nothing was entered" in out
    assert list(Project.open(project).answers()) == [fact.id]
    assert f"Answers are saved in {project}." in out
    assert b"> " in ended.stderr
    assert ended.returncode in (0, 2)


def test_at_the_end_of_the_input_it_says_what_is_missing_and_ends(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    ended = ask(project, "")
    assert ended.returncode == 2
    assert b"still open: " in ended.stdout
    assert b"not enough answers yet" in ended.stderr
    assert f"advisor ask --project {project}".encode() in ended.stderr
    assert len(Project.open(project).decision_files()) == 1, "the leaning so far is kept"


@pytest.mark.slow
def test_a_contradiction_is_told_and_can_be_mended_on_the_spot(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    for fact, value in (("knowledge.source", "none"), ("knowledge.citations_required", "yes")):
        assert run(["answers", "set", fact, value, "--project", str(project)]) == 0
    ended = ask(project, "?\nb\nq\n")
    assert ended.returncode == 3
    assert b"Question 3: " in ended.stdout, "the interview goes on"
    assert b"Must the answer name the document" in ended.stdout, "b goes back to one of the two"
    assert b"knowledge.source = none and knowledge.citations_required = yes contradict each other" in ended.stderr
    mended = ask(project, "b\nn\nq\n")
    assert mended.returncode in (0, 2)
    assert Project.open(project).answers().value("knowledge.citations_required") is False


def test_json_on_stdout_and_talk_on_stderr(tmp_path: Path) -> None:
    project = new_project(tmp_path, "--answers", str(EXAMPLES / "support-desk.yaml"))
    ended = ask(project, "q\n", "--json")
    decision = json.loads(ended.stdout)
    assert decision["v"] == 1
    assert decision["facts"]["task.kind"] == "question_answering"
    assert ended.returncode == (2 if decision["verdict"] == "not_enough_information" else 0)


def test_without_a_project_and_terminal_it_ends_at_once(tmp_path: Path) -> None:
    ended = ask(tmp_path, "1\n")
    assert ended.returncode == 2
    assert b"no project here" in ended.stderr
    assert b"advisor init" in ended.stderr


@pytest.mark.slow
def test_a_line_that_is_not_utf8_is_not_taken_and_the_next_one_is(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    fact = first_question(project)
    ended = ask(project, b"caf\xe9\n" + an_answer(fact).encode() + b"\nq\n")
    assert b"Not taken: the line is not valid UTF-8" in ended.stdout
    assert list(Project.open(project).answers()) == [fact.id]


STRANGE = ["\x00", "9" * 5000, "\x1b[2J", "🙂", "-1", "1;rm -rf /", "p99", "nan", "[1, 2]", "p" + "9" * 5000, "²"]


def test_strange_lines_are_not_taken(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    ended = ask(project, "\n".join(STRANGE) + "\nq\n")
    assert ended.stdout.count(b"Not taken: ") == len(STRANGE)
    assert ended.stdout.count(b"Question 1: ") == len(STRANGE) + 1
    assert b"\x1b" not in ended.stdout, "what was typed cannot steer the terminal"
    assert Project.open(project).answers().known() == {}


@pytest.mark.slow
def test_an_answer_is_on_disk_before_the_next_question_even_if_killed(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    fact = first_question(project)
    command = [sys.executable, "-u", "-m", "advisor", "ask", "--plain", "--project", str(project)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(an_answer(fact).encode() + b"\n")
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not (project / "answers.jsonl").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    process.stdin.close()
    assert list(Project.open(project).answers()) == [fact.id]
    resumed = ask(project, "q\n")
    assert b"Question 2: " in resumed.stdout
    assert b"Question 1: " not in resumed.stdout
