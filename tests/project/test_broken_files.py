"""Files damaged in any way: read, or refused in words; never a crash, and never a file that was changed by reading."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from advisor.answers import load_answers_file
from advisor.base.errors import AdvisorError
from advisor.base.yamlfile import load_model
from advisor.journal import Journal
from rules.load import KINDS, load_rules

BOOK = load_rules()
FACTS = BOOK.facts
ANSWERS = (Path(__file__).parents[2] / "examples" / "clinic.yaml").read_bytes()
ANSWERS_JSON = b'{"v": 1, "facts": {"task.kind": "code", "traffic.requests_per_month": {"low": 1, "high": 2}}}'
JOURNAL = b"".join(
    b'{"v":1,"id":%d,"at":"2026-11-24T12:00:00+00:00","do":"set","facts":{"task.kind":"code"}}\n' % n for n in (1, 2, 3)
)
RULES = [(kind, BOOK.files[name].read_bytes()) for kind, rules in BOOK.kinds().items() for name in list(rules)[:3]]
PIECES = [b"no", b"1:30", b"&a ", b"*a", b"!!x ", b"<<: ", b"NaN", b".inf", b"- ", b"[", b"}", b"\n", b"\t", b"\x00"]
PIECES += [b"\xff", b'"', b"'", b"#", b"|", b"9" * 5000, b"1e400", b"\xed\xa0\x80", b"---\n", b"? ", b"  ", b": "]


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The bytes with pieces put in and taken out."""
    found = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(found)))
        if draw(st.booleans()):
            found[place:place] = draw(st.sampled_from(PIECES))
        else:
            del found[place : place + draw(st.integers(1, 30))]
    return bytes(found)


def refused_or_read(path: Path, data: bytes, read: Callable[[], object]) -> None:
    path.write_bytes(data)
    refusal: AdvisorError | None = None
    try:
        read()
    except AdvisorError as error:
        refusal = error
    if refusal is not None:
        assert path.name in str(refusal)
        assert len(str(refusal)) < 2000
    assert path.read_bytes() == data


@given(damaged(ANSWERS))
def test_answers_in_yaml(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "answers.yaml")
        refused_or_read(path, data, lambda: load_answers_file(path, FACTS))


@given(damaged(ANSWERS_JSON))
def test_answers_in_json(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "answers.json")
        refused_or_read(path, data, lambda: load_answers_file(path, FACTS))


@given(damaged(JOURNAL))
def test_a_journal_is_not_changed_by_reading(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "answers.jsonl")
        refused_or_read(path, data, lambda: Journal(path).answers(FACTS))


@given(damaged(JOURNAL))
def test_a_journal_that_can_be_read_can_be_written(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "answers.jsonl")
        path.write_bytes(data)
        book = Journal(path)
        try:
            before = book.answers(FACTS).known()
        except AdvisorError:
            return
        book.write("set", {"task.format": "json"}, source=None)
        assert book.answers(FACTS).known() == before | {"task.format": "json"}


@given(st.sampled_from(RULES).flatmap(lambda rule: st.tuples(st.just(rule[0]), damaged(rule[1]))))
def test_rules(rule: tuple[str, bytes]) -> None:
    kind, data = rule
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rule.yaml")
        refused_or_read(path, data, lambda: load_model(path, KINDS[kind]))
