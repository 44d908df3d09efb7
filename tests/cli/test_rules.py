"""`advisor rules`: what the advice rests on, seen, checked, explained and extended from the command line."""

from pathlib import Path

import pytest
from calling import Advisor

from rules.load import KINDS, load_rules

BOOK = load_rules()


def test_list_shows_everything_with_json(advisor: Advisor, tmp_path: Path) -> None:
    rows = advisor("rules", "list", "--json", "--project", tmp_path).json["rules"]
    assert {row["id"] for row in rows} == set(BOOK.files)
    assert {row["kind"] for row in rows} == set(KINDS)
    assert not any(row["yours"] for row in rows)
    risk = next(row for row in rows if row["id"] == "vendor-tuning-ends")
    assert risk["conditions"] == {"applies_to": "option.training == 'api_tuning'"}
    assert "2026-05-07" in risk["now"]
    assert risk["evidence"] >= 5


@pytest.mark.parametrize("kind", KINDS)
def test_list_of_one_kind_in_both_spellings(advisor: Advisor, kind: str) -> None:
    named = advisor("rules", "list", kind, "--json").json["rules"]
    assert [row["id"] for row in named] == list(BOOK.kinds()[kind])
    assert advisor("rules", "list", "--kind", kind, "--json").json["rules"] == named
    shown = advisor("rules", "list", kind)
    assert shown.code == 0
    assert all(identifier in shown.out for identifier in BOOK.kinds()[kind])
    assert f"{len(named)} entries" in shown.err


def test_list_searches_ids_titles_conditions_and_the_article(advisor: Advisor) -> None:
    found = advisor("rules", "list", "--search", "held out", "--json").json["rules"]
    assert "held-out-below-15-percent" in {row["id"] for row in found}
    nothing = advisor("rules", "list", "--search", "zzzz")
    assert (nothing.code, nothing.out) == (0, "")
    assert "nothing matches" in nothing.err


def test_list_of_two_kinds_is_wrong_use(advisor: Advisor) -> None:
    ended = advisor("rules", "list", "facts", "--kind", "gates")
    assert ended.code == 2
    assert advisor("rules", "list", "fact").code == 2


def test_check_runs_every_example(advisor: Advisor, tmp_path: Path) -> None:
    ended = advisor("rules", "check", "--project", tmp_path, "--json")
    assert ended.code == 0
    examples = sum(len(rule.examples) for _, rule in BOOK.rules())
    assert ended.json == {"v": 1, "files": len(BOOK.files), "examples": examples, "problems": []}


