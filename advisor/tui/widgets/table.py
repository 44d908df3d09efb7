"""A table whose cursor is a glyph too, and which keeps its place when its rows are replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.message import Message
from textual.widgets import DataTable

from advisor.tui.widgets.rows import WIDE

_CURSOR = "▸"
_FRAME = 4
"""Cells that the cursor's column and the scroll bar take."""
_LEAST = 12
"""The flexible column never gets narrower than this."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, whether its cells stand right, and whether it needs a wide screen.

    The one that is `flexible` gives way when the screen is too narrow for all texts.
    """

    title: str
    right: bool = False
    wide: bool = False
    flexible: bool = False


class Table(DataTable[Text], can_focus=True):
    """Rows of plain text. Posts `Moved` when another row is under the cursor, `Opened` on Enter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "cursor_up", "Up", show=False),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("home,g", "scroll_top", "First", show=False),
        Binding("end,G", "scroll_bottom", "Last", show=False),
    ]

    class Moved(Message):
        """Another row is under the cursor."""

        def __init__(self, table: "Table", row: int) -> None:
            super().__init__()
            self.table = table
            self.row = row

        @property
        def control(self) -> "Table":
            return self.table

    class Opened(Message):
        """Enter was pressed on a row."""

        def __init__(self, table: "Table", row: int) -> None:
            super().__init__()
            self.table = table
            self.row = row

        @property
        def control(self) -> "Table":
            return self.table

    def __init__(self, columns: Sequence[Column], *, id: str) -> None:
        super().__init__(id=id, cursor_type="row", zebra_stripes=False, cell_padding=1)
        self._all = tuple(columns)
        self._cells: tuple[tuple[str, ...], ...] | None = None
        self._room: int | None = None
        self._marked: int | None = None

    def show(self, cells: Sequence[Sequence[str]]) -> None:
        """Show these rows (one text per column); the cursor stays on its row number as far as it exists."""
        frozen = tuple(tuple(row) for row in cells)
        room = self.app.size.width
        if frozen == self._cells and room == self._room:
            return
        self._cells, self._room = frozen, room
        here, top = self.cursor_row, self.scroll_y
        shown = [n for n, column in enumerate(self._all) if room >= WIDE or not column.wide]
        widths = self._widths(shown, frozen, room)
        self._marked = None
        self.clear(columns=True)
        self.add_column(Text(" "), width=1, key="cursor")
        for number in shown:
            column = self._all[number]
            self.add_column(Text(column.title, justify="right" if column.right else "left"), width=widths[number])
        for row in frozen:
            self.add_row(Text(" "), *(self._cell(row[number], number) for number in shown))
        if frozen:
            self.move_cursor(row=min(here, len(frozen) - 1), animate=False)
            self.scroll_to(y=top, animate=False)
            self._mark(self.cursor_row)

    def _widths(self, shown: list[int], cells: tuple[tuple[str, ...], ...], room: int) -> dict[int, int]:
        """The width of each column that is shown: that of its longest text, the flexible one at most what is left."""
        widths = {
            n: max([cell_len(self._all[n].title), *(cell_len(row[n]) for row in cells)], default=1) for n in shown
        }
        fixed = sum(width + 2 for n, width in widths.items() if not self._all[n].flexible)
        left = room - fixed - _FRAME
        return {n: max(_LEAST, min(w, left - 2)) if self._all[n].flexible else w for n, w in widths.items()}

    def _cell(self, text: str, number: int) -> Text:
        return Text(text, justify="right" if self._all[number].right else "left", no_wrap=True, overflow="ellipsis")

    def _mark(self, row: int) -> None:
        if not 0 <= row < self.row_count:
            return
        if self._marked is not None and self._marked < self.row_count and self._marked != row:
            self.update_cell_at(Coordinate(self._marked, 0), Text(" "))
        self.update_cell_at(Coordinate(row, 0), Text(_CURSOR))
        self._marked = row

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._mark(event.cursor_row)
        self.post_message(self.Moved(self, event.cursor_row))

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.post_message(self.Opened(self, event.cursor_row))

    def on_resize(self) -> None:
        if self._cells is not None and self.app.size.width != self._room:
            self.show(self._cells)
