"""`advisor answers`: set, unset, import, export, undo, redo, history; nothing is lost."""

from pathlib import Path

import pytest
import yaml
from calling import Advisor

from advisor.project import Project


def values(advisor: Advisor, project: Path) -> dict[str, object]:
    rows = advisor("answers", "list", "--json", "--project", project).json["answers"]
    return {row["fact"]: row["value"] for row in rows}


def test_set_list_and_unset(advisor: Advisor, project: Path) -> None:
    assert advisor("answers", "set", "traffic.requests_per_month", "2.5k", "--project", project).out.strip() == (
        "traffic.requests_per_month = 2,500 requests per month"
    )
    advisor("answers", "set", "data.labelled_examples", "100-200", "--project", project)
    advisor("answers", "set", "task.kind", "unknown", "--project", project)
    listed = advisor("answers", "list", "--project", project).out
    assert "2,500 requests per month" in listed
    assert "100 to 200 pairs" in listed
    assert values(advisor, project)["data.labelled_examples"] == {"low": 100, "high": 200}
    assert advisor("answers", "list", "--json", "--project", project).json["declined"] == ["task.kind"]
    assert advisor("answers", "unset", "traffic.requests_per_month", "--project", project).code == 0
    assert "traffic.requests_per_month" not in values(advisor, project)
    nothing = advisor("answers", "unset", "traffic.requests_per_month", "--project", project)
    assert nothing.code == 2
    assert "no answer to forget" in nothing.err


def test_a_negative_number_is_a_value_and_not_an_option(advisor: Advisor, project: Path) -> None:
    ended = advisor("answers", "set", "finance.token_price_change_per_year_rate", "-0.2", "--project", project)
    assert ended.code == 0
    assert values(advisor, project) == {"finance.token_price_change_per_year_rate": -0.2}


@pytest.mark.parametrize(
    ("fact", "value", "code", "words"),
    [
        ("task.knd", "code", 2, "did you mean 'task.kind'?"),
        ("task.kind", "cod3", 3, "not one of the choices"),
        ("traffic.requests_per_month", "nan", 3, "not a"),
        ("data.reviewed_quality_rate", "95", 3, "0.95"),
        ("task.description", "key sk-abcdefghijklmnopqrstuvwx", 3, "secret"),
    ],
)
def test_what_cannot_be_set(advisor: Advisor, project: Path, fact: str, value: str, code: int, words: str) -> None:
    ended = advisor("answers", "set", fact, value, "--project", project)
    assert ended.code == code
    assert words in ended.err
    assert "fix:" in ended.err
    assert not (project / "answers.jsonl").exists()


def test_a_contradiction_is_told_but_taken(advisor: Advisor, project: Path) -> None:
    advisor("answers", "set", "knowledge.source", "none", "--project", project)
    ended = advisor("answers", "set", "knowledge.citations_required", "yes", "--project", project)
    assert ended.code == 0
    assert "warning: knowledge.source = none and knowledge.citations_required = yes contradict" in ended.err


def test_undo_and_redo_and_the_history_of_both(advisor: Advisor, project: Path) -> None:
    for value in ("code", "dialogue"):
        advisor("answers", "set", "task.kind", value, "--project", project)
    assert advisor("answers", "undo", "--project", project).out.strip() == "undone: task.kind = dialogue"
    assert values(advisor, project) == {"task.kind": "code"}
    assert advisor("answers", "redo", "--project", project).code == 0
    assert values(advisor, project) == {"task.kind": "dialogue"}
    advisor("answers", "undo", "--project", project)
    history = advisor("answers", "history", "--json", "--project", project).json["history"]
    assert [(line["facts"]["task.kind"], line["active"]) for line in history] == [("code", True), ("dialogue", False)]
    assert "undone" in advisor("answers", "history", "--project", project).out
    advisor("answers", "undo", "--project", project)
    nothing = advisor("answers", "undo", "--project", project)
    assert nothing.code == 2
    assert "nothing left to undo" in nothing.err


def test_import_is_one_step_and_yields_to_answers(advisor: Advisor, project: Path, tmp_path: Path) -> None:
    advisor("answers", "set", "task.kind", "code", "--project", project)
    file = tmp_path / "more.yaml"
    file.write_text("v: 1\nfacts:\n  task.kind: dialogue\n  task.format: json\n", encoding="utf-8")
    ended = advisor("answers", "import", file, "--project", project, "--json")
    assert ended.json == {"v": 1, "imported": 2, "kept": ["task.kind"]}
    assert "task.kind: your answered value stays above the imported one" in ended.err
    assert values(advisor, project) == {"task.kind": "code", "task.format": "json"}
    advisor("answers", "undo", "--project", project)
    assert values(advisor, project) == {"task.kind": "code"}


def test_a_wrong_file_imports_nothing(advisor: Advisor, project: Path, tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text("v: 1\nfacts:\n  task.format: json\n  task.kind: cod3\n", encoding="utf-8")
    ended = advisor("answers", "import", file, "--project", project)
    assert ended.code == 3
    assert f"{file}:4: " in ended.err
    assert values(advisor, project) == {}


def test_export_is_an_answers_file(advisor: Advisor, project: Path, tmp_path: Path) -> None:
    for fact, value in (("task.kind", "code"), ("finance.start", "2027-01-01"), ("hardware.gpus", "2 x l4")):
        advisor("answers", "set", fact, value, "--project", project)
    text = advisor("answers", "export", "--project", project).out
    assert yaml.safe_load(text)["v"] == 1
    for name, exported in (
        ("a.yaml", text),
        ("a.json", advisor("answers", "export", "--json", "--project", project).out),
    ):
        file = tmp_path / name
        file.write_text(exported, encoding="utf-8")
        assert advisor("init", tmp_path / f"copy-{name}", "--answers", file).code == 0
        copied = Project.open(tmp_path / f"copy-{name}").answers().known()
        assert copied == Project.open(project).answers().known()


def test_a_broken_journal_is_named_and_left_alone(advisor: Advisor, project: Path) -> None:
    advisor("answers", "set", "task.kind", "code", "--project", project)
    journal = project / "answers.jsonl"
    broken = b"oops\n" + journal.read_bytes()
    journal.write_bytes(broken)
    for command in (["list"], ["undo"], ["set", "task.format", "json"], ["export"], ["history"]):
        ended = advisor("answers", *command, "--project", project)
        assert ended.code == 3
        assert f"{journal}:1: not valid JSON" in ended.err
        assert "restore the line" in ended.err
    assert journal.read_bytes() == broken
