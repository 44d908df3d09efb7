"""What changed since the decision this one is compared with, and why."""

from advisor.reports.blocks import NOT_APPLICABLE, Block, Column, Paragraph, Table
from advisor.reports.context import Context

ORDER = 15
TITLE = "What changed"

_ORDER = ("winner", "answer", "measurement", "price", "rule", "figure")


def build(context: Context) -> list[Block]:
    """The differences, the winner first; nothing without a decision to compare with."""
    if context.compared_with is None:
        return []
    opening = Paragraph(f"Compared with {context.compared_with}.")
    if not context.changes:
        return [opening, Paragraph("Nothing that the decision rests on has changed.")]
    changes = sorted(context.changes, key=lambda change: _ORDER.index(change.kind) if change.kind in _ORDER else 99)
    columns = [
        Column("kind", "Kind"),
        Column("what", "What"),
        Column("before", "Before"),
        Column("after", "Now"),
        Column("text", "In words"),
    ]
    rows = [[c.kind, c.what, c.before or NOT_APPLICABLE, c.after or NOT_APPLICABLE, c.text] for c in changes]
    return [opening, Table("changes", "What changed", columns, rows)]
