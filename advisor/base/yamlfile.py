"""A strict YAML reader: YAML 1.2 scalars, no duplicate keys, no surprises, and every error has its file and line.

Refused rather than guessed: `yes`/`no`/`on`/`off`, base-60 numbers (`1:30`), leading-zero octals (`010`),
`.nan`/`.inf`, anchors, tags and merge keys. Dates (`2026-11-23`) become `datetime.date`.
"""

import re
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from advisor.base.errors import InvalidDataError
from advisor.base.files import read_text

try:
    from yaml import CBaseLoader as _Loader
except ImportError:  # a PyYAML built without libyaml
    from yaml import BaseLoader as _Loader  # type: ignore[assignment]

Model = TypeVar("Model", bound=BaseModel)
Path_ = tuple[str | int, ...]
"""Keys and places in lists that lead to a value."""
MAX_DEPTH = 100
_MOST_DIGITS = 400
"""Python refuses to read integers of thousands of digits."""
_MEND = "mend the YAML at that place or just before it (indentation, brackets, quotes, tabs)"

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$")
_INT = re.compile(r"[-+]?(0|[1-9]\d*)$")
_FLOAT = re.compile(r"[-+]?(0|[1-9]\d*)(\.\d*)?([eE][-+]?\d+)?$")
_AMBIGUOUS = {"yes", "no", "on", "off", "y", "n"}
_BASE60 = re.compile(r"[-+]?\d+(:[0-5]?\d)+(\.\d*)?$")
_OCTAL = re.compile(r"[-+]?0\d+$")
_NOT_FINITE = re.compile(r"[-+]?\.(nan|inf)$", re.IGNORECASE)


class Place:
    """Where each value of a parsed file stands: path of keys -> line number."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Path_, int] = {(): 1}

    def of(self, path: Path_) -> str:
        """`file:line` of the value at `path`, or of its nearest parent."""
        while path not in self.lines:
            path = path[:-1]
        return f"{self.file}:{self.lines[path]}"


def parse_yaml(text: str, *, file: str) -> tuple[Any, Place]:
    """The value in `text` (None when it is empty) and where its parts stand. Raises `InvalidDataError`."""
    place = Place(file)
    try:
        return _Reader(yaml.parse(text, Loader=_Loader), place).document(), place
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise InvalidDataError(
            f"not valid YAML: {error.problem}", where=f"{file}:{mark.line + 1 if mark else 1}", fix=_MEND
        ) from None
    except yaml.YAMLError as error:
        raise InvalidDataError(f"not valid YAML: {error}".splitlines()[0], where=file, fix=_MEND) from None


class _Reader:
    """Builds the value from the parser's events, which come one by one however deep the text is nested."""

    def __init__(self, events: Iterator[yaml.Event], place: Place) -> None:
        self.events = events
        self.place = place

    def document(self) -> Any:
        value: Any = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.error(event, "a second document starts here", "put it into a file of its own")
                value = self.value(next(self.events), ())
        return value

    def error(self, event: yaml.Event, what: str, fix: str | None = None) -> InvalidDataError:
        return InvalidDataError(what, where=f"{self.place.file}:{_line(event)}", fix=fix)

    def value(self, event: yaml.Event, path: Path_) -> Any:
        self._refuse(event, path)
        self.place.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(path)
        assert isinstance(event, yaml.ScalarEvent)
        return _scalar(event, f"{self.place.file}:{_line(event)}")

    def _refuse(self, event: yaml.Event, path: Path_) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self.error(event, "anchors and aliases are not allowed", "write it out")
        if (tag := getattr(event, "tag", None)) is not None:
            raise self.error(event, f"tags such as {tag} are not allowed", "write the value alone")
        if len(path) > MAX_DEPTH:
            raise self.error(event, "nested too deeply", f"at most {MAX_DEPTH} levels")

    def sequence(self, path: Path_) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            found.append(self.value(event, (*path, len(found))))
        return found

    def mapping(self, path: Path_) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.key(event, path, found)
            found[key] = self.value(next(self.events), (*path, key))
        return found

    def key(self, event: yaml.Event, path: Path_, found: dict[str, Any]) -> str:
        self._refuse(event, path)
        if not isinstance(event, yaml.ScalarEvent):
            raise self.error(event, "a key must be plain text", "write key: value")
        key: str = event.value
        if key == "<<" and not event.style:
            raise self.error(event, "merge keys (<<) are not allowed", "write it out")
        if key in found:
            first = self.place.lines[(*path, key)]
            raise self.error(event, f"the key {key!r} is there twice (first in line {first})", "keep one")
        self.place.lines[(*path, key)] = _line(event)
        return key


