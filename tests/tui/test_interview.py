"""The interview in the terminal, with real keys."""

from pathlib import Path

import pytest
from screens import LARGE, SMALL, Terminal, terminal

from advisor.answers import Answers
from advisor.project import Project
from rules.interval import Interval

SIZES = pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.slow)], ids=["80x24", "120x40"])


def saved(folder: Path) -> Answers:
    """What is on disk."""
    return Project.open(folder).answers()


@SIZES
async def test_the_first_screen_asks_says_why_and_what_is_assumed(project: Path, size: tuple[int, int]) -> None:
    async with terminal(project, size) as shown:
        await shown.asked("task.kind")
        says = shown.says()
        assert "What should come out for each request?" in says
        assert "How much instructions, examples" in says
        assert "If skipped (s): An answer to a question 22%" in says
        assert "[judgement" in says
        assert "0 answered, 62 open" in says
        assert "saved" in says


ROWS = [
    ([], "classification"),
    (["down"] * 5, "summarisation"),
    (["end"], "reasoning"),
    (["end", "home"], "classification"),
    (["down"] * 20, "reasoning"),
    (["j", "j", "k"], "extraction"),
    (["pagedown"], "dialogue"),
]


@pytest.mark.slow
@SIZES
async def test_every_row_selects_itself(project: Path, size: tuple[int, int]) -> None:
    async with terminal(project, size) as shown:
        await shown.asked("task.kind")
        for keys, chosen in ROWS:
            await shown.press(*keys, "enter")
            assert saved(project).value("task.kind") == chosen
            assert "1 answered" in shown.says()
            assert shown.question != "task.kind"
            await shown.press("u")
            assert shown.question == "task.kind"


async def test_yes_and_no(project: Path) -> None:
    async with terminal(project) as shown:
        for keys, value in ((["enter"], True), (["down", "space"], False)):
            await shown.asked("limits.rented_gpus_allowed")
            await shown.press("home", *keys)
            assert saved(project).value("limits.rented_gpus_allowed") is value


TYPED = [
    ("traffic.requests_per_month", "2.5k", 2500.0, "read as 2,500 requests per month"),
    ("traffic.requests_per_month", "100-200", Interval(100, 200), "read as 100 to 200 requests per month"),
    ("limits.quality_floor", "85%", 0.85, "read as 85%"),
    ("limits.quality_floor", "0.9", 0.9, "read as 90%"),
    ("limits.latency_p95_ms", "2 s", 2000.0, "read as 2,000 ms"),
    ("data.labelled_examples", "600", 600, "read as 600 pairs"),
    ("task.value_per_success_usd", "$1.5", 1.5, "read as 1.5 USD"),
]


@pytest.mark.slow
async def test_typed_numbers_are_read_back_and_saved(project: Path) -> None:
    async with terminal(project, LARGE) as shown:
        for fact, typed, value, read in TYPED:
            await shown.asked(fact)
            await shown.type(typed)
            assert read in shown.says()
            await shown.press("enter")
            assert saved(project).value(fact) == value


BAD = [
    ("traffic.requests_per_month", "-5", "-5.0 is outside 0 to"),
    ("traffic.requests_per_month", "-", "'-' is not a number"),
    ("traffic.requests_per_month", "5 apples", "not understood"),
    ("limits.quality_floor", "7", "a share is written 0 to 1"),
    ("data.labelled_examples", "2.5", "not a whole number"),
    ("traffic.requests_per_month", "5x5", "not a number"),
    ("traffic.requests_per_month", "200-100", "above"),
    ("traffic.requests_per_month", "1e999", "too large"),
    ("finance.start", "2026-02-30", "not a date"),
    ("hardware.gpus", "2 x", "not a GPU"),
]


@pytest.mark.slow
async def test_a_bad_value_is_explained_and_not_taken(project: Path) -> None:
    async with terminal(project, LARGE) as shown:
        for fact, typed, said in BAD:
            await shown.asked(fact)
            await shown.type(typed)
            assert "▲" in shown.text(), f"{typed}: said while it is typed"
            await shown.press("enter")
            assert "Not taken" in shown.says()
            assert said in shown.says(), typed
            assert shown.question == fact
            assert fact not in saved(project)
            assert typed in shown.text(), "what was typed stays, to be mended"


@pytest.mark.slow
async def test_presets(project: Path) -> None:
    async with terminal(project) as shown:
        for downs, value in ((1, 1000.0), (3, 300000.0), (4, 5000000.0), (9, 5000000.0)):
            await shown.asked("traffic.requests_per_month")
            await shown.press(*["down"] * downs, "enter")
            assert saved(project).value("traffic.requests_per_month") == value


