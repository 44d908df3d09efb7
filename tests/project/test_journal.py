"""The journal of answers: append-only, undone without limit, readable after a crash, shared among processes."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from advisor.answers import Origin
from advisor.base.errors import CouldNotError, InvalidDataError, UsageError
from advisor.journal import Journal
from advisor.project import Project
from rules.load import load_rules

FACTS = load_rules().facts


def journal(folder: Path) -> Journal:
    return Journal(folder / "answers.jsonl", now=lambda: datetime(2026, 11, 24, 12, tzinfo=UTC))


def known(book: Journal) -> dict[str, Any]:
    return book.answers(FACTS).known()


def set_(book: Journal, fact: str, value: Any) -> None:
    book.write("set", {fact: value}, source=None)


def test_each_line_says_what_was_done_and_when(tmp_path: Path) -> None:
    book = journal(tmp_path)
    set_(book, "task.kind", "code")
    set_(book, "data.labelled_examples", None)
    lines = [json.loads(line) for line in book.path.read_text(encoding="utf-8").splitlines()]
    first = {"v": 1, "id": 1, "at": "2026-11-24T12:00:00+00:00", "do": "set", "facts": {"task.kind": "code"}}
    assert lines[0] == first
    assert lines[1]["facts"] == {"data.labelled_examples": None}
    assert book.answers(FACTS).declined == {"data.labelled_examples"}


def test_the_file_only_ever_grows(tmp_path: Path) -> None:
    book = journal(tmp_path)
    seen = b""
    for act in (
        lambda: set_(book, "task.kind", "code"),
        lambda: set_(book, "task.kind", "dialogue"),
        book.undo,
        book.redo,
        lambda: book.forget("task.kind"),
        book.undo,
    ):
        act()
        now = book.path.read_bytes()
        assert now.startswith(seen)
        assert len(now) > len(seen)
        seen = now
    assert known(book) == {"task.kind": "dialogue"}


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [
        ("import", "set", "second"),
        ("set", "import", "first"),
        ("measured", "set", "first"),
        ("set", "measured", "second"),
        ("measured", "measured", "second"),
        ("set", "set", "second"),
    ],
)
def test_the_more_trusted_origin_stands(tmp_path: Path, first: Any, second: Any, stands: str) -> None:
    book = journal(tmp_path)
    book.write(first, {"current.quality_rate": 0.1}, source="x")
    book.write(second, {"current.quality_rate": 0.2}, source="y")
    assert known(book)["current.quality_rate"] == (0.1 if stands == "first" else 0.2)


def test_forgetting_drops_every_origin_and_can_be_undone(tmp_path: Path) -> None:
    book = journal(tmp_path)
    book.write("measured", {"current.quality_rate": 0.1}, source="run", evidence_n=100)
    set_(book, "current.quality_rate", 0.2)
    assert book.forget("current.quality_rate") is not None
    assert known(book) == {}
    assert book.forget("current.quality_rate") is None
    book.undo()
    answer = book.answers(FACTS)["current.quality_rate"]
    assert (answer.value, answer.origin, answer.evidence_n) == (0.1, Origin.MEASURED, 100)


def test_the_trail_is_the_order_of_a_persons_answers(tmp_path: Path) -> None:
    book = journal(tmp_path)
    for fact, value in (("task.kind", "code"), ("task.format", None), ("task.kind", "dialogue")):
        set_(book, fact, value)
    book.write("measured", {"current.quality_rate": 0.1}, source="run")
    assert book.trail() == ["task.kind", "task.format"]
    book.forget("task.kind")
    assert book.trail() == ["task.format"]


OPERATIONS = st.sampled_from(["task.kind", "task.format", "task.reasoning"])
VALUES = {"task.kind": ["code", "dialogue"], "task.format": ["free", "json"], "task.reasoning": ["shallow", "deep"]}


class UndoMachine(RuleBasedStateMachine):
    """The journal beside the plainest model there is: a list of states and a place in it."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.book = journal(Path(self.folder.name))
        self.states: list[dict[str, Any]] = [{}]
        self.place = 0

    def teardown(self) -> None:
        self.folder.cleanup()

    def _next(self, state: dict[str, Any]) -> None:
        self.states = [*self.states[: self.place + 1], state]
        self.place += 1

    @rule(fact=OPERATIONS, which=st.integers(0, 1))
    def answer(self, fact: str, which: int) -> None:
        value = VALUES[fact][which]
        set_(self.book, fact, value)
        self._next({**self.states[self.place], fact: value})

    @rule(fact=OPERATIONS)
    def decline(self, fact: str) -> None:
        set_(self.book, fact, None)
        self._next({key: value for key, value in self.states[self.place].items() if key != fact})

    @rule()
    def take_back(self) -> None:
        assert (self.book.undo() is None) == (self.place == 0)
        self.place = max(0, self.place - 1)

    @rule()
    def do_again(self) -> None:
        last = self.place == len(self.states) - 1
        assert (self.book.redo() is None) == last
        self.place += 0 if last else 1

    @invariant()
    def agrees_with_the_model(self) -> None:
        assert known(self.book) == self.states[self.place]


