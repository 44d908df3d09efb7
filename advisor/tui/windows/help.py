"""All keys of a place."""

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from advisor.tui.actions import PLACE_TITLES, help_rows
from advisor.tui.text import plain
from advisor.tui.windows.window import Window

_MOVING = (
    ("arrows j k", "Move in a list", "Home, End and the Page keys too"),
    ("enter", "Choose", "Save the answer, or open what is under the cursor"),
    ("tab", "Next part", "Move between lists and fields"),
    ("esc", "Leave", "Leave a text field, or close a window"),
)
_TYPING = (
    "Numbers may be typed as 2500, 2.5k, 3M, 85% or as a range 100-200. While a number field is empty, letters are "
    "still keys; in a text field press Esc first. Keys of the places (1 to 6) work outside fields."
)


class HelpLine(Horizontal):
    """One action: keys, name, what it does, each wrapping in its own column."""

    def __init__(self, keys: str, name: str, what: str) -> None:
        super().__init__()
        self._texts = (("keys", keys, "bold $text-primary"), ("name", name, ""), ("what", what, "$secondary"))

    def compose(self) -> ComposeResult:
        for column, text, style in self._texts:
            yield Static(plain(text, style), classes=column)


class HelpWindow(Window[None]):
    """Keys, names and what they do."""

    hint = "esc closes, arrows scroll"

    def __init__(self, place: str) -> None:
        super().__init__(f"Keys in {PLACE_TITLES[place]}")
        self._place = place

    def body(self) -> ComposeResult:
        with VerticalScroll():
            for keys, name, what in (*help_rows(self._place), *_MOVING):
                yield HelpLine(keys, name, what)
            yield Static(Content(f"\n{_TYPING}"))
