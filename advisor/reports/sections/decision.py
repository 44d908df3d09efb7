"""The first page: the decision, the money, three reasons, what would change it, and the plan with its gates."""

from advisor.decision.result import OptionResult, Reason, Stage, Verdict
from advisor.reports.blocks import (
    NOT_APPLICABLE,
    Block,
    Callout,
    Cell,
    Column,
    Figure,
    Figures,
    Items,
    Kind,
    Origin,
    Paragraph,
    Table,
    Tone,
)
from advisor.reports.context import Context
from advisor.reports.numbers import number, show
from advisor.reports.origins import latency_of, measurement, origin_of, quality_of
from advisor.reports.sections.sensitivity import flip_text, nearest_flips
from advisor.reports.words import payback

ORDER = 10
TITLE = "The decision"
SURELY = 0.9
"""Chance to keep all limits below which the first page tells it."""

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
    title = f"{_VERDICTS[decision.verdict]}: {decision.headline}"
    blocks: list[Block] = [Callout(_TONES[decision.verdict], title, _standing(context))]
    if decision.conflict is not None:
        blocks.append(Paragraph(decision.conflict.text))
        blocks += _listed("The cheapest ways out", decision.conflict.relaxations)
    subject = context.subject
    if subject is not None:
        if not context.recommends:
            blocks.append(Paragraph(f"In front so far, which is not a recommendation: {subject.label}."))
        blocks.append(Figures(money(context, subject)))
    blocks += _listed("Why", [reason.text for reason in winner_reasons(context)[:3]], numbered=True)
    blocks += _listed("What would change it", _changers(context))
    if decision.plan:
        blocks.append(plan(decision.plan))
    return blocks


def _standing(context: Context) -> str:
    decision = context.decision
    because = decision.settled_because.strip().rstrip(".")
    if not because:
        return ""
    if decision.verdict is not Verdict.RECOMMEND:
        return f"{because[0].upper()}{because[1:]}."
    kept = decision.recommended.feasible_probability if decision.recommended is not None else 1.0
    said = f"{'Settled' if decision.settled else 'Open to change'}: {because}."
    if kept >= SURELY:
        return said
    return f"{said} All limits at once are kept in {show(kept, Kind.SHARE)} of the sampled futures."


def money(context: Context, option: OptionResult) -> list[Figure]:
    """The figures of one option that decide."""
    decision, horizon = context.decision, context.decision.horizon_months
    is_today = option.option_id == decision.status_quo.option_id

    def figure(key: str, label: str, value: Cell, kind: Kind, note: str = "") -> Figure:
        return Figure(key, label, value, kind, origin_of(decision, option, key), note)

    figures = [
        figure(
            "npv_usd", f"Net present value, {horizon} months", option.npv_usd, Kind.USD, "against going on as today"
        ),
        figure("upfront_cost_usd", "Up-front cost", option.upfront_cost_usd, Kind.USD),
        figure("monthly_cost_usd", "Cost a month", option.monthly_cost_usd, Kind.USD, "average of the first year"),
        figure("quality", "Requests answered well", quality_of(decision, option), Kind.SHARE, _items(context, option)),
        figure("latency_p95_ms", "Latency, p95", latency_of(decision, option), Kind.MS, _waited(context, option)),
    ]
    if not is_today:
        value, note = payback(option, horizon)
        figures.append(figure("break_even_month", "Pays back after", value, Kind.MONTHS, note))
        figures += _chances(context, option)
    best = decision.approach_probability(option.approach)
    figures.append(
        figure(
            "probability_best",
            "Best of all options in",
            best,
            Kind.SHARE,
            f"of the sampled futures; {show(option.probability_best, Kind.SHARE)} with this very model and machine",
        )
    )
    return figures


def _items(context: Context, option: OptionResult) -> str:
    found = measurement(context.decision, option)
    return f"on {found['n']:,} items" if found is not None and isinstance(found.get("n"), int) else ""


def _waited(context: Context, option: OptionResult) -> str:
    """What the latency is of, and what the evaluation measured where it ran."""
    found = measurement(context.decision, option)
    value = None if found is None else found.get("latency_p95_ms")
    seen = f"; {number(float(value), Kind.MS)} where it was evaluated" if isinstance(value, int | float) else ""
    return f"whole answer, 95 of 100{seen}"


def _chances(context: Context, option: OptionResult) -> list[Figure]:
    wanted = (
        ("payback_within_12_months_probability", "Chance to pay back within a year"),
        ("npv_positive_probability", "Chance of a positive net present value"),
    )
    found = [(key, label, getattr(option, key)) for key, label in wanted]
    return [Figure(key, label, value, Kind.SHARE, Origin.ESTIMATED) for key, label, value in found if value is not None]


def winner_reasons(context: Context) -> list[Reason]:
    """What speaks for the option that the report is about."""
    subject = context.subject
    names = {"winner"} | ({subject.option_id} if subject is not None else set())
    return [reason for reason in context.decision.reasons if reason.about in names]


def _changers(context: Context) -> list[str]:
    """Answers that turn the winner, then, while it is open, the questions that are worth most."""
    decision = context.decision
    texts = [flip_text(context, flip) for flip in nearest_flips(context)[:3]]
    if not decision.settled:
        asked = decision.next_questions[: max(0, 4 - len(texts))]
        texts += [f"Not known yet: {q.question} (worth {show(q.value_of_information_usd, Kind.USD)})" for q in asked]
    return texts


def _listed(title: str, texts: list[str], *, numbered: bool = False) -> list[Block]:
    return [Items(texts, numbered, title)] if texts else []


def plan(stages: list[Stage]) -> Table:
    """The steps with the number at which one goes on or stops."""
    columns = [
        Column("step", "Number", Kind.COUNT, data_only=True),
        Column("name", "Step"),
        Column("do", "Do"),
        Column("gate", "Go on when, stop when"),
        Column("weeks", "Takes", Kind.WEEKS),
        Column("cost_usd", "Costs", Kind.USD),
    ]
    rows: list[list[Cell]] = [
        [
            number,
            f"{number}. {stage.name}",
            stage.do,
            stage.gate,
            stage.weeks or NOT_APPLICABLE,
            stage.cost_usd or NOT_APPLICABLE,
        ]
        for number, stage in enumerate(stages, start=1)
    ]
    return Table("plan", "The plan, step by step", columns, rows)
