"""Report tables as pandas data frames: a column a number, unknown as missing, words among numbers in a note column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.decision.result import Spread
from advisor.reports.blocks import NOT_APPLICABLE, Cell, Column, Kind, Table

if TYPE_CHECKING:
    import pandas as pd

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet take a cell for a formula, the full-width forms included (OWASP, "CSV Injection")."""


def frame(table: Table) -> pd.DataFrame:
    """The table's values, unrounded, under its keys; a spread becomes key_p10, key_p50, key_p90."""
    import pandas as pd

    data: dict[str, list[Any]] = {}
    for place, column in enumerate(table.columns):
        data |= _columns(column, [row[place] for row in table.rows])
    return pd.DataFrame(data)


def neutral(cell: Any) -> Any:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front; numbers stay numbers."""
    if isinstance(cell, str) and cell.lstrip(" ").startswith(_RISKY):
        return f"'{cell}"
    return cell


def _columns(column: Column, cells: list[Cell]) -> dict[str, list[Any]]:
    if column.kind is Kind.TEXT:
        return {column.key: [_word(cell) for cell in cells]}
    found: dict[str, list[Any]] = {}
    if any(isinstance(cell, Spread) for cell in cells):
        for part in ("p10", "p50", "p90"):
            found[f"{column.key}_{part}"] = [_part(cell, part) for cell in cells]
    else:
        found[column.key] = [_number(cell) for cell in cells]
    notes = [cell if isinstance(cell, str) and cell != NOT_APPLICABLE else None for cell in cells]
    if any(notes):
        found[f"{column.key}_note"] = notes
    return found


def _word(cell: Cell) -> str | None:
    if cell is None or cell == NOT_APPLICABLE:
        return None
    if isinstance(cell, Spread):
        return f"{cell.p50:g} ({cell.p10:g} to {cell.p90:g})"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return str(cell)


def _number(cell: Cell) -> float | None:
    return float(cell) if isinstance(cell, int | float) else None


def _part(cell: Cell, part: str) -> float | None:
    return float(getattr(cell, part)) if isinstance(cell, Spread) else _number(cell)
