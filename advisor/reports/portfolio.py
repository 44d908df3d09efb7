"""A report over several use cases, each decided on its own: the money together, what can be shared, every plan.

Expected values of use cases add up. Their ranges do not: the band of the sum is drawn as if all went badly, or all
well, at the same time, which is the widest it can be.
"""

from collections.abc import Sequence
from itertools import zip_longest

from advisor.decision.result import CashSeries, OptionResult, Spread, Verdict
from advisor.reports.blocks import (
    NOT_APPLICABLE,
    Axis,
    Block,
    Callout,
    Cell,
    Code,
    Column,
    FanChart,
    FanSeries,
    Figure,
    Figures,
    Items,
    Kind,
    Origin,
    Paragraph,
    Report,
    Section,
    Table,
    Tone,
)
from advisor.reports.build import stale_prices_warning
from advisor.reports.context import Context
from advisor.reports.joint import Joint, joint_blocks
from advisor.reports.numbers import usd
from advisor.reports.sections.risks import cite
from advisor.reports.words import approach, hosting, payback


def build_portfolio(contexts: Sequence[Context], title: str, command: str, joint: Joint | None = None) -> Report:
    """The report of at least two use cases; with `joint` also the plans that were chosen together."""
    parts = (
        ("portfolio", "The use cases together", _together(contexts)),
        ("joint", "Decided together", [] if joint is None else joint_blocks(joint)),
        ("cash_flow", "Cash flow", _cash(contexts)),
        ("sharing", "What they can share", _sharing(contexts)),
        ("plans", "The plans", _plans(contexts)),
        ("risks", "Risks", _risks(contexts)),
        ("reproduce", "How to reproduce this", [Code(command)]),
    )
    return Report(
        title=title,
        subtitle=f"{len(contexts)} use cases, decided on {max(c.decision.today for c in contexts).isoformat()}",
        headline=_headline(contexts),
        sections=[Section(name, heading, blocks) for name, heading, blocks in parts if blocks],
        banner=next((w for c in contexts if (w := stale_prices_warning(c)) is not None), None),
    )


def _subjects(contexts: Sequence[Context]) -> list[tuple[Context, OptionResult]]:
    return [(context, context.subject) for context in contexts if context.subject is not None]


def _changes(contexts: Sequence[Context]) -> list[tuple[Context, OptionResult]]:
    """The use cases in which something other than today is recommended."""
    return [
        (context, option)
        for context, option in _subjects(contexts)
        if context.recommends and option.option_id != context.decision.status_quo.option_id
    ]


def _expected(contexts: Sequence[Context]) -> float:
    return sum(option.expected_npv_usd or option.npv_usd.p50 for _, option in _changes(contexts))


def _upfront(contexts: Sequence[Context]) -> float:
    return sum(
        option.cash.cost_usd[0] if option.cash is not None else option.upfront_cost_usd.p50
        for _, option in _changes(contexts)
    )


def _headline(contexts: Sequence[Context]) -> str:
    changes = _changes(contexts)
    if not changes:
        return f"none of {len(contexts)} use cases calls for a change"
    return (
        f"{len(changes)} of {len(contexts)} use cases call for a change, together worth {usd(_expected(contexts))} "
        f"(expected net present value) for {usd(_upfront(contexts))} up front"
    )


def _together(contexts: Sequence[Context]) -> list[Block]:
    headline = _headline(contexts)
    est = Origin.ESTIMATED
    changes = _changes(contexts)
    today = sum(context.decision.status_quo.monthly_cost_usd.p50 for context in contexts)
    after = sum(
        (option if context.recommends else context.decision.status_quo).monthly_cost_usd.p50
        for context, option in _subjects(contexts)
    )
    figures = [
        Figure("npv_usd", "Expected net present value", _expected(contexts), Kind.USD, est, "of all changes"),
        Figure("upfront_usd", "Up front", _upfront(contexts), Kind.USD, est, "expected"),
        Figure("peak_usd", "Most money ever out", _peak(contexts), Kind.USD, est, "expected, all started at once"),
        Figure("today_usd", "Cost a month today", today, Kind.USD, est, "sum of middle estimates"),
        Figure("after_usd", "Cost a month once live", after, Kind.USD, est, "sum of middle estimates"),
    ]
    return [
        Callout(Tone.GOOD if changes else Tone.NOTE, f"{headline[0].upper()}{headline[1:]}"),
        Figures(figures),
        _table(contexts),
        Paragraph(
            "Each use case was decided on its own; `advisor portfolio` decides them together, on shared machines, "
            "people and budgets. Expected values add up over use cases; middle estimates and ranges do not exactly.",
            quiet=True,
        ),
    ]


