"""The rules that spoke for the recommendation, with their evidence."""

from advisor.reports.blocks import NOT_APPLICABLE, Block, Column, Table
from advisor.reports.context import Context
from advisor.reports.sections.risks import cite

ORDER = 65
TITLE = "Reasons and their evidence"


def build(context: Context) -> list[Block]:
    """Every reason that speaks of the option the report is about."""
    subject = context.subject
    own = {"winner", subject.option_id if subject else ""}
    rows = [
        [reason.text, reason.rule or NOT_APPLICABLE, cite(reason.evidence)]
        for reason in context.decision.reasons
        if reason.about in own
    ]
    if not rows:
        return []
    columns = [
        Column("text", "Reason"),
        Column("rule", "Rule", fine_print=True),
        Column("evidence", "Evidence", fine_print=True),
    ]
    return [Table("reasons", "Reasons", columns, rows)]
