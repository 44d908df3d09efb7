"""Reads the rule book: every YAML file below `rules/`, and the customer's own folders, which override by id.

A folder holds the kinds as sub-folders (`facts/`, `gates/`, ...), one file each, named after the id. Nothing is
ignored silently: a sub-folder that is no kind, a `.yml`, an id twice, a name that no fact has are all errors with file
and line.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from advisor.base.errors import InvalidDataError
from advisor.base.yamlfile import load_model, read_yaml
from rules.expression import Expression, ExpressionError
from rules.facts import Fact
from rules.models import Claim, Effect, Gate, Guidance, Readiness, Risk, Rule
from rules.options import OPTION_NAMES
from rules.vocabulary import Vocabulary

SHIPPED = Path(__file__).parent
KINDS: dict[str, type[Fact] | type[Rule]] = {
    "facts": Fact,
    "gates": Gate,
    "effects": Effect,
    "guidance": Guidance,
    "readiness": Readiness,
    "risks": Risk,
    "claims": Claim,
}
_NOT_KINDS = {"schema", "__pycache__"}
_RULE_LIKE = {".yaml", ".yml", ".json"}


@dataclass(frozen=True)
class RuleBook:
    """Everything that is known, by kind and id."""

    facts: dict[str, Fact] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    effects: dict[str, Effect] = field(default_factory=dict)
    guidance: dict[str, Guidance] = field(default_factory=dict)
    readiness: dict[str, Readiness] = field(default_factory=dict)
    risks: dict[str, Risk] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    """Id -> the file it was read from."""

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The names that expressions may use."""
        return Vocabulary(self.facts, OPTION_NAMES)

    def kinds(self) -> dict[str, Mapping[str, Fact | Rule]]:
        """Kind -> entries, without `files`."""
        return {part.name: getattr(self, part.name) for part in fields(self) if part.name != "files"}

    def rules(self) -> Iterable[tuple[str, Rule]]:
        """(kind, rule) for everything that is not a fact."""
        for kind, entries in self.kinds().items():
            for entry in entries.values():
                if isinstance(entry, Rule):
                    yield kind, entry

    def find(self, wanted: str) -> tuple[str, Fact | Rule]:
        """(kind, entry) with this id. Raises `InvalidDataError` with a "did you mean"."""
        for kind, entries in self.kinds().items():
            if wanted in entries:
                return kind, entries[wanted]
        close = get_close_matches(wanted, self.files, n=1, cutoff=0.5)
        raise InvalidDataError(
            f"there is no rule or fact {wanted!r}",
            fix=f"did you mean {close[0]!r}?" if close else "see `advisor rules list`",
        )


def load_rules(*extra: Path) -> RuleBook:
    """The shipped rules, then each folder of `extra` that exists. Raises `InvalidDataError` for the first problem."""
    shipped, *others = folders(*extra)
    book = _copy(_shipped(_state(shipped)))
    for folder in others:
        problems: list[InvalidDataError] = []
        read_folder(folder, book, problems)
        problems.extend(check_names(book, folder))
        if problems:
            raise _first_of(problems)
    return book


