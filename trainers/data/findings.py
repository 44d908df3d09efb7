"""What a check found: a code, how bad it is, how often, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

LINES_SHOWN = 10
EXAMPLES_SHOWN = 3
_TEXT_SHOWN = 160


class Severity(StrEnum):
    """`error`: do not train on this. `warning`: look at it first. `info`: good to know."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one row. `dropped`: the row cannot be used at all."""

    code: str
    text: str
    dropped: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """All rows with the same problem. `lines` are 1-based, the first ten; `examples` show a few of them."""

    code: str
    severity: Severity
    count: int
    lines: tuple[int, ...]
    message: str
    fix: str
    examples: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": self.severity.value,
            "count": self.count,
            "lines": list(self.lines),
            "message": self.message,
            "fix": self.fix,
            "examples": list(self.examples),
        }


@dataclass(slots=True)
class Tally:
    """How often a problem occurred, the first lines, and a few examples; tallies of chunks can be added."""

    count: int = 0
    lines: list[int] = field(default_factory=list)
    examples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, line: int, text: str = "") -> None:
        self.count += 1
        if len(self.lines) < LINES_SHOWN:
            self.lines.append(line)
        if text and len(self.examples) < EXAMPLES_SHOWN:
            self.examples.append({"line": line, "text": shorten(text)})

    def merge(self, other: Tally) -> None:
        self.count += other.count
        self.lines = (self.lines + other.lines)[:LINES_SHOWN]
        self.examples = (self.examples + other.examples)[:EXAMPLES_SHOWN]


class Tallies(dict[str, Tally]):
    """Tallies by code."""

    def add(self, code: str, line: int, text: str = "") -> None:
        self.setdefault(code, Tally()).add(line, text)

    def merge(self, other: Tallies) -> None:
        for code, tally in other.items():
            self.setdefault(code, Tally()).merge(tally)

    def finding(self, code: str, severity: Severity, message: str, fix: str) -> Iterator[Finding]:
        """The finding for `code`, or nothing. `{n}` in `message` becomes "1 row" or "7 rows"."""
        tally = self.get(code)
        if tally and tally.count:
            text = message.replace("{n}", rows_text(tally.count))
            yield Finding(code, severity, tally.count, tuple(tally.lines), text, fix, tuple(tally.examples))


def rows_text(count: int) -> str:
    """ "1 row", "1,250 rows"."""
    return "1 row" if count == 1 else f"{count:,} rows"


def shorten(text: str, limit: int = _TEXT_SHOWN) -> str:
    """One printable line of at most `limit` characters."""
    line = " ".join(text.split())
    line = "".join(char if char.isprintable() else "�" for char in line)
    return line if len(line) <= limit else line[: limit - 3] + "..."


def worst(findings: Iterable[Finding]) -> Severity | None:
    """The worst severity among the findings; None when there are none."""
    order = (Severity.ERROR, Severity.WARNING, Severity.INFO)
    found = {finding.severity for finding in findings}
    return next((severity for severity in order if severity in found), None)
