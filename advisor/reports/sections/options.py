"""The options side by side: the best of each kind, cost against quality, how often each kind is best, all of them."""

from collections.abc import Mapping

from advisor.decision.result import OptionResult
from advisor.reports.blocks import (
    NOT_APPLICABLE,
    Axis,
    BarChart,
    Block,
    Cell,
    Column,
    Kind,
    Origin,
    Paragraph,
    Point,
    PointChart,
    Table,
)
from advisor.reports.context import Context
from advisor.reports.numbers import show
from advisor.reports.origins import latency_of, quality_of, quality_word
from advisor.reports.words import approach, approach_class

ORDER = 20
TITLE = "The options side by side"

_LIMITS = (
    ("limits.latency_p95_ms", "latency_p95_ms", False),
    ("limits.quality_floor", "quality", True),
    ("limits.upfront_budget_usd", "upfront_cost_usd", False),
    ("limits.monthly_budget_usd", "monthly_cost_usd", False),
    ("limits.deadline_weeks", "weeks_to_production", False),
)
"""(fact, the figure it bounds, whether it is a floor)."""
_DRAWN = 26
_BARS = 10


def build(context: Context) -> list[Block]:
    """Nothing when no option could be priced."""
    ranked = context.decision.ranked
    if not ranked:
        return []
    return [
        Paragraph(
            f"{context.decision.options_considered:,} options considered, {len(ranked):,} allowed and priced. A number "
            f"is the middle estimate; the range beside it holds in 8 of 10 cases (P10 to P90). Figures are estimated "
            f"unless the small print says otherwise.",
            quiet=True,
        ),
        comparison(context),
        points(context),
        *_probability(context),
        *_every_option(context),
    ]


def best_of_each(context: Context) -> list[OptionResult]:
    """The recommended option, then the best of every other way of doing the job, in the order of the ranking."""
    chosen = {} if context.subject is None else {context.subject.approach: context.subject}
    for option in context.decision.ranked:
        chosen.setdefault(option.approach, option)
    return list(chosen.values())


def comparison(context: Context) -> Table:
    """One row for each way of doing the job."""
    options = best_of_each(context)
    winner = context.subject.option_id if context.subject and context.recommends else None
    strong = frozenset(place for place, option in enumerate(options) if option.option_id == winner)
    title = "The best option of each kind, by expected value"
    columns = [Column("tag", "Standing", data_only=True), *_columns(context)[1:]]
    rows = []
    for option in options:
        tag, cells = _tag(context, option), _row(context, option)
        place = next(number for number, column in enumerate(columns) if column.key == "option")
        cells[place - 1] = f"{option.label}: {tag}" if tag else option.label
        rows.append([tag, *cells])
    return Table("comparison", title, columns, rows, strong)


def _tag(context: Context, option: OptionResult) -> str:
    if context.subject is not None and option.option_id == context.subject.option_id:
        return "recommended" if context.recommends else "in front"
    return ""


def _columns(context: Context) -> list[Column]:
    horizon = context.decision.horizon_months
    return [
        Column("rank", "#", Kind.COUNT),
        Column("option_id", "Id", data_only=True),
        Column("approach", "Kind", data_only=True),
        Column("option", "Option"),
        Column("quality", "Answered well", Kind.SHARE),
        Column("latency_p95_ms", "Latency, p95", Kind.MS),
        Column("upfront_cost_usd", "Up front", Kind.USD),
        Column("monthly_cost_usd", "A month", Kind.USD),
        Column("npv_usd", f"Net present value, {horizon} months", Kind.USD),
        Column("break_even_month", "Pays back after", Kind.MONTHS),
        Column("feasible_probability", "Within limits", Kind.SHARE),
        Column("quality_origin", "Quality is", fine_print=True),
        Column("misses", "Misses", fine_print=True),
    ]


def _row(context: Context, option: OptionResult) -> list[Cell]:
    decision = context.decision
    return [
        option.option_id,
        approach(option),
        option.label,
        quality_of(decision, option),
        latency_of(decision, option),
        option.upfront_cost_usd,
        option.monthly_cost_usd,
        option.npv_usd,
        break_even(context, option),
        option.feasible_probability,
        None if (word := quality_word(decision, option)) == Origin.ESTIMATED else word,
        ", ".join(missed(context, option)) or None,
    ]


