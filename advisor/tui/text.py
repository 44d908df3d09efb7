"""Text for the screen. Everything here makes `Content` from plain strings, so no user text is ever read as markup."""

from collections.abc import Iterable

from rich.text import Text
from textual.content import Content

from advisor.leaning import latency, money, share, spread

__all__ = ["bullet", "cell", "field", "latency", "lines", "money", "plain", "section", "share", "spread", "state"]

_STATES = {
    "good": ("●", "$text-success"),
    "caution": ("▲", "$text-warning"),
    "bad": ("■", "$text-error"),
    "idle": ("○", "$secondary"),
    "running": ("▶", "$text-success"),
}


def plain(text: str, style: str = "") -> Content:
    """Text as it is."""
    return Content(text) if not style else Content.styled(text, style)


def state(kind: str, word: str) -> Content:
    """A state as glyph and word, with a colour on top; the word alone already says it."""
    glyph, style = _STATES[kind]
    return Content.assemble((f"{glyph} ", style), (word, "bold"))


def field(label: str, value: str, *, width: int = 10) -> Content:
    """A label padded to a column, then its value."""
    return Content.assemble((f"{label:<{width}} ", "$secondary"), value)


def section(title: str) -> Content:
    """A heading inside a text."""
    return Content.styled(title, "bold underline")


def bullet(text: str) -> Content:
    """A point of a list."""
    return Content.assemble("- ", text)


def lines(parts: Iterable[Content | str]) -> Content:
    """Parts below each other."""
    return Content("\n").join([part if isinstance(part, Content) else Content(part) for part in parts])


def cell(text: str, *, right: bool = False, bold: bool = False) -> Text:
    """A cell of a `DataTable`, which reads plain strings as markup and `Text` as it is."""
    return Text(text, justify="right" if right else "left", style="bold" if bold else "", no_wrap=True)
