"""Why: the rule, its evidence and its sources."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Static

from advisor.tui.explain import Explanation
from advisor.tui.text import lines
from advisor.tui.windows.window import Window


class WhyWindow(Window[None]):
    """Shows an explanation."""

    BINDINGS = [Binding("w,enter", "dismiss(None)", "Close", show=False)]  # noqa: RUF012
    hint = "esc closes, arrows scroll"

    def __init__(self, explanation: Explanation) -> None:
        super().__init__(explanation.title)
        self._explanation = explanation

    def body(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(lines(self._explanation.parts))
