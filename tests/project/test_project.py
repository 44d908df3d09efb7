"""The project folder: made, opened, refused, and safe for a person to read, edit and put in git."""

import json
import os
import shlex
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from calling import Advisor

from advisor.answers import Answers
from advisor.base.errors import CouldNotError, InvalidDataError, UsageError
from advisor.decision.engine import decide
from advisor.decision.result import Decision
from advisor.project import Project, is_project
from pricing.catalogue import load_catalogue
from rules.load import load_rules

TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def decision() -> Decision:
    answers = Answers.from_plain({"v": 1, "facts": {"task.kind": "classification"}}, load_rules().facts)
    return decide(answers, load_rules(), load_catalogue(), today=TODAY, quick=True)


def test_init_makes_plain_files(tmp_path: Path, advisor: Advisor) -> None:
    ended = advisor("init", tmp_path / "new" / "p", "--name", "Support <desk>", "--json")
    assert ended.code == 0
    assert ended.json["answers"] == 0
    text = (tmp_path / "new" / "p" / "advisor.toml").read_text(encoding="utf-8")
    assert text.startswith('v = 1\nname = "Support <desk>"\ncreated = "')
    assert Project.open(tmp_path / "new" / "p").name == "Support <desk>"


def test_init_takes_answers_and_says_what_to_do_next(tmp_path: Path, advisor: Advisor) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("v: 1\nfacts:\n  task.kind: code\n", encoding="utf-8")
    ended = advisor("init", tmp_path / "p", "--answers", file)
    assert ended.code == 0
    assert ended.out == f"{tmp_path / 'p'}\n"
    assert "1 answers imported" in ended.err
    assert "advisor ask --project" in ended.err
    line = json.loads((tmp_path / "p" / "answers.jsonl").read_text(encoding="utf-8"))
    assert (line["do"], line["facts"], line["source"]) == ("import", {"task.kind": "code"}, str(file))


def test_suggested_commands_can_be_pasted(tmp_path: Path, advisor: Advisor) -> None:
    ended = advisor("init", tmp_path / "p & q; it's")
    line = ended.err.split("next: ", 1)[1].split("   or: ")[0]
    assert shlex.split(line) == ["advisor", "tui", "--project", str(tmp_path / "p & q; it's")]


def test_init_does_not_touch_a_project_that_is_there(project: Path, advisor: Advisor) -> None:
    before = (project / "advisor.toml").read_bytes()
    ended = advisor("init", project)
    assert ended.code == 2
    assert "there is a project here already" in ended.err
    assert (project / "advisor.toml").read_bytes() == before


def test_init_keeps_what_lies_in_the_folder(tmp_path: Path, advisor: Advisor) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "notes.txt").write_text("mine", encoding="utf-8")
    assert advisor("init", tmp_path / "p").code == 0
    assert (tmp_path / "p" / "notes.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 300, "key sk-abcdefghijklmnopqrstuvwx"])
def test_a_name_that_cannot_be_shown(tmp_path: Path, advisor: Advisor, name: str) -> None:
    ended = advisor("init", tmp_path / "p", f"--name={name}")
    assert ended.code in (0, 2, 3)
    if not name:
        assert Project.open(tmp_path / "p").name == "p", "an empty name is the folder's"
        return
    assert ended.code in (2, 3)
    assert "fix:" in ended.err
    assert not is_project(tmp_path / "p")


def test_init_on_a_file(tmp_path: Path, advisor: Advisor) -> None:
    (tmp_path / "p").write_text("x", encoding="utf-8")
    ended = advisor("init", tmp_path / "p")
    assert ended.code == 2
    assert "this is a file" in ended.err


def test_init_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises((CouldNotError, UsageError)):
        Project.create(tmp_path / ("x" * 300))


def test_init_without_a_folder_is_wrong_use(advisor: Advisor) -> None:
    ended = advisor("init")
    assert ended.code == 2
    assert "DIR" in ended.err


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('v = 1\nname = "x', "not valid TOML"),
        ('v = 2\nname = "x"\n', "reads version 1"),
        ('name = "x"\n', "v is None"),
        ("v = 1\n", "name must be text"),
        ('v = 1\nname = "x"\ncolour = "red"\n', "unknown key 'colour'"),
        ('v = true\nname = "x"\n', "v is True"),
    ],
)
def test_settings_that_are_broken_are_named(project: Path, advisor: Advisor, toml: str, words: str) -> None:
    (project / "advisor.toml").write_text(toml, encoding="utf-8")
    ended = advisor("answers", "list", "--project", project)
    assert ended.code == 3
    assert "advisor.toml" in ended.err
    assert words in ended.err
    assert "fix:" in ended.err


