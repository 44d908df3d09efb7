"""What the result hangs on: tornado, flips, break-even points and maps, the price of limits, what to find out next."""

import math
from collections import Counter

from advisor.decision.result import BreakEvenPoint, Flip
from advisor.reports.blocks import (
    Axis,
    BarChart,
    Block,
    Cell,
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
from advisor.reports.numbers import percent, show, usd, with_unit
from advisor.reports.words import plain

ORDER = 45
TITLE = "What it hangs on"

_BARS = 10
_MAP_COLOURS = 6


def build(context: Context) -> list[Block]:
    """Whatever of these the decision carries."""
    return [
        *_tornado(context),
        *_total_order(context),
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
    widest = sorted(rows, key=lambda row: -abs(row.npv_at_high_usd - row.npv_at_low_usd))[:_BARS]
    return [
        TornadoChart(
            name="tornado",
            title="What moves the value most",
            description=(
                f"The expected net present value of {subject.label} when one input lies at its low and at its high end "
                f"(P10 and P90, written beside the bar) and the others stay uncertain."
            ),
            x=Axis("Expected net present value (US dollars)", Kind.USD),
            base=subject.npv_usd.p50 if subject.expected_npv_usd is None else subject.expected_npv_usd,
            bars=[
                TornadoBar(
                    row.label,
                    _dollars(row.low_value),
                    _dollars(row.high_value),
                    row.npv_at_low_usd,
                    row.npv_at_high_usd,
                )
                for row in widest
            ],
        )
    ]


def _dollars(value: str) -> str:
    """`61.3 USD per hour` -> `$61.3 per hour`; the ends of what has no unit are `low` and `high`."""
    if value in ("its low end", "its high end"):
        return value.split()[1]
    amount, _, unit = value.partition(" ")
    return with_unit(amount, unit) if unit.startswith("USD") else value


def _total_order(context: Context) -> list[Block]:
    known = [
        (row.total_order_index, row) for row in context.decision.sensitivities if row.total_order_index is not None
    ]
    top = sorted(known, key=lambda pair: -pair[0])[:_BARS]
    if not top:
        return []
    return [
        BarChart(
            name="total_order",
            title="Where the uncertainty comes from",
            description=(
                "Share of the variance of the value that would be gone if this input were known for certain, alone and "
                "together with others (Sobol total-order index; the shares may sum to more than 100 %)."
            ),
            x=Axis("Total-order index (% of the variance)", Kind.SHARE),
            labels=[row.label for _, row in top],
            values=[max(index, 0.0) for index, _ in top],
        )
    ]


def nearest_flips(context: Context) -> list[Flip]:
    """By how near they are: numbers by their ratio (shares by their odds), then the answers that are no numbers."""
    return sorted(context.decision.flips, key=lambda flip: _distance(flip, context.fact(flip.fact).is_share))


def _distance(flip: Flip, is_share: bool) -> float:
    now, then = flip.current, flip.becomes
    if not all(isinstance(value, int | float) and not isinstance(value, bool) and value > 0 for value in (now, then)):
        return math.inf
    if is_share and max(now, then) < 1:
        now, then = now / (1 - now), then / (1 - then)
    return abs(math.log(then / now))


def flip_text(context: Context, flip: Flip) -> str:
    """A flip as one sentence, its values as the report writes them."""
    said = context.fact(flip.fact).said
    now, then = flip.current, flip.becomes
    bound = ""
    if _is_number(now) and _is_number(then):
        bound = " or more" if then > now else " or less"
    wins = f"{flip_winner(flip)} would come first" if flip.winner_option_id else "nothing would meet all limits"
    return f"{context.fact(flip.fact).label}: at {said(then)}{bound} instead of {said(now)}, {wins}."


def flip_winner(flip: Flip) -> str:
    """What would be recommended then."""
    return "going on as today" if flip.winner_option_id == "keep_current" else flip.winner_label


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flips(context: Context) -> list[Block]:
    flips = nearest_flips(context)
    if not flips:
        return []
    columns = [
        Column("fact", "Fact", data_only=True),
        Column("label", "What"),
        Column("current", "Now"),
        Column("becomes", "Turns at"),
        Column("winner", "Then the best option is"),
        Column("text", "In words", data_only=True),
    ]
    rows: list[list[Cell]] = [
        [
            f.fact,
            f.label,
            context.fact(f.fact).said(f.current),
            context.fact(f.fact).said(f.becomes),
            flip_winner(f),
            flip_text(context, f),
        ]
        for f in flips
    ]
    title = "The nearest answers that change the winner, each alone"
    return [Table("flips", title, columns, rows, shown_rows=8)]


def _break_evens(context: Context) -> list[Block]:
    """Where there is a crossing, the table; the inputs that change nothing in their whole range in one sentence."""
    found = context.decision.break_evens
    if not found:
        return []
    columns = [
        Column("id", "Id", data_only=True),
        Column("label", "What"),
        Column("current", "Now"),
        Column("at", "Break-even at"),
        Column("against", "Against"),
        Column("text", "In words", fine_print=True),
        Column("current_value", "Now, as a number", Kind.NUMBER, data_only=True),
        Column("at_value", "Equal at, as a number", Kind.NUMBER, data_only=True),
        Column("unit", "Unit", data_only=True),
        Column("low", "Searched from", Kind.NUMBER, data_only=True),
        Column("high", "Searched to", Kind.NUMBER, data_only=True),
    ]
    rows: list[list[Cell]] = [
        [
            b.id,
            b.label,
            _amount(context, b, b.current),
            _amount(context, b, b.at),
            _against(context, b),
            b.text,
            b.current,
            b.at,
            b.unit,
            b.low,
            b.high,
        ]
        for b in found
        if b.at is not None
    ]
    rows = [*_month(context), *rows]
    title = "Break-even points: where the option in front is worth the same as another"
    blocks: list[Block] = [Table("break_evens", title, columns, rows, shown_rows=14)] if rows else []
    return [*blocks, *_never(context, [b for b in found if b.at is None])]


def _month(context: Context) -> list[list[Cell]]:
    """The month in which the money is back, as the first of the break-even points."""
    subject, horizon = context.subject, context.decision.horizon_months
    if subject is None or subject.break_even_month is None:
        return []
    at, today = subject.break_even_month.p50, "going on as today"
    text = f"The money is back after {show(subject.break_even_month, Kind.MONTHS)}; counted are {horizon} months."
    now, then = (show(value, Kind.MONTHS) for value in (float(horizon), at))
    return [
        ["month", "Months it has to run", now, then, today, text, float(horizon), at, "months", 0.0, float(horizon)]
    ]


def _never(context: Context, found: list[BreakEvenPoint]) -> list[Block]:
    """What does not turn it anywhere in its range, a sentence for each rival."""
    blocks: list[Block] = []
    for rival in dict.fromkeys(_against(context, b) for b in found):
        mine = [b for b in found if _against(context, b) == rival and b.id != "machine.utilisation"]
        ranges = [f"{b.label} ({_amount(context, b, b.low)} to {_amount(context, b, b.high)})" for b in mine]
        if ranges:
            said = f"Against {rival} these change nothing in the range searched: {'; '.join(ranges)}."
            blocks.append(Paragraph(said, quiet=True))
    blocks += [Paragraph(b.text, quiet=True) for b in found if b.id == "machine.utilisation"]
    return blocks


def _against(context: Context, point: BreakEvenPoint) -> str:
    return "going on as today" if point.against == context.decision.status_quo.label else point.against


def _amount(context: Context, point: BreakEvenPoint, value: float | None) -> str:
    if value is None:
        return "unknown"
    if point.unit in ("share", "%") or context.fact(point.id).is_share:
        return percent(value)
    return with_unit(plain(float(f"{value:.3g}")), point.unit)


def _maps(context: Context) -> list[Block]:
    return [
        MapChart(
            name=f"break_even_map_{number}",
            title=f"The best option by {_name(found.x_label)} and {_name(found.y_label)}",
            description="Each field has the colour of the option that would be recommended there.",
            x_title=_once(found.x_label),
            y_title=_once(found.y_label),
            x_values=found.x_values,
            y_values=found.y_values,
            winners=_few(found.winners, None if context.subject is None else context.subject.label),
            front=None if context.subject is None else context.subject.label,
            current=None if found.current_x is None or found.current_y is None else (found.current_x, found.current_y),
        )
        for number, found in enumerate(context.decision.break_even_maps, start=1)
    ]


def _few(winners: list[list[str]], front: str | None) -> list[list[str]]:
    """At most so many names as colours can be told apart: the rarest become `another option`."""
    counts = Counter(name for row in winners for name in row)
    if len(counts) <= _MAP_COLOURS:
        return winners
    kept = {front, *(name for name, _ in counts.most_common(_MAP_COLOURS - 1 - (front in counts)) if name != front)}
    kept |= {name for name, _ in counts.most_common() if name == front}
    return [[name if name in kept else "another option" for name in row] for row in winners]


def _name(label: str) -> str:
    """`Requests per month (requests per month)` -> `requests per month`."""
    name = label.partition(" (")[0]
    return name[:1].lower() + name[1:]


def _once(label: str) -> str:
    """A label whose unit repeats its name, without the unit."""
    name, _, unit = label.partition(" (")
    return name if unit.rstrip(")").lower() == name.lower() else label


def _constraint_prices(context: Context) -> list[Block]:
    prices = context.decision.constraint_prices
    if not prices:
        return []
    columns = [
        Column("fact", "Id", data_only=True),
        Column("label", "Limit"),
        Column("limit", "Set to"),
        Column("cost_usd_per_month", "Costs a month", Kind.USD),
        Column("cost_usd", "Over the horizon", Kind.USD),
        Column("winner_without", "Best without it"),
        Column("text", "In words", data_only=True),
    ]
    dear = [price for price in prices if price.cost_usd_per_month > 0.5]
    rows: list[list[Cell]] = [
        [
            price.fact,
            context.fact(price.fact).label,
            context.fact(price.fact).said(price.limit),
            price.cost_usd_per_month,
            price.cost_usd,
            _label(context, price.winner_without),
            price.text,
        ]
        for price in dear
    ]
    free = [
        f"{context.fact(price.fact).label} ({context.fact(price.fact).said(price.limit)})"
        for price in prices
        if price not in dear
    ]
    blocks: list[Block] = [Table("constraint_prices", "What each limit costs", columns, rows)] if rows else []
    if free:
        blocks.append(
            Paragraph(
                f"Limits that cost nothing, because the same plan would come first without them: {'; '.join(free)}.",
                quiet=True,
            )
        )
    return blocks


def _label(context: Context, name: str | None) -> str | None:
    """The label of an option id; what is no id is a label already."""
    labels = {option.option_id: option.label for option in context.decision.ranked}
    return None if name is None else labels.get(name, name)


def _questions(context: Context) -> list[Block]:
    questions = context.decision.next_questions
    blocks: list[Block] = []
    if questions:
        columns = [
            Column("question", "Question"),
            Column("value_of_information_usd", "Worth knowing", Kind.USD),
            Column("changes_winner_probability", "Changes the winner in", Kind.SHARE),
            Column("why", "Why it is asked", fine_print=True),
            Column("fact", "Fact", fine_print=True),
        ]
        rows: list[list[Cell]] = [
            [q.question, q.value_of_information_usd, q.changes_winner_probability, q.why, q.fact] for q in questions
        ]
        title = "What to find out next: what it is worth to know the answer before deciding"
        blocks.append(Table("next_questions", title, columns, rows, shown_rows=6))
    if context.decision.pilot_worth_usd is not None:
        worth = context.decision.pilot_worth_usd
        said = f"A pilot that measures before deciding is worth up to {usd(worth)}."
        if worth < 1:
            said = "A pilot before the decision is worth nothing here: no result that is likely would change it."
        blocks += [Heading("A pilot"), Paragraph(said)]
    return blocks
