"""JSONL files that appear complete or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from advisor.base.errors import CouldNotError


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written."""

    path: Path
    sha256: str
    rows: int


def row_line(row: dict[str, Any]) -> bytes:
    """One JSONL line. What JSON has no form for (dates of Parquet files) becomes text."""
    return (json.dumps(row, ensure_ascii=False, default=str) + "\n").encode("utf-8", "surrogatepass")


class Output:
    """Written beside its place and moved there by `finish`; left without `finish`, nothing remains."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._hash = hashlib.sha256()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, self._temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        except OSError as error:
            raise CouldNotError(f"cannot be written: {error.strerror}", where=str(path)) from None
        self._stream: IO[bytes] = os.fdopen(handle, "wb")

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        Path(self._temporary).unlink(missing_ok=True)

    def write(self, lines: bytes, rows: int = 1) -> None:
        """Append whole lines. Raises `CouldNotError` when the disk refuses."""
        try:
            self._stream.write(lines)
        except OSError as error:
            raise CouldNotError(f"cannot be written: {error.strerror}", where=str(self.path)) from None
        self._hash.update(lines)
        self.rows += rows

    def finish(self) -> Written:
        """Put the file in its place, on disk."""
        try:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            os.chmod(self._temporary, 0o644)
            os.replace(self._temporary, self.path)
        except OSError as error:
            raise CouldNotError(f"cannot be written: {error.strerror}", where=str(self.path)) from None
        return Written(self.path, self._hash.hexdigest(), self.rows)
