"""The answers of a project as an append-only file: one JSON object a line, nothing is ever rewritten.

A line says what was done (`set`, `import`, `measured`, `unset`, `undo`, `redo`); replaying the lines gives the answers.
`undo` and `redo` name the lines they switch off and on again, so that undo has no limit and loses nothing.
Writers hold a lock on `<file>.lock`; a last line that was cut off while being written is dropped.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from advisor.answers import Answer, Answers, Origin, plain_value, unknown_fact
from advisor.base.errors import CouldNotError, InvalidDataError
from advisor.base.files import append_line, parse_json
from advisor.secrets import refuse_secret
from rules.facts import Fact

VERSION = 1
Deed = Literal["set", "import", "measured", "unset", "undo", "redo"]
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


class Line(BaseModel):
    """One line of the file. `facts` maps fact id to plain value; a null value is "I don't know"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1]
    id: int
    at: str
    do: Deed
    facts: dict[str, Any] = {}
    source: str | None = None
    evidence_n: int | None = None
    lines: list[int] = []
    """For undo and redo: the ids of the lines that are switched off or on."""

    @property
    def origin(self) -> Origin:
        return {"measured": Origin.MEASURED, "import": Origin.IMPORTED}.get(self.do, Origin.ANSWERED)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line that sets values, where it stands in the file, and whether it still counts."""

    line: Line
    where: str
    active: bool


class Journal:
    """The file at `path`; every method reads what is on disk now."""

    def __init__(self, path: Path, *, now: Clock = utc_now) -> None:
        self.path = path
        self._now = now

    def entries(self) -> list[Entry]:
        """Every line that sets values, oldest first. Raises `InvalidDataError` naming a line that cannot be read."""
        return _replay(self._lines())

    def answers(self, facts: Mapping[str, Fact]) -> Answers:
        """The values that stand: for each fact the most trusted origin, and within it the latest."""
        return _standing([entry for entry in self.entries() if entry.active], facts)

    def trail(self) -> list[str]:
        """The facts that a person answered or declined and that still count, in the order they were first touched."""
        trail: dict[str, None] = {}
        for line in (entry.line for entry in self.entries() if entry.active):
            for fact in line.facts:
                if line.do == "set":
                    trail.setdefault(fact)
                elif line.do == "unset":
                    trail.pop(fact, None)
        return list(trail)

    def write(self, do: Deed, facts: Mapping[str, Any], *, source: str | None, evidence_n: int | None = None) -> Line:
        """Append one line that sets `facts` (values as `Fact.parse` returned them, None for "I don't know")."""
        plain = {fact: plain_value(value) for fact, value in facts.items()}
        for fact, value in plain.items():
            if isinstance(value, str):
                refuse_secret(value, where=fact)
        with self._locked():
            return self._append(do, facts=plain, source=source, evidence_n=evidence_n)

    def undo(self) -> Line | None:
        """Switch off the latest line that counts; returns it, or None when there is nothing left to undo."""
        with self._locked():
            active = [entry.line for entry in self.entries() if entry.active]
            if not active:
                return None
            self._append("undo", lines=[active[-1].id])
            return active[-1]

    def redo(self) -> Line | None:
        """Take back the latest undo, unless something was set since; returns the line that counts again."""
        with self._locked():
            lines = [line for _, line in self._lines()]
            undone = _redoable(lines)
            if undone is None:
                return None
            self._append("redo", lines=undone)
            return next(line for line in lines if line.id == undone[0])

    def forget(self, fact: str) -> Line | None:
        """Forget every value of `fact`, whatever its origin, as if it had never been asked; None when it has none."""
        with self._locked():
            touched = [e for e in self.entries() if e.active and fact in e.line.facts]
            if not touched or touched[-1].line.do == "unset":
                return None
            return self._append("unset", facts={fact: None})

    def _append(self, do: Deed, **rest: Any) -> Line:
        lines = self._lines()
        number = max((line.id for _, line in lines), default=0) + 1
        line = Line(v=1, id=number, at=self._now().isoformat(timespec="seconds"), do=do, **rest)
        self._drop_cut_line()
        try:
            append_line(self.path, line.model_dump(exclude_defaults=True))
        except OSError as error:
            raise CouldNotError(f"the answer could not be saved: {error.strerror}", where=str(self.path)) from None
        return line

    def _lines(self) -> list[tuple[str, Line]]:
        return list(_read_lines(self.path))

    def _drop_cut_line(self) -> None:
        """Move a half-written last line to a file of its own, so that it does not become a corrupt line in the
        middle."""
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        complete, _, rest = data.rpartition(b"\n")
        if rest and not _is_object(rest):
            with open(self.path.with_name(f"{self.path.name}.cut"), "ab") as kept:
                kept.write(rest + b"\n")
            with open(self.path, "r+b") as stream:
                stream.truncate(len(complete) + 1 if complete else 0)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with locked(self.path.with_name(f".{self.path.name}.lock")):
            yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` among processes; waits for whoever holds it."""
    import fcntl

    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise CouldNotError(f"the project folder cannot be written: {error.strerror}", where=str(path.parent)) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_object(data: bytes) -> bool:
    try:
        return isinstance(parse_json(data.decode("utf-8"), where=""), dict)
    except (UnicodeDecodeError, InvalidDataError):
        return False