def missed(context: Context, option: OptionResult) -> list[str]:
    """The limits that the option's middle estimates lie outside of, where it may not be chosen for them."""
    if option.meets_limits or option.option_id == context.decision.status_quo.option_id:
        return []
    facts = context.decision.facts
    found = []
    for fact, figure, floor in _LIMITS:
        bound, value = facts.get(fact), getattr(option, figure)
        if not isinstance(bound, int | float) or value is None or (figure == "latency_p95_ms" and _no_one_waits(facts)):
            continue
        if value.p50 < bound if floor else value.p50 > bound:
            found.append(f"{context.fact(fact).label} ({context.fact(fact).said(bound)})")
    return found


def _no_one_waits(facts: Mapping[str, object]) -> bool:
    return facts.get("traffic.batch") is True


def break_even(context: Context, option: OptionResult) -> Cell:
    """The month as a spread, beyond the horizon in words, a dash where there is nothing to pay back."""
    if option.option_id == context.decision.status_quo.option_id:
        return NOT_APPLICABLE
    if option.break_even_month is None and option.break_even_probability is None:
        return None
    return option.break_even_month or f"> {context.decision.horizon_months} months"


def _every_option(context: Context) -> list[Block]:
    ranked = context.decision.ranked
    columns = [*_columns(context), Column("probability_best", "Best in", Kind.SHARE)]
    rows = [[rank, *_row(context, option), option.probability_best] for rank, option in enumerate(ranked, start=1)]
    return [Table("options", f"Every option ({len(ranked):,}), by expected value", columns, rows, shown_rows=0)]


def points(context: Context) -> PointChart:
    """Cost against quality with latency as area: the best of each kind and the best of the Pareto front."""
    decision = context.decision
    front = set(decision.pareto)
    kinds = {option.option_id for option in best_of_each(context)}
    on_front = [option.option_id for option in decision.ranked if option.option_id in front]
    wanted = kinds | set(on_front[: _DRAWN - len(kinds)])
    chosen = [option for option in decision.ranked if option.option_id in wanted]
    slow = [latency.p50 for option in chosen if (latency := latency_of(decision, option)) is not None]
    sizes = f" (from {show(min(slow), Kind.MS)} to {show(max(slow), Kind.MS)})" if slow else ""
    return PointChart(
        name="cost_quality_latency",
        title="Cost, quality and latency",
        description=(
            f"Up and to the left is better. The larger the mark, the slower the answer{sizes}. Filled marks are on the "
            f"Pareto front: no other option is better in one of the three without being worse in another."
        ),
        x=Axis("Cost a month (US dollars)", Kind.USD),
        y=Axis("Requests answered well (%)", Kind.SHARE),
        size_title="Latency, 95th percentile",
        points=[_point(context, option, option.option_id in front) for option in chosen],
    )


def _point(context: Context, option: OptionResult, marked: bool) -> Point:
    latency = latency_of(context.decision, option)
    named = None
    if context.subject is not None and option.option_id == context.subject.option_id:
        named = "recommended" if context.recommends else "in front"
    elif option.option_id == context.decision.status_quo.option_id:
        named = "today"
    size = None if latency is None else latency.p50
    return Point(option.label, option.monthly_cost_usd, option.quality, size, approach_class(option), marked, named)


def _probability(context: Context) -> list[Block]:
    """By kind: many options differ by their model only and share the chance among them."""
    chance: dict[str, float] = {}
    for option in context.decision.ranked:
        chance[approach(option)] = chance.get(approach(option), 0.0) + option.probability_best
    best = sorted(((share, kind) for kind, share in chance.items() if share > 0.0005), reverse=True)[:_BARS]
    if not best:
        return []
    subject = context.subject
    own = approach(subject) if subject is not None else None
    return [
        BarChart(
            name="probability_best",
            title="How often each way is the best one",
            description=f"Share of {context.decision.samples:,} sampled futures in which it has the highest value.",
            x=Axis("Best in (% of sampled futures)", Kind.SHARE),
            labels=[kind for _, kind in best],
            values=[share for share, _ in best],
            highlight=next((place for place, (_, kind) in enumerate(best) if kind == own), None),
        )
    ]
