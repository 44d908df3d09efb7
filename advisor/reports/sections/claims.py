"""What the article says against what holds now, where it matters, and its payback sum with the figures of this case."""

from collections.abc import Iterator
from dataclasses import dataclass

from advisor.decision.result import CostLine, OptionResult
from advisor.reports.blocks import Block, Cell, Column, Kind, Paragraph, Table
from advisor.reports.context import Context

ORDER = 80
TITLE = "The article's claims and today's figures"

DAYS_PER_MONTH = 365.25 / 12
_STEPS = (
    ("the training runs alone, as the article counts", ("training",)),
    ("labels, people and tests until it is live", ("data", "labelling", "engineering", "evaluation")),
    ("serving, with utilisation and redundancy", ("serving", "retrieval")),
    ("keeping it running: monitoring, people, re-training", ("monitoring", "staff", "retraining", "exit")),
)


def build(context: Context) -> list[Block]:
    """Only claims that touch this case; the context holds no others."""
    blocks: list[Block] = []
    if context.claims:
        columns = [
            Column("claim", "Claim"),
            Column("article", "The article says"),
            Column("now", "What holds now"),
            Column("as_of", "As of", fine_print=True),
            Column("source", "Source", fine_print=True),
        ]
        rows: list[list[Cell]] = [
            [claim.title, claim.article, claim.now, claim.as_of, claim.source] for claim in context.claims
        ]
        blocks.append(Table("claims", "Claims", columns, rows))
    return [*blocks, *_articles_sum(context)]


def tuned(context: Context) -> OptionResult | None:
    """The option in front if it is tuned, else the best tuned one whose account is known."""
    options = [*([context.subject] if context.subject else []), *context.decision.ranked]
    return next((option for option in options if option.training is not None and option.cost_lines), None)


@dataclass(frozen=True, slots=True)
class Step:
    """The sum so far: money once and a month, and the months until it is back (None: never)."""

    counted: str
    once_usd: float
    monthly_usd: float
    saved_usd: float
    months: float | None


def payback_steps(lines: list[CostLine], today_usd_per_month: float) -> Iterator[Step]:
    """The article's sum, `once / (spend of today - cost a month)`, as one more kind of cost is counted each time.

    Middle estimates; lines that occur at no step, such as today's cost until the option is live, are left out.
    """
    once = monthly = 0.0
    for counted, kinds in _STEPS:
        once += sum(line.upfront_usd.p50 for line in lines if line.line in kinds)
        monthly += sum(line.monthly_usd.p50 for line in lines if line.line in kinds)
        saved = today_usd_per_month - monthly
        yield Step(counted, once, monthly, saved, once / saved if saved > 0 else None)


def _articles_sum(context: Context) -> list[Block]:
    """Nothing where nothing is tuned or nothing is spent today."""
    option = tuned(context)
    today = context.decision.status_quo.monthly_cost_usd.p50
    if option is None or today <= 0:
        return []
    columns = [
        Column("counted", "Counted so far"),
        Column("once_usd", "Once", Kind.USD),
        Column("monthly_usd", "A month", Kind.USD),
        Column("saved_usd", "Saved a month against today", Kind.USD),
        Column("payback", "Money back after"),
        Column("payback_months", "Months", Kind.MONTHS, data_only=True),
    ]
    steps = payback_steps(option.cost_lines, today)
    rows: list[list[Cell]] = [
        [f"{'+ ' if place else ''}{s.counted}", s.once_usd, s.monthly_usd, s.saved_usd, _when(s.months), s.months]
        for place, s in enumerate(steps)
    ]
    text = (
        f"The article divides the price of the training by what is spent a month today. The same sum for "
        f"{option.label}, as more of its costs are counted (middle estimates, without the value of better answers):"
    )
    return [Paragraph(text), Table("articles_sum", "The article's payback sum with your figures", columns, rows)]


def _when(months: float | None) -> str:
    if months is None:
        return "never: nothing is saved"
    days = months * DAYS_PER_MONTH
    return f"{days:.1f} days" if days < 10 else f"{days:.0f} days" if months < 2 else f"{months:.0f} months"
