"""Everything the numbers rest on, each with its origin, source and date."""

from collections import Counter

from advisor.reports.blocks import NOT_APPLICABLE, Block, Column, Origin, Paragraph, Table
from advisor.reports.context import Context

ORDER = 70
TITLE = "Assumptions and their sources"

_TRUST = [origin.value for origin in Origin]


def build(context: Context) -> list[Block]:
    """The most trusted first."""
    assumptions = context.decision.assumptions
    if not assumptions:
        return []
    counts = Counter(item.origin for item in assumptions)
    summary = ", ".join(f"{counts[origin]} {origin}" for origin in _TRUST if counts[origin])
    columns = [
        Column("id", "Id"),
        Column("label", "What"),
        Column("value", "Value"),
        Column("unit", "Unit"),
        Column("origin", "Origin"),
        Column("source", "Source"),
        Column("date", "Date"),
    ]
    ordered = sorted(assumptions, key=lambda a: _TRUST.index(a.origin) if a.origin in _TRUST else 9)
    rows = [
        [a.id, a.label, a.value, a.unit or NOT_APPLICABLE, a.origin, a.source, a.date or NOT_APPLICABLE]
        for a in ordered
    ]
    return [
        Paragraph(f"{len(assumptions)} in all: {summary}."),
        Paragraph(
            "Measured comes from an evaluation or a run, answered from the interview, imported from a file, assumed "
            "from published ranges where nobody answered, estimated from a formula over the others.",
            quiet=True,
        ),
        Table("assumptions", "Assumptions", columns, rows),
    ]