def _is_half_written(piece: bytes) -> bool:
    """Whether the text after the last line end is the beginning of a line (or the zeros that a power loss leaves), and
    not something else that must not be taken for one."""
    begins = piece.lstrip().startswith(b"{") and b"\r" not in piece
    return (begins or not piece.strip(b"\0")) and not _is_object(piece)


def _read_lines(path: Path) -> Iterator[tuple[str, Line]]:
    """(file:line, line) for each line; a cut-off last line is dropped, any other bad line is named."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise InvalidDataError(f"cannot be read: {error.strerror}", where=str(path), fix=_MEND_FILE) from None
    pieces = data.split(b"\n")
    for number, piece in enumerate(pieces, start=1):
        if not piece.strip() or (number == len(pieces) and _is_half_written(piece)):
            continue
        yield f"{path}:{number}", _parse_line(piece, f"{path}:{number}")


_MEND_FILE = "check the file and its permissions, or restore it from a copy"
_MEND = "restore the line from a copy or from git, or delete it: the answers before and after it stay"


def _parse_line(data: bytes, where: str) -> Line:
    try:
        return Line.model_validate(parse_json(data.decode("utf-8"), where=where))
    except UnicodeDecodeError:
        raise InvalidDataError("not valid UTF-8", where=where, fix=_MEND) from None
    except InvalidDataError as error:
        raise InvalidDataError(error.what, where=where, fix=_MEND) from None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in problem["loc"]) or "the line"
        raise InvalidDataError(f"{key}: {problem['msg']}", where=where, fix=_MEND) from None


def _replay(lines: list[tuple[str, Line]]) -> list[Entry]:
    active: dict[int, bool] = {}
    kept: list[tuple[str, Line]] = []
    for where, line in lines:
        if line.do in ("undo", "redo"):
            for target in line.lines:
                active[target] = line.do == "redo"
            continue
        if line.id in active:
            raise InvalidDataError(f"the id {line.id} is there twice", where=where, fix="give the later line a new id")
        active[line.id] = True
        kept.append((where, line))
    return [Entry(line, where, active[line.id]) for where, line in kept]


def _redoable(lines: list[Line]) -> list[int] | None:
    """The targets of the latest undo that no redo has taken back and nothing was set after."""
    redone = 0
    for line in reversed(lines):
        if line.do == "redo":
            redone += 1
        elif line.do == "undo" and redone:
            redone -= 1
        elif line.do == "undo":
            return line.lines
        else:
            return None
    return None


def _standing(entries: list[Entry], facts: Mapping[str, Fact]) -> Answers:
    forgotten = {fact: number for number, e in enumerate(entries) if e.line.do == "unset" for fact in e.line.facts}
    answers = Answers()
    for number, entry in enumerate(entries):
        for fact, raw in entry.line.facts.items():
            if number <= forgotten.get(fact, -1):
                continue
            standing = answers.get(fact)
            if standing is not None and standing.origin.rank < entry.line.origin.rank:
                continue
            if raw is None:
                answers = answers.declining(fact)
                continue
            answers = answers.with_(fact, _answer(fact, raw, entry, facts))
    return answers


def _answer(fact: str, raw: Any, entry: Entry, facts: Mapping[str, Fact]) -> Answer:
    line = entry.line
    if fact not in facts:
        error = unknown_fact(fact, facts, where=entry.where)
        fix = f"{error.fix}; or drop it: advisor answers unset {fact}"
        raise InvalidDataError(error.what, where=error.where, fix=fix)
    value = facts[fact].parse(raw, entry.where)
    return Answer(value, line.origin, line.source, line.at, line.evidence_n)
