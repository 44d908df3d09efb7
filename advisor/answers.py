"""Answers: what is known about the use case, each with where it came from.

An `Answers` holds the value that stands for each fact. A fact that nobody has answered is absent; a fact that was
asked and met with "I don't know" is in `declined` and equally absent. Nothing here knows a default.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any

from advisor.base.errors import InvalidDataError
from advisor.base.files import parse_json, read_text
from advisor.base.yamlfile import Place, parse_yaml
from rules.facts import Fact, Interval

FORMAT_VERSION = 1
_TOP_LEVEL = ("v", "facts", "name", "description")
DESCRIPTION = "task.description"


class Origin(StrEnum):
    """Where a value comes from, the most trusted first."""

    MEASURED = "measured"
    ANSWERED = "answered"
    IMPORTED = "imported"
    ASSUMED = "assumed"

    @property
    def rank(self) -> int:
        """0 for the most trusted; a lower rank wins over a higher one."""
        return list(Origin).index(self)


@dataclass(frozen=True, slots=True)
class Answer:
    """One value of one fact. `value` is what `Fact.parse` returned, never None."""

    value: Any
    origin: Origin = Origin.ANSWERED
    source: str | None = None
    """The file, run or evaluation it was taken from, in words."""
    at: str | None = None
    """When it was recorded, ISO 8601 with offset."""
    evidence_n: int | None = None
    """For a measurement: how many items it was measured on."""


@dataclass(frozen=True, slots=True)
class Answers(Mapping[str, Answer]):
    """Fact id -> the answer that stands. Immutable; `with_` and `without` return a new one."""

    given: Mapping[str, Answer] = field(default_factory=dict)
    declined: frozenset[str] = frozenset()
    """Facts that were asked and answered with "I don't know"."""
    name: str | None = None
    """What the answers file calls the use case."""

    def __getitem__(self, fact: str) -> Answer:
        return self.given[fact]

    def __iter__(self) -> Iterator[str]:
        return iter(self.given)

    def __len__(self) -> int:
        return len(self.given)

    def value(self, fact: str) -> Any:
        """The value of a fact, or None while it is unknown."""
        answer = self.given.get(fact)
        return None if answer is None else answer.value

    def known(self) -> dict[str, Any]:
        """Fact id -> value, for every fact that has one."""
        return {fact: answer.value for fact, answer in self.given.items()}

    def with_(self, fact: str, answer: Answer) -> "Answers":
        """These answers with one set or replaced."""
        return replace(self, given={**self.given, fact: answer}, declined=self.declined - {fact})

    def without(self, fact: str) -> "Answers":
        """These answers with one forgotten, as if it had never been asked."""
        rest = {key: answer for key, answer in self.given.items() if key != fact}
        return replace(self, given=rest, declined=self.declined - {fact})

    def declining(self, fact: str) -> "Answers":
        """These answers with "I don't know" for one fact."""
        return replace(self, given=self.without(fact).given, declined=self.declined | {fact})

    def to_plain(self) -> dict[str, Any]:
        """The contract's answers file as JSON-ready values (`v`, `facts`)."""
        return {"v": FORMAT_VERSION, "facts": {fact: plain_value(a.value) for fact, a in sorted(self.given.items())}}

    @classmethod
    def from_plain(
        cls,
        plain: Mapping[str, Any],
        facts: Mapping[str, Fact],
        *,
        where: str = "answers",
        origin: Origin | None = None,
    ) -> "Answers":
        """Answers from values that are already in memory. Raises `InvalidDataError`."""
        return _read_answers(plain, Place(where), facts, origin or Origin.ANSWERED, source=None)


def plain_value(value: Any) -> Any:
    """A fact's value as JSON can hold it: a range as {low, high}, a date as text."""
    if isinstance(value, Interval):
        return {"low": value.low, "high": value.high}
    if isinstance(value, date):
        return value.isoformat()
    return value


def load_answers_file(path: Path, facts: Mapping[str, Fact], *, origin: Origin = Origin.ANSWERED) -> Answers:
    """The answers in a YAML or JSON file (`v: 1`, `facts:` mapping fact id to value; null or absent is unknown).

    An optional `name` becomes the name of a project made from it, an optional `description` the fact task.description.

    Raises `InvalidDataError` (exit 3) with file and line for an unknown or duplicate key, a wrong type or a value
    out of range; the message says how to mend it and how many more problems there are.
    """
    value, place = _parse(read_text(path), path)
    return _read_answers(value, place, facts, origin, source=str(path))


