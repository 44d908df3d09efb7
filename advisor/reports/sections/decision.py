"""The first page: the decision, the money, three reasons, what would change it, and the plan with its gates."""

from advisor.decision.result import OptionResult, Reason, Verdict
from advisor.reports.blocks import (
    Block,
    Callout,
    Column,
    Figure,
    Figures,
    Heading,
    Items,
    Kind,
    Origin,
    Paragraph,
    Table,
    Tone,
)
from advisor.reports.context import Context

ORDER = 10
TITLE = "The decision"

_TONES = {
    Verdict.RECOMMEND: Tone.GOOD,
    Verdict.NOT_ENOUGH_INFORMATION: Tone.WARNING,
    Verdict.NOTHING_FEASIBLE: Tone.ERROR,
}
_VERDICTS = {
    Verdict.RECOMMEND: "Recommendation",
    Verdict.NOT_ENOUGH_INFORMATION: "Not enough information yet",
    Verdict.NOTHING_FEASIBLE: "Nothing fits all limits",
}


def build(context: Context) -> list[Block]:
    """What a reader who stops after one page must have seen."""
    decision = context.decision
    blocks: list[Block] = [
        Callout(
            _TONES[decision.verdict], f"{_VERDICTS[decision.verdict]}: {decision.headline}", decision.settled_because
        )
    ]
    if decision.conflict is not None:
        blocks.append(Paragraph(decision.conflict.text))
        blocks += _listed("The cheapest ways out", decision.conflict.relaxations)
    subject = context.subject
    if subject is not None:
        leaning = "" if context.recommends else "The leaning so far, not a recommendation: "
        blocks.append(Paragraph(f"{leaning}{subject.label}"))
        blocks.append(Figures(money(context, subject)))
    blocks += _listed("Why", [reason.text for reason in _winner_reasons(context)[:3]], numbered=True)
    blocks += _listed("What would change it", _changers(context))
    blocks += _plan(context)
    return blocks


def money(context: Context, option: OptionResult) -> list[Figure]:
    """The figures of one option that decide, those that are known."""
    horizon = context.decision.horizon_months
    est = Origin.ESTIMATED
    status_quo = option.option_id == context.decision.status_quo.option_id
    figures = [
        Figure("npv_usd", f"Net present value over {horizon} months", option.npv_usd, Kind.USD, est, "against today"),
        Figure("upfront_cost_usd", "Up-front cost", option.upfront_cost_usd, Kind.USD, est),
        Figure("monthly_cost_usd", "Cost a month", option.monthly_cost_usd, Kind.USD, est, "a usual month of year 1"),
        Figure("quality", "Requests answered well", option.quality, Kind.SHARE, est),
        Figure("latency_p95_ms", "Latency, 95th percentile", option.latency_p95_ms, Kind.MS, est, "whole answer"),
    ]
    if not status_quo:
        note = "" if option.break_even_month is not None else f"not within {horizon} months in most samples"
        figures.append(Figure("break_even_month", "Pays back after", option.break_even_month, Kind.MONTHS, est, note))
    shares = [
        ("break_even_probability", f"Chance to pay back within {horizon} months", option.break_even_probability),
        (
            "payback_within_12_months_probability",
            "Chance to pay back within a year",
            option.payback_within_12_months_probability,
        ),
        ("npv_positive_probability", "Chance of a positive net present value", option.npv_positive_probability),
        ("probability_best", "Chance to be the best option", option.probability_best),
    ]
    figures += [
        Figure(key, label, value, Kind.SHARE, est)
        for key, label, value in shares
        if value is not None and not (status_quo and key != "probability_best")
    ]
    return figures


def _winner_reasons(context: Context) -> list[Reason]:
    subject = context.subject
    names = {"winner"} | ({subject.option_id} if subject is not None else set())
    return [reason for reason in context.decision.reasons if reason.about in names]


def _changers(context: Context) -> list[str]:
    decision = context.decision
    texts = [flip.text for flip in decision.flips[:3]]
    if not decision.settled:
        texts += [f"An answer to: {question.question}" for question in decision.next_questions[:3]]
    return texts


def _listed(title: str, texts: list[str], *, numbered: bool = False) -> list[Block]:
    return [Heading(title), Items(texts, numbered)] if texts else []


def _plan(context: Context) -> list[Block]:
    if not context.decision.plan:
        return []
    columns = [
        Column("step", "Step", Kind.COUNT),
        Column("name", "What"),
        Column("do", "Do"),
        Column("gate", "Go on when, stop when"),
        Column("weeks", "Weeks", Kind.WEEKS),
        Column("cost_usd", "Cost", Kind.USD),
    ]
    rows = [
        [number, stage.name, stage.do, stage.gate, stage.weeks, stage.cost_usd]
        for number, stage in enumerate(context.decision.plan, start=1)
    ]
    return [Heading("The plan, step by step"), Table("plan", "The plan", columns, rows)]
