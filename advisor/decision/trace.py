"""Where every number of an option comes from: the facts, effects, prices and judgements behind each figure, with their
sources."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from advisor.assumed import assumed_text
from advisor.decision.observations import MEASURED, matching, measurements
from advisor.decision.quality import MODEL_SD
from advisor.values import show_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from advisor.decision.account import Line
    from advisor.decision.study import Study
    from advisor.decision.valuation import Outcome
    from rules.facts import Fact

WAGE = "team.engineer_usd_per_hour"
TOKENS = ("traffic.input_tokens", "traffic.output_tokens")
LINE_FACTS: dict[str, tuple[str, ...]] = {
    "data": (WAGE,),
    "engineering": (WAGE,),
    "exit": (WAGE, "finance.horizon_months"),
    "evaluation": (WAGE, "data.test_examples", "data.label_cost_usd"),
    "monitoring": (WAGE,),
    "staff": (WAGE, "portfolio.tasks_sharing_a_base_model"),
    "labelling": (WAGE, "data.label_cost_usd", "data.labelled_examples", *TOKENS),
    "training": ("data.labelled_examples", "team.training_attempts", *TOKENS),
    "retraining": (WAGE, "finance.base_model_life_months", "knowledge.source", "knowledge.change_interval_days"),
    "serving": (
        "traffic.requests_per_month",
        *TOKENS,
        "traffic.cached_input_share",
        "traffic.batch",
        "traffic.peak_to_average",
        "portfolio.tasks_sharing_a_base_model",
    ),
    "retrieval": ("traffic.requests_per_month", "knowledge.corpus_tokens", "knowledge.change_interval_days"),
    "current": ("current.approach", "current.monthly_spend_usd"),
}
VALUE_FACTS = (
    "task.value_per_success_usd",
    "task.cost_per_error_usd",
    "preferences.priority",
    "traffic.requests_per_month",
    "traffic.growth_per_month_rate",
    "finance.horizon_months",
    "finance.discount_rate_per_year",
    "finance.token_price_change_per_year_rate",
    "current.approach",
    "current.quality_rate",
    "current.monthly_spend_usd",
)
LATENCY_FACTS = (*TOKENS, "task.reasoning")


@dataclass(frozen=True, slots=True)
class Source:
    """One thing a figure rests on."""

    kind: str
    """fact, effect, measurement, price, effort or judgement"""
    id: str
    value: str
    origin: str
    source: str
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of an option with everything it was made from."""

    figure: str
    value: str
    made: str
    """How it was made, in words or as an equation."""
    sources: tuple[Source, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def trace(study: Study, outcome: Outcome) -> list[Figure]:
    """Every figure of the option, in the order in which it is shown."""
    if outcome.option.approach == "keep_current":
        return [_today(study)]
    return [
        _quality(study, outcome),
        *(_cost(study, line) for line in outcome.account.lines),
        _latency(study, outcome),
        _weeks(study, outcome),
        _value(study, outcome),
    ]


def _spread(samples: Any, show: str) -> str:
    import numpy as np

    low, middle, high = np.quantile(np.asarray(samples, dtype=float), (0.1, 0.5, 0.9))
    return show.format(middle) if low == high else f"{show.format(middle)} ({show.format(low)} to {show.format(high)})"


def _quality(study: Study, outcome: Outcome) -> Figure:
    found = []
    names: set[str] = set()
    for term in study.quality.terms(outcome.option):
        effect = study.rules.effects[term.effect_id]
        q, first = effect.quality, effect.evidence[0]
        assert q is not None
        names |= {n for n in (effect.when.names if effect.when else ()) if n in study.rules.facts}
        value = f"{q.points:+.3g} (sd {q.sd_points:.2g}) at {q.at:.2g}, part {effect.part}"
        found.append(Source("effect", effect.id, value, "estimated", first.source, str(first.date)))
    judged = f"sd {MODEL_SD} of the log-odds between models of one class"
    found.append(Source("judgement", "model-noise", judged, "estimated", "docs/quality-model.md"))
    made = "sum of the effects on the log-odds scale (docs/quality-model.md)"
    measured = [e for e in measurements(study.answers) if matching(e, [outcome.option]) is not None]
    for entry in measurements(study.answers):
        mine = "this option" if entry in measured else f"{entry['approach']} on {entry['model']}"
        value = f"{entry['quality']:.1%} of {entry['n']} items, {mine}"
        found.append(Source("measurement", MEASURED, value, "measured", str(entry.get("source") or "advisor evaluate")))
    if measurements(study.answers) or "current.quality_rate" in study.answers:
        made += ", conditioned on what was measured or answered"
        names |= {"current.quality_rate"} & set(study.answers)
    value = _spread(outcome.quality, "{:.0%}")
    return Figure("answered well", value, made, (*found, *_facts(study, sorted(names))))


def _cost(study: Study, line: Line) -> Figure:
    parts = [
        (line.once, "{:,.0f} USD once"),
        (line.per_request + line.per_request_tokens, "{:.3g} USD a request"),
        (line.per_month, "{:,.0f} USD a month"),
        (line.at_end, "{:,.0f} USD at the end"),
    ]
    value = ", ".join(_spread(amount, show) for amount, show in parts if _any(amount)) or "nothing"
    kind = "effort" if line.origin == "assumed" else "price"
    sources = [Source(kind, line.line, line.label, line.origin, source) for source in line.sources]
    return Figure(line.label, value, line.basis(), (*sources, *_facts(study, LINE_FACTS.get(line.line, ()))))


def _any(amount: Any) -> bool:
    import numpy as np

    return bool(np.any(amount))


def _latency(study: Study, outcome: Outcome) -> Figure:
    d = outcome.option.deployment
    assert d is not None
    if d.machine is not None:
        source = Source("price", d.machine.gpu_id, d.machine.profile.source, "estimated", "docs/speed.md")
        made = "1.6 x (first token + answered tokens / speed of one request alone), with queueing"
    elif d.latency is not None:
        value = f"p95 of the first token {d.latency.ttft_p95_ms:,.0f} ms, {d.latency.tokens_per_s.value:,.0f} tokens/s"
        source = Source("price", d.model_id, value, "estimated", d.latency.source)
        made = "p95 of the first token + answered tokens / 0.6 of the median speed"
    else:
        source = Source("judgement", d.model_id, "no latency in the catalogue", "assumed", "docs/prices.md")
        made = "a wide assumption for a hosted model"
    shown = _spread(outcome.latency_p95_ms, "{:,.0f} ms")
    return Figure("p95 latency", shown, made, (source, *_facts(study, LATENCY_FACTS)))


def _weeks(study: Study, outcome: Outcome) -> Figure:
    from advisor.decision.study import effort

    names = [name for name in study.valuation.costs.weeks_key(outcome.option) if name]
    sources = [
        Source("effort", name, f"{e.weeks.low:g} to {e.weeks.high:g} weeks", "assumed", e.source, str(e.checked))
        for name in names
        for e in (effort()[name],)
    ]
    return Figure("weeks to production", _spread(outcome.weeks, "{:.1f}"), "sum of the steps", tuple(sources))


def _value(study: Study, outcome: Outcome) -> Figure:
    stakes = study.valuation.stakes
    made = (
        f"- once + sum over live months of (today's cost - its cost + worth of better answers), discounted; "
        f"a good answer is worth {_spread(stakes.value_usd, '${:,.3g}')}, "
        f"a wrong one costs {_spread(stakes.error_usd, '${:,.3g}')}"
    )
    judged = [
        Source("judgement", fact, "derived from the traffic and what is spent", "estimated", "docs/decision.md")
        for fact in ("task.value_per_success_usd", "task.cost_per_error_usd")
        if fact not in study.answers
    ]
    value = _spread(outcome.npv_usd, "{:,.0f} USD")
    return Figure("net present value against today", value, made, (*judged, *_facts(study, VALUE_FACTS)))


def _today(study: Study) -> Figure:
    today = study.valuation.today
    value = f"{_spread(today.usd_per_month, '{:,.0f} USD a month')}, answered well {_spread(today.quality, '{:.0%}')}"
    names = ("current.approach", "current.model", "current.monthly_spend_usd", "current.quality_rate")
    return Figure("today", value, today.basis, tuple(_facts(study, names)))


def _facts(study: Study, names: Iterable[str]) -> list[Source]:
    return [_fact(study.rules.facts[name], study) for name in names if name in study.rules.facts and _said(study, name)]


def _said(study: Study, name: str) -> bool:
    """Whether the fact has a value: an answer, or something that is assumed."""
    return name in study.answers or assumed_text(study.rules.facts[name]) is not None


def _fact(fact: Fact, study: Study) -> Source:
    answer = study.answers.get(fact.id)
    if answer is not None:
        at = answer.at[:10] if answer.at else None
        return Source(
            "fact", fact.id, show_value(answer.value, fact), answer.origin.value, answer.source or "the user", at
        )
    assert fact.assume is not None
    shown = assumed_text(fact) or "nothing"
    return Source("fact", fact.id, shown, "assumed", fact.assume.source, str(fact.assume.date))
