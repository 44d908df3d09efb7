"""The places beyond the interview, with real keys and real decisions."""

import json
import re
from pathlib import Path

import pytest
from screens import LARGE, SMALL, Terminal, example, terminal

from advisor.project import Project
from advisor.tui.actions import ACTIONS, PLACE_TITLES, PLACES, footer
from advisor.tui.messages import CommandDone
from advisor.tui.places.runs import PLAN

SIZES = pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.slow)], ids=["80x24", "120x40"])
MARKUP = "My [red]bank[/red] [/] project"


def test_footers_hold_six_keys_at_most_and_no_key_is_taken_twice() -> None:
    for place in (*PLACES, None):
        assert len(footer(place)) <= 6
        keys = [key for action in ACTIONS if action.place in (place, None) for key in action.keys]
        assert len(keys) == len(set(keys)), place
    hard = ("shift+", "ctrl+j", "ctrl+enter")
    assert not [key for action in ACTIONS for key in action.keys if key.startswith(hard)]


@pytest.mark.slow
@SIZES
async def test_empty_places_say_what_to_do_next(project: Path, size: tuple[int, int]) -> None:
    says = {
        "4": "No data yet. Put JSONL or CSV files into",
        "5": "n plan the recommended run",
        "6": "e evaluate the newest finished run",
    }
    async with terminal(project, size) as shown:
        await shown.press("escape")
        for key, said in says.items():
            await shown.press(key)
            await shown.until(lambda said=said: said in shown.says(), said)
        await shown.press("6", "e")
        await shown.until(lambda: "No finished run to evaluate yet" in shown.says())
        await shown.press("5", "s")
        await shown.until(lambda: "Nothing to stop" in shown.says())
        await shown.press("r")
        await shown.until(lambda: "Nothing to resume" in shown.says())
        await shown.press("4", "c")
        await shown.until(lambda: "There is no file yet" in shown.says())


@pytest.mark.slow
@SIZES
async def test_each_row_of_the_ranking_shows_its_own_option(tmp_path: Path, size: tuple[int, int]) -> None:
    example(tmp_path / "p", title=MARKUP)
    async with terminal(tmp_path / "p", size) as shown:
        await shown.decided()
        assert MARKUP in shown.text(), "names are shown as they are"
        await shown.press("escape", "2")
        decision = shown.app.session and shown.app.session.decision
        assert decision is not None
        last = len(decision.ranked) - 1
        for keys, row in (([], 0), (["down"] * 7, 7), (["end"], last), (["up"], last - 1), (["home"], 0)):
            await shown.press(*keys)
            await shown.until(lambda row=row: decision.ranked[row].label in _details(shown.text()), f"row {row}")
            marked = [line for line in shown.text().splitlines() if line.startswith((" ▸", "▸"))]
            assert len(marked) == 1
        assert Project.open(tmp_path / "p").latest_decision() is not None, "the decision is kept in the project"


def _details(text: str) -> str:
    """What is below the line under the table."""
    return text.rpartition("────────")[2]


@pytest.mark.slow
@SIZES
async def test_the_parts_of_the_recommendation(tmp_path: Path, size: tuple[int, int]) -> None:
    example(tmp_path / "p", "bulk-classification")
    async with terminal(tmp_path / "p", size) as shown:
        await shown.decided()
        await shown.press("escape", "2", "r")
        assert "[r Reasons]" in shown.text()
        assert "Why it wins" in shown.text()
        await _scroll_through_why(shown)
        await shown.press("escape", "p")
        await shown.until(lambda: "Step by step" in shown.says() and "Gate:" in shown.says())
        await shown.press("x")
        assert "[x Ruled out" in shown.text()
        await shown.press("end")
        await _scroll_through_why(shown)
        await shown.press("escape", "f")
        assert "Worth finding out next" in shown.says() or "What would change it" in shown.says()
        await shown.press("enter")
        assert "[1 Interview]" in shown.text(), "enter on a flip or an open question leads to its question"


