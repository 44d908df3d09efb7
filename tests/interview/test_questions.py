"""The interview without a face, over memory and over a project on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest

from advisor.answers import Answers, Origin
from advisor.base.errors import InvalidDataError
from advisor.interview import AnswerStore, Interview, MemoryStore
from advisor.project import Project
from rules.facts import Fact
from rules.load import load_rules

FACTS = load_rules().facts
MakeStore = Callable[[], AnswerStore]


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> AnswerStore:
    return MemoryStore() if request.param == "memory" else Project.create(tmp_path / "p")


@pytest.fixture
def interview(store: AnswerStore) -> Interview:
    return Interview(store, FACTS)


def asked(interview: Interview) -> str:
    question = interview.current()
    assert question is not None
    return question.fact.id


def plain_answer(fact: Fact) -> object:
    """Some valid answer, as a person would give it."""
    match fact.type:
        case "bool":
            return "n"
        case "choice":
            return "1"
        case "date":
            return "2027-01-01"
        case "gpus":
            return "none"
        case "text":
            return "words"
        case _:
            return fact.presets[0].value if fact.presets else fact.lowest


def test_the_first_question_is_what_should_come_out(interview: Interview) -> None:
    question = interview.current()
    assert question is not None
    assert (question.fact.id, question.number, question.current, question.declined) == ("task.kind", 1, None, False)
    assert question.assumed
    assert question.assumed_source


def test_every_question_is_asked_once_unless_it_cannot_matter(interview: Interview) -> None:
    seen: list[str] = []
    while (question := interview.current()) is not None:
        assert question.number == len(seen) + 1
        seen.append(question.fact.id)
        interview.answer(question.fact.id, plain_answer(question.fact))
    assert len(seen) == len(set(seen))
    assert interview.finished
    assert interview.progress().open == 0
    answers = interview.answers
    for fact in FACTS.values():
        if fact.id not in seen:
            assert fact.ask_when is not None
            assert fact.ask_when.evaluate(answers.value) is False
    assert "current.model" not in seen, "nothing does the job today, so no model is asked for"
    assert "measured.options" not in seen


def test_dont_know_to_everything_ends_too(interview: Interview) -> None:
    count = 0
    while (question := interview.current()) is not None:
        interview.skip(question.fact.id)
        count += 1
    assert count > 40
    assert len(interview.answers) == 0
    assert interview.progress().declined == count
    assert interview.finished


def test_what_is_assumed_follows_what_is_known(interview: Interview) -> None:
    before = interview.go("task.format").assumed
    interview.answer("task.kind", "extraction")
    after = interview.go("task.format").assumed
    assert before is not None
    assert after is not None
    assert before != after
    assert "%" in after


def test_a_question_waits_for_what_it_rests_on(interview: Interview) -> None:
    order = [fact.id for fact in interview.open_facts()]
    assert order.index("knowledge.citations_required") > order.index("knowledge.source")
    interview.answer("knowledge.source", "none")
    assert "knowledge.citations_required" not in [fact.id for fact in interview.open_facts()]
    interview.undo()
    interview.skip("knowledge.source")
    assert "knowledge.citations_required" in [fact.id for fact in interview.open_facts()], "unknown is not no"


def test_a_wrong_answer_changes_nothing(interview: Interview) -> None:
    with pytest.raises(InvalidDataError):
        interview.answer("task.kind", "99")
    with pytest.raises(InvalidDataError):
        interview.answer("task.kind", -1)
    assert asked(interview) == "task.kind"
    assert len(interview.answers) == 0
    assert interview.undo() is None


def answer_three(interview: Interview) -> list[str]:
    facts = []
    for _ in range(3):
        fact = asked(interview)
        interview.answer(fact, plain_answer(FACTS[fact]))
        facts.append(fact)
    return facts


def test_back_walks_the_trail_and_loses_nothing(interview: Interview) -> None:
    assert interview.back() is None
    trail = answer_three(interview)
    ahead = asked(interview)
    for number in (3, 2, 1):
        question = interview.back()
        assert question is not None
        assert (question.fact.id, question.number) == (trail[number - 1], number)
        assert question.current is not None
    assert interview.back() is None
    assert asked(interview) == trail[0]
    interview.keep(trail[0])
    assert asked(interview) == trail[1]
    interview.answer(trail[1], plain_answer(FACTS[trail[1]]))
    assert asked(interview) == trail[2]
    interview.keep(trail[2])
    assert asked(interview) == ahead
    assert len(interview.answers) == 3


def test_an_answer_can_be_changed_from_anywhere(interview: Interview) -> None:
    trail = answer_three(interview)
    question = interview.go(trail[0])
    assert question.current is not None
    reply = interview.answer(trail[0], "code")
    assert reply.answer is not None
    assert reply.answer.value == "code"
    assert asked(interview) == trail[1], "one goes on along the trail"


def test_undo_and_redo_without_limit(interview: Interview) -> None:
    trail = answer_three(interview)
    states = [interview.answers.known()]
    for fact in reversed(trail):
        line = interview.undo()
        assert line is not None
        assert asked(interview) == fact, "one returns to the question that is open again"
        states.append(interview.answers.known())
    assert states[-1] == {}
    assert interview.undo() is None
    for state in reversed(states[:-1]):
        assert interview.redo() is not None
        assert interview.answers.known() == state
    assert interview.redo() is None


def test_a_new_answer_after_undo_ends_redo(interview: Interview) -> None:
    answer_three(interview)
    interview.undo()
    interview.answer("task.kind", "code")
    assert interview.redo() is None


def test_declining_takes_an_answer_back_to_unknown(interview: Interview) -> None:
    interview.answer("task.kind", "code")
    reply = interview.skip("task.kind")
    assert reply.answer is None
    assert interview.answers.value("task.kind") is None
    question = interview.go("task.kind")
    assert question.declined
    interview.undo()
    assert interview.answers.value("task.kind") == "code"


def test_a_contradiction_is_told_with_the_answer_that_made_it(interview: Interview) -> None:
    assert interview.answer("knowledge.source", "none").contradictions == ()
    reply = interview.answer("knowledge.citations_required", True)
    assert [clash.facts for clash in reply.contradictions] == [("knowledge.source", "knowledge.citations_required")]
    assert interview.answer("task.kind", "code").contradictions == (), "only those that concern the answer"


def test_the_question_worth_most_comes_first(store: AnswerStore) -> None:
    def order_by(answers: Answers, facts: object) -> list[str]:
        return ["traffic.requests_per_month", "not.a_fact", "task.format"]

    interview = Interview(store, FACTS, order_by=order_by)
    assert asked(interview) == "traffic.requests_per_month"
    interview.answer("traffic.requests_per_month", "2k")
    assert asked(interview) == "task.format"
    interview.answer("task.format", "json")
    assert asked(interview) == "task.kind", "those left out come after, in their order"


def test_it_stops_when_no_answer_could_matter_and_goes_on_when_told(store: AnswerStore) -> None:
    interview = Interview(store, FACTS, settled=lambda answers: "task.kind" in answers)
    assert not interview.finished
    interview.answer("task.kind", "code")
    assert interview.finished
    assert interview.current() is None
    interview.ask_all = True
    assert interview.current() is not None
    interview.ask_all = False
    assert interview.back() is not None, "one can still go back and correct"


def test_a_measured_value_stands_above_an_answer(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    project.record("current.quality_rate", 0.7, Origin.MEASURED, source="evaluation 0001", evidence_n=300)
    interview = Interview(project, FACTS)
    reply = interview.answer("current.quality_rate", "95%")
    assert reply.answer is not None
    assert (reply.answer.value, reply.answer.origin) == (0.7, Origin.MEASURED)
    assert reply.note is not None
    assert "measured" in reply.note
    assert interview.answers.value("current.quality_rate") == 0.7


def test_it_goes_on_where_it_was_left(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    first = Interview(project, FACTS)
    trail = answer_three(first)
    ahead = asked(first)
    again = Interview(Project.open(project.folder), FACTS)
    assert asked(again) == ahead
    assert again.current().number == 4  # type: ignore[union-attr]
    question = again.back()
    assert question is not None
    assert question.fact.id == trail[2]


def test_two_sittings_see_each_others_answers(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    one, two = Interview(project, FACTS), Interview(Project.open(project.folder), FACTS)
    one.answer("task.kind", "code")
    assert two.answers.value("task.kind") == "code"
    two.answer("task.format", "json")
    assert one.answers.value("task.format") == "json"
