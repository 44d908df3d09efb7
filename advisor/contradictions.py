"""Answers that cannot both be true, named with both facts.

A contradiction needs two answers; a missing one is never part of it. For a range the whole range must contradict.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from advisor.answers import Answer, Answers
from advisor.base.errors import InvalidDataError
from rules.facts import Fact, Interval


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two facts whose answers exclude each other, and how to mend it."""

    facts: tuple[str, str]
    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class _Clash:
    first: str
    second: str
    clash: Callable[[Any, Any], bool]
    because: str
    fix: str


def _low(value: Any) -> float:
    return float(value.low) if isinstance(value, Interval) else float(value)


def _high(value: Any) -> float:
    return float(value.high) if isinstance(value, Interval) else float(value)


_NO_KNOWLEDGE = "no documents are needed (knowledge.source: none)"
_NAME_A_SOURCE = "set knowledge.source to static_corpus or changing_corpus, or correct the other answer"

_CLASHES = (
    _Clash(
        "knowledge.source",
        "knowledge.citations_required",
        lambda source, cite: source == "none" and cite is True,
        f"{_NO_KNOWLEDGE}, yet answers must cite their sources",
        _NAME_A_SOURCE,
    ),
    _Clash(
        "knowledge.source",
        "knowledge.corpus_tokens",
        lambda source, tokens: source == "none" and _low(tokens) > 0,
        f"{_NO_KNOWLEDGE}, yet a request may draw on a corpus",
        _NAME_A_SOURCE,
    ),
    _Clash(
        "knowledge.source",
        "knowledge.change_interval_days",
        lambda source, days: source == "none" and _low(days) < 365,
        f"{_NO_KNOWLEDGE}, yet the documents change within the year",
        _NAME_A_SOURCE,
    ),
    _Clash(
        "knowledge.source",
        "knowledge.change_interval_days",
        lambda source, days: source == "static_corpus" and _high(days) < 30,
        "the documents are said not to change, yet to change within a month",
        "set knowledge.source to changing_corpus, or correct the interval",
    ),
    _Clash(
        "current.approach",
        "current.monthly_spend_usd",
        lambda approach, spend: approach == "none" and _low(spend) > 0,
        "nothing does the job today, yet it costs money every month",
        "say what does the job today in current.approach, or drop the spend",
    ),
    _Clash(
        "current.approach",
        "current.model",
        lambda approach, model: approach in ("none", "human") and bool(model),
        "no model does the job today, yet a model is named",
        "say how the model is used in current.approach, or drop current.model",
    ),
    _Clash(
        "current.approach",
        "current.quality_rate",
        lambda approach, rate: approach == "none" and _low(rate) > 0,
        "nothing does the job today, yet its quality is given",
        "say what does the job today in current.approach, or drop current.quality_rate",
    ),
    _Clash(
        "traffic.batch",
        "limits.latency_p95_ms",
        lambda batch, latency: batch is True and _high(latency) < 5_000,
        "no one waits for the answer, yet it must come within seconds",
        "set traffic.batch to false, or drop the latency limit",
    ),
    _Clash(
        "data.labelled_examples",
        "data.reviewed_quality_rate",
        lambda count, rate: _high(count) == 0 and _low(rate) > 0,
        "there are no labelled examples, yet their quality was reviewed",
        "correct the number of examples, or drop the quality",
    ),
    _Clash(
        "data.labelled_examples",
        "data.reviewed_examples",
        lambda count, reviewed: _low(reviewed) > _high(count),
        "more examples were reviewed than there are",
        "correct one of the two numbers",
    ),
)


def contradictions(answers: Mapping[str, Answer], facts: Mapping[str, Fact] | None = None) -> list[Contradiction]:
    """Every pair of answers that contradict each other. `facts` gives the labels for the message."""
    found = []
    for clash in _CLASHES:
        first, second = answers.get(clash.first), answers.get(clash.second)
        if first and second and clash.clash(first.value, second.value):
            names = f"{_name(clash.first, first, facts)} and {_name(clash.second, second, facts)}"
            text = f"{names} contradict each other: {clash.because}"
            found.append(Contradiction((clash.first, clash.second), text, clash.fix))
    return found


def refuse_contradictions(
    answers: Answers, facts: Mapping[str, Fact] | None = None, *, where: str | None = None
) -> None:
    """Raise `InvalidDataError` (exit 3) naming both facts of the first contradiction, if there is one."""
    found = contradictions(answers, facts)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise InvalidDataError(found[0].text + more, where=where, fix=found[0].fix)


def _name(fact: str, answer: Answer, facts: Mapping[str, Fact] | None) -> str:
    from advisor.values import show_value

    shown = show_value(answer.value, facts[fact] if facts and fact in facts else None)
    return f"{fact} = {shown}"