async def _scroll_through_why(shown: Terminal) -> None:
    """Open the window that says why, and look at its end: rule or evidence."""
    await shown.press("w")
    await shown.until(lambda: "esc closes" in shown.text())
    await shown.press("end")
    sources = r"Rule: |Evidence|\[(paper|benchmark|vendor document|field report|article|price list|judgement)"
    await shown.until(lambda: re.search(sources, shown.says()))


@pytest.mark.slow
@SIZES
async def test_costs_as_chart_and_as_account(tmp_path: Path, size: tuple[int, int]) -> None:
    example(tmp_path / "p", "bulk-classification")
    async with terminal(tmp_path / "p", size) as shown:
        await shown.decided()
        await shown.press("escape", "3")
        assert "option 1 of" in shown.text()
        assert "month" in shown.text()
        assert "oooo" in shown.text(), "the curve is drawn"
        decision = shown.app.session and shown.app.session.decision
        assert decision is not None
        assert decision.recommended is not None
        assert f"{decision.recommended.label} option 1 of" in shown.says()
        await shown.press("n")
        assert "option 2 of" in shown.says()
        assert f"{decision.recommended.label} option" not in shown.says()
        await shown.press("p", "c")
        assert "At start" in shown.text()
        costs = sorted(decision.recommended.cost_lines, key=lambda line: -(line.expected_usd or 0))
        for keys, line in (([], costs[0]), (["end"], costs[-1])):
            await shown.press(*keys)
            await shown.until(lambda line=line: line.label in _details(shown.text()), line.label)
        await shown.press("c")
        await shown.until(lambda: "Discounted payback" in shown.text(), "the returns")
        await shown.press("end")
        await shown.until(lambda: "P10 to P90" in shown.text(), "their last line")
        await shown.press("c", "c", "w")
        assert "origin" in shown.says()


ROWS = [
    {
        "id": str(number),
        "messages": [
            {"role": "user", "content": f"Sort ticket {number}: the {word} of order {number * 7} is missing"},
            {"role": "assistant", "content": label},
        ],
    }
    for number, (word, label) in enumerate([("parcel", "delivery"), ("invoice", "billing"), ("key", "access")] * 40)
]


def _write(path: Path, rows: list[dict[str, object]], tail: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + tail, encoding="utf-8")


@pytest.mark.slow
async def test_a_data_file_is_brought_in_checked_and_split(project: Path, tmp_path: Path) -> None:
    _write(tmp_path / "tickets.jsonl", ROWS)
    async with terminal(project, LARGE) as shown:
        await shown.press("escape", "4", "i")
        field = shown.app.screen.query_one("#asked-text")
        field.value = str(tmp_path / "tickets.jsonl")  # type: ignore[attr-defined]
        await shown.press("enter")
        await shown.until(lambda: "▸ tickets.jsonl" in " ".join(shown.text().split()))
        assert "120" in shown.text()
        await shown.press("c")
        await shown.until(lambda: "usable, with remarks" in shown.says() or "nothing was found" in shown.says())
        await shown.press("s")
        await shown.until(lambda: "split: " in shown.says())
        assert "train.jsonl" in shown.text()
        assert "test.jsonl" in shown.text()
        assert "test, frozen" in shown.text()
    assert Project.open(project).answers().value("data.test_examples") > 0


async def test_findings_say_what_where_and_what_to_do(project: Path) -> None:
    _write(project / "data" / "bad[red].jsonl", ROWS[:10], '{"id": "x", "messages": \n')
    async with terminal(project, LARGE) as shown:
        await shown.press("escape", "4", "c")
        await shown.until(lambda: "mend" in shown.says() and "■ error" in shown.text())
        assert "bad[red].jsonl" in shown.text()
        await shown.press("tab")
        assert "What to do:" in shown.says()
        assert "Lines: 11" in shown.says()


async def test_a_run_is_refused_with_its_reason_when_nothing_says_what_to_train(project: Path) -> None:
    async with terminal(project, LARGE) as shown:
        await shown.press("escape", "5", "n")
        await shown.until(lambda: "planning" in shown.says() and "■" in shown.text())
        assert "--method lora" in shown.says(), "the way out is on the screen"