TestUndo = UndoMachine.TestCase
TestUndo.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)


@pytest.mark.parametrize("cut", range(1, 90, 7))
def test_a_line_that_was_cut_off_loses_nothing_else(tmp_path: Path, cut: int) -> None:
    book = journal(tmp_path)
    set_(book, "task.kind", "code")
    whole = book.path.read_bytes()
    set_(book, "task.format", "json")
    added = book.path.read_bytes()[len(whole) :]
    book.path.write_bytes(whole + added[: min(cut, len(added) - 2)])
    assert known(book) == {"task.kind": "code"}
    set_(book, "task.reasoning", "deep")
    assert known(book) == {"task.kind": "code", "task.reasoning": "deep"}
    for line in book.path.read_text(encoding="utf-8").splitlines():
        json.loads(line)
    kept = book.path.with_name(f"{book.path.name}.cut")
    assert kept.read_bytes() == added[: min(cut, len(added) - 2)] + b"\n"


@pytest.mark.parametrize("content", [b"\x8f\x01 no journal at all", b'{"v":1,"id":1}\r{"v":1,"id":2}\r', b"answers"])
def test_a_file_that_is_no_journal_is_refused_and_stays(tmp_path: Path, content: bytes) -> None:
    book = journal(tmp_path)
    book.path.write_bytes(content)
    with pytest.raises(InvalidDataError):
        set_(book, "task.kind", "code")
    assert book.path.read_bytes() == content


def test_a_last_line_without_its_newline_still_counts(tmp_path: Path) -> None:
    book = journal(tmp_path)
    set_(book, "task.kind", "code")
    book.path.write_bytes(book.path.read_bytes().rstrip(b"\n"))
    assert known(book) == {"task.kind": "code"}
    set_(book, "task.format", "json")
    assert known(book) == {"task.kind": "code", "task.format": "json"}


