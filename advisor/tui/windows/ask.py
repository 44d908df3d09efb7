"""A window that asks for one line of text."""

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input, Static

from advisor.tui.windows.window import Window


class AskWindow(Window[str]):
    """Returns the text, or None."""

    BINDINGS = []  # noqa: RUF012
    hint = "enter takes it, esc closes"

    def __init__(self, heading: str, said: str, placeholder: str, value: str = "") -> None:
        super().__init__(heading)
        self._said = said
        self._placeholder = placeholder
        self._value = value

    def body(self) -> ComposeResult:
        yield Static(self._said, markup=False)
        yield Input(self._value, placeholder=self._placeholder, id="asked-text")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted, "#asked-text")
    def _entered(self, event: Input.Submitted) -> None:
        self.close(event.value.strip() or None)
