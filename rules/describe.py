"""A rule or fact in words: what, when, why, unless, what the article said against now, evidence and examples."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from rules.expression import Expression
from rules.facts import NUMERIC, Fact
from rules.load import RuleBook
from rules.models import Effect, Rule
from rules.schema import Example

Section = tuple[str, list[str]]
"""A heading and the lines below it."""

_CONDITIONS = {
    "when": "when",
    "applies_to": "for options where",
    "excludes": "excludes options where",
    "favours": "speaks for options where",
    "disfavours": "speaks against options where",
    "matters_when": "matters when",
}
_FIRES = {True: "fires", False: "stays silent", "unknown": "cannot know yet"}


def describe(kind: str, entry: Fact | Rule, book: RuleBook) -> list[Section]:
    """The sections of the explanation; the first is titled with the id."""
    return list(_fact(entry, book) if isinstance(entry, Fact) else _rule(kind, entry, book))


def _fact(fact: Fact, book: RuleBook) -> Iterator[Section]:
    yield f"{fact.id}  (fact, {fact.type})", [fact.question]
    yield "Why it is asked", [fact.why]
    if fact.type in NUMERIC:
        yield "Values", [fact.range_words()]
    if fact.choices:
        yield "Values", [f"{c.value}: {c.label}" + (f" - {c.help}" if c.help else "") for c in fact.choices]
    if fact.presets:
        yield "Ready answers", [f"{preset.label}: {preset.value}" for preset in fact.presets]
    if fact.ask_when is not None:
        yield "Asked when", [fact.ask_when.text]
    if fact.assume is not None:
        said = f"{fact.assume.describe()}  [{fact.assume.source}, {fact.assume.date}]"
        yield "Assumed while unknown", [said, *_given(fact), *([fact.assume.note] if fact.assume.note else [])]
    if not fact.decides:
        yield "Decides", ["nothing: it is shown and stored only"]
    if users := used_by(fact.id, book):
        yield "Named by", users
    yield "File", [str(book.files[fact.id])]


def _given(fact: Fact) -> Iterator[str]:
    """What is assumed instead where another fact is known."""
    assert fact.assume is not None
    for value, weights in (fact.assume.weights_given or {}).items():
        total = sum(weights.values())
        shares = ", ".join(f"{choice} {weight / total:.0%}" for choice, weight in weights.items())
        yield f"where {fact.assume.given} is {value}: {shares}"


def _rule(kind: str, rule: Rule, book: RuleBook) -> Iterator[Section]:
    severity = getattr(rule, "severity", None)
    yield f"{rule.id}  ({kind}{', ' + severity if severity else ''})", [rule.title]
    yield from _text(rule)
    conditions = [f"{_CONDITIONS[name]}: {condition.text}" for name, condition in rule.conditions()]
    yield "Condition", conditions or ["always"]
    if isinstance(rule, Effect):
        yield "Number", list(_numbers(rule))
    yield "Why", [rule.because]
    if rule.unless:
        yield "Unless", [rule.unless]
    yield from _then_and_now(rule)
    yield "Evidence", [line for e in rule.evidence for line in _source(e.model_dump() | {"grade": e.strength})]
    yield "Examples", [f"{_FIRES[example.fires]}: {case(example)}" for example in rule.examples]
    if listed := getattr(rule, "effects", ()):
        yield "Numbers come from", list(listed)
    if users := used_by(rule.id, book):
        yield "Named by", users
    yield "File", [str(book.files[rule.id])]


def _text(rule: Rule) -> Iterator[Section]:
    for field, heading in (("text", "Says"), ("against", "Says of the others"), ("do", "What to do")):
        if value := getattr(rule, field, None):
            yield heading, [value]


def _then_and_now(rule: Rule) -> Iterator[Section]:
    if article := getattr(rule, "article", None):
        yield "The article says", [article]
    if now := getattr(rule, "now", None):
        yield f"What holds now (as of {getattr(rule, 'as_of', None)})", [now]


def _numbers(effect: Effect) -> Iterator[str]:
    if effect.quality is not None:
        q = effect.quality
        points, spread = 100 * q.points, 100 * q.sd_points
        yield f"{points:+g} points (SD {spread:g}) at quality {q.at:g}, part {effect.part!r}"
    for name in ("labels", "scale"):
        if (value := getattr(effect, name)) is not None:
            yield f"{name}: {', '.join(f'{key} {number}' for key, number in value.items())}"


def _source(e: Mapping[str, Any]) -> Iterator[str]:
    yield f"[{e['grade']}] {e['kind'].replace('_', ' ')}, {e['date']}: {e['source']}"
    if e["says"]:
        yield f"    {e['says']}"


def case(example: Example) -> str:
    """The example's facts and option in one line."""
    parts = [f"{name} = {_shown(value)}" for name, value in example.facts.items()]
    parts += [f"option.{name} = {_shown(value)}" for name, value in example.option.items()]
    return ", ".join(parts) or "nothing known"


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def used_by(identifier: str, book: RuleBook) -> list[str]:
    """The ids of facts and rules that name this fact or effect, as `kind/id`."""
    found = [f"facts/{fact.id}" for fact in book.facts.values() if fact.ask_when and identifier in fact.ask_when.names]
    for kind, rule in book.rules():
        named = {name for _, condition in rule.conditions() for name in condition.names}
        named.update(getattr(rule, "effects", ()), getattr(rule, "limits", ()))
        if identifier in named:
            found.append(f"{kind}/{rule.id}")
    return found


def to_plain(value: Any) -> Any:
    """A rule, fact or part of one as JSON can hold it: conditions and dates as text."""
    if isinstance(value, Expression):
        return value.text
    if isinstance(value, BaseModel):
        return {name: to_plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {key: to_plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(part) for part in value]
    return value.isoformat() if isinstance(value, datetime.date) else value