def _parse(text: str, path: Path) -> tuple[Any, Place]:
    """The file's value with the line of each part. JSON is read as the YAML it also is, for the line numbers."""
    if path.suffix.lower() != ".json":
        return parse_yaml(text, file=str(path))
    try:
        strict = parse_json(text, where=str(path))
    except InvalidDataError:
        _refuse_bad_syntax(text, path)
        # The syntax is right, so it holds NaN or a key twice: the readers below say in which line.
        return parse_yaml(text, file=str(path))
    try:
        _, place = parse_yaml(text, file=str(path))
    except InvalidDataError:
        place = Place(str(path))
    return strict, place


def _refuse_bad_syntax(text: str, path: Path) -> None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidDataError(
            f"not valid JSON: {error.msg} (column {error.colno})",
            where=f"{path}:{error.lineno}",
            fix="mend the JSON at that place; a file that ends too early was cut off",
        ) from None
    except ValueError as error:
        raise InvalidDataError(f"not valid JSON: {error}", where=str(path), fix="write a smaller number") from None
    except RecursionError:
        raise InvalidDataError("nested too deeply", where=str(path), fix="write it flatter") from None


def _read_answers(
    value: Any, place: Place, facts: Mapping[str, Fact], origin: Origin, *, source: str | None
) -> Answers:
    given = _facts_of(value, place)
    lines = {key: place.of(("facts", key)) for key in given}
    if value.get("description") and DESCRIPTION not in given:
        given, lines = given | {DESCRIPTION: value["description"]}, lines | {DESCRIPTION: place.of(("description",))}
    answers, problems = Answers(name=value.get("name")), list[InvalidDataError]()
    for key, raw in given.items():
        where = lines[key]
        try:
            fact = _known_fact(key, raw, facts, where)
            if raw is not None:
                answers = answers.with_(key, Answer(fact.parse(raw, where), origin, source))
        except InvalidDataError as problem:
            problems.append(problem)
    if problems:
        raise _first_of(problems)
    return answers


def _first_of(problems: list[InvalidDataError]) -> InvalidDataError:
    first = problems[0]
    if len(problems) == 1:
        return first
    more = f"{first.what} (and {len(problems) - 1} more {'problem' if len(problems) == 2 else 'problems'} further down)"
    return InvalidDataError(more, where=first.where, fix=first.fix)


def _facts_of(value: Any, place: Place) -> dict[str, Any]:
    """The `facts` mapping, after the file's frame has been checked."""
    example = "write\n       v: 1\n       facts:\n         task.kind: classification"
    if not isinstance(value, dict):
        raise InvalidDataError("an answers file is a mapping with `v` and `facts`", where=place.of(()), fix=example)
    for key in value:
        if key not in _TOP_LEVEL:
            raise _unknown_top_level(key, place)
    version = value.get("v")
    if version != FORMAT_VERSION or isinstance(version, bool):
        what = "the key `v` is missing" if version is None else f"v is {version!r}; this program reads version 1"
        raise InvalidDataError(what, where=place.of(("v",)), fix="write v: 1")
    given = value.get("facts")
    if given is None and "facts" in value:
        given = {}
    if not isinstance(given, dict):
        what = "the key `facts` is missing" if "facts" not in value else "`facts` must map fact ids to values"
        raise InvalidDataError(what, where=place.of(("facts",)), fix=example)
    for key in ("name", "description"):
        if not isinstance(value.get(key), str | None):
            raise InvalidDataError(f"{key} must be text", where=place.of((key,)), fix="put it in quotes")
    return given


def _unknown_top_level(key: str, place: Place) -> InvalidDataError:
    if "." in key:
        fix = f"move it below `facts:` (indent it): {key}"
    else:
        close = get_close_matches(key, _TOP_LEVEL, n=1)
        fix = f"did you mean {close[0]!r}?" if close else f"allowed are {', '.join(_TOP_LEVEL)}"
    return InvalidDataError(f"unknown key {key!r}", where=place.of((key,)), fix=fix)


def _known_fact(key: str, raw: Any, facts: Mapping[str, Fact], where: str) -> Fact:
    """The fact called `key`. Raises `InvalidDataError` with a "did you mean"."""
    if key in facts:
        return facts[key]
    raise unknown_fact(key, facts, where=where, nested=isinstance(raw, dict))


def unknown_fact(key: str, facts: Mapping[str, Fact], *, where: str, nested: bool = False) -> InvalidDataError:
    """The error for a fact id that does not exist."""
    below = [fact for fact in facts if fact.startswith(f"{key}.")]
    if nested and below:
        fix = f"write the ids in full, for example {below[0]}:"
    else:
        close = get_close_matches(key, list(facts), n=1) or [f for f in facts if f.rpartition(".")[2] == key]
        fix = f"did you mean {close[0]!r}?" if close else "`advisor rules list facts` shows every fact"
    return InvalidDataError(f"unknown fact {key!r}", where=where, fix=fix)
