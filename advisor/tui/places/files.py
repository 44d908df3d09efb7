"""The data files of a project as they lie on disk."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from advisor.base.errors import CouldNotError, UsageError

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
_USES = {"train.jsonl": "training", "test.jsonl": "test, frozen"}
_NO_DATA = {"split.json"}
_BESIDE = (".changes.jsonl", ".card.json", ".skipped.jsonl", ".spent.jsonl", ".invalid.jsonl")
"""Endings of files that the data commands write beside their rows."""
_COUNT_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file. `rows` is the number of lines that are not blank; None when it is not a line file, or a large one."""

    path: Path
    use: str
    rows: int | None
    size_bytes: int
    changed: datetime


def data_files(folder: Path) -> list[DataFile]:
    """The data files in `folder`, training and test rows first, then by name; empty when there is no folder."""
    if not folder.is_dir():
        return []
    found = [_data_file(path) for path in folder.iterdir() if _is_data(path)]
    return sorted((file for file in found if file), key=lambda file: (file.use == "", file.path.name))


def _is_data(path: Path) -> bool:
    if path.name in _NO_DATA or path.name.startswith(".") or path.name.endswith(_BESIDE):
        return False
    return path.suffix.lower() in SUFFIXES


def _data_file(path: Path) -> DataFile | None:
    try:
        status = path.stat()
        rows = _rows(path) if status.st_size <= _COUNT_BYTES and path.suffix.lower() == ".jsonl" else None
    except OSError:
        return None
    changed = datetime.fromtimestamp(status.st_mtime)
    return DataFile(path, _USES.get(path.name, ""), rows, status.st_size, changed)


def _rows(path: Path) -> int:
    with open(path, "rb") as stream:
        return sum(1 for line in stream if line.strip())


def size_words(size_bytes: int) -> str:
    """A size for people."""
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:.1f} {unit}"
    return f"{size_bytes} B"


def copy_in(source: Path, folder: Path) -> Path:
    """Copy a data file into `folder`; nothing there is overwritten. Raises `UsageError` or `CouldNotError`."""
    if not source.is_file():
        raise UsageError("no such file", where=str(source), fix="check the path")
    if source.suffix.lower() not in SUFFIXES:
        raise UsageError("not a data file", where=str(source), fix=f"one of {', '.join(SUFFIXES)}")
    target = folder / source.name
    if target.exists():
        raise UsageError("there is a file of this name already", where=str(target), fix="rename one of them")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise CouldNotError(f"it could not be copied: {error.strerror}", where=str(target)) from None
    return target
