"""Nothing that a user, a catalogue or a model id brings in is taken for markup, a formula or a command."""

import base64
import csv
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from page_text import PageText
from report_calls import TODAY, Made, invoke
from report_cases import MARKDOWN, MARKUP, hostile

from advisor.reports.frames import neutral
from advisor.reports.render.markdown import escape

ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "div", "header", "main", "footer", "nav", "section", "h1"),
    *("h2", "h3", "p", "a", "b", "button", "span", "ol", "ul", "li", "table", "caption", "thead", "tbody", "tr", "th"),
    *("td", "figure", "figcaption", "details", "summary", "noscript", "pre", "code", "script"),
}


def test_html_holds_no_element_or_attribute_of_theirs(hostile_report: Made) -> None:
    page = PageText(hostile_report.html)
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    assert len(page.scripts) == 3
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert not {"src", "style", "formaction", "srcdoc"} & set(attributes)
        assert attributes.get("href") is None or str(attributes["href"]).startswith("#")
    assert MARKUP in page.text


def test_chart_text_holds_no_markup_of_theirs(hostile_report: Made) -> None:
    data = PageText(hostile_report.html).scripts[0]
    assert "<" not in data
    for text in _strings(json.loads(data)["figures"]):
        assert re.sub(r"</?b>|<br>", "", text).count("<") == 0


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in _strings(part)]
    return [value] if isinstance(value, str) else []


def test_no_text_of_theirs_is_a_template(full_report: Made, hostile_report: Made) -> None:
    for made in (full_report, hostile_report):
        figures = json.loads(PageText(made.html).scripts[0])["figures"]
        assert "template" not in "".join(_keys(figures)).lower()


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for part in value.values() for key in _keys(part))]
    return [key for part in value for key in _keys(part)] if isinstance(value, list) else []


def test_markdown_holds_no_html_link_or_image_of_theirs(hostile_report: Made) -> None:
    tokens = MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(hostile_report.markdown)
    inline = [child for token in tokens for child in token.children or []]
    kinds = {token.type for token in tokens} | {child.type for child in inline}
    assert not {"html_block", "html_inline", "link_open", "image"} & kinds
    shown = "".join(child.content for child in inline)
    assert MARKUP in shown
    assert "**bold**" in shown


@pytest.mark.parametrize(
    "text",
    [
        MARKUP,
        MARKDOWN,
        "x```<img src=x>`z``",
        "``x`<img>` y ``",
        "`<b>``<i>`",
        "a | b\n\n# c\n> d",
        "1. one\n2) two",
        "- - -",
        "---",
        "===",
        "+ x",
        "## x",
        "-$5 and 3.9 s",
        "![x](y)",
        "<https://evil.example>",
        "&lt;b&gt; &copy;",
        "\\<b>",
        "~~gone~~ __up__",
    ],
)
def test_escaped_markdown_reads_as_it_was_written(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(escape(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special", "code_inline"}
    shown = "".join(child.content for child in children)
    assert shown.replace("`", "") == " ".join(text.split()).replace("`", "")


def test_numbers_are_not_cluttered_with_backslashes() -> None:
    assert escape("-$89,700 (-$1.2 million)") == "-$89,700 (-$1.2 million)"
    assert escape("3.9 s") == "3.9 s"


def test_plain_text_moves_no_cursor(hostile_decision: Path, tmp_path: Path) -> None:
    decision = json.loads(hostile_decision.read_text(encoding="utf-8"))
    decision["headline"] = "red \x1b[31m bell \x07 back \r over \u202e reversed"
    path = tmp_path / "colour.json"
    path.write_text(json.dumps(decision), encoding="utf-8")
    out = invoke("report", "--decision", str(path), "--plain", "--today", TODAY, "--out", str(tmp_path / "out"))
    assert out.exit_code == 0, out.stderr
    assert "red  [31m bell" in out.stdout
    assert not [c for c in out.stdout if not (c.isprintable() or c == "\n")]
    assert MARKUP in " ".join(out.stdout.split())


def test_the_page_loads_nothing(full_report: Made) -> None:
    page = full_report.html
    elements = PageText(page).elements
    assert not {"link", "iframe", "img", "object", "embed", "base", "form"} & {tag for tag, _ in elements}
    own = re.sub(r"<script>/\*\*\n\* plotly\.js.*?</script>", "", page, flags=re.S)
    assert not re.search(r"""(src|href|action)\s*=\s*["']?\s*(https?:)?//""", own)
    assert not re.search(r"@import|url\(", own)


def test_the_policy_allows_exactly_the_scripts_in_the_page(full_report: Made) -> None:
    page = PageText(full_report.html)
    policy = next(str(a["content"]) for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    assert "unsafe-eval" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    scripts = page.scripts[1:]
    assert allowed == {base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts}


def test_plotly_is_in_the_page_once_and_the_page_is_under_6_mb(full_report: Made) -> None:
    assert full_report.html.count("* plotly.js v") == 1
    assert (full_report.folder / "report.html").stat().st_size < 6_000_000


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", " =cmd|' /C calc'!A0", "\uff1d1"])
def test_a_cell_cannot_become_a_formula(cell: str) -> None:
    assert neutral(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", [-5.0, -5, None, True, "2026-11-24", "a=b", "a-b", "$-5"])
def test_other_cells_stay(cell: object) -> None:
    assert neutral(cell) is cell


def test_formulas_in_a_decision_are_text_in_its_csv(
    decided: dict[str, Path], report: Callable[..., Made], tmp_path: Path
) -> None:
    decision = hostile(json.loads(decided["clinic"].read_text(encoding="utf-8")))
    for row in (*decision["assumptions"], *decision["reasons"], *decision["ranked"], decision["recommended"]):
        for key in ("label", "text", "source", "value"):
            if key in row:
                row[key] = '=HYPERLINK("https://evil.example")'
    path = tmp_path / "formula.json"
    path.write_text(json.dumps(decision), encoding="utf-8")
    made = report(path, "--format", "csv")
    cells = 0
    for file in sorted((made.folder / "tables").glob("*.csv")):
        with open(file, encoding="utf-8-sig", newline="") as stream:
            for row in csv.reader(stream):
                for cell in row:
                    assert not re.match(r"\s*[=+@]", cell), (file.name, cell)
                    assert not cell.startswith("-") or re.fullmatch(r"-[\d.]+(e[+-]?\d+)?", cell), (file.name, cell)
                    cells += "HYPERLINK" in cell
    assert cells > 20
