"""What was ruled out, by which rule, and why the losers lose."""

from advisor.reports.blocks import NOT_APPLICABLE, Block, Cell, Column, Kind, Table
from advisor.reports.context import Context
from advisor.reports.sections.risks import cite

ORDER = 75
TITLE = "Ruled out, and why others lose"


def build(context: Context) -> list[Block]:
    """Gates first, then the reasons that speak of options other than the subject."""
    blocks: list[Block] = []
    if context.decision.ruled_out:
        columns = [
            Column("what", "What"),
            Column("count", "Options", Kind.COUNT),
            Column("text", "Why"),
            Column("rule", "Rule", fine_print=True),
            Column("evidence", "Evidence", fine_print=True),
        ]
        rows: list[list[Cell]] = [
            [out.option_id or out.approach or "options", out.count, out.text, out.rule, cite(out.evidence)]
            for out in context.decision.ruled_out
        ]
        blocks.append(Table("ruled_out", "Ruled out", columns, rows, shown_rows=20))
    blocks += _losers(context)
    return blocks


def _losers(context: Context) -> list[Block]:
    labels = {option.option_id: option.label for option in context.decision.ranked}
    subject = context.subject
    own = {"winner", subject.option_id if subject else ""}
    rows = [
        [labels.get(reason.about, reason.about), reason.text, reason.rule or NOT_APPLICABLE, cite(reason.evidence)]
        for reason in context.decision.reasons
        if reason.about not in own
    ]
    if not rows:
        return []
    columns = [
        Column("option", "Option"),
        Column("text", "Why not"),
        Column("rule", "Rule", fine_print=True),
        Column("evidence", "Evidence", fine_print=True),
    ]
    return [Table("why_not", "Why the others lose", columns, rows, shown_rows=20)]