async def test_up_leads_from_the_presets_back_into_the_field(project: Path) -> None:
    async with terminal(project) as shown:
        await shown.asked("traffic.requests_per_month")
        await shown.press("down", "down", "up", "up")
        await shown.type("77")
        await shown.press("enter")
        assert saved(project).value("traffic.requests_per_month") == 77


async def test_letters_are_commands_while_a_number_field_is_empty(project: Path) -> None:
    async with terminal(project) as shown:
        await shown.asked("traffic.requests_per_month")
        await shown.press("s")
        assert "traffic.requests_per_month" in saved(project).declined
        assert "1 unknown" in shown.says()
        await shown.press("u")
        assert shown.question == "traffic.requests_per_month"
        assert saved(project).declined == frozenset()


async def test_digits_go_into_the_field_and_after_escape_to_the_places(project: Path) -> None:
    async with terminal(project) as shown:
        await shown.asked("traffic.requests_per_month")
        await shown.press("2")
        assert "read as 2 requests" in shown.says()
        await shown.press("escape", "2")
        assert "[2 Recommendation]" in shown.text()
        await shown.press("1")
        assert "read as 2 requests" in shown.says(), "what was typed waits for its owner"


@pytest.mark.slow
async def test_a_text_field_takes_letters_and_escape_gives_the_keys_back(project: Path) -> None:
    async with terminal(project, LARGE) as shown:
        await shown.asked("task.description")
        await shown.type("sub q")
        assert "esc leaves the field" in shown.says()
        await shown.press("enter")
        assert saved(project).value("task.description") == "sub q"
        await shown.asked("task.description")
        await shown.press("escape", "s")
        assert "task.description" in saved(project).declined


@pytest.mark.slow
async def test_lists_help_with_gpus_models_and_dates(project: Path) -> None:
    Project.open(project).set("current.approach", "prompting")
    async with terminal(project, LARGE) as shown:
        await shown.asked("hardware.gpus")
        await shown.type("h1000")
        assert "'h1000' is not in the price list; did you mean h100?" in shown.says()
        await shown.asked("hardware.gpus")
        await shown.type("2 x h100, l4")
        await shown.press("down", "enter")
        assert "read as 2 x h100, 1 x l4" in shown.says()
        await shown.press("enter")
        assert saved(project).value("hardware.gpus") == [{"gpu": "h100", "count": 2}, {"gpu": "l4", "count": 1}]
        await shown.asked("current.model")
        await shown.type("4o-mini")
        await shown.press("down", "enter")
        assert saved(project).value("current.model") == "gpt-4o-mini"
        await shown.asked("finance.start")
        await shown.press("down", "down", "enter")
        assert str(saved(project).value("finance.start")) == "2027-01-01"


@SIZES
async def test_back_loses_nothing_and_enter_keeps(project: Path, size: tuple[int, int]) -> None:
    async with terminal(project, size) as shown:
        await shown.asked("task.kind")
        await shown.press("down", "enter")
        await shown.asked("traffic.requests_per_month")
        await shown.type("900")
        await shown.press("enter")
        await shown.press("b")
        assert shown.question == "traffic.requests_per_month"
        assert "Now: 900 requests per month (answered)" in shown.says()
        await shown.press("b")
        assert shown.question == "task.kind"
        assert "▸ ● Fields taken from a text" in shown.text(), (
            "the cursor stands on the answer, which has its own glyph"
        )
        await shown.press("enter")
        assert shown.question == "traffic.requests_per_month"
        await shown.press("enter")
        assert len(saved(project)) == 2


async def test_back_at_the_first_question_says_so(project: Path) -> None:
    async with terminal(project) as shown:
        await shown.press("b")
        await shown.until(lambda: "This is the first question." in shown.says())


@pytest.mark.slow
async def test_undo_and_redo_without_limit(project: Path) -> None:
    facts = ["limits.must_self_host", "traffic.batch", "data.teacher_allowed"]
    async with terminal(project) as shown:
        for fact in facts:
            await shown.asked(fact)
            await shown.press("enter")
        assert len(saved(project)) == 3
        for fact in reversed(facts):
            await shown.press("u")
            assert shown.question == fact
        assert len(saved(project)) == 0
        await shown.press("u")
        await shown.until(lambda: "Nothing left to undo." in shown.says())
        await shown.press("r", "r", "r")
        assert set(saved(project)) == set(facts)
        await shown.press("r")
        await shown.until(lambda: "Nothing to redo." in shown.says())


@pytest.mark.slow
async def test_a_contradiction_is_shown_until_it_is_mended(project: Path) -> None:
    async with terminal(project, LARGE) as shown:
        await shown.asked("knowledge.source")
        await shown.press("enter")
        Project.open(project).set("knowledge.citations_required", True)
        await shown.asked("limits.must_self_host")
        assert "Careful: knowledge.source = none and knowledge.citations_required = yes" in shown.says()
        await shown.until(lambda: "no decision" in shown.says(), "the panel says that there is none")
        assert "answers are saved all the same" in shown.says()
        await shown.asked("knowledge.source")
        await shown.press("down", "enter")
        assert "Careful" not in shown.says()


