"""A list with a cursor. Cursor and choice are glyphs, so that neither needs colour."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

_CURSOR, _RESTING, _NO_CURSOR = "▸", "▹", " "
WIDE = 100
"""Columns from which a screen counts as wide."""
_MARKS = {True: "● ", False: "○ ", None: ""}


@dataclass(frozen=True, slots=True)
class Row:
    """One line (or paragraph) of a list."""

    text: Content | str
    marked: bool | None = None
    """Whether it is the one chosen; None in lists where nothing is chosen."""
    note: str = ""
    """A remark in a column of its own, on a wide screen; a narrow one has no room for it."""
    heading: bool = False
    """A heading cannot be chosen; the cursor steps over it."""


class RowLine(Horizontal):
    """One row on the screen: the glyphs, then the text with its own wrapping."""

    def __init__(self, row: Row, width: int | None) -> None:
        """`width`: of the text, in cells, when notes follow it."""
        super().__init__(classes="heading" if row.heading else "")
        self.row = row
        self.glyph = _NO_CURSOR
        self._width = width

    def compose(self) -> ComposeResult:
        if not self.row.heading:
            yield Static(self._glyphs(), classes="glyphs")
        text = self.row.text
        shown = Static(text if isinstance(text, Content) else Content(text), classes="text")
        yield shown
        if self.row.note:
            yield Static(Content.styled(self.row.note, "$secondary"), classes="note")

    def on_mount(self) -> None:
        self._set_width()

    def on_resize(self) -> None:
        self._set_width()

    def _set_width(self) -> None:
        """Where notes are shown, the texts before them share a column."""
        if self.row.note and self._width is not None:
            wanted: int | str = self._width if self.app.size.width >= WIDE else "1fr"
            self.query_one(".text").styles.width = wanted

    def _glyphs(self) -> Content:
        return Content(f"{self.glyph} {_MARKS[self.row.marked]}")

    def point(self, glyph: str) -> None:
        """Put the cursor here (`▸` with the focus, `▹` without) or take it away."""
        self.glyph = glyph
        self.set_class(glyph != _NO_CURSOR, "cursor")
        for glyphs in self.query(".glyphs").results(Static):
            glyphs.update(self._glyphs())


class Rows(VerticalScroll, can_focus=True):
    """A list of rows. Enter, space or a click chooses; arrows, j, k, Home, End and Page keys move."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "move(-8)", "Page up", show=False),
        Binding("pagedown", "move(8)", "Page down", show=False),
        Binding("home,g", "first", "First", show=False),
        Binding("end,G", "last", "Last", show=False),
        Binding("enter,space", "choose", "Choose", show=False),
    ]

    cursor: reactive[int] = reactive(0, init=False)

    class Chosen(Message):
        """A row was chosen."""

        def __init__(self, rows: "Rows", index: int) -> None:
            super().__init__()
            self.rows = rows
            self.index = index

        @property
        def control(self) -> "Rows":
            return self.rows

    class Moved(Message):
        """The cursor moved to another row."""

        def __init__(self, rows: "Rows", index: int) -> None:
            super().__init__()
            self.rows = rows
            self.index = index

        @property
        def control(self) -> "Rows":
            return self.rows

    class LeftAtTop(Message):
        """Up was pressed on the first row."""

    def __init__(self, rows: Sequence[Row] = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.rows = tuple(rows)
        self._showing = asyncio.Lock()
        self.set_reactive(Rows.cursor, self._first())

    def compose(self) -> ComposeResult:
        yield from self._lines_of(self.rows)

    async def show(self, rows: Sequence[Row], *, cursor: int | None = None) -> None:
        """Show other rows; the cursor stays where it was as far as that place still exists."""
        if tuple(rows) == self.rows and cursor is None:
            return
        async with self._showing:
            self.rows = tuple(rows)
            await self.remove_children()
            await self.mount_all(self._lines_of(self.rows))
        wanted = self.cursor if cursor is None else cursor
        self.set_reactive(Rows.cursor, self._nearest(min(wanted, len(self.rows) - 1), 1))
        self._point()

    @staticmethod
    def _lines_of(rows: Sequence[Row]) -> list[RowLine]:
        texts = [row.text if isinstance(row.text, Content) else Content(row.text) for row in rows if row.note]
        width = max(text.cell_length for text in texts) + 2 if texts else None
        return [RowLine(row, width) for row in rows]

    @property
    def lines(self) -> list[RowLine]:
        return list(self.query_children(RowLine))

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._point()

    def on_mount(self) -> None:
        self._point()

    def _point(self) -> None:
        """Draw the cursor where it is; a list without focus keeps it, so that one sees which row is meant."""
        here = _CURSOR if self.has_focus else _RESTING
        for number, line in enumerate(self.lines):
            wanted = here if number == self.cursor and not line.row.heading else _NO_CURSOR
            if line.glyph != wanted:
                line.point(wanted)

    def watch_cursor(self) -> None:
        self._point()
        lines = self.lines
        if 0 <= self.cursor < len(lines):
            lines[self.cursor].scroll_visible(animate=False)
            if self.cursor == self._first():
                self.scroll_home(animate=False)
            self.post_message(self.Moved(self, self.cursor))

    def _first(self) -> int:
        return next((n for n, row in enumerate(self.rows) if not row.heading), 0)

    def _nearest(self, wanted: int, step: int) -> int:
        """The row at `wanted` or, when that is a heading, the next one in the direction of `step` (then the other)."""
        wanted = max(0, min(wanted, len(self.rows) - 1))
        for direction in (step, -step):
            place = wanted
            while 0 <= place < len(self.rows):
                if not self.rows[place].heading:
                    return place
                place += direction
        return self.cursor

    def action_move(self, step: int) -> None:
        if not self.rows:
            return
        if step < 0 and self.cursor == self._first():
            self.post_message(self.LeftAtTop())
            return
        self.cursor = self._nearest(self.cursor + step, 1 if step > 0 else -1)

    def action_first(self) -> None:
        self.cursor = self._first()

    def action_last(self) -> None:
        self.cursor = self._nearest(len(self.rows) - 1, -1)

    def action_choose(self) -> None:
        if 0 <= self.cursor < len(self.rows) and not self.rows[self.cursor].heading:
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: Click) -> None:
        widget = event.widget
        line = (
            next((node for node in widget.ancestors_with_self if isinstance(node, RowLine)), None) if widget else None
        )
        if line is not None and line in self.lines and not line.row.heading:
            self.focus()
            self.cursor = self.lines.index(line)
            self.action_choose()
