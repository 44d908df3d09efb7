"""Hold out a test set: whole groups, every label in its share, frozen by hash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.base.errors import CouldNotError, InvalidDataError, UsageError
from advisor.base.files import dump_json, replace_file
from trainers.data.check import frame_of, open_mapped, usable_problem
from trainers.data.conversation import Conversation
from trainers.data.digest import Job
from trainers.data.findings import Problem
from trainers.data.formats import RowMapping
from trainers.data.frozen import SPLIT_FILE, Origin, Part, SharedFrame, Split, load_split, sha256_of_file
from trainers.data.leakage import exact_leak, near_leak
from trainers.data.output import Output, Written, row_line
from trainers.data.outputs import labels_of
from trainers.data.repeats import find_repeats
from trainers.data.sketch import Pairs, clusters
from trainers.data.source import Source
from trainers.data.stratify import deal
from trainers.data.table import Progress, Table, read_table
from trainers.evaluation.statistics import smallest_detectable

if TYPE_CHECKING:
    import numpy as np

ARTICLE_SHARE = (0.15, 0.20)
_DISAGREEING = 0.2
_FEWEST_ROWS = 10
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class SplitRequest:
    """What to split, and how."""

    file: str
    maps: tuple[str, ...] = ()
    system: str | None = None
    split_name: str | None = None
    share: float = 0.2
    seed: int = 0
    again: bool = False
    """Replace a test set that is frozen already."""


def split(request: SplitRequest, project: Path, *, now: datetime, progress: Progress | None = None) -> Split:
    """Write `data/train.jsonl`, `data/test.jsonl` and `data/split.json`.

    The same file, share and seed give the same split; a frozen test set is only replaced when `again` is set. Raises
    `InvalidDataError` naming the first line that cannot be used.
    """
    source, mapping = open_mapped(request.file, request.maps, system=request.system, split=request.split_name)
    digest = sha256_of_file(source.path) if source.path is not None and source.path.is_file() else ""
    before = _standing(request, project, digest, mapping)
    if before is not None:
        return before
    frame = frame_of(source, mapping)
    table = read_table(source, Job(mapping, frame=frame), progress=progress)
    _refuse_broken(source, mapping, table, request.file)
    chosen, groups, labels = _choose(source, mapping, table, request)
    folder = project / "data"
    parts = _write(source, mapping, set(table.lines[chosen].tolist()), folder)
    record = Split(
        created=now.isoformat(timespec="seconds"),
        source=Origin(path=request.file, sha256=digest, rows=table.rows),
        mapping=mapping.to_json(),
        share=request.share,
        seed=request.seed,
        train=parts[0],
        test=parts[1],
        groups=groups,
        labels=_label_counts(labels, chosen),
        smallest_detectable=round(smallest_detectable(parts[1].rows, _DISAGREEING), 4),
        frame=SharedFrame(prefix=frame.prefix, suffix=frame.suffix),
    )
    replace_file(folder / SPLIT_FILE, dump_json(record.model_dump(mode="json"), indent=2) + "\n")
    return record


def _standing(request: SplitRequest, project: Path, digest: str, mapping: RowMapping) -> Split | None:
    """The split that is there already, when it is what would be made. Raises `UsageError` when it is another."""
    found = load_split(project)
    if found is None or request.again:
        return None
    same = found.source.sha256 == digest and found.share == request.share and found.seed == request.seed
    if same and found.mapping == mapping.to_json() and _intact(found, project):
        return found
    raise UsageError(
        f"the test set is frozen since {found.created[:10]} ({found.test.rows} rows of {found.source.path})",
        where=str(project / "data" / SPLIT_FILE),
        fix="keep it, or replace it and lose the comparison with earlier evaluations: --again",
    )


def _intact(found: Split, project: Path) -> bool:
    paths = ((project / "data" / part.path, part.sha256) for part in (found.train, found.test))
    return all(path.is_file() and sha256_of_file(path) == digest for path, digest in paths)


def _refuse_broken(source: Source, mapping: RowMapping, table: Table, file: str) -> None:
    broken = table.rows - table.usable
    if broken:
        line, problem = next(_broken(source, mapping))
        more = f" (and {broken - 1} more rows cannot be used)" if broken > 1 else ""
        raise InvalidDataError(
            f"{problem.text}{more}", where=f"{file}:{line}", fix=f"see all: advisor data check {file}"
        )
    named = table.id[table.id != 0]
    if len(named) != len(set(named.tolist())):
        raise InvalidDataError("some rows share an id", where=file, fix=f"see which: advisor data check {file}")
    if table.usable < _FEWEST_ROWS:
        raise CouldNotError(
            f"{table.usable} rows are too few to hold any out", where=file, fix="collect at least ten examples"
        )


def _broken(source: Source, mapping: RowMapping) -> Iterator[tuple[int, Problem]]:
    for line, value in source.rows():
        problem = usable_problem(mapping.convert(line, value))
        if problem is not None:
            yield line, problem


@dataclass(frozen=True, slots=True)
class _Labels:
    """Codes of one label field for every row, and what they stand for."""

    name: str
    codes: np.ndarray
    values: tuple[str, ...]


def _choose(
    source: Source, mapping: RowMapping, table: Table, request: SplitRequest
) -> tuple[np.ndarray, int, list[_Labels]]:
    """(True for test rows, number of groups, labels). Groups grow until no training row resembles a test row."""
    import numpy as np

    cluster = _joined(find_repeats(table).cluster, table.group)
    labels = list(_labels(source, mapping, table))
    strata = [label.codes for label in labels] or [_lengths(table)]
    for _ in range(_ROUNDS):
        chosen = deal(cluster, strata, request.share, request.seed)
        train, test = np.flatnonzero(~chosen), np.flatnonzero(chosen)
        if not len(test) or not len(train):
            raise CouldNotError(
                "the rows cannot be divided: nearly all belong to one group (or resemble each other)",
                where=request.file,
                fix="check the group column (--map group=COLUMN), or collect more varied rows",
            )
        leak, same = near_leak(table.take(train), table.take(test)), exact_leak(table.take(train), table.take(test))
        one = np.concatenate((train[leak.train], train[same.train]))
        other = np.concatenate((test[leak.test], test[same.test]))
        if not len(one):
            return chosen, len(np.unique(cluster)), labels
        cluster = _merged(cluster, one, other)
    raise CouldNotError(
        "no clean split was found", where=request.file, fix="remove near duplicates: advisor data prepare"
    )


def _joined(cluster: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Clusters in which rows of one group are together as well."""
    import numpy as np

    named = np.flatnonzero(group != 0)
    _, first, inverse = np.unique(group[named], return_index=True, return_inverse=True)
    return _merged(cluster, named, named[first[inverse]])


