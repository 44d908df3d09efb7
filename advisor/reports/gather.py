"""Collects what stands around a decision: the article's claims that touch it, labels, comparisons, outcomes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from advisor.reports.context import Claim, Context, FactWords
from advisor.reports.outcomes import evaluations, outcomes
from advisor.reports.pricelist import price_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from advisor.decision.result import Change, Decision, OptionResult
    from advisor.reports.source import Source
    from rules.facts import Fact
    from rules.load import RuleBook

MAX_PRICE_AGE_DAYS = 120
"""How old prices may be before a report refuses to be made: token prices moved in every recent quarter."""


def context_for(
    source: Source,
    *,
    today: date,
    max_price_age_days: int = MAX_PRICE_AGE_DAYS,
    title: str | None = None,
    compare: Path | None = None,
) -> Context:
    """Everything a report shows of the decision of `source`."""
    decision, rules = source.decision, source.rules
    changes, compared_with = _comparison(source, compare)
    context = Context(
        decision=decision,
        project=title or source.name,
        command=source.command,
        today=today,
        max_price_age_days=max_price_age_days,
        claims=claims(decision, rules),
        facts=words_of(rules),
        changes=changes,
        compared_with=compared_with,
        outcomes=outcomes(source.project, decision) if source.project else (),
        evaluations=evaluations(source.project) if source.project else (),
    )
    return replace(context, **_prices(context, source))


def words_of(rules: RuleBook) -> dict[str, FactWords]:
    """How each fact is spoken of."""
    return {fact.id: _words(fact) for fact in rules.facts.values()}


def _words(fact: Fact) -> FactWords:
    choices = {choice.value: choice.label for choice in fact.choices}
    return FactWords(fact.label, fact.unit, fact.type == "share", choices)


def _prices(context: Context, source: Source) -> dict[str, Any]:
    """The prices behind the drawn options and the age of the oldest behind the subject.

    A decision made on an older catalogue than the one at hand gets none: its prices are not in there any more.
    """
    decision, subject = source.decision, context.subject
    if source.catalogue.prices_date != decision.prices_date:
        return {}
    own = price_rows([] if subject is None else [subject], source.catalogue, decision.today)
    return {
        "prices": price_rows(context.drawn(), source.catalogue, decision.today),
        "oldest_price": min((date.fromisoformat(row.checked) for row in own), default=None),
    }


def _comparison(source: Source, compare: Path | None) -> tuple[Sequence[Change], str | None]:
    """The differences to the named decision, else those to the project's decision before."""
    if compare is None:
        changes = source.decision.changes
        return changes, "the decision before" if changes else None
    from advisor.decision.changes import changes_between
    from advisor.reports.source import read_decision

    before = read_decision(compare)
    said = f"the decision of {before.today.isoformat()} ({compare.name})"
    return changes_between(before, source.decision, source.rules.facts), said


def claims(decision: Decision, rules: RuleBook) -> list[Claim]:
    """The claims that matter for the recommended option or for any option of its runner-up classes."""
    touched = _of_interest(decision)
    known = _known(decision, rules)
    found = []
    for claim in rules.claims.values():
        if claim.matters_when is None or any(claim.fires(_lookup(known, option)) is True for option in touched):
            first = claim.evidence[0]
            found.append(
                Claim(
                    claim.id,
                    claim.title,
                    claim.article,
                    claim.now,
                    claim.as_of.isoformat(),
                    "; ".join(f"{e.source} ({e.date})" for e in claim.evidence if e.kind != "article") or first.source,
                )
            )
    return found


def _of_interest(decision: Decision) -> list[OptionResult]:
    chosen: dict[str, OptionResult] = {}
    for option in [*([decision.recommended] if decision.recommended else []), *decision.ranked]:
        chosen.setdefault(f"{option.approach}/{option.training}/{option.hosting}", option)
    return list(chosen.values())


def _known(decision: Decision, rules: RuleBook) -> dict[str, Any]:
    """The decision's facts as rules read them (ranges and dates are plain JSON in the record)."""
    facts = {name: value for name, value in decision.facts.items() if value is not None and name in rules.facts}
    return {name: rules.facts[name].parse(value, "decision") for name, value in facts.items()}


def _lookup(known: Mapping[str, Any], option: OptionResult) -> Callable[[str], Any]:
    """Facts of the decision and the `option.*` names that its record holds; others are not known."""
    training = option.training or "none"
    attributes: dict[str, Any] = {
        "approach": option.approach,
        "approach_class": option.approach_class,
        "training": training,
        "hosting": option.hosting,
        "hosted": option.hosting in ("api", "serverless"),
        "self_hosted": option.hosting in ("rented_gpu", "owned_gpu", "cpu"),
        "retrieval": option.approach in ("rag", "rag_plus_ft", "few_shot_retrieval"),
        "long_context": option.approach == "long_context",
        "labels_used": option.labels,
    }

    def value(name: str) -> Any:
        if name.startswith("option."):
            return attributes.get(name.removeprefix("option."))
        return known.get(name)

    return value
