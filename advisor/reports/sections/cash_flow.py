"""Cumulative cash against the status quo with its break-even point, month by month, and what follows for the return."""

from dataclasses import replace

from advisor.decision.result import CashSeries, OptionResult
from advisor.reports.blocks import (
    NOT_APPLICABLE,
    Axis,
    Block,
    Cell,
    Column,
    FanChart,
    FanSeries,
    Figure,
    Figures,
    Kind,
    Origin,
    Paragraph,
    Table,
)
from advisor.reports.context import Context
from advisor.reports.numbers import number
from advisor.reports.words import payback

ORDER = 30
TITLE = "Cash flow"

OUTSIDE = "outside the limits"
_LARGEST_RATE = 10.0
"""An internal rate of return above 1,000 % a year is not told apart from a larger one."""

PAYBACK_RULE = (
    "An option pays back in the month from which its cumulative cash stays at or above zero through the horizon, "
    "interpolated within that month. An earlier crossing that does not last is not counted; an option that is below "
    "zero at the end never pays back, and counts as later than any that does. Regret is how much an option falls short "
    "of the best permitted one in hindsight, on average."
)


def build(context: Context) -> list[Block]:
    """Only for decisions that carry monthly series."""
    drawn = [option for option in context.drawn() if option.cash is not None]
    if not drawn:
        return []
    subject = context.subject
    blocks: list[Block] = [fan(context, drawn)]
    if subject is not None:
        figures = _returns(context, subject)
        blocks += [Figures(figures)] if figures else []
    blocks += [_chances(context, drawn), Paragraph(PAYBACK_RULE, quiet=True)]
    if subject is not None and subject.cash is not None and not _is_today(context, subject):
        blocks.append(_months(subject, subject.cash))
    return blocks


def _is_today(context: Context, option: OptionResult) -> bool:
    return option.option_id == context.decision.status_quo.option_id


def fan(context: Context, drawn: list[OptionResult]) -> FanChart:
    """The options of interest; the status quo is the zero line."""
    return FanChart(
        name="cumulative_cash",
        title="Cumulative cash against going on as today",
        description=(
            "Above zero the money is back. Lines are middle estimates; the band holds 8 of 10 sampled futures of "
            "the option in front. Not discounted."
        ),
        x=Axis("Months from the start", Kind.COUNT),
        y=Axis("Cumulative net cash (US dollars)", Kind.USD),
        series=[_series(context, option) for option in drawn],
    )


def _series(context: Context, option: OptionResult) -> FanSeries:
    assert option.cash is not None
    subject = context.subject
    role = "alternative"
    if _is_today(context, option):
        role = "status_quo"
    elif subject is not None and option.option_id == subject.option_id:
        role = "winner"
    return FanSeries(
        label=option.label,
        p10=[month.p10 for month in option.cash.cumulative_usd],
        p50=[month.p50 for month in option.cash.cumulative_usd],
        p90=[month.p90 for month in option.cash.cumulative_usd],
        role=role,
        break_even_month=None if option.break_even_month is None else option.break_even_month.p50,
    )


def _returns(context: Context, option: OptionResult) -> list[Figure]:
    if _is_today(context, option):
        return []
    est = Origin.ESTIMATED
    paid, note = payback(option, context.decision.horizon_months)
    known: list[tuple[str, str, Cell, Kind, str]] = [
        ("break_even_month", "Payback", paid, Kind.MONTHS, note or "not discounted"),
        ("discounted_break_even_month", "Discounted payback", option.discounted_break_even_month, Kind.MONTHS, ""),
        ("roi", "Return on the up-front money", option.roi, Kind.SHARE, "net gain over the horizon, not discounted"),
        ("irr_per_year", "Internal rate of return, a year", option.irr_per_year, Kind.SHARE, "of the expected flows"),
        ("peak_funding_usd", "Most money ever out", option.peak_funding_usd, Kind.USD, ""),
    ]
    figures = [
        Figure(key, label, value, kind, est, note) for key, label, value, kind, note in known if value is not None
    ]
    if option.irr_per_year is not None and option.irr_per_year > _LARGEST_RATE:
        note = "too soon back for a rate to say more"
        said = f"over {number(_LARGEST_RATE, Kind.SHARE)}"
        figures = [
            replace(figure, value=said, note=note) if figure.key == "irr_per_year" else figure for figure in figures
        ]
    if option.irr_per_year is None and option.irr_reason:
        figures.append(Figure("irr_per_year", "Internal rate of return", "none", Kind.TEXT, est, option.irr_reason))
    return figures


def _chances(context: Context, drawn: list[OptionResult]) -> Table:
    horizon = context.decision.horizon_months
    columns = [
        Column("option", "Option"),
        Column("npv_usd", f"Net present value, {horizon} months", Kind.USD),
        Column("npv_positive_probability", "Chance it is positive", Kind.SHARE),
        Column("payback_12", "Pays back within a year", Kind.SHARE),
        Column("break_even_probability", f"... within {horizon} months", Kind.SHARE),
        Column("expected_regret_usd", "Expected regret", Kind.USD),
    ]
    rows: list[list[Cell]] = []
    for option in drawn:
        chances: list[Cell] = [
            option.npv_positive_probability,
            option.payback_within_12_months_probability,
            option.break_even_probability,
        ]
        shown = [NOT_APPLICABLE] * 3 if _is_today(context, option) else chances
        within = option.meets_limits
        rows.append([option.label, option.npv_usd, *shown, option.expected_regret_usd if within else OUTSIDE])
    return Table("returns", "Chances and regret", columns, rows)


def _months(option: OptionResult, cash: CashSeries) -> Table:
    """Expected dollars of each month, benefits kept apart from savings, and the running total as a range."""
    columns = [
        Column("month", "Month", Kind.COUNT),
        Column("cost_usd", "Cost of the option", Kind.USD),
        Column("status_quo_cost_usd", "Cost of going on as today", Kind.USD),
        Column("saving_usd", "Saving", Kind.USD),
        Column("benefit_usd", "Benefit of better answers", Kind.USD),
        Column("cumulative_usd", "Cumulative net cash", Kind.USD),
    ]
    rows: list[list[Cell]] = [
        [month, cost, today, today - cost, benefit, total]
        for month, (cost, today, benefit, total) in enumerate(
            zip(cash.cost_usd, cash.status_quo_cost_usd, cash.benefit_usd, cash.cumulative_usd, strict=True)
        )
    ]
    title = f"Month by month: {option.label} (expected values; month 0 is the up-front money)"
    return Table("cash_flow", title, columns, rows, shown_rows=0)
