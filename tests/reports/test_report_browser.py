"""The page in a real browser: it loads nothing, draws everything, clips nothing, and prints."""

import asyncio
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from chromium_page import CHROMIUM, Page, opened
from report_calls import Made

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    # choreographer's pipes and temporary folders, when the browser has gone.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
pytest.importorskip("choreographer")

Value = TypeVar("Value")

DRAWN = "[...document.querySelectorAll('.plot')].map(p => p.querySelectorAll('svg.main-svg').length)"
TOO_WIDE = """[...document.querySelectorAll('h1,h2,h3,p,li,summary,.figure,.callout,.plot svg.main-svg')]
    .filter(e => e.getClientRects().length && e.getBoundingClientRect().right > innerWidth + 1)
    .map(e => e.tagName + ': ' + e.textContent.slice(0, 60))"""
CUT_LABELS = """[...document.querySelectorAll('.plot .xtitle, .plot .ytitle, .plot .ytick text, .plot .legendtext')]
    .filter(e => { const t = e.getBoundingClientRect(), s = e.closest('.plot').getBoundingClientRect();
                   return t.left < s.left - 2 || t.right > s.right + 2 || t.top < s.top - 2
                       || t.bottom > s.bottom + 2; })
    .map(e => e.textContent.slice(0, 60))"""


def look(made: Made, at: Callable[[Page], Awaitable[Value]], **how: Any) -> Value:
    async def go() -> Value:
        async with opened(made.folder / "report.html", **how) as page:
            return await at(page)

    return asyncio.run(go())


def test_it_asks_for_nothing_and_complains_of_nothing(full_report: Made) -> None:
    async def at(page: Page) -> tuple[list[str], list[str], list[int]]:
        return page.requests, page.complaints, await page.evaluate(DRAWN)

    requests, complaints, drawn = look(full_report, at)
    assert [address.rsplit("/", 1)[1] for address in requests] == ["report.html"]
    assert complaints == []
    assert len(drawn) == 7
    assert min(drawn) >= 1


def test_markup_runs_nothing(hostile_report: Made) -> None:
    async def at(page: Page) -> tuple[list[str], list[str], int]:
        count = await page.evaluate("document.querySelectorAll('.page img, .page script, .plot a').length")
        return page.requests, page.complaints, count

    requests, complaints, elements = look(hostile_report, at)
    assert len(requests) == 1
    assert complaints == []
    assert elements == 0


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("which", ["full_report", "hostile_report"])
def test_nothing_is_clipped(width: int, which: str, request: pytest.FixtureRequest) -> None:
    async def at(page: Page) -> tuple[list[str], list[str], int]:
        wide, cut = await page.evaluate(TOO_WIDE), await page.evaluate(CUT_LABELS)
        return wide, cut, await page.evaluate("document.documentElement.scrollWidth")

    wide, cut, scroll = look(request.getfixturevalue(which), at, width=width)
    assert wide == []
    assert cut == []
    assert scroll <= width


def test_dark_follows_the_system_and_the_button_changes_it(full_report: Made) -> None:
    colours = """({page: getComputedStyle(document.body).backgroundColor,
                   tick: getComputedStyle(document.querySelector('.plot .xtick text')).fill})"""

    async def at(page: Page) -> list[Any]:
        before = await page.evaluate(colours)
        await page.evaluate("document.querySelector('button.theme').click()")
        return [before, await page.evaluate(colours)]

    dark, light = look(full_report, at, dark=True)
    assert dark == {"page": "rgb(20, 24, 29)", "tick": "rgb(232, 235, 239)"}
    assert light == {"page": "rgb(255, 255, 255)", "tick": "rgb(27, 31, 36)"}


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils is not installed")
def test_it_prints_with_the_decision_and_plan_on_the_first_page(full_report: Made, tmp_path: Path) -> None:
    pages = printed(full_report, tmp_path)
    assert "Recommendation" in pages[0]
    assert "The plan, step by step" in pages[0]
    assert "5. Decide again" in pages[0]
    assert "How to reproduce this" in "".join(pages)


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils is not installed")
def test_stale_prices_are_said_on_every_printed_page(
    full_decision: Path, report: Callable[..., Made], tmp_path: Path
) -> None:
    made = report(full_decision, "--stale-prices", "--max-price-age-days", "0", "--today", "2027-06-01")
    for page in printed(made, tmp_path):
        assert "days old" in " ".join(page.split())


def printed(made: Made, folder: Path) -> list[str]:
    """The text of each page of the PDF."""

    async def at(page: Page) -> bytes:
        return await page.pdf()

    path = folder / "report.pdf"
    path.write_bytes(look(made, at))
    text = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True, text=True).stdout
    return [page for page in text.split("\f") if page.strip()]


def test_pictures_are_made_and_shown_in_the_markdown(full_decision: Path, report: Callable[..., Made]) -> None:
    made = report(full_decision, "--format", "png", "--format", "svg", "--format", "markdown")
    pictures = sorted(path.name for path in (made.folder / "charts").iterdir())
    assert len(pictures) == 14
    assert (made.folder / "charts" / "tornado.png").read_bytes().startswith(b"\x89PNG")
    assert (made.folder / "charts" / "tornado.svg").read_text(encoding="utf-8").lstrip().startswith("<svg")
    assert "![What moves the value most](charts/tornado.svg)" in made.markdown