def test_check_from_the_source_folder_does_not_count_ours_as_yours(
    advisor: Advisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    assert advisor("rules", "check", "--json").json["files"] == len(BOOK.files)


@pytest.mark.parametrize("identifier", BOOK.files)
def test_explain_shows_all_there_is(advisor: Advisor, identifier: str) -> None:
    kind, entry = BOOK.find(identifier)
    shown = advisor("rules", "explain", identifier)
    assert shown.code == 0
    assert shown.out.startswith(f"{identifier}  (")
    words = " ".join(shown.out.split())
    for field in ("question", "why", "title", "because", "unless", "text", "do", "against", "article", "now"):
        value = getattr(entry, field, None)
        if isinstance(value, str):
            assert " ".join(value.split()) in words, field
    for evidence in getattr(entry, "evidence", ()):
        assert " ".join(evidence.source.split()) in words
        assert str(evidence.date) in words
    assert str(BOOK.files[identifier].name) in words
    plain = advisor("rules", "explain", identifier, "--json").json
    assert plain["kind"] == kind
    assert plain["rule"]["id"] == identifier


def test_explain_sets_the_article_against_now(advisor: Advisor) -> None:
    out = advisor("rules", "explain", "self-hosted-inference-free").out
    assert "The article says:" in out
    assert "What holds now (as of 2026-11-23):" in out
    assert "$1,964 to $5,022" in out


def test_explain_says_who_uses_a_fact(advisor: Advisor) -> None:
    named = advisor("rules", "explain", "data.labelled_examples", "--json").json["named_by"]
    assert "readiness/examples-below-200" in named
    assert "gates/tuning-needs-examples" in named


def test_explain_of_what_is_not_there_suggests(advisor: Advisor) -> None:
    ended = advisor("rules", "explain", "vendor-tuning-end")
    assert ended.code == 3
    assert "did you mean 'vendor-tuning-ends'?" in ended.err


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_rule_is_refused_until_it_is_written_and_then_counts(advisor: Advisor, project: Path, kind: str) -> None:
    identifier = "task.made_up" if kind == "facts" else "made-up"
    ended = advisor("rules", "new", kind, identifier, "--project", project)
    assert ended.code == 0
    file = Path(ended.out.strip())
    assert file.parent == project / "rules" / kind
    unwritten = advisor("rules", "check", "--project", project)
    assert unwritten.code == 3
    assert f"{file}:3: " in unwritten.out
    assert "still to be written" in unwritten.out
    assert advisor("answers", "list", "--project", project).code == 3, "half a rule never decides"
    file.write_text(file.read_text(encoding="utf-8").replace("TODO: ", ""), encoding="utf-8")
    assert advisor("rules", "check", "--project", project).code == 0
    row = next(r for r in advisor("rules", "list", kind, "--json", "--project", project).json["rules"] if r["yours"])
    assert row["id"] == identifier
    again = advisor("rules", "new", kind, identifier, "--project", project)
    assert again.code == 2
    assert "there is a file already" in again.err


def test_new_with_one_of_our_ids_copies_it_to_be_changed(advisor: Advisor, project: Path) -> None:
    ended = advisor("rules", "new", "gates", "self-host-excludes-hosted", "--project", project, "--json")
    file = Path(ended.json["file"])
    assert ended.json["copied"] is True
    assert file.read_bytes() == BOOK.files["self-host-excludes-hosted"].read_bytes()
    assert advisor("rules", "check", "--project", project).code == 0


@pytest.mark.parametrize(
    ("kind", "identifier", "words"),
    [
        ("facts", "urgency", "is not the id of a fact"),
        ("facts", "Task.Kind", "is not the id of a fact"),
        ("risks", "My_Risk", "is not the id of a rule"),
        ("risks", "../../etc/passwd", "is not the id of a rule"),
        ("risks", "x/y", "is not the id of a rule"),
        ("risks", "self-host-excludes-hosted", "is of another kind"),
    ],
)
def test_new_refuses_an_id_that_cannot_be(
    advisor: Advisor, project: Path, kind: str, identifier: str, words: str
) -> None:
    ended = advisor("rules", "new", kind, identifier, "--project", project)
    assert ended.code == 2
    assert words in ended.err
    assert not (project / "rules").exists()


def test_new_outside_a_project_says_where_it_could_go(advisor: Advisor, tmp_path: Path) -> None:
    ended = advisor("rules", "new", "risks", "made-up", "--project", tmp_path)
    assert ended.code == 2
    assert "--into DIR" in ended.err
    into = advisor("rules", "new", "risks", "made-up", "--into", tmp_path / "shared")
    assert Path(into.out.strip()).is_file()
    assert advisor("rules", "check", tmp_path / "shared").code == 3
    assert advisor("rules", "check", tmp_path / "nowhere").code == 2


def test_new_where_nothing_can_be_written(advisor: Advisor, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    ended = advisor("rules", "new", "risks", "made-up", "--into", tmp_path / "file")
    assert ended.code == 1
    assert "cannot be written" in ended.err


def test_check_names_every_problem_with_its_line(advisor: Advisor, project: Path) -> None:
    for name in ("one", "two"):
        advisor("rules", "new", "risks", name, "--project", project)
    (project / "rules" / "risk").mkdir()
    ended = advisor("rules", "check", "--project", project, "--json")
    assert ended.code == 3
    places = [problem["where"] for problem in ended.json["problems"]]
    assert len(places) == 3
    assert f"{project / 'rules' / 'risks' / 'one.yaml'}:3" in places
    assert all(problem["fix"] for problem in ended.json["problems"])
    assert "3 problems in the rules" in ended.err
