"""Plain text for a terminal, a mail or a screen reader: tables where they fit, else one line a value."""

import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path

from advisor.base.files import replace_file
from advisor.decision.result import Spread
from advisor.reports.blocks import (
    NOT_APPLICABLE,
    Block,
    Callout,
    Cell,
    Chart,
    Code,
    Column,
    Figures,
    Heading,
    Items,
    Kind,
    Paragraph,
    PointChart,
    Report,
    Table,
    Tone,
)
from advisor.reports.chartdata import chart_table
from advisor.reports.charts.text import lines as chart_lines
from advisor.reports.document import Document
from advisor.reports.numbers import number, show

HELP = "plain text, as `advisor report --plain` prints it"
DEFAULT = False

_WIDTH = 100
_WORDS = {Tone.GOOD: "", Tone.NOTE: "NOTE: ", Tone.WARNING: "CAUTION: ", Tone.ERROR: "PROBLEM: "}
_NARROWEST = 16
_PROSE = 90
_PROSE_WIDTH = 30
"""Columns of sentences need so many characters, or the table becomes a list."""
_GAP = 2
_MOST_ROWS = 80


def write(document: Document, folder: Path) -> list[Path]:
    """report.txt."""
    path = folder / "report.txt"
    replace_file(path, text(document.report, _WIDTH))
    return [path]


def terminal_width() -> int:
    """The columns of the terminal, between 60 and 120."""
    return max(60, min(120, shutil.get_terminal_size((80, 24)).columns))


def text(report: Report, width: int) -> str:
    """The whole document in lines of at most `width` characters, long words apart."""
    found = [*_heading(report.title, "="), *_wrapped(report.subtitle, width)]
    for section in report.sections:
        found += ["", "", *_heading(section.title, "=")]
        found += _wrapped(f"CAUTION: {report.banner}", width) if report.banner else []
        for block in section.blocks:
            found += ["", *_block(block, width)]
    found += ["", *_wrapped("A range in brackets is P10 to P90.", width)]
    return "\n".join(clean(line).rstrip() for line in found) + "\n"


def clean(line: str) -> str:
    """Without control characters, which could move the cursor or change the terminal."""
    return "".join(c if c.isprintable() else " " for c in line)


def _heading(title: str, mark: str) -> list[str]:
    return [title, mark * min(len(title), _WIDTH)]


