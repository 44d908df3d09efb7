"""What the article says against what holds now, where it matters for this decision."""

from advisor.reports.blocks import Block, Column, Table
from advisor.reports.context import Context

ORDER = 80
TITLE = "The article's claims and today's figures"


def build(context: Context) -> list[Block]:
    """Only claims that touch this case; the context holds no others."""
    if not context.claims:
        return []
    columns = [
        Column("claim", "Claim"),
        Column("article", "The article says"),
        Column("now", "What holds now"),
        Column("as_of", "As of", fine_print=True),
        Column("source", "Source", fine_print=True),
    ]
    rows = [[claim.title, claim.article, claim.now, claim.as_of, claim.source] for claim in context.claims]
    return [Table("claims", "Claims", columns, rows)]
