"""The basis of estimate: what is counted, what is not, and an account that adds up to the stated value."""

from dataclasses import dataclass

from advisor.decision.result import OptionResult
from advisor.reports.blocks import Block, Callout, Cell, Column, Items, Kind, Paragraph, Table, Tone
from advisor.reports.context import Context
from advisor.reports.lines import LINES, SHORT
from advisor.reports.numbers import usd

ORDER = 60
TITLE = "Basis of estimate"

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
    included = [f"{SHORT[kind]}: {text}" for kind, text in LINES.items() if kind in counted]
    absent = [f"{SHORT[kind]}: {text} (this option has none)" for kind, text in LINES.items() if kind not in counted]
    return [
        Paragraph(
            f"For: {option.label}. US dollars; {context.decision.horizon_months} months; {_discounting(context)}."
        ),
        Items(included, title="Counted"),
        Items([*absent, *EXCLUDED], title="Not counted"),
        *_account(context, option),
    ]


def _discounting(context: Context) -> str:
    rate = context.decision.facts.get("finance.discount_rate_per_year")
    if isinstance(rate, int | float):
        return f"discounted at {rate:.1%} a year, month by month"
    return "discounted at the rate among the assumptions, month by month"


def _account(context: Context, option: OptionResult) -> list[Block]:
    """Expected (mean) values, which add up where middle estimates do not: as cash, and discounted."""
    entries = _entries(option)
    if entries is None:
        return [Paragraph("This decision carries no account by line; decide again with this program for one.")]
    cash, present = sum(entry.cash_usd for entry in entries), sum(entry.present_usd for entry in entries)
    columns = [
        Column("entry", "Entry"),
        Column("cash_usd", "Expected cash", Kind.USD_EXACT),
        Column("present_value_usd", "Expected present value", Kind.USD_EXACT),
    ]
    rows: list[list[Cell]] = [[entry.label, entry.cash_usd, entry.present_usd] for entry in entries]
    rows.append(["Net, against going on as today", cash, present])
    title = f"The account over {context.decision.horizon_months} months, in expected dollars"
    return [Table("account", title, columns, rows, frozenset({len(rows) - 1})), *_check(option, cash, present)]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One row of the account; costs are negative."""

    label: str
    cash_usd: float
    present_usd: float


def _entries(option: OptionResult) -> list[_Entry] | None:
    """What going on as today would cost (which is avoided), the benefit, less every cost line; None when not known."""
    cash = option.cash
    if cash is None or option.status_quo_present_value_usd is None or option.benefit_present_value_usd is None:
        return None
    avoided = sum(cash.status_quo_cost_usd)
    entries = [
        _Entry("Cost of going on as today, avoided", avoided, option.status_quo_present_value_usd),
        _Entry("Benefit of better answers", sum(cash.benefit_usd), option.benefit_present_value_usd),
    ]
    for line in option.cost_lines:
        if line.expected_usd is None or line.present_value_usd is None:
            return None
        entries.append(_Entry(f"less {line.label}", -line.expected_usd, -line.present_value_usd))
    return entries


def _check(option: OptionResult, cash: float, present: float) -> list[Block]:
    """An account that does not add up is said to, never smoothed over."""
    assert option.cash is not None
    flows = option.cash
    net = sum(flows.status_quo_cost_usd) + sum(flows.benefit_usd) - sum(flows.cost_usd)
    blocks: list[Block] = []
    if option.expected_npv_usd is not None and _differ(present, option.expected_npv_usd):
        text = f"The lines come to {usd(present)}, the decision states {usd(option.expected_npv_usd)}."
        blocks.append(Callout(Tone.ERROR, "The present values do not add up", text))
    if _differ(cash, net):
        text = f"The lines come to {usd(cash)}, the monthly cash flow to {usd(net)}."
        blocks.append(Callout(Tone.ERROR, "The cash does not add up", text))
    if not blocks:
        said = (
            "Checked: the lines add up to the expected net present value of the decision and to its monthly cash flow, "
            "but for a dollar of rounding. An expected value is the mean over the sampled futures; the net present "
            "value on the first page is the middle one of them, so the two differ where the futures are skewed."
        )
        blocks.append(Paragraph(said, quiet=True))
    return blocks


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > _TOLERANCE * max(abs(one), abs(other), 1.0)
