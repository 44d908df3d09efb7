"""The report and its decision as one JSON document; its schema is `advisor report --schema`."""

import dataclasses
from enum import Enum
from pathlib import Path
from typing import Any

from advisor.base.files import dump_json, replace_file
from advisor.decision.result import Spread
from advisor.reports.blocks import Block, Report
from advisor.reports.document import Document

HELP = "the report and the decision behind it as data, with a published schema"
DEFAULT = True


def write(document: Document, folder: Path) -> list[Path]:
    """report.json."""
    path = folder / "report.json"
    replace_file(path, dump_json(plain(document), indent=1) + "\n")
    return [path]


def plain(document: Document) -> dict[str, Any]:
    """JSON-ready values. Numbers are not rounded; unknown is null."""
    report = document.report
    return {
        "v": 1,
        "title": report.title,
        "subtitle": report.subtitle,
        "headline": report.headline,
        "banner": report.banner,
        "command": document.command,
        "sections": _sections(report),
        "decision": None if document.decision is None else document.decision.model_dump(mode="json"),
        "use_cases": _use_cases(document),
    }


def _use_cases(document: Document) -> list[dict[str, Any]]:
    """Of a portfolio, each use case with its decision."""
    if document.decision is not None:
        return []
    return [{"name": c.project, "decision": c.decision.model_dump(mode="json")} for c in document.contexts]


def _sections(report: Report) -> list[dict[str, Any]]:
    return [
        {"id": section.id, "title": section.title, "blocks": [_block(block) for block in section.blocks]}
        for section in report.sections
    ]


def _block(block: Block) -> dict[str, Any]:
    """A block's fields after the name of its kind (`heading`, `table`, `fan_chart`, ...)."""
    return {"block": kind_of(type(block)), **_value(block)}


def kind_of(block: type) -> str:
    """FanChart -> fan_chart."""
    name = block.__name__
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


def _value(value: Any) -> Any:
    if isinstance(value, Spread):
        return value.model_dump()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _value(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(_value(part) for part in value)
    if isinstance(value, list | tuple):
        return [_value(part) for part in value]
    return value
