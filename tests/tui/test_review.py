"""Reviewing a sample in the terminal, with real keys."""

import json
from pathlib import Path

import pytest
from screens import LARGE, SMALL, example, terminal

from advisor.project import Project
from trainers.data.review.record import read_sayings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    example(folder)
    rows = [
        {
            "id": f"r{n}",
            "messages": [
                {"role": "user", "content": f"where is parcel number {n * 31} of order {n * 7}"},
                {"role": "assistant", "content": "delivery" if n % 2 else "billing"},
            ],
        }
        for n in range(60)
    ]
    (folder / "data").mkdir()
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "data" / "tickets.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_rows_are_accepted_rejected_corrected_and_taken_back(project: Path, size: tuple[int, int]) -> None:
    place = project / "data" / "review" / "tickets"
    async with terminal(project, size) as shown:
        await shown.press("escape", "4", "v")
        await shown.until(lambda: "row 1 of" in shown.says())
        assert "where is parcel number" in shown.says()
        await shown.press("a")
        await shown.until(lambda: "row 2 of" in shown.says())
        await shown.press("r")
        await shown.type("queue")
        await shown.press("enter")
        await shown.press("c")
        await shown.type("s")
        await shown.press("enter")
        assert "3 of" in shown.says()
        assert "2 bad" in shown.says()
        await shown.press("u", "a")
        assert "1 bad" in shown.says()
        await shown.press("s")
        assert "row 5 of" in shown.says()
        await shown.press("escape")
        await shown.until(lambda: "row 5 of" not in shown.says())
    said = [(saying.verdict.value, saying.comment, saying.answer) for saying in read_sayings(place)]
    assert said[:2] == [("accept", None, None), ("reject", "queue", None)]
    assert said[2][0] == "correct"
    assert said[2][2] in ("deliverys", "billings")
    assert said[3] == ("accept", None, None)
    answers = Project.open(project).answers()
    assert answers["data.reviewed_examples"].value == 3
    assert answers["data.reviewed_quality_rate"].value == pytest.approx(2 / 3, abs=1e-3)


async def test_it_goes_on_where_it_was_left(project: Path) -> None:
    async with terminal(project, SMALL) as shown:
        await shown.press("escape", "4", "v")
        await shown.until(lambda: "row 1 of" in shown.says())
        await shown.press("a", "a", "r", "escape", "escape")
        await shown.until(lambda: "row 3 of" not in shown.says())
        await shown.press("v")
        await shown.until(lambda: "row 3 of" in shown.says())
        assert "2 of" in shown.says()


async def test_a_file_that_cannot_be_reviewed_says_why(project: Path) -> None:
    (project / "data" / "tickets.jsonl").write_text('{"foo": 1}\n', encoding="utf-8")
    async with terminal(project, LARGE) as shown:
        await shown.press("escape", "4", "v")
        await shown.until(lambda: "cannot tell which columns" in shown.says().replace("▌ ", ""))