async def test_a_plan_waits_until_its_place_is_on_the_screen(project: Path) -> None:
    plan = {"method": "lora", "model": "smollm2-135m", "refusals": ["nothing to train on"]}
    async with terminal(project, LARGE) as shown:
        await shown.press("escape", "5", "4")
        shown.app.post_message(CommandDone(PLAN, 0, {"v": 1, "plan": plan}, None))
        await shown.until(lambda: "The plan of the run is ready" in shown.says())
        assert "This run is refused" not in shown.says()
        await shown.press("5")
        await shown.until(lambda: "This run is refused" in shown.says() and "nothing to train on" in shown.says())


EVALUATION = {
    "v": 1,
    "metric": "exact",
    "n": 100,
    "candidates": {
        "base [few-shot]": {"score": 0.1, "low": 0.05, "high": 0.18, "n": 100, "json_valid_share": 0.9},
        "tuned": {
            "score": 0.64,
            "low": 0.54,
            "high": 0.73,
            "n": 100,
            "json_valid_share": 1.0,
            "fields": {"section": {"score": 0.8, "low": 0.7, "high": 0.87, "n": 100}},
        },
    },
    "pairs": [
        {
            "a": "base [few-shot]",
            "b": "tuned",
            "difference": 0.54,
            "low": 0.42,
            "high": 0.65,
            "p_value": 1e-9,
            "p_adjusted": 1e-9,
            "verdict": "helped",
            "smallest_detectable": 0.12,
        }
    ],
}


@SIZES
async def test_an_evaluation_shows_scores_intervals_and_verdict(project: Path, size: tuple[int, int]) -> None:
    folder = project / "evaluations" / "0001"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(EVALUATION), encoding="utf-8")
    (folder / "other.json").write_text("not json", encoding="utf-8")
    async with terminal(project, size) as shown:
        await shown.press("escape", "6")
        says = shown.says()
        assert "base [few-shot]" in says
        assert "64.0%" in says
        assert "54-73" in says
        assert "● helped tuned against base [few-shot]: +54.0 points (+42.0 to +65.0), p < 0.001" in says
        assert "could have shown 12.0 points" in says
        await shown.press("end")
        await shown.until(lambda: "field by field" in shown.says())
        assert "section" in shown.says()


@pytest.mark.slow
async def test_the_palette_knows_every_action_and_runs_it_in_its_place(project: Path) -> None:
    async with terminal(project, LARGE) as shown:
        await shown.press("escape", "ctrl+p")
        await shown.type("chart")
        await shown.until(lambda: "Costs: Next view" in shown.says())
        await shown.press("enter")
        await shown.until(lambda: "[3 Costs]" in shown.text())


@pytest.mark.slow
@SIZES
async def test_help_lists_every_key_of_the_place(project: Path, size: tuple[int, int]) -> None:
    async with terminal(project, size) as shown:
        for number, place in enumerate(PLACES, start=1):
            await shown.press("escape", str(number), "question_mark")
            assert f"Keys in {PLACE_TITLES[place]}" in shown.text()
            own = [action for action in ACTIONS if action.place == place]
            for action in own[:4]:
                assert action.label in shown.says()
            await shown.press("escape")


async def test_y_writes_the_command_to_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    Project.create(folder)
    async with terminal(folder, LARGE) as shown:
        await shown.press("escape", "2", "y")
        written = (folder / "last-command.txt").read_text(encoding="utf-8")
        assert written == f"advisor decide --project '{folder}'\n"
        await shown.until(lambda: "advisor decide --project" in shown.says())
        await shown.press("1")
        await shown.asked("task.kind")
        await shown.press("down", "enter", "b", "y")
        written = (folder / "last-command.txt").read_text(encoding="utf-8")
        assert written == f"advisor answers set task.kind extraction --project '{folder}'\n"


@pytest.mark.slow
async def test_the_report_is_written_and_its_path_said(tmp_path: Path) -> None:
    example(tmp_path / "p")
    async with terminal(tmp_path / "p", LARGE) as shown:
        await shown.press("escape", "2", "e")
        await shown.until(lambda: "Report written:" in shown.says())
        assert list((tmp_path / "p" / "reports").glob("*/*.html"))
