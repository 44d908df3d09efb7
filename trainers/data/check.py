"""All checks of a file in their fixed order: rows, repeats, leaks, tokens, answers, labels, privacy, amount."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from advisor.base.errors import InvalidDataError
from trainers.data.conversation import Conversation
from trainers.data.digest import Frame, Job
from trainers.data.enough import amount_findings, test_finding
from trainers.data.findings import Finding, Problem, Severity, rows_text
from trainers.data.formats import RowMapping, choose
from trainers.data.labels import balance_findings, suspect_finding
from trainers.data.leakage import leak_findings, test_ngrams
from trainers.data.outputs import Shape, Wanted
from trainers.data.personal import missing_checks
from trainers.data.repeats import Repeats, find_repeats, repeat_findings
from trainers.data.source import Source, open_source
from trainers.data.table import SAMPLE_ROWS, Progress, Table, read_table
from trainers.data.tokens import MOST_ROWS, Tokenised, token_findings, tokenise

HEAD_ROWS = 200
"""Rows from which the mapping and the common frame are told."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to check, and against what."""

    file: str
    test: str | None = None
    maps: tuple[str, ...] = ()
    system: str | None = None
    split: str | None = None
    wanted: Wanted = field(default_factory=Wanted)
    model: str | None = None
    max_tokens: int | None = None
    method: str = "lora"
    embeddings: bool = False
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found, and what it measured on the way."""

    file: str
    kind: str
    mapping: RowMapping
    rows: int
    usable: int
    unique: int
    """Usable rows that differ from each other: neither copies nor near copies."""
    duplicate_rate: float
    format_consistent: bool | None
    """None: there are no rows."""
    test_rows: int | None
    leaking_rows: int | None
    labels: dict[str, dict[str, int]]
    tokens: Tokenised | None
    findings: tuple[Finding, ...]

    @property
    def has_errors(self) -> bool:
        return any(finding.severity == Severity.ERROR for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        return {
            "v": 1,
            "file": self.file,
            "kind": self.kind,
            "mapping": self.mapping.to_json(),
            "rows": self.rows,
            "usable": self.usable,
            "unique": self.unique,
            "duplicate_rate": self.duplicate_rate,
            "format_consistent": self.format_consistent,
            "test_rows": self.test_rows,
            "leaking_rows": self.leaking_rows,
            "labels": self.labels,
            "tokens": self.tokens.to_json() if self.tokens else None,
            "findings": [finding.to_json() for finding in self.findings],
        }


def open_mapped(
    file: str, maps: Sequence[str], *, system: str | None = None, split: str | None = None
) -> tuple[Source, RowMapping]:
    """The source and its mapping, detected from its first rows and changed by `maps`."""
    source = open_source(file, split=split)
    head = [value for _, value in source.head(HEAD_ROWS)]
    if not head:
        raise InvalidDataError("the file has no rows", where=file, fix="give at least one row")
    return source, choose(head, maps, where=file, system=system)


def frame_of(source: Source, mapping: RowMapping) -> Frame:
    """The text that all questions begin and end with."""
    rows = (mapping.convert(line, value) for line, value in source.head(HEAD_ROWS))
    return Frame.of([row.question for row in rows if isinstance(row, Conversation)])


def check(request: Request, *, progress: Progress | None = None, tell: Callable[[str], None] | None = None) -> Report:
    """Check a file; `progress` hears the rows read, `tell` how far a slow step is.

    Raises `InvalidDataError` when it cannot be read at all; everything else is a finding.
    """
    source, mapping = open_mapped(request.file, request.maps, system=request.system, split=request.split)
    frame = frame_of(source, mapping)
    test = _read_test(request, frame)
    wanted_runs = test_ngrams(test) if test is not None else None
    job = Job(mapping, request.wanted, frame, sample_below=_sample_below(source), ngrams=wanted_runs)
    table = read_table(source, job, workers=request.workers, progress=progress)
    repeats = find_repeats(table)
    leaks = list(leak_findings(table, test, wanted_runs)) if test is not None and wanted_runs is not None else []
    if test is not None and request.embeddings:
        leaks += _embedding_leaks((source, mapping, table), (*_open_test(request), test), frame, tell)
    tokens = _tokens(request, source, mapping, table)
    findings = [*_in_order(request, table, repeats, leaks, tokens, test)]
    return Report(
        file=request.file,
        kind=source.kind,
        mapping=mapping,
        rows=table.rows,
        usable=table.usable,
        unique=table.usable - repeats.duplicate_rows,
        duplicate_rate=round(repeats.duplicate_rows / max(table.usable, 1), 6),
        format_consistent=_consistent(table.shape, findings),
        test_rows=test.usable if test is not None else None,
        leaking_rows=sum(f.count for f in leaks if f.severity == Severity.ERROR) if test is not None else None,
        labels={name: dict(counts.most_common(200)) for name, counts in table.shape.label_fields().items()},
        tokens=tokens,
        findings=tuple(findings),
    )


def _read_test(request: Request, frame: Frame) -> Table | None:
    if request.test is None:
        return None
    source, mapping = _open_test(request)
    table = read_table(source, Job(mapping, frame=frame, full=False, keep_ngrams=True), workers=request.workers)
    if not table.usable:
        raise InvalidDataError("no row of the test set can be used", where=request.test)
    return table


def _sample_below(source: Source) -> int:
    """The hash below which about `SAMPLE_ROWS` rows of the source lie."""
    size = source.size_bytes
    if size is None:
        return 1 << 61
    head = source.head(HEAD_ROWS)
    width = sum(len(str(value)) for _, value in head) / max(len(head), 1)
    return min(int((1 << 64) * min(1.0, 2 * SAMPLE_ROWS / max(size / max(width, 1), 1))), (1 << 64) - 1)


def _open_test(request: Request) -> tuple[Source, RowMapping]:
    assert request.test is not None
    same_columns = Path(request.test).suffix == Path(request.file).suffix
    return open_mapped(request.test, request.maps if same_columns else ())


def _embedding_leaks(
    train: tuple[Source, RowMapping, Table],
    test: tuple[Source, RowMapping, Table],
    frame: Frame,
    tell: Callable[[str], None] | None,
) -> list[Finding]:
    from trainers.data.embedding import MOST_TEST_ROWS, MOST_TRAIN_ROWS, embedding_leaks

    rows, test_rows = _some_rows(*train, MOST_TRAIN_ROWS), _some_rows(*test, MOST_TEST_ROWS)
    of_train, of_test = train[2].usable, test[2].usable
    return embedding_leaks(rows, test_rows, frame=frame, of_train=of_train, of_test=of_test, tell=tell)


def _tokens(request: Request, source: Source, mapping: RowMapping, table: Table) -> Tokenised | None:
    if request.model is None or not table.usable:
        return None
    rows = _some_rows(source, mapping, table, MOST_ROWS)
    return tokenise(rows, model=request.model, max_tokens=request.max_tokens, of_rows=table.usable)


def _some_rows(source: Source, mapping: RowMapping, table: Table, most: int) -> Iterator[Conversation]:
    """All usable rows, or a random sample of a large set (the same each time)."""
    import numpy as np

    lines = table.lines
    if table.usable > most:
        lines = np.sort(np.random.default_rng(0).choice(lines, most, replace=False))
    wanted = set(lines.tolist())
    for line, value in source.rows():
        if line in wanted:
            row = mapping.convert(line, value)
            if isinstance(row, Conversation):
                yield row


def _in_order(
    request: Request,
    table: Table,
    repeats: Repeats,
    leaks: Sequence[Finding],
    tokens: Tokenised | None,
    test: Table | None,
) -> Iterator[Finding]:
    shape = table.shape
    labels = shape.is_json or bool(shape.label_fields())
    yield from parse_findings(table)
    yield from repeat_findings(table, repeats, labels=labels)
    yield from leaks
    if tokens is not None:
        yield from token_findings(tokens)
    elif request.model is None:
        yield Finding(
            "not_tokenised", Severity.INFO, 0, (), "lengths, cut answers and the loss mask were not looked at",
            "name the model: --model smollm2-135m",
        )  # fmt: skip
    yield from row_findings(table)
    yield from output_findings(table, request.wanted)
    yield from balance_findings(shape)
    suspects = suspect_finding(table.sample, shape)
    if suspects:
        yield suspects
    yield from privacy_findings(table)
    yield from amount_findings(table.usable - repeats.duplicate_rows, request.method)
    if test is not None:
        yield test_finding(test.usable)


def parse_findings(table: Table) -> Iterator[Finding]:
    """Lines that cannot be read, and rows that are no conversation."""
    tell, error = table.tallies.finding, Severity.ERROR
    yield from tell("truncated_line", error, "the last line is cut off", "copy the file again, or delete that line")
    yield from tell("bad_utf8", error, "{n} not in UTF-8", "save the file as UTF-8")
    yield from tell("bad_json", error, "{n} not valid JSON", "mend or delete these lines")
    yield from tell("not_an_object", error, "{n} no JSON object", "write each row as an object: {...}")
    yield from tell("uneven_row", error, "{n} with more or fewer values than columns", "check quotes and separators")
    yield from tell("missing_column", error, "{n} without a value where the others have one", "fill or delete them")
    yield from tell("wrong_type", error, "{n} with a value of the wrong type", "text must be text")
    yield from tell("no_messages", error, "{n} without messages", "give each row a list of messages")
    yield from tell("bad_role", error, "{n} with an unknown role", "use system, user, assistant and tool")
    yield from _same_ids(table)


def _same_ids(table: Table) -> Iterator[Finding]:
    import numpy as np

    named = np.flatnonzero(table.id != 0)
    _, first = np.unique(table.id[named], return_index=True)
    again = np.setdiff1d(named, named[first])
    if len(again):
        yield Finding(
            "same_id", Severity.ERROR, len(again), tuple(int(line) for line in table.lines[again[:10]]),
            f"{rows_text(len(again))} with an id that an earlier row has", "advisor data prepare makes them unique",
        )  # fmt: skip


def row_findings(table: Table) -> Iterator[Finding]:
    """Order of roles, empty answers, tool calls, untidy text."""
    tell, error, warning = table.tallies.finding, Severity.ERROR, Severity.WARNING
    yield from tell("no_answer", error, "{n} do not end with the assistant", "end each row with the answer")
    yield from tell("empty_answer", error, "{n} with an empty answer", "write the answer or delete the row")
    yield from tell("empty_prompt", warning, "{n} ask nothing", "check the mapping of the columns")
    yield from tell("system_not_first", error, "{n} with instructions after the start", "put the system message first")
    yield from tell("role_repeated", warning, "{n} in which one speaks twice in a row", "join these messages")
    yield from tell("assistant_first", warning, "{n} in which the assistant speaks first", "begin with the user")
    yield from tell("bad_tool_call", error, "{n} with a broken tool call", "name the function; arguments are JSON")
    yield from tell("orphan_tool_result", error, "{n} with a tool result nobody called for", "add the call before it")
    yield from tell("bad_tool", warning, "{n} with a broken tool definition", "give each tool a function with a name")
    yield from tell(
        "undefined_tool", warning, "{n} in which a tool is called that the row does not define",
        "define it in 'tools', or mend the name in the call",
    )  # fmt: skip
    yield from tell("untidy_answer", warning, "{n} whose answer starts or ends with blanks", "advisor data prepare")
    yield from tell("control_characters", warning, "{n} with control characters", "advisor data prepare removes them")
    yield from tell(
        "broken_characters", warning, "{n} with broken characters (text decoded wrongly once)",
        "export the data again as UTF-8",
    )  # fmt: skip


def output_findings(table: Table, wanted: Wanted) -> Iterator[Finding]:
    """Answers that break the wanted form, or the form that most of them have."""
    shape = table.shape
    yield from table.tallies.finding(
        "invalid_output", Severity.ERROR, "{n} whose answer is not what was asked for", "mend these answers"
    )
    if not shape.is_json:
        return
    broken = shape.rows - shape.objects
    if broken and wanted.schema is None:
        yield Finding(
            "invalid_json", Severity.ERROR, broken, tuple(shape.not_json),
            f"{rows_text(broken)} whose answer is not a JSON object while the others are", "mend these answers",
        )  # fmt: skip
    common = shape.keys.most_common()
    if len(common) > 1:
        rest = sum(count for _, count in common[1:])
        lines = tuple(sorted(shape.first_line[keys] for keys, _ in common[1:]))[:10]
        same_keys = len({frozenset(keys) for keys, _ in common}) == 1
        yield Finding(
            "key_order" if same_keys else "inconsistent_keys", Severity.WARNING, rest, lines,
            f"{rows_text(rest)} whose JSON has {'another order of' if same_keys else 'other'} keys than most: "
            f"{', '.join(common[0][0])}",
            "advisor data prepare writes all in one order" if same_keys else "give every answer the same keys",
            tuple({"keys": list(keys), "rows": count} for keys, count in common[:5]),
        )  # fmt: skip


def privacy_findings(table: Table) -> Iterator[Finding]:
    """Secrets, personal data, and answers that a model wrote."""
    tell = table.tallies.finding
    yield from tell(
        "secrets", Severity.ERROR, "{n} with a key, token or password",
        "revoke it, and remove it: advisor data prepare --mask-personal",
    )  # fmt: skip
    yield from tell(
        "personal_data", Severity.WARNING, "{n} with personal data (a tuned model may repeat it)",
        "remove it or mask it: advisor data prepare --mask-personal",
    )  # fmt: skip
    if missing_checks():
        yield Finding(
            "numbers_not_checked", Severity.INFO, 0, (), "phone, card and account numbers were not looked for",
            "pip install -c constraints.txt -e '.[data]'",
        )  # fmt: skip
    if table.usable:
        yield Finding(
            "names_in_running_text", Severity.INFO, 0, (),
            "names were looked for after titles, greetings, \"my name is\" and closing formulas, not in running text",
            "only people and language models find those: advisor data review, or a recogniser such as Presidio",
        )  # fmt: skip
    yield from tell(
        "machine_made", Severity.WARNING, "{n} written by a model and reviewed by no one",
        "have them reviewed: advisor data review",
    )  # fmt: skip


_INCONSISTENT = {"invalid_output", "invalid_json", "inconsistent_keys", "key_order", "label_variants", "untidy_answer"}


def _consistent(shape: Shape, findings: Sequence[Finding]) -> bool | None:
    return None if not shape.rows else not any(finding.code in _INCONSISTENT for finding in findings)


def usable_problem(value: Conversation | Problem) -> Problem | None:
    """The first reason for which a row cannot be used; None when it can."""
    from trainers.data.structure import look

    if isinstance(value, Problem):
        return value
    return next((problem for problem in look(value) if problem.dropped), None)
