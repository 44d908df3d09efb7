"""All keys of a place."""

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from advisor.tui.actions import PLACE_TITLES, help_rows
from advisor.tui.text import lines
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


class HelpWindow(Window[None]):
    """Keys, names and what they do."""

    hint = "esc closes, arrows scroll"

    def __init__(self, place: str) -> None:
        super().__init__(f"Keys in {PLACE_TITLES[place]}")
        self._place = place

    def body(self) -> ComposeResult:
        rows = [*help_rows(self._place), *_MOVING]
        width = max(len(name) for _, name, _ in rows)
        with VerticalScroll():
            yield Static(
                lines(
                    [
                        Content.assemble(
                            (f"{keys:<11}", "bold $text-primary"), f"{name:<{width}}  ", (what, "$text-muted")
                        )
                        for keys, name, what in rows
                    ]
                )
            )
            yield Static(Content(f"\n{_TYPING}"))