def _line(event: yaml.Event) -> int:
    assert event.start_mark is not None
    return event.start_mark.line + 1


def _scalar(event: yaml.ScalarEvent, where: str) -> Any:
    text: str = event.value
    # A plain (unquoted) scalar has the style "" (libyaml) or None.
    if event.style:
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if text.lower() in _AMBIGUOUS:
        raise InvalidDataError(
            f"{text!r} is ambiguous in YAML", where=where, fix="write true or false, or put it in quotes"
        )
    if _NOT_FINITE.match(text):
        raise InvalidDataError(f"{text!r} is not a usable number", where=where, fix="leave it out when it is unknown")
    if _OCTAL.match(text):
        raise InvalidDataError(
            f"{text!r} starts with a zero (some readers take it as octal)", where=where, fix="drop the zero or quote it"
        )
    if _INT.match(text):
        return int(text) if len(text) <= _MOST_DIGITS else _finite(f"{text}e999", where)
    if _FLOAT.match(text):
        return _finite(text, where)
    if _DATE.match(text):
        return _date(text, where)
    if _BASE60.match(text):
        raise InvalidDataError(
            f"{text!r} would be read as a base-60 number by YAML 1.1", where=where, fix="put it in quotes"
        )
    return text


def _finite(text: str, where: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise InvalidDataError(
            f"{text[:40]!r} is too large a number", where=where, fix="write a smaller one, or leave it out"
        )
    return value


def _date(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidDataError(f"{text!r} is not a date", where=where, fix="write YYYY-MM-DD") from None


def read_yaml(path: Path) -> tuple[Any, Place]:
    """The value in the YAML file at `path`, and where its parts stand."""
    return parse_yaml(read_text(path), file=str(path))


def load_model(path: Path, model: type[Model]) -> Model:
    """The YAML file at `path` as a `model`. Raises `InvalidDataError` with file, line and a "did you mean"."""
    value, place = read_yaml(path)
    if not isinstance(value, dict):
        raise InvalidDataError(
            "the file must hold a mapping of keys to values", where=str(path), fix="write lines such as `id: name`"
        )
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _first_problem(error, place, model) from None


def _first_problem(error: ValidationError, place: Place, model: type[BaseModel]) -> InvalidDataError:
    # A misspelt key is also a missing one; the unknown one is what the writer must look at.
    problems = sorted(error.errors(include_url=False), key=lambda p: p["type"] != "extra_forbidden")
    problem = problems[0]
    path = tuple(problem["loc"])
    key = ".".join(str(part) for part in path)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if problem["type"] == "extra_forbidden":
        hint = get_close_matches(str(path[-1]), _known_keys(model), n=1)
        return InvalidDataError(
            f"unknown key {key!r}{more}",
            where=place.of(path),
            fix=f"did you mean {hint[0]!r}?" if hint else "remove it",
        )
    if problem["type"] == "missing":
        return InvalidDataError(f"the key {key!r} is missing{more}", where=place.of(path), fix="add it")
    message = problem["msg"].removeprefix("Value error, ")
    what = f"{key}: {message}{more}" if key else message + more
    return InvalidDataError(what, where=place.of(path), fix="correct the value")


def _known_keys(model: type[BaseModel], seen: frozenset[type[BaseModel]] = frozenset()) -> list[str]:
    """Every key of the model and of the models inside it, for "did you mean"."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        keys.append(field.alias or name)
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in seen:
                keys.extend(_known_keys(part, seen | {model}))
    return keys
