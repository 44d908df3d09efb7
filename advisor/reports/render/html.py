"""One HTML page with everything inside: styles, scripts, plotly.js once, the figures. Nothing is loaded from anywhere.

A content security policy forbids every connection and every script but the two that stand in the page (by hash). All text
is escaped here; no text of a user or a catalogue reaches an attribute unquoted, a script or a style.
"""

import base64
import hashlib
import html
from collections.abc import Sequence
from pathlib import Path

from advisor.base.files import dump_json, replace_file
from advisor.decision.result import Spread
from advisor.reports.blocks import (
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
from advisor.reports.numbers import number, show

HELP = "one self-contained page: charts inside, no network, prints to PDF"
DEFAULT = True

_HERE = Path(__file__).parent
_TONES = {Tone.GOOD: ("✓", ""), Tone.NOTE: ("i", "Note"), Tone.WARNING: ("!", "Caution"), Tone.ERROR: ("✗", "Problem")}
_LONG_TEXT = 60
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
            "<footer>Ranges are P10 to P90: the value is below the range in one of ten cases and above it in one of ten. "
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
    blocks = "\n".join(_block(block, figures) for block in section.blocks)
    return f'<section id="{_attribute(section.id)}"><h2>{_text(section.title)}</h2>{again}\n{blocks}\n</section>'


def _block(block: Block, figures: dict[str, Chart]) -> str:
    match block:
        case Heading():
            return f"<h3>{_text(block.text)}</h3>"
        case Paragraph():
            return f"<p{' class=quiet' if block.quiet else ''}>{_text(block.text)}</p>"
        case Items():
            tag = "ol" if block.numbered else "ul"
            return f"<{tag}>{''.join(f'<li>{_text(item)}</li>' for item in block.items)}</{tag}>"
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
    value, span = _spread(each.value, each.kind)
    words = " words" if isinstance(each.value, str) or each.value is None else ""
    note = f" {_text(each.note)}" if each.note else ""
    return (
        f'<div class="figure"><div class="what">{_text(each.label)}</div><div class="value{words}">{_text(value)}</div>'
        f'{f"""<div class="span">{_text(span)}</div>""" if span else ""}'
        f'<div class="foot"><span class="origin {each.origin}">{each.origin}</span>{note}</div></div>'
    )


def _spread(cell: Cell, kind: Kind) -> tuple[str, str]:
    """The middle, and the range in words when there is one."""
    if not isinstance(cell, Spread):
        return show(cell, kind), ""
    low, middle, high = (number(value, kind) for value in (cell.p10, cell.p50, cell.p90))
    return middle, "" if low == middle == high else f"{low} to {high}"


def _chart(chart: Chart, figures: dict[str, Chart]) -> str:
    """A place for the figure, and its numbers as a table for those who cannot or will not look."""
    name = f"chart-{chart.name}"
    figures[name] = chart
    return (
        f"<figure><figcaption><h3>{_text(chart.title)}</h3><p>{_text(chart.description)}</p></figcaption>"
        f'<div class="plot" id="{_attribute(name)}" role="img" aria-label="{_attribute(chart.title)}"></div>'
        "<noscript><p class=missing>The chart needs JavaScript; its figures are in the table.</p></noscript>"
        f'<details class="screen"><summary>The figures of this chart</summary>{_grid(chart_table(chart))}</details></figure>'
    )


def _table(table: Table) -> str:
    shown = len(table.rows) if table.shown_rows is None else table.shown_rows
    head = Table(table.name, table.title, table.columns, table.rows[:shown], table.strong_rows)
    more = table.rows[shown:]
    if not more:
        return _grid(head)
    strong = frozenset(row - shown for row in table.strong_rows if row >= shown)
    rest = Table(table.name, "", table.columns, more, strong)
    return f"{_grid(head)}<details><summary>{len(more):,} more rows</summary>{_grid(rest)}</details>"


def _grid(table: Table) -> str:
    numeric = [_is_numeric(table, place) for place in range(len(table.columns))]
    cards = len(table.columns) >= _CARD_COLUMNS and not all(numeric)
    caption = f"<caption>{_text(table.title)}</caption>" if table.title else ""
    heads = "".join(
        f'<th scope="col"{" class=num" if number_column else ""}>{_text(column.label)}</th>'
        for column, number_column in zip(table.columns, numeric, strict=True)
    )
    rows = "".join(
        f"<tr{' class=strong' if place in table.strong_rows else ''}>"
        + "".join(_cell(cell, column, n) for cell, column, n in zip(row, table.columns, numeric, strict=True))
        + "</tr>"
        for place, row in enumerate(table.rows)
    )
    return (
        f'<div class="scroll"><table{" class=cards" if cards else ""}>{caption}'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _is_numeric(table: Table, place: int) -> bool:
    return table.columns[place].kind is not Kind.TEXT


def _cell(cell: Cell, column: Column, numeric: bool) -> str:
    value, span = _spread(cell, column.kind)
    long = not numeric and len(value) > _LONG_TEXT
    kind = (
        "num" if numeric else "long" if long else "id" if column.key in ("id", "option_id", "rule", "fact") else "words"
    )
    shown = f"<span class=missing>{_text(value)}</span>" if cell is None else _text(value)
    if column.key == "origin" and cell is not None:
        shown = f'<span class="origin {_attribute(value)}">{shown}</span>'
    small = f'<span class="span">{_text(span)}</span>' if span else ""
    inner = f"<div>{shown}{small}</div>" if small else shown
    return f'<td class={kind} data-label="{_attribute(column.label)}">{inner}</td>'


def _text(text: str) -> str:
    """Plain text as HTML."""
    return html.escape(text, quote=False)


def _attribute(text: str) -> str:
    """Plain text as the value of a quoted attribute."""
    return html.escape(text, quote=True)
