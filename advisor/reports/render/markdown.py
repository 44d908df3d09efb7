"""Markdown for a pull request or a wiki (GitHub flavour). Text is escaped: it can neither format nor hold HTML."""

import re
from collections.abc import Sequence
from pathlib import Path

from advisor.base.files import replace_file
from advisor.reports.blocks import (
    NOT_APPLICABLE,
    Block,
    Callout,
    Cell,
    Chart,
    Code,
    Column,
    FanChart,
    Figures,
    Heading,
    Items,
    Kind,
    Paragraph,
    Report,
    Section,
    Table,
    Tone,
)
from advisor.reports.chartdata import chart_table
from advisor.reports.document import Document
from advisor.reports.numbers import show

HELP = "Markdown for a pull request or a wiki"
DEFAULT = True

_WORDS = {Tone.GOOD: "", Tone.NOTE: "Note: ", Tone.WARNING: "Caution: ", Tone.ERROR: "Problem: "}
_SPECIAL = re.compile(r"([\\`*_\[\]|~])")
_LINE_START = re.compile(r"^(\s*)(>|[#+-](?=[#+\s-]|$)|\d{1,9}(?=[.)](?:\s|$)))")
_CHART_ROWS = 14


def write(document: Document, folder: Path) -> list[Path]:
    """report.md; charts as pictures when they were made beside it, and their figures as tables."""
    path = folder / "report.md"
    replace_file(path, text(document.report, pictures=folder / "charts"))
    return [path]


def text(report: Report, *, pictures: Path | None = None) -> str:
    """The whole document."""
    parts = [f"# {escape(report.title)}", escape(report.subtitle)]
    parts += _banner(report.banner)
    for section in report.sections:
        parts += _section(section, report.banner, pictures)
    parts.append("Ranges are P10 to P90. A figure is measured, answered, imported, assumed or estimated, and says so.")
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Plain text that Markdown shows as it is, on one line; `words in backticks` stay code."""
    line = " ".join(text.split())
    parts = line.split("`")
    if len(parts) % 2 == 0 or "``" in line:
        return _LINE_START.sub(_protected, _escaped(line))
    words = (f"`{part.replace('|', '/')}`" if place % 2 else _escaped(part) for place, part in enumerate(parts))
    return _LINE_START.sub(_protected, "".join(words))


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return _SPECIAL.sub(r"\\\1", text)


def _protected(found: re.Match[str]) -> str:
    """A list, heading or quote mark at the start of a line, made harmless."""
    mark = found[2]
    return f"{found[1]}{mark[:-1]}{mark[-1]}\\" if mark.isdigit() else f"{found[1]}\\{mark}"


def _banner(banner: str | None) -> list[str]:
    return [f"> **{escape(banner)}**"] if banner else []


def _section(section: Section, banner: str | None, pictures: Path | None) -> list[str]:
    parts = [f"## {escape(section.title)}", *_banner(banner)]
    for block in section.blocks:
        parts.append(_block(block, pictures))
    return parts


def _block(block: Block, pictures: Path | None) -> str:
    match block:
        case Heading():
            return f"### {escape(block.text)}"
        case Paragraph():
            return escape(block.text)
        case Items():
            marks = (f"{n}." if block.numbered else "-" for n in range(1, len(block.items) + 1))
            listed = "\n".join(f"{mark} {escape(item)}" for mark, item in zip(marks, block.items, strict=True))
            return f"### {escape(block.title)}\n\n{listed}" if block.title else listed
        case Callout():
            body = f"\n>\n> {escape(block.text)}" if block.text else ""
            return f"> **{_WORDS[block.tone]}{escape(block.title)}**{body}"
        case Figures():
            return _figures(block)
        case Table():
            return _table(block)
        case Code():
            return _fenced(block.text)
        case _:
            return _chart(block, pictures)


def _fenced(code: str) -> str:
    """A code block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{code}\n{fence}"


def _figures(block: Figures) -> str:
    rows = [
        [f"{each.label}{f' ({each.note})' if each.note else ''}", show(each.value, each.kind), each.origin.value]
        for each in block.figures
    ]
    return _grid([Column("what", "Figure"), Column("value", "Value"), Column("origin", "Origin")], rows, frozenset())


def _table(table: Table) -> str:
    people = table.for_people()
    if table.shown_rows == 0:
        return f"**{escape(table.title)}**: {len(table.rows):,} rows, in tables/{table.name}.csv."
    rows = people.rows if table.shown_rows is None else people.rows[: table.shown_rows]
    grid = _grid(people.columns, rows, table.strong_rows)
    left = len(table.rows) - len(rows)
    rest = f"\n\n{left:,} more rows are in tables/{table.name}.csv." if left else ""
    return f"**{escape(table.title)}**\n\n{grid}{rest}"


def _grid(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], strong: frozenset[int]) -> str:
    columns, rows = _with_notes(columns, rows)
    head = "| " + " | ".join(escape(column.label) for column in columns) + " |"
    rule = "|" + "|".join("---" if column.kind is Kind.TEXT else "---:" for column in columns) + "|"
    body = []
    for place, row in enumerate(rows):
        cells = [escape(show(cell, column.kind)) for cell, column in zip(row, columns, strict=True)]
        body.append("| " + " | ".join(f"**{cell}**" if place in strong and cell else cell for cell in cells) + " |")
    return "\n".join([head, rule, *body])


def _with_notes(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]]
) -> tuple[Sequence[Column], Sequence[Sequence[Cell]]]:
    """Fine print gathered in one last column."""
    fine = [place for place, column in enumerate(columns) if column.fine_print]
    if not fine:
        return columns, rows
    beside = [place for place in range(len(columns)) if place not in fine]
    label = columns[fine[0]].label if len(fine) == 1 else "Notes"
    gathered = []
    for row in rows:
        notes = [(columns[place], row[place]) for place in fine if row[place] not in (None, "", NOT_APPLICABLE)]
        words = (show(cell, c.kind) if len(fine) == 1 else f"{c.label}: {show(cell, c.kind)}" for c, cell in notes)
        gathered.append([*(row[place] for place in beside), " · ".join(words)])
    return [*(columns[place] for place in beside), Column("notes", label)], gathered


def _chart(chart: Chart, pictures: Path | None) -> str:
    parts = [f"### {escape(chart.title)}", escape(chart.description)]
    for kind in ("svg", "png"):
        if pictures is not None and (pictures / f"{chart.name}.{kind}").is_file():
            parts.append(f"![{escape(chart.title)}](charts/{chart.name}.{kind})")
            break
    parts.append(_figures_of(chart))
    return "\n\n".join(parts)


def _figures_of(chart: Chart) -> str:
    """The chart's numbers; of a long curve every sixth month."""
    table = chart_table(chart)
    rows = table.rows
    if isinstance(chart, FanChart):
        longest = max((len(series.p50) for series in chart.series), default=0)
        rows = [row for row in rows if isinstance(row[1], int) and (row[1] % 6 == 0 or row[1] == longest - 1)]
    left = len(table.rows) - len(rows)
    if not isinstance(chart, FanChart) and len(rows) > _CHART_ROWS:
        left, rows = len(rows) - _CHART_ROWS, rows[:_CHART_ROWS]
    note = f"\n\n{left:,} more rows are in tables/{table.name}.csv." if left else ""
    return _grid(table.columns, rows, frozenset()) + note
