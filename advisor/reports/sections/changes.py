"""What changed since the decision this one is compared with, and why."""

from advisor.decision.result import Change
from advisor.reports.blocks import NOT_APPLICABLE, Block, Column, Paragraph, Table
from advisor.reports.context import Context

ORDER = 15
TITLE = "What changed"

_ORDER = ("winner", "answer", "measurement", "price", "rule", "figure")


_FIGURES = {
    "quality": "answered well",
    "monthly_cost_usd": "cost a month",
    "latency_p95_ms": "latency, p95",
    "npv_usd": "net present value",
    "recommended": "recommended",
    "prices_date": "prices as of",
    "advisor_version": "program, with its rules",
}


def _named(context: Context, change: Change) -> str:
    """A fact by its label, a figure of the option in front by its name."""
    name = _FIGURES.get(change.what, change.what)
    if change.kind == "figure" and context.subject is not None:
        return f"{context.subject.label}: {name}"
    return context.fact(name).label


def _said(context: Context, change: Change, value: str | None) -> str:
    """A number with the unit of its fact."""
    if value is None:
        return NOT_APPLICABLE
    try:
        return context.fact(change.what).said(float(value)) if change.what in context.facts else value
    except ValueError:
        return context.fact(change.what).choices.get(value, value)


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
        Column("id", "Id", data_only=True),
        Column("text", "In words", data_only=True),
    ]
    rows = [
        [c.kind, _named(context, c), _said(context, c, c.before), _said(context, c, c.after), c.what, c.text]
        for c in changes
    ]
    return [opening, Table("changes", "What changed", columns, rows)]
