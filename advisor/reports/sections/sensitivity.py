"""What the result hangs on: tornado, flips, break-even points and maps, the price of each limit, what to find out next."""

from advisor.reports.blocks import (
    NOT_APPLICABLE,
    Axis,
    Block,
    Column,
    Heading,
    Kind,
    MapChart,
    Paragraph,
    Table,
    TornadoBar,
    TornadoChart,
)
from advisor.reports.context import Context

ORDER = 45
TITLE = "What it hangs on"

_BARS = 12


def build(context: Context) -> list[Block]:
    """Whatever of these the decision carries."""
    return [
        *_tornado(context),
        *_flips(context),
        *_break_evens(context),
        *_maps(context),
        *_constraint_prices(context),
        *_questions(context),
    ]


def _tornado(context: Context) -> list[Block]:
    rows = context.decision.sensitivities
    subject = context.subject
    if not rows or subject is None:
        return []
    widest = sorted(rows, key=lambda row: -abs(row.npv_at_high_usd - row.npv_at_low_usd))
    chart = TornadoChart(
        name="tornado",
        title=f"What moves the value of: {subject.label}",
        description="Each bar is the net present value when one input takes its P10 and its P90, the others as they are.",
        x=Axis("Net present value (US dollars)", Kind.USD),
        base=subject.npv_usd.p50,
        bars=[
            TornadoBar(row.label, row.low_value, row.high_value, row.npv_at_low_usd, row.npv_at_high_usd)
            for row in widest[:_BARS]
        ],
    )
    blocks: list[Block] = [chart]
    if any(row.total_order_index is not None for row in rows):
        columns = [
            Column("id", "Id"),
            Column("input", "Input"),
            Column("total_order", "Share of the variance", Kind.SHARE),
        ]
        indexed = sorted(rows, key=lambda row: -(row.total_order_index or 0.0))
        title = "Total-order sensitivity: how much less uncertain the value were if the input was known"
        table = [[row.id, row.label, row.total_order_index] for row in indexed]
        blocks.append(Table("sensitivity", title, columns, table, shown_rows=_BARS))
    return blocks


def _flips(context: Context) -> list[Block]:
    flips = context.decision.flips
    if not flips:
        return []
    columns = [
        Column("fact", "Fact"),
        Column("label", "What"),
        Column("current", "Now"),
        Column("becomes", "Would have to be"),
        Column("winner", "Then the winner is"),
        Column("text", "In words"),
    ]
    rows = [[f.fact, f.label, _plain(f.current), _plain(f.becomes), f.winner_label, f.text] for f in flips]
    return [Table("flips", "The nearest answer that changes the winner", columns, rows)]


def _break_evens(context: Context) -> list[Block]:
    found = context.decision.break_evens
    if not found:
        return []
    columns = [
        Column("id", "Id"),
        Column("label", "What"),
        Column("current", "Now", Kind.NUMBER),
        Column("at", "Equal at", Kind.NUMBER),
        Column("unit", "Unit"),
        Column("range", "Searched"),
        Column("against", "Compared with"),
        Column("text", "In words"),
    ]
    rows = [
        [b.id, b.label, b.current, "nowhere in the range" if b.at is None else b.at, b.unit or NOT_APPLICABLE,
         f"{b.low:,.4g} to {b.high:,.4g}", b.against, b.text]
        for b in found
    ]  # fmt: skip
    return [Table("break_evens", "Where the recommendation and its rival are worth the same", columns, rows)]


def _maps(context: Context) -> list[Block]:
    return [
        MapChart(
            name=f"break_even_map_{number}",
            title=f"Best option by {found.x_label} and {found.y_label}",
            description="Each field is the option with the highest median value there; the cross is where you are.",
            x_title=found.x_label,
            y_title=found.y_label,
            x_values=found.x_values,
            y_values=found.y_values,
            winners=found.winners,
            current=None if found.current_x is None or found.current_y is None else (found.current_x, found.current_y),
        )
        for number, found in enumerate(context.decision.break_even_maps, start=1)
    ]


def _constraint_prices(context: Context) -> list[Block]:
    prices = context.decision.constraint_prices
    if not prices:
        return []
    columns = [
        Column("fact", "Limit"),
        Column("limit", "Set to"),
        Column("cost_usd_per_month", "Costs a month", Kind.USD),
        Column("cost_usd", "Over the horizon", Kind.USD),
        Column("winner_without", "Best without it"),
        Column("text", "In words"),
    ]
    rows = [
        [p.fact, _plain(p.limit), p.cost_usd_per_month, p.cost_usd, p.winner_without or NOT_APPLICABLE, p.text]
        for p in prices
    ]
    return [Table("constraint_prices", "The price of each limit", columns, rows)]


def _questions(context: Context) -> list[Block]:
    questions = context.decision.next_questions
    blocks: list[Block] = []
    if questions:
        columns = [
            Column("fact", "Fact"),
            Column("question", "Question"),
            Column("value_of_information_usd", "Worth knowing", Kind.USD),
            Column("changes_winner_probability", "Changes the winner in", Kind.SHARE),
            Column("why", "Why"),
        ]
        rows = [
            [q.fact, q.question, q.value_of_information_usd, q.changes_winner_probability, q.why] for q in questions
        ]
        blocks.append(Table("next_questions", "What to find out next", columns, rows))
    if context.decision.pilot_worth_usd is not None:
        from advisor.reports.numbers import usd

        worth = usd(context.decision.pilot_worth_usd)
        blocks += [Heading("A pilot"), Paragraph(f"A pilot that measures before deciding is worth up to {worth}.")]
    return blocks


def _plain(value: object) -> str:
    """An answer as text: booleans in words, lists and ranges written out."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(_plain(part) for part in value)
    return str(value)