def _wrapped(words: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(words, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False) or [first]


def _block(block: Block, width: int) -> list[str]:
    match block:
        case Heading():
            return _heading(block.text, "-")
        case Paragraph():
            return _wrapped(block.text, width)
        case Items():
            marks = (f"{n}. " if block.numbered else "* " for n in range(1, len(block.items) + 1))
            pairs = zip(marks, block.items, strict=True)
            head = [*_heading(block.title, "-"), ""] if block.title else []
            return head + [
                line for mark, item in pairs for line in _wrapped(item, width, first=mark, rest=" " * len(mark))
            ]
        case Callout():
            lines = _wrapped(f"{_WORDS[block.tone]}{block.title}", width)
            return [*lines, *(_wrapped(block.text, width) if block.text else [])]
        case Figures():
            return _figures(block, width)
        case Table():
            return _table(block, width)
        case Code():
            return [f"    {line}" for line in block.text.splitlines()]
        case _:
            return _chart(block, width)


def _figures(block: Figures, width: int) -> list[str]:
    size = max(len(each.label) for each in block.figures)
    found = []
    for each in block.figures:
        note = f", {each.note}" if each.note else ""
        words = f"{show(each.value, each.kind)}  [{each.origin}{note}]"
        found += _wrapped(words, width, first=f"{each.label:<{size}}  ", rest=" " * (size + 2))
    return found


def _chart(chart: Chart, width: int) -> list[str]:
    drawn = chart_lines(chart, width)
    head = [*_heading(chart.title, "-"), *_wrapped(chart.description, width), ""]
    if isinstance(chart, PointChart) or not drawn:
        return [*head, *_rows(chart_table(chart).for_people(), width)]
    return [*head, *drawn]


def _table(table: Table, width: int) -> list[str]:
    people = table.for_people()
    if table.shown_rows == 0:
        return _wrapped(f"{table.title}: {len(table.rows):,} rows, in the CSV tables.", width)
    shown = people.rows[: table.shown_rows or _MOST_ROWS]
    left = len(people.rows) - len(shown)
    rest = [f"... {left:,} more rows are in the CSV tables."] if left else []
    head = Table(table.name, table.title, people.columns, shown, table.strong_rows)
    return [*_heading(table.title, "-"), *_rows(head, width), *rest]


def _rows(table: Table, width: int) -> list[str]:
    """A grid when its columns fit beside one another, else each row as a short list."""
    fine = [place for place, column in enumerate(table.columns) if column.fine_print]
    beside = [place for place in range(len(table.columns)) if place not in fine]
    columns = [table.columns[place] for place in beside]
    cells = [[_brief(row[place], table.columns[place].kind) for place in beside] for row in table.rows]
    sizes = _sizes(columns, cells, width)
    if sizes is None:
        return _records(table, width)
    found = [*_line([column.label for column in columns], columns, sizes), "  ".join("-" * size for size in sizes)]
    for row, words in zip(table.rows, cells, strict=True):
        found += _line(words, columns, sizes)
        for place in fine:
            found += _note(table.columns[place], row[place], width)
    return found


def _brief(cell: Cell, kind: Kind) -> str:
    """A cell for a grid: of a spread the middle, because three numbers do not fit."""
    return number(cell.p50, kind) if isinstance(cell, Spread) else show(cell, kind)


def _sizes(columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """The width of each column: numbers as they are, text shares what is left; None when that is too little."""
    longest = [max((len(row[place]) for row in cells), default=0) for place in range(len(columns))]
    sizes = [
        max(size, max(len(word) for word in column.label.split() or [""]))
        for size, column in zip(longest, columns, strict=True)
    ]
    texts = [p for p, column in enumerate(columns) if column.kind is Kind.TEXT and sizes[p] > _NARROWEST]
    spare = width - _GAP * (len(sizes) - 1) - sum(size for place, size in enumerate(sizes) if place not in texts)
    prose = any(longest[place] > _PROSE for place in texts)
    if spare < (_NARROWEST if not prose else _PROSE_WIDTH) * len(texts):
        return None
    for rank, place in enumerate(sorted(texts, key=lambda p: sizes[p])):
        sizes[place] = min(sizes[place], spare // (len(texts) - rank))
        spare -= sizes[place]
    return sizes


def _line(cells: Sequence[str], columns: Sequence[Column], sizes: Sequence[int]) -> list[str]:
    """One row, its cells wrapped."""
    wrapped = [textwrap.wrap(cell, max(size, 1)) or [""] for cell, size in zip(cells, sizes, strict=True)]
    found = []
    for height in range(max(len(lines) for lines in wrapped)):
        parts = []
        for lines, column, size in zip(wrapped, columns, sizes, strict=True):
            part = lines[height] if height < len(lines) else ""
            parts.append(f"{part:<{size}}" if column.kind is Kind.TEXT else f"{part:>{size}}")
        found.append((" " * _GAP).join(parts))
    return found


def _records(table: Table, width: int) -> list[str]:
    """Each row: its first cell, then a line for each other cell that says something."""
    found: list[str] = []
    for row in table.rows:
        first, *others = zip(row, table.columns, strict=True)
        found += _wrapped(show(first[0], first[1].kind), width, first="* ", rest="  ")
        for cell, column in others:
            found += _note(column, cell, width)
    return found


def _note(column: Column, cell: Cell, width: int) -> list[str]:
    """`label: value` below a row; nothing where there is nothing to say."""
    if cell in ("", NOT_APPLICABLE) or (cell is None and column.fine_print):
        return []
    return _wrapped(f"{column.label}: {show(cell, column.kind)}", width, first="    ", rest="      ")
