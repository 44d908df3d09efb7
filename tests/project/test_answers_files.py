"""Answers files that are wrong: one message with file, line and remedy, exit 3, nothing made."""

from datetime import date
from pathlib import Path

import pytest
from calling import Advisor
from hypothesis import given
from hypothesis import strategies as st

from advisor.answers import Answers, Origin, load_answers_file, plain_value
from advisor.base.errors import InvalidDataError
from advisor.project import Project
from rules.facts import Interval
from rules.load import load_rules

FACTS = load_rules().facts

WRONG = [
    ("type", "a.yaml", "v: 1\nfacts:\n  task.kind: code\n  traffic.requests_per_month: many\n", 4, "is not a number"),
    ("quoted number", "a.yaml", "v: 1\nfacts:\n  traffic.requests_per_month: '100'\n", 3, "is not a number"),
    ("negative", "a.yaml", "v: 1\nfacts:\n  traffic.requests_per_month: -1\n", 3, "-1 is outside 0 to"),
    ("nan", "a.yaml", "v: 1\nfacts:\n  traffic.requests_per_month: .nan\n", 3, "not a usable number"),
    ("infinite", "a.yaml", "v: 1\nfacts:\n  traffic.requests_per_month: .inf\n", 3, "not a usable number"),
    ("overflow", "a.yaml", "v: 1\nfacts:\n  traffic.requests_per_month: 1e999\n", 3, "too large"),
    ("share of 95", "a.yaml", "v: 1\nfacts:\n  data.reviewed_quality_rate: 95\n", 3, "outside 0 to 1"),
    ("fraction", "a.yaml", "v: 1\nfacts:\n  data.labelled_examples: 1.5\n", 3, "not a whole number"),
    ("yes", "a.yaml", "v: 1\nfacts:\n  limits.must_self_host: yes\n", 3, "ambiguous"),
    ("text for bool", "a.yaml", "v: 1\nfacts:\n  limits.must_self_host: 'true'\n", 3, "neither true nor false"),
    ("choice", "a.yaml", "v: 1\nfacts:\n  task.kind: clasification\n", 3, "not one of the choices"),
    ("date", "a.yaml", "v: 1\nfacts:\n  finance.start: next week\n", 3, "is not a date"),
    ("range turned", "a.yaml", "v: 1\nfacts:\n  traffic.requests_per_month: {low: 9, high: 1}\n", 3, "is above high"),
    ("range half", "a.yaml", "v: 1\nfacts:\n  traffic.requests_per_month: {low: 9}\n", 3, "low and high"),
    ("gpu", "a.yaml", "v: 1\nfacts:\n  hardware.gpus: [{gpu: l4, count: 0}]\n", 3, "not a number of GPUs"),
    ("unknown fact", "a.yaml", "v: 1\nfacts:\n  task.knd: code\n", 3, "unknown fact 'task.knd'"),
    ("nested fact", "a.yaml", "v: 1\nfacts:\n  task:\n    kind: code\n", 3, "unknown fact 'task'"),
    ("duplicate", "a.yaml", "v: 1\nfacts:\n  task.kind: code\n  task.kind: code\n", 4, "is there twice"),
    ("fact at the top", "a.yaml", "v: 1\nfacts: {}\ntask.kind: code\n", 3, "unknown key 'task.kind'"),
    ("misspelt key", "a.yaml", "v: 1\nfact:\n  task.kind: code\n", 2, "unknown key 'fact'"),
    ("version", "a.yaml", "v: 2\nfacts: {}\n", 1, "this program reads version 1"),
    ("no version", "a.yaml", "facts: {}\n", 1, "the key `v` is missing"),
    ("no facts", "a.yaml", "v: 1\n", 1, "the key `facts` is missing"),
    ("list", "a.yaml", "- 1\n", 1, "is a mapping"),
    ("empty", "a.yaml", "", 1, "is a mapping"),
    ("yaml", "a.yaml", "v: 1\nfacts: {task.kind: [\n", 3, "not valid YAML"),
    ("anchor", "a.yaml", "v: 1\nfacts: &f {task.kind: code}\n", 2, "anchors"),
    ("json cut off", "a.json", '{"v": 1,\n"facts": {"task.kind": "code"', 2, "not valid JSON"),
    ("json twice", "a.json", '{"v": 1,\n"facts": {"task.kind": "code",\n"task.kind": "code"}}', 3, "is there twice"),
    ("json nan", "a.json", '{"v": 1, "facts":\n{"traffic.requests_per_month": NaN}}', 2, "not a usable number"),
    ("json infinity", "a.json", '{"v": 1, "facts":\n{"traffic.requests_per_month": -Infinity}}', 2, "not a usable"),
    ("json overflow", "a.json", '{"v": 1, "facts":\n{"traffic.requests_per_month": 1e999}}', 2, "too large"),
    ("json comment", "a.json", '{"v": 1, // hm\n"facts": {}}', 1, "not valid JSON"),
]


