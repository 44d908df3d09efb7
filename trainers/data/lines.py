"""JSONL: chunks of lines as bytes, and one line as an object or as what is wrong with it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from advisor.base.errors import InvalidDataError
from trainers.data.findings import Problem

CHUNK_ROWS = 2000
LONGEST_LINE_BYTES = 64 << 20
_CHUNK_BYTES = 4 << 20

Parsed = dict[str, Any] | Problem
Line = tuple[int, Parsed]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows in a row: unparsed JSONL lines, or rows that are parsed already."""

    first_line: int
    lines: tuple[bytes, ...] = ()
    rows: tuple[Line, ...] = ()
    last_is_open: bool = False
    """The last line has no line end: if it is broken, it was cut off."""

    def parse(self) -> Iterator[Line]:
        """(line number, row or problem) for every line that is not blank."""
        yield from self.rows
        last = len(self.lines) - 1
        for index, line in enumerate(self.lines):
            if line.strip():
                cut_off = self.last_is_open and index == last
                yield self.first_line + index, parse_line(line, cut_off=cut_off)


def parse_line(line: bytes, *, cut_off: bool = False) -> Parsed:
    """One JSONL line as an object, or what is wrong with it."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return Problem("bad_utf8", f"byte 0x{line[error.start]:02x} at position {error.start + 1} is not UTF-8")
    try:
        value = json.loads(text, parse_constant=refuse_constant, object_pairs_hook=unique_keys)
    except json.JSONDecodeError as error:
        if cut_off:
            return Problem("truncated_line", f"the file ends in the middle of this line (after column {error.colno})")
        return Problem("bad_json", f"{error.msg} (column {error.colno})")
    except RecursionError:
        return Problem("bad_json", "nested too deeply")
    except ValueError as error:
        return Problem("bad_json", str(error))
    if not isinstance(value, dict):
        return Problem("not_an_object", f"a row must be a JSON object, this is {kind_of(value)}")
    return value


def refuse_constant(text: str) -> float:
    """For `json`: NaN and Infinity are not JSON."""
    raise ValueError(f"{text} is not a number that JSON allows")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `json`: an object whose keys differ; raises `ValueError` for a key that is there twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} is there twice")
    return found


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    names = {list: "a list", str: "text", int: "a number", float: "a number", bool: "true or false"}
    return names.get(type(value), "null")


def open_binary(path: Path) -> IO[bytes]:
    """The file as bytes, unpacked when it ends in .gz, after its byte order mark. Raises `InvalidDataError`."""
    try:
        stream: Any = (gzip.open if path.suffix == ".gz" else open)(path, "rb")
        start = stream.read(3)
    except OSError as error:
        raise InvalidDataError(f"cannot be read: {error.strerror or error}", where=str(path)) from None
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        stream.close()
        raise InvalidDataError("this file is UTF-16", where=str(path), fix="save it as UTF-8")
    stream.seek(3 if start == b"\xef\xbb\xbf" else 0)
    opened: IO[bytes] = stream
    return opened


def jsonl_chunks(path: Path, size: int) -> Iterator[Chunk]:
    """The lines of a JSONL file, unparsed."""
    first, lines, held = 1, [], 0
    open_end = False
    with open_binary(path) as stream:
        for line in _lines(stream, path):
            open_end = not line.endswith(b"\n")
            lines.append(line)
            held += len(line)
            if len(lines) >= size or held >= _CHUNK_BYTES:
                yield Chunk(first, tuple(lines), last_is_open=open_end)
                first, lines, held = first + len(lines), [], 0
    if lines:
        yield Chunk(first, tuple(lines), last_is_open=open_end)


def _lines(stream: IO[bytes], path: Path) -> Iterator[bytes]:
    number = 0
    while True:
        try:
            line = stream.readline(LONGEST_LINE_BYTES)
        except (OSError, EOFError) as error:
            raise InvalidDataError(f"cannot be read on: {error}", where=f"{path}:{number + 1}") from None
        if not line:
            return
        number += 1
        if len(line) >= LONGEST_LINE_BYTES:
            raise InvalidDataError(
                f"this line is longer than {LONGEST_LINE_BYTES >> 20} MiB",
                where=f"{path}:{number}",
                fix="check that the file has one row a line",
            )
        yield line


def grouped(rows: Iterable[Line], size: int) -> Iterator[Chunk]:
    """Parsed rows in chunks."""
    held: list[Line] = []
    for row in rows:
        held.append(row)
        if len(held) >= size:
            yield Chunk(held[0][0], rows=tuple(held))
            held = []
    if held:
        yield Chunk(held[0][0], rows=tuple(held))
