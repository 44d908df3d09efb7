"""A JSON list of rows, decoded one element at a time."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from advisor.base.errors import InvalidDataError
from trainers.data.findings import Problem
from trainers.data.lines import Line, kind_of, open_binary, refuse_constant, unique_keys

_BLOCK_BYTES = 1 << 20


def json_rows(path: Path) -> Iterator[Line]:
    """The elements of a JSON list (or of the one list inside an object), decoded one at a time."""
    with open_binary(path) as binary:
        yield from _JsonList(_utf8_blocks(binary, path), path).rows()


def _utf8_blocks(stream: IO[bytes], path: Path) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    while True:
        block = stream.read(_BLOCK_BYTES)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise InvalidDataError("not valid UTF-8", where=f"{path}:{line}", fix="save the file as UTF-8") from None
        line += text.count("\n")
        yield text
        if not block:
            return


class _JsonList:
    """A cursor over a JSON document that is read in blocks."""

    def __init__(self, blocks: Iterator[str], path: Path) -> None:
        self._blocks = blocks
        self._path = path
        self._text = ""
        self._at = 0
        self._line = 1
        self._ended = False
        self._decoder = json.JSONDecoder(parse_constant=refuse_constant, object_pairs_hook=unique_keys)

    def rows(self) -> Iterator[Line]:
        opening = self._peek()
        if opening == "{":
            self._enter_only_list()
        elif opening != "[":
            raise InvalidDataError(
                "a JSON file must hold a list of rows, or an object with one list", where=f"{self._path}:1"
            )
        self._skip(1)
        if self._peek() == "]":
            return
        while True:
            line, value = self._value()
            yield line, value if isinstance(value, dict) else Problem("not_an_object", f"a row is {kind_of(value)}")
            following = self._peek()
            self._skip(1)
            if following == "]":
                return
            if following != ",":
                raise InvalidDataError(
                    "not valid JSON: a comma or the end of the list was expected",
                    where=f"{self._path}:{self._line}",
                    fix="the file may be cut off" if not following else None,
                )

    def _enter_only_list(self) -> None:
        """Move to the list in `{"data": [...]}`; other values before it are skipped."""
        self._skip(1)
        while self._peek() == '"':
            self._value()
            if self._peek() == ":":
                self._skip(1)
            if self._peek() == "[":
                return
            self._value()
            if self._peek() == ",":
                self._skip(1)
        raise InvalidDataError(
            "there is no list of rows in this object", where=str(self._path), fix="give one JSON object a line (.jsonl)"
        )

    def _value(self) -> tuple[int, Any]:
        """The next value and the line on which it starts."""
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._more():
                    continue
                line = self._line + self._text.count("\n", self._at, error.pos)
                raise InvalidDataError(f"not valid JSON: {error.msg}", where=f"{self._path}:{line}") from None
            except (ValueError, RecursionError) as error:
                raise InvalidDataError(f"not valid JSON: {error}", where=f"{self._path}:{self._line}") from None
            # A number at the end of a block may go on in the next one.
            if end == len(self._text) and self._more():
                continue
            line = self._line
            self._skip(end - self._at)
            return line, value

    def _peek(self) -> str:
        """The next character that is not blank, or nothing at the end."""
        while True:
            while self._at < len(self._text):
                if not self._text[self._at].isspace():
                    return self._text[self._at]
                self._skip(1)
            if not self._more():
                return ""

    def _skip(self, count: int) -> None:
        self._line += self._text.count("\n", self._at, self._at + count)
        self._at += count

    def _more(self) -> bool:
        """Read a block; drops the text that was consumed."""
        if self._ended:
            return False
        block = next(self._blocks, "")
        self._ended = not block
        self._text, self._at = self._text[self._at :] + block, 0
        return bool(block)