def _table(contexts: Sequence[Context]) -> Table:
    columns = [
        Column("use_case", "Use case"),
        Column("verdict", "Verdict", data_only=True),
        Column("option", "Recommended"),
        Column("quality", "Answered well", Kind.SHARE),
        Column("upfront_cost_usd", "Up front", Kind.USD),
        Column("monthly_cost_usd", "A month", Kind.USD),
        Column("today_usd", "Today, a month", Kind.USD),
        Column("npv_usd", "Net present value", Kind.USD),
        Column("break_even_month", "Pays back after", Kind.MONTHS),
        Column("npv_positive_probability", "Chance it pays", Kind.SHARE, data_only=True),
        Column("expected_npv_usd", "Expected net present value", Kind.USD, data_only=True),
    ]
    rows: list[list[Cell]] = []
    for context, option in _subjects(contexts):
        is_today = option.option_id == context.decision.status_quo.option_id
        rows.append(
            [
                context.project,
                context.decision.verdict.value,
                _said(context, option),
                option.quality,
                option.upfront_cost_usd,
                option.monthly_cost_usd,
                context.decision.status_quo.monthly_cost_usd,
                option.npv_usd,
                NOT_APPLICABLE if is_today else payback(option, context.decision.horizon_months)[0],
                NOT_APPLICABLE if is_today else option.npv_positive_probability,
                option.expected_npv_usd,
            ]
        )
    return Table("use_cases", "The use cases side by side", columns, rows)


def _said(context: Context, option: OptionResult) -> str:
    if context.recommends:
        return option.label
    words = {
        Verdict.NOT_ENOUGH_INFORMATION: "not enough known yet",
        Verdict.NOTHING_FEASIBLE: "nothing fits all limits",
    }
    return f"{words[context.decision.verdict]}; in front: {option.label}"


def _sum_of(contexts: Sequence[Context], part: str) -> list[float]:
    """The cumulative cash of all changes together; after its horizon a use case keeps what it has reached."""
    curves = [
        [getattr(month, part) for month in option.cash.cumulative_usd]
        for _, option in _changes(contexts)
        if option.cash is not None
    ]
    longest = max((len(curve) for curve in curves), default=0)
    held = [[*curve, *[curve[-1]] * (longest - len(curve))] for curve in curves]
    return [sum(month) for month in zip_longest(*held, fillvalue=0.0)]


def _peak(contexts: Sequence[Context]) -> float:
    """The deepest point of the expected cumulative cash of all changes."""
    flows = [
        [
            today + benefit - cost
            for cost, today, benefit in zip(c.cost_usd, c.status_quo_cost_usd, c.benefit_usd, strict=True)
        ]
        for _, option in _changes(contexts)
        if (c := option.cash) is not None
    ]
    total, deepest = 0.0, 0.0
    for month in zip_longest(*flows, fillvalue=0.0):
        total += sum(month)
        deepest = min(deepest, total)
    return -deepest


def _flows(cash: CashSeries) -> list[float]:
    """Expected net cash of each month against the status quo."""
    months = zip(cash.status_quo_cost_usd, cash.benefit_usd, cash.cost_usd, strict=True)
    return [today + benefit - cost for today, benefit, cost in months]


