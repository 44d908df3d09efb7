"""Why: reasons for the winner and against the losers, findings on data and risk, and what the figures rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.assumed import assumed_text
from advisor.decision.result import Assumption, Evidence, Finding, Reason, RuledOut
from advisor.values import show_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from advisor.answers import Answers
    from advisor.decision.gates import Gated
    from advisor.decision.options import Option
    from advisor.decision.quality import QualityModel
    from advisor.decision.result import OptionResult
    from rules.facts import Fact
    from rules.load import RuleBook
    from rules.models import Readiness, Risk, Rule

SPEAKS_FROM = 0.12
"""An effect is worth a sentence from this many log-odds on (about two points at 0.8)."""


def evidence_of(rule: Rule) -> list[Evidence]:
    """The rule's evidence as records."""
    return [Evidence(kind=e.kind, source=e.source, date=str(e.date), says=e.says) for e in rule.evidence]


def lookup_for(option: Option, known: Mapping[str, object]) -> Callable[[str], object]:
    """Fact ids and option.* names for three-valued rules; an open fact is None."""

    def value(name: str) -> object:
        if name.startswith("option."):
            return option.attribute(name.removeprefix("option."))
        return known.get(name)

    return value


def guidance_reasons(option: Option, about: str, rules: RuleBook, known: Mapping[str, object]) -> list[Reason]:
    """What the rules of thumb say for (and, for losers, against) an option under the known facts."""
    lookup = lookup_for(option, known)
    found = []
    for rule in sorted(rules.guidance.values(), key=lambda rule: rule.order):
        if rule.when is not None and rule.when.evaluate(lookup) is not True:
            continue
        if about == "winner" and rule.favours.evaluate(lookup) is True:
            found.append(Reason(about=about, text=rule.text, rule=rule.id, evidence=evidence_of(rule)))
        elif (
            about != "winner"
            and rule.disfavours is not None
            and rule.against
            and rule.disfavours.evaluate(lookup) is True
        ):
            found.append(Reason(about=about, text=rule.against, rule=rule.id, evidence=evidence_of(rule)))
    return found


def money_reason(winner: OptionResult, other: OptionResult) -> Reason:
    """The winner against one loser, in figures."""
    parts = [
        f"{_signed(winner.quality.p50 - other.quality.p50, 'points', 100)} quality",
        f"{_usd(winner.monthly_cost_usd.p50)} against {_usd(other.monthly_cost_usd.p50)} a month",
        f"{_usd(winner.upfront_cost_usd.p50)} against {_usd(other.upfront_cost_usd.p50)} up front",
    ]
    gap = (winner.expected_npv_usd or winner.npv_usd.p50) - (other.expected_npv_usd or other.npv_usd.p50)
    text = f"{other.label} is worth {_usd(gap)} less over the horizon: {', '.join(parts)}."
    return Reason(about=other.option_id, text=text)


def effect_reasons(option: Option, about: str, quality: QualityModel, rules: RuleBook) -> list[Reason]:
    """The effects that moved this option's quality most, in points of log-odds, with their evidence."""
    terms = [
        t
        for t in quality.terms(option)
        if abs(t.mean_logit) >= SPEAKS_FROM and t.part not in ("base", "ceiling", "lift_cap")
    ]
    terms.sort(key=lambda t: -abs(t.mean_logit))
    found = []
    for term in terms[:4]:
        effect = rules.effects[term.effect_id]
        sign = "helps" if term.mean_logit > 0 else "costs quality"
        found.append(
            Reason(
                about=about,
                text=f"{effect.title}: {sign}. {effect.because}",
                rule=effect.id,
                evidence=evidence_of(effect),
            )
        )
    return found


def ruled_out(gated: Gated, left_out: Iterable[tuple[str, str]]) -> list[RuledOut]:
    """Excluded options by rule and approach, then what is not on sale or has no price."""
    groups: dict[tuple[str, str], RuledOut] = {}
    for option, gate in gated.excluded:
        key = (gate.id, option.approach)
        old = groups.get(key)
        groups[key] = RuledOut(
            approach=option.approach,
            option_id=option.id if old is None else None,
            count=1 if old is None else old.count + 1,
            rule=gate.id,
            text=gate.text,
            evidence=evidence_of(gate),
        )
    market = [
        RuledOut(option_id=what, rule="not-priceable" if "priceable" in why else "not-available", text=why)
        for what, why in left_out
    ]
    return [*groups.values(), *market]


def findings(
    rules: Mapping[str, Readiness] | Mapping[str, Risk], option: Option | None, known: Mapping[str, object]
) -> list[Finding]:
    """Readiness or risk rules that fire for certain, errors first."""
    from advisor.decision.options import Option as AnyOption

    lookup = lookup_for(option or AnyOption("keep_current"), known)
    order = {"error": 0, "warning": 1, "info": 2}
    found = [
        Finding(
            rule=rule.id,
            severity=rule.severity,
            text=rule.text,
            do=rule.do,
            article=rule.article,
            now=rule.now,
            evidence=evidence_of(rule),
        )
        for rule in rules.values()
        if rule.fires(lookup) is True
    ]
    return sorted(found, key=lambda f: order[f.severity])


def assumptions(
    facts: Mapping[str, Fact], answers: Answers, results: Sequence[OptionResult], rules: RuleBook, spoken: set[str]
) -> list[Assumption]:
    """Every fact, then the effects that spoke, with origin, source and date."""
    rows = [_fact_row(fact, answers) for fact in facts.values() if fact.decides]
    for effect_id in sorted(spoken):
        effect = rules.effects[effect_id]
        if effect.quality is None:
            continue
        q = effect.quality
        first = effect.evidence[0]
        rows.append(
            Assumption(
                id=effect.id,
                label=effect.title,
                value=f"{q.points:+.3g} +/- {q.sd_points:.2g} at quality {q.at:.2g}",
                unit="share",
                origin="estimated",
                source=first.source,
                date=str(first.date),
            )
        )
    return rows


def _fact_row(fact: Fact, answers: Answers) -> Assumption:
    answer = answers.get(fact.id)
    if answer is not None:
        return Assumption(
            id=fact.id,
            label=fact.label,
            value=show_value(answer.value),
            unit=fact.unit,
            origin=answer.origin.value,
            source=answer.source or "the user",
            date=answer.at[:10] if answer.at else None,
        )
    if fact.assume is None:
        return Assumption(
            id=fact.id, label=fact.label, value="unknown", unit=fact.unit, origin="assumed", source="nothing is assumed"
        )
    return Assumption(
        id=fact.id,
        label=fact.label,
        value=assumed_text(fact, answers.value) or "nothing assumed",
        unit=fact.unit,
        origin="assumed",
        source=fact.assume.source,
        date=str(fact.assume.date),
    )


def _usd(amount: float) -> str:
    sign = "-" if amount < 0 else ""
    size = abs(amount)
    return f"{sign}${size:,.0f}" if size >= 100 else f"{sign}${size:,.2f}"


def _signed(amount: float, unit: str, scale: float) -> str:
    return f"{amount * scale:+.1f} {unit}"
