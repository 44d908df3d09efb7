"""advisor data check: what would spoil training or its test."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.cli._data.shared import mapping_options, progress_talk, wanted_options
from advisor.cli.common import Options, common_options, emit, emit_json, talk
from advisor.datafacts import record_measured, trains_on
from advisor.project import is_project

if TYPE_CHECKING:
    from trainers.data.check import Report
    from trainers.data.findings import Finding

_METHODS = ("prompting", "encoder", "lora", "qlora", "api_tuning", "full")
_GLYPHS = {"error": "x", "warning": "!", "info": "-"}


@click.command("check")
@click.argument("file", metavar="FILE")
@click.option("--test", metavar="TEST", help="The test set: rows of FILE must not give its rows away.")
@click.option("--model", metavar="MODEL", help="Also look through the tokenizer and chat template of this model.")
@click.option("--max-tokens", type=click.IntRange(min=8), help="Length limit (default: the model's own).")
@click.option("--method", type=click.Choice(_METHODS), default="lora", help="What the rows are for (lora).")
@click.option("--embeddings", is_flag=True, help="Also look for test rows in other words (minutes).")
@wanted_options
@mapping_options
@common_options
def command(options: Options, file: str, dataset_split: str | None, **rest: Any) -> int:
    """Check the rows of FILE (JSONL, JSON, CSV, Parquet, a datasets folder or a hub id).

    Exits with 1 when there is an error. In a project, what was measured on the rows it trains on is recorded as facts.
    """
    from trainers.data.check import Request, check

    request = Request(file=file, split=dataset_split, **rest)
    report = check(request, progress=progress_talk("read"), tell=talk)
    recorded = _record(options.project, file, report)
    if options.json:
        emit_json(report.to_json() | {"recorded": recorded})
    else:
        _print(report)
        if recorded:
            talk(f"recorded as measured: {', '.join(recorded)}")
    return 1 if report.has_errors else 0


def _record(folder: Path, file: str, report: "Report") -> list[str]:
    """Record what was measured on the project's own rows; the ids that were recorded. A file with errors is not what
    will be trained on: only that it gives test rows away is worth knowing."""
    facts = _facts(report)
    if report.has_errors:
        facts = {fact: value for fact, value in facts.items() if fact == "data.test_rows_trained_on" and value}
    if not is_project(folder):
        return []
    if not trains_on(folder, Path(file)):
        talk("not recorded as facts: this project trains on data/train.jsonl")
        return []
    if report.has_errors:
        talk("not counted as examples of this project: the file has errors")
    return record_measured(folder, facts, source=f"advisor data check {file}", evidence_n=report.usable)


def _facts(report: "Report") -> dict[str, Any]:
    """What the check measured, by fact id."""
    examples = report.unique + (report.test_rows or 0)
    facts: dict[str, Any] = {"data.labelled_examples": examples, "data.duplicate_rate": report.duplicate_rate}
    if report.format_consistent is not None:
        facts["data.format_consistent"] = report.format_consistent
    if report.test_rows is not None:
        facts["data.test_examples"] = report.test_rows
        facts["data.test_rows_trained_on"] = bool(report.leaking_rows)
    return facts


def _print(report: "Report") -> None:
    emit(f"{report.file}: {report.rows:,} rows, {report.usable:,} usable, {report.unique:,} of them different")
    emit(f"read as {report.mapping.describe()}")
    emit()
    for finding in report.findings:
        _print_finding(finding)
    for name, labels in list(report.labels.items())[:8]:
        shown = ", ".join(f"{value} {count:,}" for value, count in list(labels.items())[:10])
        emit(f"labels{f' of {name}' if name else ''}: {shown}{', ...' * (len(labels) > 10)}")
    counts = {level: sum(f.severity == level for f in report.findings) for level in _GLYPHS}
    names = {"error": "error", "warning": "warning", "info": "remark"}
    emit(", ".join(f"{count} {names[level]}{'s' * (count != 1)}" for level, count in counts.items()))


def _print_finding(finding: "Finding") -> None:
    level = finding.severity.value
    lines = f" (line {', '.join(map(str, finding.lines))}{', ...' * (finding.count > len(finding.lines))})"
    emit(f"{_GLYPHS[level]} {level:<8}{finding.code}: {finding.message}{lines if finding.lines else ''}")
    if finding.code == "lengths":
        _print_histogram(finding)
    for example in finding.examples[:2]:
        if finding.severity != "info" and "line" in example:
            emit("            e.g. " + ", ".join(f"{key} {value}" for key, value in example.items()))
    if finding.fix != "none needed":
        emit(f"            fix: {finding.fix}")


def _print_histogram(finding: "Finding") -> None:
    """Bars for rows by their number of tokens."""
    most = max((step["rows"] for step in finding.examples), default=1)
    for step in finding.examples:
        bar = "#" * max(1, round(40 * step["rows"] / most))
        emit(f"            {step['from']:>7,} to {step['to'] - 1:>7,} tokens  {bar} {step['rows']:,}")
