"""Rows of tables: CSV and TSV, Parquet, a saved `datasets` folder, a hub data set."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from advisor.base.errors import InvalidDataError, MissingPartError, UsageError, require
from trainers.data.findings import Problem
from trainers.data.lines import CHUNK_ROWS, LONGEST_LINE_BYTES, Line, Parsed, open_binary


def csv_rows(path: Path) -> Iterator[Line]:
    """The rows of a CSV or TSV file; a row of the wrong length is a `Problem`."""
    csv.field_size_limit(LONGEST_LINE_BYTES)
    with open_binary(path) as binary:
        start, head = binary.tell(), binary.readline()
        binary.seek(start)
        stream = io.TextIOWrapper(binary, encoding="utf-8", newline="")
        reader = csv.DictReader(stream, dialect=_dialect(head, path), restkey="_more", strict=True)
        try:
            _refuse_twins(reader.fieldnames or (), path)
            line = reader.line_num + 1
            for row in reader:
                yield line, _csv_row(row)
                line = reader.line_num + 1
        except UnicodeDecodeError:
            raise InvalidDataError(
                "not valid UTF-8", where=f"{path}:{_bad_line(path)}", fix="save the file as UTF-8"
            ) from None
        except csv.Error as error:
            raise InvalidDataError(f"not valid CSV: {error}", where=f"{path}:{reader.line_num}") from None


def _refuse_twins(names: Sequence[str], path: Path) -> None:
    for name in names:
        if list(names).count(name) > 1:
            raise InvalidDataError(f"the column {name!r} is there twice", where=f"{path}:1", fix="rename one")


def _bad_line(path: Path) -> int:
    with open_binary(path) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 1


def _dialect(head: bytes, path: Path) -> type[csv.Dialect]:
    """Comma, semicolon or tab, whichever the head line has most of; quotes doubled inside quotes."""
    mark = max(",;\t", key=lambda each: head.count(each.encode()))
    if head.count(mark.encode()) == 0:
        raise InvalidDataError(
            "the first line names only one column", where=f"{path}:1", fix="give a head line such as: text,label"
        )

    class Found(csv.excel):
        delimiter = mark

    return Found


def _csv_row(row: dict[str | Any, Any]) -> Parsed:
    if "_more" in row:
        return Problem("uneven_row", f"{len(row['_more'])} more values than the head line has columns")
    if any(value is None for value in row.values()):
        return Problem("uneven_row", "fewer values than the head line has columns")
    return row


def parquet_rows(path: Path) -> Iterator[Line]:
    """The rows of a Parquet file, read in batches."""
    require("pyarrow", "data")
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        number = 0
        for batch in file.iter_batches(batch_size=CHUNK_ROWS):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (pyarrow.ArrowException, OSError) as error:
        raise InvalidDataError(f"not a readable Parquet file: {str(error).splitlines()[0]}", where=str(path)) from None


def dataset_rows(folder: Path, split: str | None) -> Iterator[Line]:
    """The rows of a folder that `datasets.save_to_disk` wrote."""
    require("datasets", "data")
    import datasets

    try:
        found = datasets.load_from_disk(str(folder))
    except (OSError, ValueError) as error:
        raise InvalidDataError(f"not a saved dataset: {str(error).splitlines()[0]}", where=str(folder)) from None
    if isinstance(found, datasets.DatasetDict):
        found = _chosen_split(dict(found), split, str(folder))
    yield from enumerate(_with_label_names(found), start=1)


def _chosen_split(parts: dict[str, Any], split: str | None, where: str) -> Any:
    if split is None and len(parts) == 1:
        return next(iter(parts.values()))
    if split is None and "train" in parts:
        return parts["train"]
    if split not in parts:
        raise UsageError(f"the splits are {', '.join(parts)}", where=where, fix="name one: --split-name NAME")
    return parts[split]


def _with_label_names(rows: Any) -> Iterator[dict[str, Any]]:
    """Rows in which class numbers are replaced by the names that the dataset gives them."""
    import datasets

    named = {
        name: feature for name, feature in (rows.features or {}).items() if isinstance(feature, datasets.ClassLabel)
    }
    for row in rows:
        for name, feature in named.items():
            if isinstance(row[name], int) and row[name] >= 0:
                row[name] = feature.int2str(row[name])
        yield dict(row)


def hub_rows(name: str, split: str | None) -> Iterator[Line]:
    """The rows of a hub data set, streamed."""
    require("datasets", "data")
    import datasets

    try:
        found = datasets.load_dataset(name, split=split or "train", streaming=True)
        yield from enumerate(_with_label_names(found), start=1)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise MissingPartError(
            f"no such file here, and the hub gave no dataset of this name: {str(error).splitlines()[0]}",
            where=name,
            fix="check the path, or the name and the network",
        ) from None
