"""Clean rows and write them as messages JSONL, with a list of every row that was dropped or changed and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.base.errors import UsageError
from advisor.base.files import dump_json, replace_file
from trainers.data.card import Card, card_markdown
from trainers.data.check import frame_of, open_mapped
from trainers.data.clean import Cleaning, clean
from trainers.data.conversation import Conversation
from trainers.data.digest import Job
from trainers.data.findings import Problem
from trainers.data.formats import RowMapping
from trainers.data.frozen import sha256_of_file
from trainers.data.leakage import exact_leak, near_leak
from trainers.data.lines import Chunk
from trainers.data.output import Output, Written, row_line
from trainers.data.outputs import Wanted
from trainers.data.pool import map_ordered, workers_for
from trainers.data.repeats import find_repeats
from trainers.data.source import Source
from trainers.data.structure import look
from trainers.data.table import Progress, Table, read_table

if TYPE_CHECKING:
    import numpy as np


class Conflicts(StrEnum):
    """What becomes of rows that answer the same question differently."""

    KEEP = "keep"
    DROP = "drop"
    MAJORITY = "majority"
    """Keep the answer that most of them give; drop all when none has most."""


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """What to clean, and how."""

    file: str
    out: Path
    maps: tuple[str, ...] = ()
    system: str | None = None
    split: str | None = None
    wanted: Wanted = field(default_factory=Wanted)
    near: bool = False
    """Drop near duplicates as well."""
    conflicts: Conflicts = Conflicts.KEEP
    mask_personal: bool = False
    test: str | None = None
    """Drop rows that give a row of this file away."""
    licence: str | None = None
    provenance: str | None = None
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """A chunk, the rows of it to drop, by line, and the lines whose id an earlier row has."""

    chunk: Chunk
    drop: dict[int, Problem]
    rename: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Job:
    mapping: RowMapping
    wanted: Wanted
    cleaning: Cleaning


@dataclass(slots=True)
class _Cleaned:
    """One chunk, cleaned."""

    lines: bytes = b""
    rows: int = 0
    read: int = 0
    log: bytes = b""
    dropped: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    changed_rows: int = 0
    machine_made: int = 0


def prepare(request: PrepareRequest, *, now: datetime, progress: Progress | None = None) -> Card:
    """Write the cleaned rows, `<name>.changes.jsonl` and the data card (`.card.json`, `.card.md`) beside them.

    Raises `UsageError` when the output would replace the input, `InvalidDataError` when the input cannot be read.
    """
    source, mapping = open_mapped(request.file, request.maps, system=request.system, split=request.split)
    if source.path is not None and request.out.exists() and request.out.samefile(source.path):
        raise UsageError("the output would replace the input", where=str(request.out), fix="name another: --out FILE")
    frame = frame_of(source, mapping)
    table = read_table(source, Job(mapping, frame=frame), workers=request.workers, progress=progress)
    drop = _to_drop(table, request, Job(mapping, frame=frame, full=False))
    common = table.shape.keys.most_common(1)
    order = common[0][0] if table.shape.is_json and common else None
    job = _Job(mapping, request.wanted, Cleaning(order, request.mask_personal))
    done, written, log = _rewrite(source, job, drop, _same_ids(table), request)
    card = _card(request, source, mapping, table, done, written, log, now)
    _write_card(card, request.out)
    return card


def _to_drop(table: Table, request: PrepareRequest, test_job: Job) -> dict[int, Problem]:
    """line -> reason, for rows that are dropped because of other rows. The first reason that applies counts."""
    import numpy as np

    repeats = find_repeats(table)
    found: dict[int, Problem] = {}

    def drop(rows: np.ndarray, code: str, others: np.ndarray | None = None, text: str = "") -> None:
        said = [f"{text} {line}" for line in others.tolist()] if others is not None else [text] * len(rows)
        for line, words in zip(table.lines[rows].tolist(), said, strict=True):
            found.setdefault(line, Problem(code, words))

    drop(repeats.copies, "exact_duplicates", table.lines[repeats.originals], "same as line")
    if request.near:
        _, head = np.unique(repeats.cluster, return_index=True)
        others = table.lines[head[repeats.cluster[repeats.near_copies]]]
        drop(repeats.near_copies, "near_duplicates", others, "nearly the same as line")
    if request.conflicts != Conflicts.KEEP:
        majority = request.conflicts == Conflicts.MAJORITY
        drop(_losers(table, repeats.disputed, majority), "conflicting_answers", text="another row answers differently")
    if request.test is not None:
        test_source, test_mapping = open_mapped(request.test, ())
        job = Job(test_mapping, frame=test_job.frame, full=False)
        test = read_table(test_source, job, workers=request.workers)
        for leak in (exact_leak(table, test), near_leak(table, test)):
            drop(leak.train, "leak", test.lines[leak.test], "asks what the test set asks in its line")
    return found


def _same_ids(table: Table) -> frozenset[int]:
    """Lines of the rows whose id an earlier row has."""
    import numpy as np

    named = np.flatnonzero(table.id != 0)
    _, first = np.unique(table.id[named], return_index=True)
    return frozenset(table.lines[np.setdiff1d(named, named[first])].tolist())


def _losers(table: Table, disputed: np.ndarray, majority: bool) -> np.ndarray:
    """The disputed rows to drop: all, or those that do not give the answer that most give."""
    import numpy as np

    if not majority or not len(disputed):
        return disputed
    votes: dict[int, Counter[int]] = {}
    for row in disputed.tolist():
        votes.setdefault(int(table.key[row]), Counter())[int(table.answer[row])] += 1
    winner = {key: _winner(count) for key, count in votes.items()}
    lost = [row for row in disputed.tolist() if winner[int(table.key[row])] != int(table.answer[row])]
    return np.array(lost, dtype=np.int64)


def _winner(votes: Counter[int]) -> int | None:
    (first, most), (_, second) = votes.most_common(2)
    return first if most > second else None


def _rewrite(
    source: Source, job: _Job, drop: dict[int, Problem], rename: frozenset[int], request: PrepareRequest
) -> tuple[_Cleaned, Written, Written]:
    whole = _Cleaned()
    parts = _parts(source, drop, rename)
    with Output(request.out) as out, Output(beside(request.out, ".changes.jsonl")) as log:
        for part in map_ordered(_clean_part, parts, job, workers_for(source, request.workers)):
            out.write(part.lines, part.rows)
            log.write(part.log, part.log.count(b"\n"))
            whole.rows += part.rows
            whole.read += part.read
            whole.dropped.update(part.dropped)
            whole.changed.update(part.changed)
            whole.changed_rows += part.changed_rows
            whole.machine_made += part.machine_made
        return whole, out.finish(), log.finish()


def _parts(source: Source, drop: dict[int, Problem], rename: frozenset[int]) -> Iterator[_Part]:
    for chunk in source.chunks():
        lines = range(chunk.first_line, chunk.first_line + len(chunk.lines)) if chunk.lines else None
        numbers = lines if lines is not None else [line for line, _ in chunk.rows]
        dropped = {line: drop[line] for line in numbers if line in drop} if drop else {}
        yield _Part(chunk, dropped, frozenset(rename.intersection(numbers)) if rename else rename)


def _clean_part(part: _Part, job: _Job) -> _Cleaned:
    """Clean the rows of one chunk."""
    found = _Cleaned()
    lines: list[bytes] = []
    log: list[bytes] = []
    for line, value in part.chunk.parse():
        found.read += 1
        row = job.mapping.convert(line, value)
        kept = _keep(row, part.drop.get(line), job)
        if isinstance(kept, Problem):
            found.dropped[kept.code] += 1
            log.append(row_line(_entry(line, row, "dropped", kept.code, kept.text)))
            continue
        made, changes = kept
        if line in part.rename:
            made, changes = replace(made, id=f"{made.id}-{line}"), [*changes, "id made unique"]
        if changes:
            found.changed.update(changes)
            found.changed_rows += 1
            log.append(row_line(_entry(line, made, "changed", ", ".join(changes), None)))
        found.machine_made += made.machine_made
        lines.append(row_line(made.row()))
    found.rows, found.lines, found.log = len(lines), b"".join(lines), b"".join(log)
    return found


def _keep(row: Conversation | Problem, reason: Problem | None, job: _Job) -> tuple[Conversation, list[str]] | Problem:
    """The cleaned row and its changes, or why it is dropped."""
    if isinstance(row, Problem):
        return row
    unusable = next((problem for problem in look(row) if problem.dropped), None)
    if unusable is not None:
        return unusable
    if reason is not None:
        return reason
    made, changes = clean(row, job.cleaning)
    invalid = job.wanted.problem(made.answer)
    return invalid if invalid is not None else (made, changes)


def _entry(line: int, row: Conversation | Problem, action: str, reason: str, text: str | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"line": line, "action": action, "reason": reason}
    if isinstance(row, Conversation) and row.id is not None:
        entry["id"] = row.id
    return entry | ({"text": text} if text else {})


def beside(path: Path, ending: str) -> Path:
    """`data/prepared.jsonl` -> `data/prepared.changes.jsonl`."""
    return path.with_name(path.name.removesuffix(".jsonl") + ending)


def _card(
    request: PrepareRequest,
    source: Source,
    mapping: RowMapping,
    table: Table,
    done: _Cleaned,
    written: Written,
    log: Written,
    now: datetime,
) -> Card:
    import numpy as np

    named = table.group[table.group != 0]
    is_file = source.path is not None and source.path.is_file()
    return Card(
        created=now.isoformat(timespec="seconds"),
        source=request.file,
        source_sha256=sha256_of_file(source.path) if is_file and source.path is not None else None,
        source_rows=done.read,
        output=str(written.path),
        output_sha256=written.sha256,
        output_rows=written.rows,
        changes=log.path.name,
        changes_sha256=log.sha256,
        mapping=mapping.to_json(),
        dropped=dict(done.dropped.most_common()),
        changed=dict(done.changed.most_common()),
        changed_rows=done.changed_rows,
        machine_made_rows=done.machine_made,
        groups=len(np.unique(named)) if len(named) else None,
        median_prompt_chars=int(np.median(table.chars[:, 0])) if table.usable else None,
        median_answer_chars=int(np.median(table.chars[:, 1])) if table.usable else None,
        labels={name: dict(counts.most_common(50)) for name, counts in table.shape.label_fields().items()},
        personal_data_masked=request.mask_personal,
        rows_with_personal_data=sum(table.tallies[c].count for c in ("personal_data", "secrets") if c in table.tallies),
        licence=request.licence,
        provenance=request.provenance,
    )


def _write_card(card: Card, out: Path) -> None:
    replace_file(beside(out, ".card.json"), dump_json(card.model_dump(mode="json"), indent=2) + "\n")
    replace_file(beside(out, ".card.md"), card_markdown(card))
