"""The options side by side: table, cost against quality, and how often each is best."""

from advisor.decision.result import OptionResult
from advisor.reports.blocks import Axis, BarChart, Block, Cell, Column, Kind, Paragraph, Point, PointChart, Table
from advisor.reports.context import Context

ORDER = 20
TITLE = "The options side by side"

_SHOWN = 12
_DRAWN = 60
_BARS = 12


def build(context: Context) -> list[Block]:
    """Nothing when no option could be priced."""
    ranked = context.decision.ranked
    if not ranked:
        return []
    return [
        Paragraph(
            f"{context.decision.options_considered} options considered, {len(ranked)} priced and ranked by expected "
            f"value. Three numbers in a cell are the middle estimate and, in brackets, the range that holds in 8 of 10 "
            f"cases (P10 to P90). All of them are estimated unless the assumptions say measured.",
            quiet=True,
        ),
        comparison(context),
        points(context),
        *_probability(context),
    ]


def comparison(context: Context) -> Table:
    """Every ranked option with the numbers it is judged by."""
    decision = context.decision
    columns = [
        Column("rank", "#", Kind.COUNT),
        Column("option_id", "Id"),
        Column("option", "Option"),
        Column("approach_class", "Class"),
        Column("quality", "Answered well", Kind.SHARE),
        Column("latency_p95_ms", "Latency p95", Kind.MS),
        Column("upfront_cost_usd", "Up-front", Kind.USD),
        Column("monthly_cost_usd", "A month", Kind.USD),
        Column("npv_usd", f"Net present value, {decision.horizon_months} months", Kind.USD),
        Column("break_even_month", "Pays back after", Kind.MONTHS),
        Column("probability_best", "Best in", Kind.SHARE),
        Column("feasible_probability", "Within limits in", Kind.SHARE),
    ]
    rows = [
        [
            rank,
            option.option_id,
            option.label,
            class_name(option),
            option.quality,
            option.latency_p95_ms,
            option.upfront_cost_usd,
            option.monthly_cost_usd,
            option.npv_usd,
            break_even(context, option),
            option.probability_best,
            option.feasible_probability,
        ]
        for rank, option in enumerate(decision.ranked, start=1)
    ]
    winner = decision.recommended.option_id if decision.recommended else None
    strong = frozenset(i for i, option in enumerate(decision.ranked) if option.option_id == winner)
    return Table("options", "Options by expected value", columns, rows, strong, shown_rows=_SHOWN)


def class_name(option: OptionResult) -> str:
    """The approach class in words."""
    names = {"rag": "RAG", "rag_plus_ft": "RAG + fine-tuning", "fine_tuning": "fine-tuning"}
    return names.get(option.approach_class, option.approach_class.replace("_", " "))


def break_even(context: Context, option: OptionResult) -> Cell:
    """The month as a spread, `never` when it does not come within the horizon, a dash for the status quo itself."""
    if option.option_id == context.decision.status_quo.option_id:
        return "is today's"
    return option.break_even_month or f"not within {context.decision.horizon_months} months"


def points(context: Context) -> PointChart:
    """Cost against quality with latency as area: the best and every option on the Pareto front."""
    decision = context.decision
    front = set(decision.pareto)
    chosen = [o for i, o in enumerate(decision.ranked) if i < _DRAWN or o.option_id in front][: 2 * _DRAWN]
    return PointChart(
        name="cost_quality_latency",
        title="Cost, quality and latency",
        description=(
            "Each point is an option at its middle estimate; up and to the left is better. The larger the point, the "
            "slower the answer. Diamonds are on the Pareto front: nothing else is better in all three."
        ),
        x=Axis("Cost a month (US dollars)", Kind.USD),
        y=Axis("Requests answered well (%)", Kind.SHARE),
        size_title="Latency, 95th percentile",
        points=[
            Point(o.label, o.monthly_cost_usd, o.quality, o.latency_p95_ms.p50, class_name(o), o.option_id in front)
            for o in chosen
        ],
    )


def _probability(context: Context) -> list[Block]:
    best = sorted(context.decision.ranked, key=lambda option: -option.probability_best)[:_BARS]
    best = [option for option in best if option.probability_best > 0]
    if not best:
        return []
    subject = context.subject
    highlight = next((i for i, o in enumerate(best) if subject and o.option_id == subject.option_id), None)
    return [
        BarChart(
            name="probability_best",
            title="How often each option is best",
            description=f"Share of {context.decision.samples:,} sampled futures in which the option has the highest value.",
            x=Axis("Best in (% of samples)", Kind.SHARE),
            labels=[option.label for option in best],
            values=[option.probability_best for option in best],
            highlight=highlight,
        )
    ]
