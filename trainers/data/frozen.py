"""The frozen test set: recorded by hash in `data/split.json`, and kept out of every training file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from advisor.base.errors import InvalidDataError
from advisor.base.files import parse_json, read_text
from trainers.data.digest import Frame, Job
from trainers.data.leakage import Leak, exact_leak, near_leak
from trainers.data.source import open_source
from trainers.data.table import Table, read_table

SPLIT_FILE = "split.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(_Record):
    """One file of a split. `path` is relative to the data folder."""

    path: str
    sha256: str
    rows: int


class Origin(_Record):
    """The file that was split. `path` as it was given."""

    path: str
    sha256: str
    rows: int


class SharedFrame(_Record):
    """The text that all questions begin and end with, which is not compared."""

    prefix: str = ""
    suffix: str = ""


class Split(_Record):
    """`split.json`."""

    v: Literal[1] = 1
    created: str
    source: Origin
    mapping: dict[str, Any]
    share: float
    seed: int
    train: Part
    test: Part
    groups: int
    """Groups that were kept whole: rows with the same group, the same or nearly the same question."""
    labels: dict[str, dict[str, tuple[int, int]]]
    """field -> label -> (training rows, test rows)."""
    smallest_detectable: float
    """The smallest gain (share of answers) that the test set shows: 80 % power, a fifth of the answers differing."""
    frame: SharedFrame = SharedFrame()


def sha256_of_file(path: Path) -> str:
    """Hex digest of a file, read in blocks. Raises `InvalidDataError` when it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InvalidDataError(f"cannot be read: {error.strerror}", where=str(path)) from None


def load_split(project: Path) -> Split | None:
    """The split of a project; None when nothing was split. Raises `InvalidDataError` when its record is broken."""
    path = project / "data" / SPLIT_FILE
    if not path.exists():
        return None
    try:
        return Split.model_validate(parse_json(read_text(path), where=str(path)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InvalidDataError(
            f"{key}: {first['msg']}", where=str(path), fix="restore it from git, or split again: advisor data split"
        ) from None


def frozen_test(project: Path) -> Path | None:
    """The project's test file, unchanged since it was frozen; None when there is none.

    Raises `InvalidDataError` when the file is gone or was changed.
    """
    split = load_split(project)
    if split is None:
        return None
    path = project / "data" / split.test.path
    if not path.is_file():
        raise InvalidDataError("the frozen test set is gone", where=str(path), fix="restore it from git")
    if sha256_of_file(path) != split.test.sha256:
        raise InvalidDataError(
            "the frozen test set was changed after the split: its scores could no longer be compared",
            where=str(path),
            fix="restore it from git, or make a new split: advisor data split --again FILE",
        )
    return path


def refuse_test_rows(train: Path, project: Path) -> None:
    """Raise `InvalidDataError` when a row of `train` is a row of the project's test set, or nearly one.

    The training file of the split itself is known to be clean by its hash; any other file is compared row by row.
    """
    test = frozen_test(project)
    split = load_split(project)
    if test is None or split is None or sha256_of_file(train) == split.train.sha256:
        return
    frame = Frame(split.frame.prefix, split.frame.suffix)
    train_table, test_table = _compared(train, frame), _compared(test, frame)
    for leak, how in ((exact_leak(train_table, test_table), ""), (near_leak(train_table, test_table), "nearly ")):
        if len(leak.train):
            raise InvalidDataError(
                _refusal(train_table, test_table, leak, how),
                where=f"{train}:{int(train_table.lines[leak.train[0]])}",
                fix=f"train on {project / 'data' / split.train.path}, or remove these rows",
            )


def _refusal(train: Table, test: Table, leak: Leak, how: str) -> str:
    count, first = len(leak.train), int(test.lines[leak.test[0]])
    rows = "row asks" if count == 1 else "rows ask"
    return f"{count} training {rows} {how}what a row of the frozen test set asks (the first: its line {first})"


def _compared(path: Path, frame: Frame) -> Table:
    from trainers.data.check import open_mapped

    source, mapping = open_mapped(str(path), ())
    assert source == open_source(str(path))
    return read_table(source, Job(mapping, frame=frame, full=False))
