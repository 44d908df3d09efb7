"""Why: reasons for the winner and against the losers, findings on data and risk, and what the figures rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.assumed import assumed_text
from advisor.decision.options import LEVELS, Option
from advisor.decision.result import Assumption, Evidence, Finding, Reason, RuledOut
from advisor.values import show_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from advisor.answers import Answers
    from advisor.decision.gates import Gated
    from advisor.decision.quality import QualityModel
    from advisor.decision.result import OptionResult
    from rules.facts import Fact
    from rules.load import RuleBook
    from rules.models import Readiness, Risk, Rule

SEVERITIES = ("error", "warning", "info")
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
    gap = _expected(winner) - _expected(other)
    if not other.meets_limits and winner.meets_limits:
        text = f"{other.label} is outside the limits ({_apart(gap)})"
    else:
        text = f"{other.label} {_apart(gap)}"
        if gap < 0:
            more_work = LEVELS[other.approach] > LEVELS[winner.approach]
            text += ", but takes more work" if more_work else ", but risks more"
    return Reason(about=other.option_id, text=f"{text}: {', '.join(parts)}.")


def _expected(option: OptionResult) -> float:
    return option.npv_usd.p50 if option.expected_npv_usd is None else option.expected_npv_usd


def _apart(gap: float) -> str:
    """How the loser's value stands to the winner's."""
    return f"is worth {_usd(abs(gap))} {'less' if gap >= 0 else 'more'} on average over the horizon"


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


def ruled_out(gated: Gated, left_out: Iterable[tuple[str, str]], facts: Mapping[str, Fact]) -> list[RuledOut]:
    """Excluded options by rule and approach, then what is not on sale or has no price.

    Where the rule rests on facts that nobody has answered, the text says so.
    """
    groups: dict[tuple[str, str], RuledOut] = {}
    for option, gate in gated.excluded:
        key = (gate.id, option.approach)
        old = groups.get(key)
        groups[key] = RuledOut(
            approach=option.approach,
            option_id=option.id if old is None else None,
            count=1 if old is None else old.count + 1,
            rule=gate.id,
            text=gate.text if gate.id not in gated.assumed else _assumed(gate.text, gated.assumed[gate.id], facts),
            evidence=evidence_of(gate),
        )
    market = [
        RuledOut(option_id=what, rule="not-priceable" if "priceable" in why else "not-available", text=why)
        for what, why in left_out
    ]
    return [*groups.values(), *market]


def _assumed(text: str, open_facts: Sequence[str], facts: Mapping[str, Fact]) -> str:
    labels = ", ".join(facts[fact].label.lower() for fact in open_facts)
    return f"Likely, but not known yet ({labels}): {text}"


def findings(
    rules: Mapping[str, Readiness] | Mapping[str, Risk], option: Option | None, known: Mapping[str, object]
) -> list[Finding]:
    """Readiness or risk rules that fire for certain, errors first."""
    lookup = lookup_for(option or Option("keep_current"), known)
    found = [_finding(rule) for rule in rules.values() if rule.fires(lookup) is True]
    return sorted(found, key=lambda f: SEVERITIES.index(f.severity))


def unchecked(
    rules: Mapping[str, Readiness] | Mapping[str, Risk], option: Option | None, known: Mapping[str, object]
) -> list[Finding]:
    """What would stop or endanger the plan (errors and warnings) but cannot be judged: facts it asks for are open."""
    lookup = lookup_for(option or Option("keep_current"), known)
    found = []
    for rule in rules.values():
        if rule.severity == "info" or rule.fires(lookup) is not None:
            continue
        names = {name for _, condition in rule.conditions(rule.deciding) for name in condition.names}
        found.append(_finding(rule, sorted(n for n in names if not n.startswith("option.") and n not in known)))
    return sorted(found, key=lambda f: SEVERITIES.index(f.severity))


def _finding(rule: Readiness | Risk, open_facts: Sequence[str] = ()) -> Finding:
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        text=rule.text,
        do=rule.do,
        article=rule.article,
        now=rule.now,
        evidence=evidence_of(rule),
        open_facts=list(open_facts),
    )


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