def _merged(cluster: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Clusters after joining the rows `one[i]` and `other[i]`."""
    import numpy as np

    pairs = Pairs(cluster[one], cluster[other], np.ones(len(one)))
    joined: np.ndarray = clusters(int(cluster.max()) + 1, pairs)[cluster]
    return joined


def _labels(source: Source, mapping: RowMapping, table: Table) -> Iterator[_Labels]:
    """The label fields of the answers, read once more."""
    import numpy as np

    names = list(table.shape.label_fields())
    if not names:
        return
    values: list[dict[str, int]] = [{} for _ in names]
    codes = np.full((len(names), table.usable), -1, dtype=np.int32)
    for row, conversation in enumerate(_conversations(source, mapping)):
        found = labels_of(conversation.answer, names)
        for index, name in enumerate(names):
            if name in found:
                codes[index, row] = values[index].setdefault(found[name], len(values[index]))
    for index, name in enumerate(names):
        yield _Labels(name, codes[index], tuple(values[index]))


def _lengths(table: Table) -> np.ndarray:
    """Without labels: the quarter into which the length of the answer falls."""
    import numpy as np

    lengths = table.chars[:, 1]
    quarters: np.ndarray = np.searchsorted(np.quantile(lengths, (0.25, 0.5, 0.75)), lengths)
    return quarters


def _conversations(source: Source, mapping: RowMapping) -> Iterator[Conversation]:
    for line, value in source.rows():
        row = mapping.convert(line, value)
        if isinstance(row, Conversation):
            yield row


def _write(source: Source, mapping: RowMapping, test_lines: set[int], folder: Path) -> tuple[Part, Part]:
    """Both files, each complete before it replaces what was there."""
    with Output(folder / "train.jsonl") as train, Output(folder / "test.jsonl") as test:
        for row in _conversations(source, mapping):
            (test if row.line in test_lines else train).write(row_line(row.row()))
        first, second = train.finish(), test.finish()
    return _part(first), _part(second)


def _part(written: Written) -> Part:
    return Part(path=written.path.name, sha256=written.sha256, rows=written.rows)


def _label_counts(labels: Sequence[_Labels], chosen: np.ndarray) -> dict[str, dict[str, tuple[int, int]]]:
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for label in labels:
        test = Counter(label.codes[chosen].tolist())
        train = Counter(label.codes[~chosen].tolist())
        found[label.name] = {value: (train[code], test[code]) for code, value in enumerate(label.values)}
    return found
