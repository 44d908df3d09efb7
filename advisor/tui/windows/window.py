"""What every window shares: a titled box over the place, closed with Esc."""

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

Result = TypeVar("Result")


class Window(ModalScreen[Result]):
    """A window. Subclasses give `heading`, `hint` and the widgets of `body()`; Esc and q close it with None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "Close", show=False)]
    hint: ClassVar[str] = "esc closes"

    def __init__(self, heading: str) -> None:
        super().__init__()
        self.heading = heading

    def compose(self) -> ComposeResult:
        with Vertical(id="window"):
            yield Static(Content.styled(self.heading, "bold"), id="heading")
            yield from self.body()
            yield Static(Content.styled(self.hint, "$secondary"), id="hint")

    def close(self, result: Result | None) -> None:
        """Close with a result, once: a second key press that was under way finds the window closed already."""
        if self.is_current:
            self.dismiss(result)

    def body(self) -> ComposeResult:
        """The widgets between heading and hint."""
        raise NotImplementedError