GOOD = '{"v":1,"id":1,"at":"2026-11-24T12:00:00+00:00","do":"set","facts":{"task.kind":"code"}}'


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b"not json", "not valid JSON"),
        (b'{"v":1,"id":2', "not valid JSON"),
        (b"caf\xe9", "not valid UTF-8"),
        (b'{"v":2,"id":2,"at":"x","do":"set"}', "v: "),
        (b'{"v":1,"id":2,"at":"x","do":"sett"}', "do: "),
        (b'{"v":1,"id":2,"at":"x","do":"set","fact":{}}', "fact: "),
        (b'{"v":1,"id":"two","at":"x","do":"set"}', "id: "),
        (b"[1]", "the line: "),
        (b'{"v":1,"id":1,"at":"x","do":"set","facts":{}}', "the id 1 is there twice"),
        (b'{"v":1,"id":2,"at":"x","do":"set","facts":{"a.b":NaN}}', "NaN"),
        (b"\x00\x00\x00\x00", "not valid JSON"),
    ],
)
def test_a_line_in_the_middle_that_is_broken_is_named(tmp_path: Path, bad: bytes, words: str) -> None:
    book = journal(tmp_path)
    later = GOOD.replace('"id":1', '"id":3').encode()
    book.path.write_bytes(GOOD.encode() + b"\n" + bad + b"\n" + later + b"\n")
    before = book.path.read_bytes()
    with pytest.raises(InvalidDataError) as caught:
        book.answers(FACTS)
    assert caught.value.where == f"{book.path}:2"
    assert words in caught.value.what
    assert caught.value.fix
    assert book.path.read_bytes() == before, "nothing is lost while one looks for a copy"


@pytest.mark.parametrize(
    ("facts", "words"),
    [('{"task.knd":"code"}', "unknown fact 'task.knd'"), ('{"data.labelled_examples":-3}', "-3 is outside")],
)
def test_a_value_that_is_no_longer_valid_is_named(tmp_path: Path, facts: str, words: str) -> None:
    book = journal(tmp_path)
    book.path.write_text(GOOD.replace('{"task.kind":"code"}', facts) + "\n", encoding="utf-8")
    with pytest.raises(InvalidDataError) as caught:
        book.answers(FACTS)
    assert caught.value.where == f"{book.path}:1"
    assert words in caught.value.what


def test_a_folder_in_its_place_is_named(tmp_path: Path) -> None:
    book = journal(tmp_path)
    book.path.mkdir()
    with pytest.raises(InvalidDataError) as caught:
        book.answers(FACTS)
    assert "cannot be read" in caught.value.what
    assert caught.value.fix


def test_writers_in_several_processes_lose_no_line(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from advisor.journal import Journal\n"
        "book = Journal(Path(sys.argv[1]))\n"
        "for n in range(25): book.write('set', {'traffic.requests_per_month': float(n)}, source=sys.argv[2])\n"
    )
    path = tmp_path / "answers.jsonl"
    workers = [subprocess.Popen([sys.executable, "-c", code, str(path), str(n)]) for n in range(4)]
    assert [worker.wait() for worker in workers] == [0, 0, 0, 0]
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert sorted(line["id"] for line in lines) == list(range(1, 101))
    for worker in "0123":
        values = [line["facts"]["traffic.requests_per_month"] for line in lines if line["source"] == worker]
        assert values == [float(n) for n in range(25)]


def test_a_secret_is_never_written(tmp_path: Path) -> None:
    book = journal(tmp_path)
    with pytest.raises(InvalidDataError, match="secret"):
        set_(book, "task.description", "use sk-abcdefghijklmnopqrstuvwx please")
    assert not book.path.exists()


def test_a_disk_that_refuses_is_an_error_in_words(tmp_path: Path) -> None:
    book = Journal(tmp_path / "missing" / "answers.jsonl")
    with pytest.raises(CouldNotError) as caught:
        set_(book, "task.kind", "code")
    assert "cannot be written" in caught.value.what


def test_a_measurement_is_recorded_with_its_evidence(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    project.record("current.quality_rate", 0.81, Origin.MEASURED, source="evaluation 0001", evidence_n=312)
    answer = project.answers()["current.quality_rate"]
    assert (answer.value, answer.origin, answer.source, answer.evidence_n) == (
        0.81,
        Origin.MEASURED,
        "evaluation 0001",
        312,
    )
    with pytest.raises(InvalidDataError, match="outside"):
        project.record("current.quality_rate", 81, Origin.MEASURED, source="evaluation 0002")
    with pytest.raises(InvalidDataError, match="unknown fact"):
        project.record("current.qualty_rate", 0.8, Origin.MEASURED)


def test_the_project_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        Project.open(tmp_path / "nowhere")