@pytest.mark.parametrize(("name", "text", "line", "words"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_one_message_with_file_line_and_remedy(
    tmp_path: Path, advisor: Advisor, name: str, text: str, line: int, words: str
) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    ended = advisor("init", tmp_path / "p", "--answers", file)
    assert ended.code == 3
    assert ended.out == ""
    assert ended.err.startswith(f"advisor: {file}:{line}: ")
    assert words in ended.err
    assert ended.err.count("advisor: ") == 1
    assert "\n  fix: " in ended.err
    assert not (tmp_path / "p").exists(), "nothing is made from a wrong file"


def test_bytes_that_are_not_utf8(tmp_path: Path, advisor: Advisor) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"v: 1\nfacts:\n  task.kind: caf\xe9\n")
    ended = advisor("init", tmp_path / "p", "--answers", file)
    assert ended.code == 3
    assert f"{file}:3: not valid UTF-8" in ended.err


@pytest.mark.parametrize("what", ["missing", "folder", "noise"])
def test_what_is_no_answers_file_at_all(tmp_path: Path, advisor: Advisor, what: str) -> None:
    file = tmp_path / "a.yaml"
    if what == "folder":
        file.mkdir()
    elif what == "noise":
        file.write_bytes(bytes(range(256)) * 40)
    ended = advisor("init", tmp_path / "p", "--answers", file)
    assert ended.code == 3
    assert str(file) in ended.err
    assert not (tmp_path / "p").exists()


def test_says_how_many_more_problems_there_are(tmp_path: Path, advisor: Advisor) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("v: 1\nfacts:\n  task.kind: x\n  task.format: w\n  task.knd: z\n", encoding="utf-8")
    assert "and 2 more problems further down" in advisor("init", tmp_path / "p", "--answers", file).err


def test_contradicting_answers_name_both_facts(tmp_path: Path, advisor: Advisor) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("v: 1\nfacts:\n  knowledge.source: none\n  knowledge.citations_required: true\n", encoding="utf-8")
    ended = advisor("init", tmp_path / "p", "--answers", file)
    assert ended.code == 3
    assert "knowledge.source = none and knowledge.citations_required = yes contradict each other" in ended.err
    assert not (tmp_path / "p").exists()


RIGHT = """v: 1
name: A desk
facts:
  task.kind: classification
  traffic.requests_per_month: {low: 1000, high: 5000}
  limits.must_self_host: true
  hardware.gpus: [{gpu: l4, count: 2}]
  finance.start: 2027-01-01
  data.labelled_examples: null
"""


def test_what_is_right_is_taken_with_its_origin(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(RIGHT, encoding="utf-8")
    answers = load_answers_file(file, FACTS, origin=Origin.IMPORTED)
    assert answers.known() == {
        "task.kind": "classification",
        "traffic.requests_per_month": Interval(1000.0, 5000.0),
        "limits.must_self_host": True,
        "hardware.gpus": [{"gpu": "l4", "count": 2}],
        "finance.start": date(2027, 1, 1),
    }
    assert answers["task.kind"].origin is Origin.IMPORTED
    assert answers["task.kind"].source == str(file)
    assert answers.value("data.labelled_examples") is None, "null is unknown, not a value"


def test_name_and_description_of_the_file_are_used(tmp_path: Path, advisor: Advisor) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("v: 1\nname: Our desk\ndescription: Answers letters.\nfacts: {}\n", encoding="utf-8")
    assert advisor("init", tmp_path / "p", "--answers", file, "--json").json["name"] == "Our desk"
    assert Project.open(tmp_path / "p").answers().known() == {"task.description": "Answers letters."}
    assert advisor("init", tmp_path / "q", "--answers", file, "--name", "Mine", "--json").json["name"] == "Mine"
    file.write_text("v: 1\ndescription: One.\nfacts: {task.description: Two.}\n", encoding="utf-8")
    assert load_answers_file(file, FACTS).value("task.description") == "Two."
    file.write_text("v: 1\nname: [x]\nfacts: {}\n", encoding="utf-8")
    ended = advisor("init", tmp_path / "r", "--answers", file)
    assert ended.code == 3
    assert f"{file}:2: name must be text" in ended.err


@pytest.mark.parametrize("name", ["support-desk", "bulk-classification", "clinic"])
def test_shipped_examples_are_read(name: str) -> None:
    file = Path(__file__).parents[2] / "examples" / f"{name}.yaml"
    assert len(load_answers_file(file, FACTS)) > 10


VALUES = {
    "traffic.requests_per_month": st.floats(0, 1e12) | st.integers(0, 10**9),
    "data.labelled_examples": st.integers(0, 10**9),
    "data.reviewed_quality_rate": st.floats(0, 1),
    "limits.must_self_host": st.booleans(),
    "task.kind": st.sampled_from(FACTS["task.kind"].values()),
    "finance.start": st.dates(),
    "current.model": st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20),
}


@given(st.fixed_dictionaries({}, optional=VALUES))
def test_what_is_exported_is_read_back(values: dict[str, object]) -> None:
    answers = Answers.from_plain({"v": 1, "facts": {k: plain_value(v) for k, v in values.items()}}, FACTS)
    again = Answers.from_plain(answers.to_plain(), FACTS)
    assert again.known() == answers.known()
    assert set(answers) == set(values)


def test_answers_in_memory_are_checked_like_a_file() -> None:
    with pytest.raises(InvalidDataError, match="outside"):
        Answers.from_plain({"v": 1, "facts": {"data.labelled_examples": -1}}, FACTS)


def test_answers_are_immutable_and_declining_is_not_a_value() -> None:
    first = Answers.from_plain({"v": 1, "facts": {"task.kind": "code"}}, FACTS)
    declined = first.declining("task.kind")
    assert first.value("task.kind") == "code"
    assert declined.value("task.kind") is None
    assert declined.declined == {"task.kind"}
    assert declined.with_("task.kind", first["task.kind"]).declined == frozenset()
    assert declined.without("task.kind").declined == frozenset()