@pytest.mark.slow
async def test_the_panel_follows_the_answers(project: Path) -> None:
    async with terminal(project, LARGE) as shown:
        await shown.decided()
        assert "Worth finding out next" in shown.says()
        await shown.asked("task.kind")
        await shown.press("enter")
        assert "deciding ..." in shown.says()
        await shown.decided()
        decision = shown.app.session and shown.app.session.decision
        assert decision is not None
        assert decision.facts == {"task.kind": "classification"}
        assert decision.ranked[0].label.split(" (")[0] in shown.says()


async def test_a_measured_value_stays_above_an_answer(project: Path) -> None:
    from advisor.answers import Origin

    Project.open(project).record("data.test_examples", 200, Origin.MEASURED, source="data/test.jsonl")
    async with terminal(project, LARGE) as shown:
        await shown.asked("data.test_examples")
        assert "Now: 200 examples (measured, data/test.jsonl)" in shown.says()
        await shown.type("50")
        await shown.press("enter")
        assert "the measured value stands above it" in shown.says()
        assert saved(project).value("data.test_examples") == 200


@pytest.mark.slow
@SIZES
async def test_the_list_of_all_answers_leads_to_each_question(project: Path, size: tuple[int, int]) -> None:
    facts = sorted(Project.open(project).facts.values(), key=lambda fact: (fact.order, fact.id))
    Project.open(project).set("task.kind", "code")
    async with terminal(project, size) as shown:
        for keys, fact in (([], facts[0].id), (["down"] * 3, facts[3].id), (["end"], facts[-1].id)):
            await shown.press("escape", "l")
            assert "Program code" in shown.text()
            await shown.press(*keys, "enter")
            assert shown.question == fact


@pytest.mark.slow
async def test_why_tells_what_an_answer_changes_and_where_the_assumption_comes_from(project: Path) -> None:
    async with terminal(project, LARGE) as shown:
        await shown.decided()
        await shown.asked("traffic.requests_per_month")
        await shown.press("w")
        says = shown.says()
        assert "What an answer changes now" in says
        assert "Source: judgement: from one team to a product" in says
        await shown.press("escape")
        assert "▸" in shown.text()


async def test_a_full_disk_is_said_and_nothing_moves(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with terminal(project, LARGE) as shown:
        await shown.asked("task.kind")
        monkeypatch.setattr("advisor.journal.append_line", full)
        await shown.press("enter")
        assert "NOT SAVED" in shown.text()
        assert "No space left on device" in shown.says()
        assert shown.question == "task.kind"
        monkeypatch.undo()
        await shown.press("enter")
        assert "NOT SAVED" not in shown.text()
        assert saved(project).value("task.kind") == "classification"


@pytest.mark.slow
@SIZES
async def test_a_whole_interview_by_keys_alone(project: Path, size: tuple[int, int]) -> None:
    """Whatever is asked is answered with what stands first, until nothing is left; then the end says where to go."""
    async with terminal(project, size) as shown:
        await shown.press("escape", "a")
        asked = []
        while shown.question is not None:
            asked.append(shown.question)
            await _answer_somehow(shown)
            assert len(asked) < 100, asked
        assert len(asked) == len(set(asked)), "nothing is asked twice"
        assert len(saved(project)) + len(saved(project).declined) == len(asked)
        assert "The interview is done." in shown.says()
        await shown.decided()
        await shown.press("2")
        assert "[2 Recommendation]" in shown.text()


async def _answer_somehow(shown: Terminal) -> None:
    place = shown.app.open_place
    assert place is not None
    if place.query("#choices"):
        await shown.press("enter")
    elif place.query("#offers") and shown.question != "hardware.gpus":
        await shown.press("escape", "enter")
    elif shown.question in ("hardware.gpus", "task.description"):
        await shown.type("none")
        await shown.press("enter")
    else:
        await shown.press("s")


async def test_a_key_pressed_twice_answers_one_question_only(project: Path) -> None:
    """The second choice was meant for the question that is gone, so the next question stays open."""
    from advisor.tui.widgets.rows import Rows

    async with terminal(project) as shown:
        await shown.press("escape", "l")
        facts = shown.app.screen.query_one("#facts", Rows)
        facts.action_choose()
        facts.action_choose()
        await shown.pilot.pause()
        assert shown.question == "task.kind"
        choices = shown.app.screen.query_one("#choices", Rows)
        choices.action_choose()
        choices.action_choose()
        await shown.pilot.pause()
        assert len(saved(project)) == 1
