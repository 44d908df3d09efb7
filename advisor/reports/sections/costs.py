"""What each option costs, line by line."""

from advisor.decision.result import CostLine, OptionResult
from advisor.reports.blocks import Axis, Block, Column, Kind, Paragraph, StackedBars, Table
from advisor.reports.context import Context
from advisor.reports.lines import LINES, SHORT

ORDER = 40
TITLE = "What it costs"


def build(context: Context) -> list[Block]:
    """The cost lines of the subject as a table and those of the options of interest as bars."""
    drawn = [option for option in context.drawn() if option.cost_lines]
    if not drawn:
        return []
    blocks: list[Block] = [bars(context, drawn)]
    subject = context.subject
    if subject is not None and subject.cost_lines:
        blocks.append(lines(subject))
        blocks.append(
            Paragraph(
                "Middle estimates do not add up to the middle of the total, because not everything is dear at the "
                "same time; the expected values in the basis of estimate do.",
                quiet=True,
            )
        )
    return blocks


def bars(context: Context, drawn: list[OptionResult]) -> StackedBars:
    """Expected cost over the horizon where the lines carry it, else the first year at middle estimates."""
    whole = all(line.expected_usd is not None for option in drawn for line in option.cost_lines)
    kinds = list(dict.fromkeys(line.line for option in drawn for line in option.cost_lines))
    kinds.sort(key=lambda kind: list(LINES).index(kind) if kind in LINES else len(LINES))
    horizon = context.decision.horizon_months
    period = f"over {horizon} months" if whole else "in the first year"

    def amount(option: OptionResult, kind: str) -> float:
        return sum(_amount(line, whole) for line in option.cost_lines if line.line == kind)

    return StackedBars(
        name="cost_lines",
        title=f"Cost {period}, by line",
        description=f"{'Expected values' if whole else 'Middle estimates'}, not discounted. Benefits are not in here.",
        x=Axis(f"Cost {period} (US dollars)", Kind.USD),
        categories=[option.label for option in drawn],
        segments=[(SHORT.get(kind, kind), [amount(option, kind) for option in drawn]) for kind in kinds],
    )


def _amount(line: CostLine, whole: bool) -> float:
    if whole and line.expected_usd is not None:
        return line.expected_usd
    return line.upfront_usd.p50 + 12 * line.monthly_usd.p50


def lines(option: OptionResult) -> Table:
    """The account of one option: each line with its basis and where the figure comes from."""
    columns = [
        Column("line", "Line", data_only=True),
        Column("label", "What"),
        Column("upfront_usd", "Once", Kind.USD),
        Column("monthly_usd", "A month", Kind.USD),
        Column("expected_usd", "Over the horizon, expected", Kind.USD),
        Column("origin", "Origin"),
        Column("basis", "How the figure was made"),
        Column("sources", "Source", fine_print=True),
    ]
    rows = [
        [
            line.line,
            line.label,
            line.upfront_usd,
            line.monthly_usd,
            line.expected_usd,
            line.origin,
            line.basis,
            "; ".join(dict.fromkeys(line.sources)),
        ]
        for line in option.cost_lines
    ]
    return Table("cost_lines_table", f"The lines of: {option.label}", columns, rows)
