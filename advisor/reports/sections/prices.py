"""How old the prices are."""

from advisor.reports.blocks import NOT_APPLICABLE, Block, Callout, Column, Paragraph, Table, Tone
from advisor.reports.build import stale_prices_warning
from advisor.reports.context import Context

ORDER = 85
TITLE = "Age of the prices"


def build(context: Context) -> list[Block]:
    """The date of the catalogue and of the prices behind each option of interest."""
    blocks: list[Block] = []
    warning = stale_prices_warning(context)
    if warning:
        blocks.append(Callout(Tone.WARNING, "These prices are old", warning))
    else:
        blocks.append(
            Paragraph(
                f"The oldest price behind the recommendation is of {context.prices_date.isoformat()}, "
                f"{context.price_age_days} days before {context.today.isoformat()}; "
                f"this report allows {context.max_price_age_days}."
            )
        )
    rows = [
        [
            option.label,
            option.prices_as_of.isoformat() if option.prices_as_of else NOT_APPLICABLE,
            option.available_until.isoformat() if option.available_until else "no end announced",
        ]
        for option in context.drawn()
    ]
    columns = [Column("option", "Option"), Column("prices_as_of", "Oldest price"), Column("until", "On offer until")]
    if rows:
        blocks.append(Table("price_dates", "Dates", columns, rows))
    return blocks
