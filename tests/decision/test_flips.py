"""What would change the recommendation: every value that is named is decided on again, and comes out as it was told."""

from pathlib import Path

import pytest
from cases import DAY, catalogue, rules

from advisor.answers import load_answers_file
from advisor.decision.engine import decide
from advisor.decision.flips import with_value
from advisor.decision.result import Verdict

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    "name",
    [
        "debian/answers",
        pytest.param("support-desk", marks=pytest.mark.slow),
        pytest.param("clinic", marks=pytest.mark.slow),
        pytest.param("bulk-classification", marks=pytest.mark.slow),
    ],
)
def test_a_decision_on_the_named_value_says_the_same(name: str) -> None:
    book = rules()
    answers = load_answers_file(EXAMPLES / f"{name}.yaml", book.facts)
    decision = decide(answers, book, catalogue(), today=DAY)
    assert len(decision.flips) >= 5
    assert len({flip.fact for flip in decision.flips}) == len(decision.flips)
    for flip in decision.flips:
        changed = with_value(answers, book.facts[flip.fact], flip.becomes)
        again = decide(changed, book, catalogue(), today=DAY, quick=True)
        first = "" if again.verdict is Verdict.NOTHING_FEASIBLE else again.ranked[0].option_id
        assert (flip.text, flip.winner_option_id) == (flip.text, first)
        assert decision.recommended is not None
        assert first != decision.recommended.option_id
