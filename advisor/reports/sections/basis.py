"""The basis of estimate: what is counted, what is not, and an account that adds up to the stated value."""

from advisor.decision.result import OptionResult
from advisor.reports.blocks import Block, Callout, Cell, Column, Heading, Items, Kind, Paragraph, Table, Tone
from advisor.reports.context import Context
from advisor.reports.numbers import usd

ORDER = 60
TITLE = "Basis of estimate"

LINES = {
    "data": "collecting, cleaning and checking data",
    "labelling": "labels by people or by a teacher model",
    "engineering": "people's time to build it",
    "evaluation": "the test set and running it",
    "training": "compute of all training attempts",
    "serving": "answering requests: tokens, or GPUs with utilisation and redundancy",
    "retrieval": "index, embeddings and the extra prompt tokens they bring",
    "retraining": "training again as knowledge changes or the base model is retired",
    "monitoring": "watching quality in production",
    "staff": "people's time to run it",
    "exit": "moving away at the end",
}
EXCLUDED = (
    "taxes, financing and accounting treatment",
    "procurement, legal review and management time",
    "systems that all options need alike (the application around the model)",
    "gains or losses outside this use case",
)
_TOLERANCE = 0.005


def build(context: Context) -> list[Block]:
    """For the option the report speaks of."""
    option = context.subject
    if option is None or not option.cost_lines:
        return []
    counted = {line.line for line in option.cost_lines}
    included = [f"{kind}: {text}" for kind, text in LINES.items() if kind in counted]
    absent = [f"{kind}: {text} - this option has none" for kind, text in LINES.items() if kind not in counted]
    return [
        Paragraph(
            f"For: {option.label}. US dollars; {context.decision.horizon_months} months; {_discounting(context)}."
        ),
        Heading("Counted"),
        Items(included),
        Heading("Not counted"),
        Items([*absent, *EXCLUDED]),
        *_account(context, option),
    ]


def _discounting(context: Context) -> str:
    rate = context.decision.facts.get("finance.discount_rate_per_year")
    if isinstance(rate, int | float):
        return f"discounted at {rate:.1%} a year, month by month"
    return "discounted at the rate among the assumptions, month by month"


def _account(context: Context, option: OptionResult) -> list[Block]:
    """Expected present values: they add up, where P50s do not."""
    values = [line.present_value_usd for line in option.cost_lines]
    known = [value for value in values if value is not None]
    if (
        len(known) < len(values)
        or option.expected_npv_usd is None
        or option.status_quo_present_value_usd is None
        or option.benefit_present_value_usd is None
    ):
        return _cash_account(option)
    columns = [Column("entry", "Entry"), Column("present_value_usd", "Expected present value", Kind.USD)]
    rows: list[list[Cell]] = [
        ["Cost of going on as today, avoided", option.status_quo_present_value_usd],
        ["Benefit of better answers", option.benefit_present_value_usd],
    ]
    rows += [[f"less {line.line}: {line.label}", -value] for line, value in zip(option.cost_lines, known, strict=True)]
    total = option.status_quo_present_value_usd + option.benefit_present_value_usd - sum(known)
    rows.append(["Expected net present value", total])
    table = Table("account", "The account", columns, rows, frozenset({len(rows) - 1}))
    return [Heading("The account"), table, *_check(total, option.expected_npv_usd)]


def _cash_account(option: OptionResult) -> list[Block]:
    """Without present values by line: the expected cash over the horizon, not discounted."""
    cash = option.cash
    if cash is None:
        return []
    cost, today, benefit = sum(cash.cost_usd), sum(cash.status_quo_cost_usd), sum(cash.benefit_usd)
    columns = [Column("entry", "Entry"), Column("expected_usd", "Expected, not discounted", Kind.USD)]
    rows: list[list[Cell]] = [
        ["Cost of going on as today, avoided", today],
        ["Benefit of better answers", benefit],
        ["less the cost of the option", -cost],
        ["Expected net cash at the horizon", today + benefit - cost],
    ]
    return [Heading("The account"), Table("account", "The account", columns, rows, frozenset({3}))]


def _check(total: float, stated: float) -> list[Block]:
    """An account that does not add up is said to, never smoothed over."""
    if abs(total - stated) <= _TOLERANCE * max(abs(total), abs(stated), 1.0):
        return [Paragraph("The lines add up to the expected net present value of the decision.", quiet=True)]
    text = f"The lines come to {usd(total)}, the decision states {usd(stated)}."
    return [Callout(Tone.ERROR, "This account does not add up", text)]
