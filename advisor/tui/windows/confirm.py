"""A yes-or-no question before something is spent or stopped."""

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from advisor.tui.text import lines
from advisor.tui.widgets.rows import Row, Rows
from advisor.tui.windows.window import Window


class ConfirmWindow(Window[bool]):
    """Says what will happen; "No" is under the cursor first."""

    hint = "enter chooses, esc is no"

    def __init__(self, heading: str, parts: Sequence[Content | str], yes: str, no: str = "No, go back") -> None:
        super().__init__(heading)
        self._parts = parts
        self._answers = (no, yes)

    def body(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Static(lines(self._parts))
        yield Rows([Row(answer) for answer in self._answers], id="answers")

    def on_mount(self) -> None:
        self.query_one(Rows).focus()

    @on(Rows.Chosen, "#answers")
    def _chosen(self, event: Rows.Chosen) -> None:
        self.close(event.index == 1)
