"""One HTML page with everything inside: styles, scripts, plotly.js once, the figures. Nothing is loaded from anywhere.

A content security policy forbids every connection and every script but the two that stand in the page (by hash). All
text is escaped here; no text of a user or a catalogue reaches an attribute unquoted, a script or a style.
"""

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from advisor.base.files import dump_json, replace_file
from advisor.decision.result import Spread
from advisor.reports.blocks import (
    NOT_APPLICABLE,
    Block,
    Callout,
    Cell,
    Chart,
    Code,
    Column,
    Figure,
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
from advisor.reports.charts.figures import figure
from advisor.reports.charts.palette import DARK, LIGHT
from advisor.reports.document import Document
from advisor.reports.numbers import compact, number, show, span

HELP = "one self-contained page: charts inside, no network, prints to PDF"
DEFAULT = True

_HERE = Path(__file__).parent
_TONES = {Tone.GOOD: ("✓", ""), Tone.NOTE: ("i", "Note"), Tone.WARNING: ("!", "Caution"), Tone.ERROR: ("✗", "Problem")}
_LONG_TEXT = 32
_WHOLE = 8
"""Tables of so few rows are not broken over two pages."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_CARD_COLUMNS = 4
"""Tables with so many columns become cards on a phone unless all their cells are short numbers."""


def write(document: Document, folder: Path) -> list[Path]:
    """report.html."""
    path = folder / "report.html"
    replace_file(path, page(document.report))
    return [path]


def page(report: Report) -> str:
    """The whole document as text."""
    from plotly.offline import get_plotlyjs

    figures: dict[str, Chart] = {}
    body = "\n".join(_section(section, report.banner, figures) for section in report.sections)
    scripts = [get_plotlyjs(), (_HERE / "report.js").read_text(encoding="utf-8")]
    banner = f'<p class="banner" role="alert">{_text(report.banner)}</p>' if report.banner else ""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{_text(report.title)}</title>",
            f"<style>{(_HERE / 'report.css').read_text(encoding='utf-8')}{_running_head(report)}</style>",
            "</head>",
            "<body>",
            '<div class="page">',
            f'<header><div class="head"><h1>{_text(report.title)}</h1>'
            '<button class="theme" type="button" aria-label="Switch between light and dark">Dark</button></div>',
            f'<p class="sub">{_text(report.subtitle)}</p>{banner}{_contents(report.sections)}</header>',
            f"<main>{body}</main>",
            "<footer>Ranges are P10 to P90: in one case of ten the value is below, in one of ten above the range. "
            "A figure is measured, answered, imported, assumed or estimated, and says so.</footer>",
            "</div>",
            f'<script type="application/json" id="figures">{_data(figures)}</script>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body>",
            "</html>",
            "",
        ]
    )


def _policy(scripts: Sequence[str]) -> str:
    """Nothing may be loaded; only these inline scripts run."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _running_head(report: Report) -> str:
    """The warning in the margin of every printed page. Only words of ours and dates are in it."""
    if not report.banner:
        return ""
    text = "".join(c if c.isalnum() or c in " .,-" else " " for c in report.banner)
    return f'@page {{ @top-center {{ content: "{text}"; font: bold 8pt system-ui, sans-serif; color: #8a5a00; }} }}'


def _data(figures: dict[str, Chart]) -> str:
    """The figures as JSON that cannot end its script element."""
    sheet = {
        "figures": {name: figure(chart) for name, chart in figures.items()},
        "palettes": {"light": LIGHT, "dark": DARK},
    }
    return dump_json(sheet).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _contents(sections: Sequence[Section]) -> str:
    links = "".join(f'<a href="#{_attribute(s.id)}">{_text(s.title)}</a> ' for s in sections)
    return f'<nav aria-label="Contents">{links}</nav>'


def _section(section: Section, banner: str | None, figures: dict[str, Chart]) -> str:
    again = f'<p class="banner again">{_text(banner)}</p>' if banner else ""
    blocks = "\n".join(_blocks(section.blocks, figures))
    return f'<section id="{_attribute(section.id)}"><h2>{_text(section.title)}</h2>{again}\n{blocks}\n</section>'


def _blocks(blocks: Sequence[Block], figures: dict[str, Chart]) -> list[str]:
    """The blocks in turn; lists with titles that follow one another stand side by side where there is room."""
    found = []
    for titled, group in groupby(blocks, key=lambda block: isinstance(block, Items) and bool(block.title)):
        inner = [_block(block, figures) for block in group]
        found += [f'<div class="pair">{"".join(inner)}</div>'] if titled and len(inner) > 1 else inner
    return found


def _block(block: Block, figures: dict[str, Chart]) -> str:
    match block:
        case Heading():
            return f"<h3>{_text(block.text)}</h3>"
        case Paragraph():
            return f"<p{' class=quiet' if block.quiet else ''}>{_rich(block.text)}</p>"
        case Items():
            tag = "ol" if block.numbered else "ul"
            title = f"<h3>{_text(block.title)}</h3>" if block.title else ""
            return f"<div>{title}<{tag}>{''.join(f'<li>{_rich(item)}</li>' for item in block.items)}</{tag}></div>"
        case Callout():
            return _callout(block)
        case Figures():
            return f'<div class="figures">{"".join(_figure(each) for each in block.figures)}</div>'
        case Table():
            return _table(block)
        case Code():
            return f"<pre>{_text(block.text)}</pre>"
        case _:
            return _chart(block, figures)


def _callout(callout: Callout) -> str:
    glyph, word = _TONES[callout.tone]
    kind = f'<div class="kind">{glyph} {word}</div>' if word else ""
    mark = "" if word else f"{glyph} "
    text = f"<p>{_text(callout.text)}</p>" if callout.text else ""
    return f'<div class="callout {callout.tone}">{kind}<p class="title">{mark}{_text(callout.title)}</p>{text}</div>'


def _figure(each: Figure) -> str:
    value, reach = _spread(each.value, each.kind)
    words = " words" if isinstance(each.value, str) or each.value is None else ""
    below = f'<div class="span">{_text(reach)}</div>' if reach else ""
    note = f" {_text(each.note)}" if each.note else ""
    return (
        f'<div class="figure"><div class="what">{_text(each.label)}</div><div class="value{words}">{_text(value)}</div>'
        f'{below}<div class="foot"><span class="origin {each.origin}">{each.origin}</span>{note}</div></div>'
    )


def _spread(cell: Cell, kind: Kind) -> tuple[str, str]:
    """The middle, and the range in words when there is one."""
    if not isinstance(cell, Spread):
        return show(cell, kind), ""
    middle = number(cell.p50, kind)
    if number(cell.p10, kind) == middle == number(cell.p90, kind):
        return middle, ""
    return middle, span(compact(cell.p10, kind), compact(cell.p90, kind))


def _chart(chart: Chart, figures: dict[str, Chart]) -> str:
    """A place for the figure, and its numbers as a table for those who cannot or will not look."""
    name = f"chart-{chart.name}"
    figures[name] = chart
    return (
        f"<figure><figcaption><h3>{_text(chart.title)}</h3><p>{_text(chart.description)}</p></figcaption>"
        f'<div class="plot" id="{_attribute(name)}" role="img" aria-label="{_attribute(chart.title)}"></div>'
        "<noscript><p class=missing>The chart needs JavaScript; its figures are in the table.</p></noscript>"
        f'<details class="screen"><summary>The figures of this chart</summary>{_grid(chart_table(chart))}</details>'
        "</figure>"
    )


def _table(table: Table) -> str:
    """What is shown at once, then a fold with more rows, then where the rest is."""
    people = table.for_people()
    if table.shown_rows is None or len(table.rows) <= table.shown_rows:
        return _grid(people)
    cut = table.shown_rows
    end = min(len(table.rows), cut + table.folded_rows)
    strong = frozenset(row - cut for row in table.strong_rows if row >= cut)
    rest = replace(people, title="", rows=people.rows[cut:end], strong_rows=strong)
    left = f"<p class=quiet>{len(table.rows) - end:,} more are in {_text(table.name)}.csv.</p>"
    more = f"{end - cut:,} more rows" if cut else table.title
    fold = f"<details><summary>{_text(more)}</summary>{_grid(rest)}{left if end < len(table.rows) else ''}</details>"
    return (_grid(replace(people, rows=people.rows[:cut])) if cut else "") + fold


def _grid(table: Table) -> str:
    beside = [place for place, column in enumerate(table.columns) if not column.fine_print]
    numeric = [table.columns[place].kind is not Kind.TEXT for place in beside]
    cards = len(beside) >= _CARD_COLUMNS and not all(numeric)
    caption = f"<caption>{_text(table.title)}</caption>" if table.title else ""
    heads = "".join(
        f'<th scope="col"{" class=num" if is_number else ""}>{_text(table.columns[place].label)}</th>'
        for place, is_number in zip(beside, numeric, strict=True)
    )
    long = {place for place in beside if any(_is_long(row[place]) for row in table.rows)}
    rows = "".join(_row(table, number, beside, long) for number in range(len(table.rows)))
    whole = " whole" if len(table.rows) <= _WHOLE else ""
    return (
        f'<div class="scroll{whole}"><table{" class=cards" if cards else ""}>{caption}'
        f"<thead><tr>{heads}</tr></thead>{rows}</table></div>"
    )


def _is_long(cell: Cell) -> bool:
    """Whether a cell is a sentence rather than a word or a number."""
    return isinstance(cell, str) and len(cell) > _LONG_TEXT


def _row(table: Table, number: int, beside: Sequence[int], long: set[int]) -> str:
    """One row and its fine print, which belong together on paper and on a phone."""
    row = table.rows[number]
    cells = "".join(_cell(row[place], table.columns[place], long=place in long) for place in beside)
    fine = [
        f"<span><b>{_text(column.label)}:</b> {_rich(show(cell, column.kind))}</span>"
        for cell, column in zip(row, table.columns, strict=True)
        if column.fine_print and cell not in (None, "", NOT_APPLICABLE)
    ]
    below = f'<tr class="fine"><td colspan="{len(beside)}">{" ".join(fine)}</td></tr>' if fine else ""
    return f"<tbody{' class=strong' if number in table.strong_rows else ''}><tr>{cells}</tr>{below}</tbody>"


def _cell(cell: Cell, column: Column, *, long: bool) -> str:
    value, reach = _spread(cell, column.kind)
    shown = f'<span class="missing">{_text(value)}</span>' if cell is None else _rich(value)
    if column.key == "origin" and cell is not None:
        shown = f'<span class="origin {_attribute(value)}">{shown}</span>'
    inner = f'<div>{shown}<span class="span">{_text(reach)}</span></div>' if reach else shown
    style = _style(cell, column.kind, value, long=long)
    return f'<td class="{style}" data-label="{_attribute(column.label)}">{inner}</td>'


def _style(cell: Cell, kind: Kind, value: str, *, long: bool) -> str:
    """The classes of a cell: a number, words among numbers, a date, a sentence or a word."""
    if kind is not Kind.TEXT:
        return "num said" if isinstance(cell, str) else "num"
    if _DATE.fullmatch(value):
        return "date"
    return "long" if long else "words"


def _rich(text: str) -> str:
    """Plain text in which `words in backticks` are set as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _text(text)
    return "".join(f"<code>{_text(part)}</code>" if place % 2 else _text(part) for place, part in enumerate(parts))


def _text(text: str) -> str:
    """Plain text as HTML."""
    return html.escape(text, quote=False)


def _attribute(text: str) -> str:
    """Plain text as the value of a quoted attribute."""
    return html.escape(text, quote=True)
