"""An interview led by the decision asks fewer questions and ends with the same recommendation."""

from pathlib import Path

import pytest
from cases import DAY, catalogue, rules

from advisor.answers import Answer, Answers, load_answers_file
from advisor.decision.optimize import TOLERANCE
from advisor.interview import Interview, MemoryStore
from advisor.leaning import Adviser

EXAMPLES = Path(__file__).parents[2] / "examples"


def _answer_all(truth: Answers, interview: Interview) -> int:
    """Answer from `truth` until the interview has no more questions; returns how many were asked."""
    asked = 0
    while (question := interview.current()) is not None:
        asked += 1
        answer = truth.get(question.fact.id)
        if answer is None:
            interview.skip(question.fact.id)
        else:
            interview.store.set(question.fact.id, answer.value)
        assert asked < 100
    return asked


@pytest.mark.slow
@pytest.mark.parametrize("name", ["support-desk", "bulk-classification", "clinic"])
def test_a_third_of_the_questions_is_saved(name: str) -> None:
    facts = rules().facts
    truth = load_answers_file(EXAMPLES / f"{name}.yaml", facts)
    adviser = Adviser(rules(), catalogue(), DAY)
    led = Interview(MemoryStore(), facts, adviser.order_by, adviser.settled)
    short = _answer_all(truth, led)
    everything = Interview(MemoryStore(), facts)
    whole = _answer_all(truth, everything)
    assert short <= whole * 2 / 3
    soon = adviser.decide(led.answers)
    late = Adviser(rules(), catalogue(), DAY).decide(everything.answers)
    first = late.ranked[0]
    mine = next(option for option in late.ranked if option.approach == soon.ranked[0].approach)
    assert mine.approach_class == first.approach_class
    assert mine.expected_npv_usd is not None
    assert first.expected_npv_usd is not None
    assert mine.expected_npv_usd >= (1 - TOLERANCE) * first.expected_npv_usd  # the same, or as good as the same


def test_a_question_that_no_longer_matters_is_not_asked() -> None:
    adviser = Adviser(rules(), catalogue(), DAY)
    given = Answers().with_("task.kind", Answer("classification")).with_("knowledge.source", Answer("none"))
    decision = adviser.decide(given, quick=True)
    assert "knowledge.corpus_tokens" not in {question.fact for question in decision.next_questions}