def _state(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Changes when a file below the folder does."""
    found = (entry for kind in KINDS for entry in os.scandir(folder / kind) if entry.name.endswith(".yaml"))
    stated = ((entry.path, entry.stat()) for entry in found)
    return tuple(sorted((path, stat.st_mtime_ns, stat.st_size) for path, stat in stated))


@lru_cache(maxsize=1)
def _shipped(_state_of_files: tuple[tuple[str, int, int], ...]) -> RuleBook:
    """The shipped rules, read once for each state of their files: a terminal session asks for them many times."""
    book, problems = RuleBook(), list[InvalidDataError]()
    read_folder(SHIPPED, book, problems)
    problems.extend(check_names(book, SHIPPED))
    if problems:
        raise _first_of(problems)
    return book


def _copy(book: RuleBook) -> RuleBook:
    return RuleBook(**{part.name: dict(getattr(book, part.name)) for part in fields(book)})


def _first_of(problems: list[InvalidDataError]) -> InvalidDataError:
    first = problems[0]
    if len(problems) == 1:
        return first
    what = f"{first.what} (and {len(problems) - 1} more; `advisor rules check` shows them all)"
    return InvalidDataError(what, where=first.where, fix=first.fix)


def folders(*extra: Path) -> list[Path]:
    """The shipped folder, then each folder of `extra` that exists, none of them twice."""
    found = {path.resolve(): path for path in (SHIPPED, *(path for path in extra if path.is_dir()))}
    return [SHIPPED, *(path for real, path in found.items() if real != SHIPPED.resolve())]


def read_folder(folder: Path, book: RuleBook, problems: list[InvalidDataError]) -> None:
    """Add every file of the folder to the book; what is wrong goes to `problems`."""
    _refuse_strays(folder, problems)
    here: dict[str, Path] = {}
    for kind in KINDS:
        for path in sorted((folder / kind).glob("*.yaml")):
            try:
                read_file(path, kind, book, here)
            except InvalidDataError as error:
                problems.append(error)


def read_file(path: Path, kind: str, book: RuleBook, here: dict[str, Path]) -> None:
    """Add one file to the book. `here` holds the ids of its folder so far: an id is overridden or new, never twice."""
    entry = load_model(path, KINDS[kind])
    _check_file_name(path, entry.id)
    if entry.id in here:
        raise InvalidDataError(
            f"the id {entry.id!r} is already in {here[entry.id]}", where=_line(path, "id"), fix="rename one"
        )
    entries: dict[str, Any] = getattr(book, kind)
    if entry.id in book.files and entry.id not in entries:
        raise InvalidDataError(
            f"{entry.id!r} is of another kind in {book.files[entry.id]}",
            where=_line(path, "id"),
            fix="choose another id",
        )
    if isinstance(entry, Fact) and entry.id in book.facts:
        _check_override(entry, book.facts[entry.id], path)
    here[entry.id] = path
    entries[entry.id] = entry
    book.files[entry.id] = path


def file_name(identifier: str) -> str:
    """What the file of an id is called: `data-too-old` in data_too_old.yaml, `task.kind` in task.kind.yaml."""
    return f"{identifier.replace('-', '_')}.yaml"


def _check_file_name(path: Path, identifier: str) -> None:
    if path.name not in (file_name(identifier), f"{identifier}.yaml"):
        raise InvalidDataError(
            f"the file is named {path.name!r} but its id is {identifier!r}",
            where=_line(path, "id"),
            fix=f"name it {file_name(identifier)}",
        )


def _check_override(new: Fact, old: Fact, path: Path) -> None:
    """A customer may reword a question or change an assumption; what other rules rely on must stay."""
    if new.type != old.type:
        raise InvalidDataError(
            f"{new.id}: the type must stay {old.type!r}", where=_line(path, "type"), fix=f"write type: {old.type}"
        )
    missing = [value for value in old.values() if value not in new.values()]
    if missing:
        raise InvalidDataError(
            f"{new.id}: the choice {missing[0]!r} is missing", where=_line(path, "choices"), fix="keep it"
        )


def _refuse_strays(folder: Path, problems: list[InvalidDataError]) -> None:
    """Files and sub-folders that would otherwise be ignored without a word."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in _NOT_KINDS:
            continue
        if entry.is_dir() and entry.name in KINDS:
            problems.extend(_strays_of_kind(entry))
        elif entry.is_dir():
            problems.append(
                InvalidDataError("is not a kind of rule", where=str(entry), fix=_suggest(entry.name, KINDS))
            )
        elif entry.suffix.lower() in _RULE_LIKE:
            problems.append(
                InvalidDataError("does not belong to a kind", where=str(entry), fix=f"move it to one of {_kinds()}")
            )


def _strays_of_kind(folder: Path) -> Iterator[InvalidDataError]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in _NOT_KINDS:
            continue
        if entry.is_dir():
            yield InvalidDataError("would not be read: rules are not nested", where=str(entry), fix="move its files up")
        elif entry.suffix != ".yaml" and entry.suffix.lower() in _RULE_LIKE:
            yield InvalidDataError("would not be read", where=str(entry), fix=f"name it {entry.stem}.yaml")


def _kinds() -> str:
    return ", ".join(f"{kind}/" for kind in KINDS)


def _suggest(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"the kinds are {_kinds()}"


def did_you_mean(name: str, known: Collection[str]) -> str:
    """A close name among the known ones, or where they are listed."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else "see `advisor rules list --kind facts` for the names"


def check_names(book: RuleBook, folder: Path) -> list[InvalidDataError]:
    """What is wrong with the names in the expressions of the files below `folder`."""
    problems: list[InvalidDataError] = []
    for fact in book.facts.values():
        path = book.files[fact.id]
        if not _below(path, folder):
            continue
        if fact.ask_when is not None:
            problems.extend(_check_condition(book, path, "ask_when", fact.ask_when, options=False))
        problems.extend(_check_given(book, fact, path))
    for _, rule in book.rules():
        path = book.files[rule.id]
        if not _below(path, folder):
            continue
        for name, condition in rule.conditions():
            allowed = name in rule.option_conditions
            problems.extend(_check_condition(book, path, name, condition, options=allowed))
        problems.extend(_check_listed(book, rule, path))
    return problems


def _below(path: Path, folder: Path) -> bool:
    return path.parent.parent == folder


def _check_condition(
    book: RuleBook, path: Path, key: str, condition: Expression, *, options: bool
) -> Iterator[InvalidDataError]:
    try:
        book.vocabulary.check(condition, options=options)
    except ExpressionError as error:
        yield InvalidDataError(f"{key}: {error.what}", where=_line(path, key), fix=error.fix)


def _check_given(book: RuleBook, fact: Fact, path: Path) -> Iterator[InvalidDataError]:
    """An assumption may depend on one choice fact that does not itself depend on another."""
    if fact.assume is None or fact.assume.given is None:
        return
    other, where = book.facts.get(fact.assume.given), _line(path, "assume", "given")
    if other is None or other.type != "choice" or (other.assume is not None and other.assume.given is not None):
        what = f"assume: {fact.assume.given!r} is not a choice fact with an assumption of its own"
        yield InvalidDataError(what, where=where, fix="name one such as task.kind")
        return
    for value in (each for each in fact.assume.weights_given or {} if each not in other.values()):
        line = _line(path, "assume", "weights_given", value)
        close = get_close_matches(value, other.values(), n=1)
        fix = f"did you mean {close[0]!r}?" if close else f"choices: {', '.join(other.values())}"
        yield InvalidDataError(f"assume: {other.id} is never {value!r}", where=line, fix=fix)


def _check_listed(book: RuleBook, rule: Rule, path: Path) -> Iterator[InvalidDataError]:
    """Names in `effects` of a guidance and in `limits` of a gate that do not exist."""
    if isinstance(rule, Guidance):
        key, listed, known = "effects", rule.effects, frozenset(book.effects)
    elif isinstance(rule, Gate):
        key, listed, known = "limits", rule.limits, frozenset(book.facts)
    else:
        return
    for missing in (each for each in listed if each not in known):
        close = get_close_matches(missing, known, n=1)
        fix = f"did you mean {close[0]!r}?" if close else "remove it"
        yield InvalidDataError(f"{key}: there is no {missing!r}", where=_line(path, key), fix=fix)


def _line(path: Path, *key: str | int) -> str:
    """`file:line` of a key; reads the file again, which only happens for an error."""
    return read_yaml(path)[1].of(key)