def test_settings_that_are_not_utf8(project: Path, advisor: Advisor) -> None:
    (project / "advisor.toml").write_bytes(b'v = 1\nname = "caf\xe9"\n')
    ended = advisor("answers", "list", "--project", project)
    assert ended.code == 3
    assert "advisor.toml:2: not valid UTF-8" in ended.err


@pytest.mark.parametrize("command", [["answers", "list"], ["ask"], ["report"], ["answers", "undo"]])
def test_without_a_project_the_message_says_how_to_make_one(
    tmp_path: Path, advisor: Advisor, command: list[str]
) -> None:
    ended = advisor(*command, "--project", tmp_path)
    assert ended.code == 2
    assert "no project here" in ended.err
    assert "advisor init" in ended.err
    assert ended.out == ""


def test_decisions_are_numbered_and_the_same_one_is_not_written_twice(tmp_path: Path, decision: Decision) -> None:
    project = Project.create(tmp_path / "p")
    first = project.save_decision(decision)
    assert first.name == "0001.json"
    assert project.save_decision(decision) == first
    later = decision.model_copy(update={"inputs_hash": "other"})
    assert project.save_decision(later).name == "0002.json"
    assert project.latest_decision() == later
    assert project.previous_decision() == decision


def test_a_decision_file_that_is_broken_is_named(tmp_path: Path, decision: Decision) -> None:
    project = Project.create(tmp_path / "p")
    path = project.save_decision(decision)
    path.write_text(path.read_text(encoding="utf-8")[:500], encoding="utf-8")
    with pytest.raises(InvalidDataError) as caught:
        project.latest_decision()
    assert str(path) in str(caught.value)
    path.write_text('{"v": 7}', encoding="utf-8")
    with pytest.raises(InvalidDataError, match="reads version 1"):
        project.latest_decision()


def test_saving_in_several_processes_gives_each_decision_a_number(tmp_path: Path, decision: Decision) -> None:
    Project.create(tmp_path / "p")
    (tmp_path / "d.json").write_text(decision.model_dump_json(), encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from advisor.project import Project\n"
        "from advisor.decision.result import Decision\n"
        "project = Project.open(Path(sys.argv[1]))\n"
        "d = Decision.model_validate_json(Path(sys.argv[2]).read_text())\n"
        "for n in range(5): project.save_decision(d.model_copy(update={'inputs_hash': sys.argv[3] + str(n)}))\n"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "p"), str(tmp_path / "d.json")]
    workers = [subprocess.Popen([*arguments, name]) for name in "abc"]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    files = Project.open(tmp_path / "p").decision_files()
    assert [path.name for path in files] == [f"{n:04d}.json" for n in range(1, 16)]
    assert len({json.loads(path.read_text(encoding="utf-8"))["inputs_hash"] for path in files}) == 15


def test_the_projects_own_rules_and_no_one_elses_are_read(project: Path) -> None:
    text = load_rules().files["task.kind"].read_text(encoding="utf-8")
    own = project / "rules" / "facts" / "task.kind.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(text.replace("What should come out for each request?", "What comes out?"), encoding="utf-8")
    assert Project.open(project).facts["task.kind"].question == "What comes out?"
    assert load_rules().facts["task.kind"].question != "What comes out?"


def test_a_project_with_a_broken_rule_says_which(project: Path, advisor: Advisor) -> None:
    own = project / "rules" / "facts" / "task.kind.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("v: 1\nid: task.kind\n", encoding="utf-8")
    ended = advisor("answers", "list", "--project", project)
    assert ended.code == 3
    assert f"{own}:1: the key" in ended.err


def test_a_project_folder_that_cannot_be_written(project: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    project.chmod(0o555)
    with pytest.raises(CouldNotError):
        Project.open(project).set("task.kind", "code")
