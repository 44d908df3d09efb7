"""The prices behind the options drawn, each with source and date, and how old they are."""

from advisor.reports.blocks import NOT_APPLICABLE, Block, Callout, Cell, Column, Paragraph, Table, Tone
from advisor.reports.build import stale_prices_warning
from advisor.reports.context import Context

ORDER = 72
TITLE = "Prices, their sources and age"


def build(context: Context) -> list[Block]:
    """The age first: it can make everything else worthless."""
    blocks: list[Block] = []
    warning = stale_prices_warning(context)
    if warning:
        blocks.append(Callout(Tone.WARNING, "These prices are old", warning))
    else:
        blocks.append(
            Paragraph(
                f"The oldest price behind the option in front is of {context.prices_date.isoformat()}, "
                f"{context.price_age_days} days before {context.today.isoformat()}; "
                f"no report is made on prices older than {context.max_price_age_days} days."
            )
        )
    return [*blocks, *_prices(context), *_dates(context)]


def _prices(context: Context) -> list[Block]:
    if not context.prices:
        return []
    columns = [
        Column("subject", "What"),
        Column("figure", "Figure"),
        Column("value", "Price"),
        Column("unit", "Unit"),
        Column("checked", "Checked"),
        Column("valid", "Holds"),
        Column("source", "Source", fine_print=True),
    ]
    rows: list[list[Cell]] = [
        [row.subject, row.figure, row.value, row.unit, row.checked, row.valid, row.source] for row in context.prices
    ]
    return [Table("prices", "Prices behind the options drawn", columns, rows)]


def _dates(context: Context) -> list[Block]:
    """Until when each drawn option can be had."""
    columns = [
        Column("option", "Option"),
        Column("prices_as_of", "Oldest token price"),
        Column("until", "On offer until"),
    ]
    rows: list[list[Cell]] = [
        [
            option.label,
            option.prices_as_of.isoformat() if option.prices_as_of else NOT_APPLICABLE,
            option.available_until.isoformat() if option.available_until else "no end announced",
        ]
        for option in context.drawn()
        if option.option_id != context.decision.status_quo.option_id
    ]
    return [Table("price_dates", "How long the options are on offer", columns, rows)] if rows else []
