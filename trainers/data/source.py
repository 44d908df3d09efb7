"""Where rows come from: JSONL, JSON, CSV, Parquet, a saved `datasets` folder or a hub id, read in bounded memory.

A source yields chunks. A chunk of JSONL still holds bytes, so that worker processes can share the parsing. A line that
cannot be read becomes a `Problem` with its line number; the lines after it are read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from advisor.base.errors import InvalidDataError
from trainers.data.jsonlist import json_rows
from trainers.data.lines import (
    CHUNK_ROWS,
    LONGEST_LINE_BYTES,
    Chunk,
    Line,
    grouped,
    jsonl_chunks,
    open_binary,
    parse_line,
)
from trainers.data.tables import csv_rows, dataset_rows, hub_rows, parquet_rows


@dataclass(frozen=True, slots=True)
class Source:
    """A readable set of rows. `kind` is jsonl, json, csv, parquet, dataset or hub."""

    name: str
    kind: str
    path: Path | None = None
    split: str | None = None

    def chunks(self, size: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """All rows in order. Raises `InvalidDataError` when the file as a whole cannot be read."""
        if self.kind == "jsonl":
            yield from jsonl_chunks(self._file(), size)
        else:
            yield from grouped(self._parsed(), size)

    def rows(self) -> Iterator[Line]:
        """(line number, row or problem), one after the other."""
        for chunk in self.chunks():
            yield from chunk.parse()

    def head(self, count: int) -> list[Line]:
        """The first `count` rows."""
        found: list[Line] = []
        for line in self.rows():
            found.append(line)
            if len(found) >= count:
                break
        return found

    @property
    def size_bytes(self) -> int | None:
        """Bytes on disk; None when unknown."""
        return self.path.stat().st_size if self.path is not None and self.path.is_file() else None

    def _parsed(self) -> Iterator[Line]:
        match self.kind:
            case "json":
                return json_rows(self._file())
            case "csv":
                return csv_rows(self._file())
            case "parquet":
                return parquet_rows(self._file())
            case "dataset":
                return dataset_rows(self._file(), self.split)
            case _:
                return hub_rows(self.name, self.split)

    def _file(self) -> Path:
        assert self.path is not None
        return self.path


_KINDS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
}  # fmt: skip
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+$")


def open_source(text: str, *, split: str | None = None) -> Source:
    """The source that `text` names: a file, a folder of `datasets.save_to_disk`, or a hub id `owner/name`.

    Raises `InvalidDataError` when there is no such thing or its kind is unknown.
    """
    path = Path(text)
    if path.is_dir():
        if not any((path / name).exists() for name in ("dataset_info.json", "dataset_dict.json", "state.json")):
            raise InvalidDataError("this folder holds no saved dataset", where=text, fix="name the file in it")
        return Source(text, "dataset", path, split)
    if not path.exists():
        if _HUB_ID.match(text) and path.suffix not in _KINDS:
            return Source(text, "hub", None, split)
        raise InvalidDataError("no such file", where=text, fix="check the path")
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    kind = _KINDS.get(suffixes[-1].lower() if suffixes else "")
    if kind is None:
        raise InvalidDataError(
            "cannot tell the kind of this file from its name",
            where=text,
            fix="name it .jsonl, .json, .csv, .tsv or .parquet (.gz may follow the first four)",
        )
    if kind == "json" and _looks_like_lines(path):
        kind = "jsonl"
    return Source(text, kind, path, split)


def _looks_like_lines(path: Path) -> bool:
    """Whether a `.json` file holds one object a line rather than one document."""
    with open_binary(path) as stream:
        first, second = stream.readline(LONGEST_LINE_BYTES), stream.readline(LONGEST_LINE_BYTES)
    return isinstance(parse_line(first), dict) and second.lstrip()[:1] == b"{"