def _cash(contexts: Sequence[Context]) -> list[Block]:
    if not any(option.cash is not None for _, option in _changes(contexts)):
        return []
    p10, p50, p90 = (_sum_of(contexts, part) for part in ("p10", "p50", "p90"))
    series = [FanSeries("All changes together", p10, p50, p90, "winner", _crossing(p50))]
    for context, option in _changes(contexts):
        if option.cash is not None:
            months: list[Spread] = option.cash.cumulative_usd
            series.append(
                FanSeries(
                    context.project,
                    [month.p10 for month in months],
                    [month.p50 for month in months],
                    [month.p90 for month in months],
                    "alternative",
                )
            )
    return [
        FanChart(
            name="portfolio_cash",
            title="Cumulative cash against going on as today",
            description=(
                "Above zero the money is back. Lines are middle estimates, all started at once; the band of the sum "
                "is drawn as if all use cases went badly, or well, together. Not discounted."
            ),
            x=Axis("Months from the start", Kind.COUNT),
            y=Axis("Cumulative net cash (US dollars)", Kind.USD),
            series=series,
        )
    ]


def _crossing(curve: Sequence[float]) -> float | None:
    """The month from which the curve stays at or above zero."""
    import numpy as np

    from pricing.cashflow import payback_month

    month = float(payback_month(curve)) if curve else float("nan")
    return None if np.isnan(month) else month


def _sharing(contexts: Sequence[Context]) -> list[Block]:
    """Use cases on the same base model and machine: their adapters and idle hours can be shared."""
    groups: dict[tuple[str, str], list[tuple[Context, OptionResult]]] = {}
    for context, option in _changes(contexts):
        if option.model is not None:
            groups.setdefault((option.model, option.gpu or hosting(option)), []).append((context, option))
    said = [
        f"{', '.join(context.project for context, _ in group)}: the same model ({model}, {place})"
        + ("; tuned adapters of one base model can be served from the same GPUs" if _adapters(group) else "")
        for (model, place), group in groups.items()
        if len(group) > 1
    ]
    labels = sum(option.labels or 0 for _, option in _changes(contexts))
    if labels:
        said.append(f"Labelled examples in all plans: {labels:,}; the people who label are the ones to schedule first")
    kinds = {approach(option) for _, option in _changes(contexts)}
    if len(kinds) == 1 and len(_changes(contexts)) > 1:
        said.append(f"All are of one kind ({kinds.pop()}): one pipeline and one evaluation harness can serve them")
    return [Items(said)] if said else []


def _adapters(group: Sequence[tuple[Context, OptionResult]]) -> bool:
    return all(option.training in ("lora", "qlora") for _, option in group)


def _plans(contexts: Sequence[Context]) -> list[Block]:
    columns = [
        Column("use_case", "Use case"),
        Column("name", "Step"),
        Column("gate", "Go on when, stop when"),
        Column("weeks", "Takes", Kind.WEEKS),
        Column("cost_usd", "Costs", Kind.USD),
    ]
    rows: list[list[Cell]] = [
        [
            context.project,
            f"{number}. {stage.name}",
            stage.gate,
            stage.weeks or NOT_APPLICABLE,
            stage.cost_usd or NOT_APPLICABLE,
        ]
        for context in contexts
        for number, stage in enumerate(context.decision.plan, start=1)
    ]
    return [Table("plans", "Every step with its gate", columns, rows)] if rows else []


def _risks(contexts: Sequence[Context]) -> list[Block]:
    """Each risk once, with the use cases it threatens."""
    order = ("error", "warning", "info")
    found = {risk.rule: risk for context in contexts for risk in (*context.decision.readiness, *context.decision.risks)}
    columns = [
        Column("severity", "Severity"),
        Column("text", "Finding"),
        Column("do", "What to do"),
        Column("use_cases", "Use cases"),
        Column("rule", "Rule", fine_print=True),
        Column("evidence", "Evidence", fine_print=True),
    ]
    rows: list[list[Cell]] = []
    for risk in sorted(found.values(), key=lambda each: order.index(each.severity) if each.severity in order else 9):
        hit = [c.project for c in contexts if risk.rule in {r.rule for r in (*c.decision.readiness, *c.decision.risks)}]
        rows.append([risk.severity, risk.text, risk.do, ", ".join(hit), risk.rule, cite(risk.evidence)])
    return [Table("risks", "Risks and readiness", columns, rows, shown_rows=20)] if rows else []
