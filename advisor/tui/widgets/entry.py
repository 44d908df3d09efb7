"""A field for one typed answer: says at once how the text is read, and offers presets or known names below it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalGroup
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from advisor.tui.widgets.rows import Row, Rows

NUMERIC_START = "0123456789.,-+$"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a typed text is understood."""

    text: str
    good: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """Something to choose instead of typing."""

    label: str
    value: str
    """What is put into the field, or taken as the answer."""
    shown: str = ""


class Field(Input):
    """An input line. While it is empty and numbers are expected, letters stay commands (s, b, u, ...)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "screen.leave_field(True)", "Offers", show=False),
        Binding("escape", "screen.leave_field(False)", "Leave the field", show=False),
    ]

    def __init__(self, *, letters: bool, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, id="field", select_on_focus=False)
        self.letters = letters

    def takes(self, character: str | None) -> bool:
        """Whether a printable character goes into the field now."""
        return self.letters or bool(self.value) or (character is not None and character in NUMERIC_START)

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        return self.takes(character) and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        if event.is_printable and not self.takes(event.character):
            event.prevent_default()


class Entry(VerticalGroup):
    """The field, how it is read, and the offers."""

    class Entered(Message):
        """Enter was pressed in the field, or a preset was chosen."""

        def __init__(self, entry: "Entry", text: str) -> None:
            super().__init__()
            self.entry = entry
            self.text = text

    def __init__(
        self,
        read: Callable[[str], Reading],
        *,
        letters: bool,
        placeholder: str,
        hint: str,
        offers: Sequence[Offer] = (),
        collect: bool = False,
    ) -> None:
        """`collect`: a chosen offer is added to the text (`1 x h100, 2 x l4`) instead of being the answer."""
        super().__init__()
        self._read = read
        self._letters = letters
        self._placeholder = placeholder
        self._hint = hint
        self._all = tuple(offers)
        self._shown = self._all
        self._collect = collect

    def compose(self) -> ComposeResult:
        with Horizontal(id="field-line"):
            yield Static("▸", id="prompt")
            yield Field(letters=self._letters, placeholder=self._placeholder)
        yield Static(Content.styled(self._hint, "$secondary"), id="reading")
        if self._all:
            yield Rows(self._rows(), id="offers")

    @property
    def field(self) -> Field:
        return self.query_one(Field)

    @property
    def reading(self) -> Reading | None:
        """How the text in the field is read; None while it is empty."""
        text = self.field.value.strip()
        return self._read(text) if text else None

    def _rows(self) -> list[Row]:
        width = max((len(offer.label) for offer in self._shown), default=0)
        return [
            Row(Content.assemble(f"{o.label:<{width}}", (f"   {o.shown}" if o.shown else "", "$secondary")))
            for o in self._shown
        ]

    def on_descendant_focus(self) -> None:
        self.query_one("#prompt", Static).update("▸" if self.field.has_focus else "▹")

    @on(Input.Changed, "#field")
    async def _typed(self, event: Input.Changed) -> None:
        event.stop()
        reading = self.reading
        if reading is None:
            shown = Content.styled(self._hint, "$secondary")
        elif reading.good:
            shown = Content.assemble(("● ", "$text-success"), reading.text)
        else:
            shown = Content.assemble(("▲ ", "$text-warning"), reading.text)
        self.query_one("#reading", Static).update(shown)
        if self._letters and self._all:
            await self._filter(event.value)

    async def _filter(self, typed: str) -> None:
        word = typed.rpartition(",")[2].split(" ")[-1].strip().lower()
        matching = [o for o in self._all if word in o.label.lower() or word in o.shown.lower()]
        self._shown = tuple(matching or self._all)
        await self.query_one("#offers", Rows).show(self._rows(), cursor=0)

    @on(Input.Submitted, "#field")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Entered(self, event.value.strip()))

    @on(Rows.Chosen, "#offers")
    def _chosen(self, event: Rows.Chosen) -> None:
        event.stop()
        offer = self._shown[event.index]
        if not self._collect:
            self.post_message(self.Entered(self, offer.value))
            return
        before = self.field.value.rpartition(",")[0].strip()
        self.field.value = f"{before}, {offer.value}" if before else offer.value
        self.field.cursor_position = len(self.field.value)
        self.field.focus()

    @on(Rows.LeftAtTop)
    def _up_into_the_field(self, event: Rows.LeftAtTop) -> None:
        event.stop()
        self.field.focus()
