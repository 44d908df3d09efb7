"""`evaluations/NNNN/`: the plan, the answers of each candidate as they come, and the result at the end.

spec.json                    what is measured
predictions/NAME.jsonl       one answer a line, appended batch by batch
latency.json, general.json   what the child measured besides
console.log                  whatever the child's libraries said
result.json                  written last: an evaluation without it was interrupted and can be continued
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.base.errors import AdvisorError, CouldNotError
from advisor.base.files import append_line, dump_json, parse_json, read_jsonl, read_text, replace_file
from trainers.evaluation.spec import Answer, EvaluationSpec, Latency
from trainers.runs.spec import parse_record, read_record, write_record

SPEC, RESULT, LATENCY, GENERAL, CONSOLE = "spec.json", "result.json", "latency.json", "general.json", "console.log"
_NUMBER = re.compile(r"^\d{4,}$")


@dataclass(frozen=True, slots=True)
class EvaluationFolder:
    """One evaluation on disk."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def finished(self) -> bool:
        return (self.path / RESULT).is_file()

    @property
    def spec(self) -> EvaluationSpec:
        return read_record(self.path / SPEC, EvaluationSpec)

    def predictions_path(self, name: str) -> Path:
        return self.path / "predictions" / f"{name}.jsonl"

    def answers(self, name: str) -> dict[str, Answer]:
        """The answers that are there, by item id; a line that was cut off in the middle is dropped."""
        path = self.predictions_path(name)
        if not path.is_file():
            return {}
        rows = read_jsonl(path, forgive_last=True)
        read = (parse_record(row, Answer, where=f"{path}:{line}") for line, row in rows)
        return {answer.id: answer for answer in read}

    def add(self, name: str, answers: Iterable[Answer]) -> None:
        """Append answers, on disk before this returns."""
        path = self.predictions_path(name)
        _drop_cut_line(path)
        for answer in answers:
            append_line(path, answer.model_dump(exclude_none=True))

    def latencies(self) -> dict[str, Latency]:
        """Candidate -> single-request latency, for those measured so far."""
        found = self._read(LATENCY)
        return {name: parse_record(value, Latency, where=str(self.path / LATENCY)) for name, value in found.items()}

    def add_latency(self, name: str, latency: Latency) -> None:
        """Keep a candidate's latency."""
        self._write(LATENCY, {**self._read(LATENCY), name: latency.model_dump()})

    def general(self) -> dict[str, dict[str, str]]:
        """`base` and `tuned` -> question id -> answer."""
        return self._read(GENERAL)

    def add_general(self, name: str, answers: dict[str, str]) -> None:
        """Keep the answers to the everyday questions."""
        self._write(GENERAL, {**self.general(), name: answers})

    def result(self) -> dict[str, Any]:
        """The result of a finished evaluation."""
        found: dict[str, Any] = parse_json(read_text(self.path / RESULT), where=str(self.path / RESULT))
        return found

    def finish(self, result: dict[str, Any]) -> None:
        """Write the result; from now on the evaluation counts as finished."""
        replace_file(self.path / RESULT, dump_json(result, indent=2) + "\n")

    def _read(self, name: str) -> dict[str, Any]:
        path = self.path / name
        if not path.is_file():
            return {}
        found: dict[str, Any] = parse_json(read_text(path), where=str(path))["by_candidate"]
        return found

    def _write(self, name: str, candidates: dict[str, Any]) -> None:
        replace_file(self.path / name, dump_json({"v": 1, "by_candidate": candidates}, indent=1) + "\n")


def _drop_cut_line(path: Path) -> None:
    """Cut off a last line without its newline, so that it does not become a broken line in the middle."""
    if not path.is_file():
        return
    data = path.read_bytes()
    complete, newline, rest = data.rpartition(b"\n")
    if rest:
        with open(path, "r+b") as stream:
            stream.truncate(len(complete) + len(newline))


def evaluations(folder: Path) -> list[EvaluationFolder]:
    """Every evaluation below `folder`, the oldest first."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if _NUMBER.match(path.name) and (path / SPEC).is_file()]
    return [EvaluationFolder(path) for path in sorted(found, key=lambda path: int(path.name))]


def open_or_create(folder: Path, spec: EvaluationSpec, *, again: bool = False) -> EvaluationFolder:
    """The newest evaluation of exactly this plan, finished or not, else a new one; with `again` never a finished one.

    Raises `CouldNotError` when the disk refuses.
    """
    for found in reversed(evaluations(folder)):
        if _same(found, spec) and not (again and found.finished):
            return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        numbers = [int(path.name) for path in folder.iterdir() if _NUMBER.match(path.name)]
        path = folder / f"{max(numbers, default=0) + 1:04d}"
        path.mkdir()
        write_record(path / SPEC, spec)
    except OSError as error:
        raise CouldNotError(f"the evaluation's folder cannot be made: {error.strerror}", where=str(folder)) from None
    return EvaluationFolder(path)


def _same(found: EvaluationFolder, spec: EvaluationSpec) -> bool:
    try:
        return found.spec.fingerprint == spec.fingerprint
    except AdvisorError:
        return False  # of another version, or broken: it is left alone
