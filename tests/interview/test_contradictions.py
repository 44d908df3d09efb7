"""Answers that cannot both be true are named with both facts; a missing answer contradicts nothing."""

from typing import Any

import pytest

from advisor.answers import Answer, Answers
from advisor.base.errors import InvalidDataError
from advisor.contradictions import contradictions, refuse_contradictions
from rules.facts import Interval
from rules.load import load_rules

FACTS = load_rules().facts
CLASHES = [
    ("knowledge.source", "none", "knowledge.citations_required", True, False),
    ("knowledge.source", "none", "knowledge.corpus_tokens", 5000, 0),
    ("knowledge.source", "none", "knowledge.change_interval_days", 7.0, 365.0),
    ("knowledge.source", "static_corpus", "knowledge.change_interval_days", 7.0, 90.0),
    ("current.approach", "none", "current.monthly_spend_usd", 500.0, 0.0),
    ("current.approach", "human", "current.model", "gpt-5.4", None),
    ("current.approach", "none", "current.quality_rate", 0.8, 0.0),
    ("traffic.batch", True, "limits.latency_p95_ms", 300.0, 60_000.0),
    ("data.labelled_examples", 0, "data.reviewed_quality_rate", 0.9, 0.0),
]


def answers(**values: Any) -> Answers:
    return Answers({name: Answer(value) for name, value in values.items()})


@pytest.mark.parametrize(("first", "one", "second", "wrong", "right"), CLASHES)
def test_both_facts_are_named(first: str, one: Any, second: str, wrong: Any, right: Any) -> None:
    both = answers(**{first: one, second: wrong})
    found = contradictions(both, FACTS)
    assert [clash.facts for clash in found] == [(first, second)]
    assert first in found[0].text
    assert second in found[0].text
    assert "contradict each other" in found[0].text
    assert found[0].fix
    with pytest.raises(InvalidDataError) as caught:
        refuse_contradictions(both, FACTS, where="a.yaml")
    assert caught.value.where == "a.yaml"
    for kept in (first, second):
        assert contradictions(answers(**{kept: both[kept].value}), FACTS) == []
    if right is not None:
        assert contradictions(answers(**{first: one, second: right}), FACTS) == []


def test_a_range_contradicts_only_when_all_of_it_does() -> None:
    some = answers(**{"traffic.batch": True, "limits.latency_p95_ms": Interval(1000.0, 60_000.0)})
    every = answers(**{"traffic.batch": True, "limits.latency_p95_ms": Interval(100.0, 900.0)})
    assert contradictions(some) == []
    assert len(contradictions(every)) == 1


def test_several_are_counted() -> None:
    many = answers(
        **{"knowledge.source": "none", "knowledge.citations_required": True, "knowledge.corpus_tokens": 1000}
    )
    with pytest.raises(InvalidDataError, match=r"\(and 1 more\)"):
        refuse_contradictions(many, FACTS)
