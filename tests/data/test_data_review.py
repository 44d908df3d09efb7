"""`advisor data review`: a sample is drawn, judged in a terminal or in a sheet, and says what it proves."""

import csv
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from calling import Advisor
from rows import chat, good_rows, read, sentence, write

from advisor.project import Project
from trainers.data.review.advice import unproven


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    rows = [chat(sentence(n), ("a", "b", "b", "b")[n % 4], id=f"r{n}") for n in range(400)]
    return write(tmp_path / "rows.jsonl", rows)


def review(advisor: Advisor, project: Path, path: Path, *more: object) -> dict[str, Any]:
    ended = advisor("data", "review", path, "--project", project, "--json", *more)
    found: dict[str, Any] = ended.json
    return found


def sample(project: Path) -> list[dict[str, Any]]:
    return read(project / "data" / "review" / "rows" / "sample.jsonl")


def fill(sheet: Path, filled: Path, verdicts: dict[int, tuple[str, str, str]]) -> Path:
    """Fill in a sheet: accept all but the given rows (0-based)."""
    with open(sheet, newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    for number, row in enumerate(rows):
        row["verdict"], row["corrected_answer"], row["comment"] = verdicts.get(number, ("accept", "", ""))
    with open(filled, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return filled


def test_the_sample_is_stratified_seeded_and_stays(advisor: Advisor, project: Path, rows_file: Path) -> None:
    found = review(advisor, project, rows_file, "--status")
    first = sample(project)
    assert len(first) == found["plan"]["sample"]
    share = sum(item["stratum"] == "a" for item in first) / len(first)
    assert share == pytest.approx(0.25, abs=0.01)
    assert len({item["id"] for item in first}) == len(first)
    review(advisor, project, rows_file, "--status")
    assert sample(project) == first
    review(advisor, project, rows_file, "--status", "--again", "--seed", 5)
    other = sample(project)
    assert other != first
    assert (project / "data" / "review" / "rows-01" / "plan.json").exists()
    review(advisor, project, rows_file, "--status")
    assert sample(project) == other
    assert advisor("data", "review", rows_file, "--project", project, "--status", "--seed", 0).code == 2


@pytest.mark.parametrize(("bad", "outcome", "code"), [(0, "proven", 0), (2, "proven", 0), (3, "not_proven", 1)])
def test_a_sheet_goes_out_and_comes_back(
    advisor: Advisor, project: Path, rows_file: Path, tmp_path: Path, bad: int, outcome: str, code: int
) -> None:
    options = ("--project", project, "--allow-bad", 2, "--reviewer", "ann")
    assert advisor("data", "review", rows_file, *options, "--export", tmp_path / "out.csv").code == 0
    filled = fill(tmp_path / "out.csv", tmp_path / "in.csv", dict.fromkeys(range(bad), ("reject", "", "wrong")))
    ended = advisor("data", "review", rows_file, *options, "--import", filled, "--json")
    assert ended.code == code
    assert ended.json["outcome"] == outcome
    assert ended.json["bad"] == bad
    quality = ended.json["quality"]
    assert quality["low"] <= quality["rate"] <= quality["high"]
    assert (quality["low"] >= 0.95) == (outcome == "proven")
    assert bool(list(unproven(project / "data"))) == (outcome != "proven")
    answers = Project.open(project).answers()
    assert answers["data.reviewed_examples"].value == ended.json["reviewed"]
    assert answers["data.reviewed_quality_rate"].value == pytest.approx(quality["rate"], abs=1e-4)
    assert answers["data.reviewed_quality_rate"].evidence_n == ended.json["reviewed"]


def test_corrections_and_rejections_are_applied(
    advisor: Advisor, project: Path, rows_file: Path, tmp_path: Path
) -> None:
    options = ("--project", project, "--reviewer", "ann", "--allow-bad", 2)
    advisor("data", "review", rows_file, *options, "--export", tmp_path / "out.csv")
    verdicts = {0: ("reject", "", ""), 1: ("correct", "=c", "a formula in a sheet")}
    advisor(
        "data", "review", rows_file, *options, "--import", fill(tmp_path / "out.csv", tmp_path / "in.csv", verdicts)
    )
    gone, mended = (item["id"] for item in sample(project)[:2])
    assert advisor("data", "review", rows_file, *options, "--apply", tmp_path / "good.jsonl").code == 0
    rows = {row["id"]: row for row in read(tmp_path / "good.jsonl")}
    assert len(rows) == 399
    assert gone not in rows
    assert rows[mended]["messages"][-1]["content"] == "=c"
    assert all(row["metadata"]["reviewed"] for row in rows.values())


def test_a_sheet_is_taken_whole_or_not_at_all(advisor: Advisor, project: Path, rows_file: Path, tmp_path: Path) -> None:
    options = ("--project", project, "--reviewer", "ann")
    advisor("data", "review", rows_file, *options, "--export", tmp_path / "out.csv")
    for wrong, words in ((("maybe", "", ""), "verdict"), (("correct", "", ""), "right answer")):
        filled = fill(tmp_path / "out.csv", tmp_path / "in.csv", {5: wrong})
        ended = advisor("data", "review", rows_file, *options, "--import", filled)
        assert ended.code == 3
        assert words in ended.err
        assert "in.csv:7" in ended.err
        assert review(advisor, project, rows_file, "--status")["reviewed"] == 0
    (tmp_path / "in.csv").write_text("id,verdict\nnobody,accept\n")
    assert advisor("data", "review", rows_file, *options, "--import", tmp_path / "in.csv").code == 3


def test_formulas_in_the_data_do_not_run_in_a_spreadsheet(advisor: Advisor, project: Path, tmp_path: Path) -> None:
    rows = [*good_rows(20), chat("=HYPERLINK(1)", "yes")]
    path = write(tmp_path / "rows.jsonl", rows)
    advisor("data", "review", path, "--project", project, "--export", tmp_path / "out.csv")
    with open(tmp_path / "out.csv", newline="", encoding="utf-8-sig") as stream:
        questions = [row["question"] for row in csv.DictReader(stream)]
    assert "'=HYPERLINK(1)" in questions
    assert not any(question.startswith("=") for question in questions)


def test_two_reviewers_and_what_they_differ_on(
    advisor: Advisor, project: Path, rows_file: Path, tmp_path: Path
) -> None:
    options = ("--project", project)
    advisor("data", "review", rows_file, *options, "--export", tmp_path / "out.csv")
    for name, verdicts in (("ann", {}), ("bob", {3: ("reject", "", "")})):
        filled = fill(tmp_path / "out.csv", tmp_path / f"{name}.csv", verdicts)
        advisor("data", "review", rows_file, *options, "--reviewer", name, "--import", filled)
    found = review(advisor, project, rows_file, "--status")
    assert found["bad"] == 1, "a row that one of them rejects is bad"
    assert found["agreement"][0]["disputed"] == [sample(project)[3]["id"]]
    assert found["agreement"][0]["rows"] == found["plan"]["sample"]


def test_the_rule_of_thumb_shows_its_power(advisor: Advisor, project: Path, rows_file: Path, tmp_path: Path) -> None:
    options = ("--project", project, "--ten-percent")
    ended = advisor("data", "review", rows_file, *options, "--status")
    assert "look at 40 of 400 rows; at most 2 may be bad" in ended.out
    assert "proves little" in ended.out
    advisor("data", "review", rows_file, *options, "--export", tmp_path / "out.csv")
    filled = fill(tmp_path / "out.csv", tmp_path / "in.csv", {})
    assert review(advisor, project, rows_file, "--ten-percent", "--import", filled)["outcome"] == "unprovable"


def test_other_standards_or_other_data_need_a_new_sample(advisor: Advisor, project: Path, rows_file: Path) -> None:
    review(advisor, project, rows_file, "--status")
    ended = advisor("data", "review", rows_file, "--project", project, "--status", "--quality", "0.98")
    assert ended.code == 2
    assert "--again" in ended.err
    write(rows_file, good_rows(300))
    assert advisor("data", "review", rows_file, "--project", project, "--status").code == 2


def test_without_a_terminal_it_names_the_ways(advisor: Advisor, project: Path, rows_file: Path) -> None:
    ended = advisor("data", "review", rows_file, "--project", project)
    assert ended.code == 2
    assert "--export" in ended.err


class Terminal:
    """The command in a terminal of its own, answered by key."""

    def __init__(self, *arguments: object) -> None:
        self.master, slave = pty.openpty()
        command = [sys.executable, "-m", "advisor", *map(str, arguments)]
        environment = {**os.environ, "TERM": "dumb"}
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
        os.close(slave)
        self.seen = ""

    def expect(self, words: str) -> None:
        deadline = time.monotonic() + 60
        while words not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{words!r} did not come; last: {self.seen[-500:]!r}"
            self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
        self.seen = self.seen.partition(words)[2]

    def answer(self, text: str) -> None:
        os.write(self.master, (text + "\n").encode())

    def end(self) -> int:
        try:
            while os.read(self.master, 65536):
                pass
        except OSError:
            pass
        os.close(self.master)
        return self.process.wait(timeout=60)


def test_prompts_in_a_terminal_and_going_on_later(advisor: Advisor, project: Path, rows_file: Path) -> None:
    arguments = ("data", "review", rows_file, "--project", project, "--reviewer", "ann")
    terminal = Terminal(*arguments)
    terminal.expect("row 1 of ")
    terminal.answer("1")
    terminal.expect("row 2 of ")
    terminal.answer("2")
    terminal.expect("comment")
    terminal.answer("off topic")
    terminal.expect("row 3 of ")
    terminal.answer("6")
    terminal.expect("row 2 of ")
    terminal.answer("1")
    terminal.expect("row 3 of ")
    terminal.answer("3")
    terminal.expect("the right answer")
    terminal.answer("c")
    terminal.expect("comment")
    terminal.answer("")
    terminal.expect("row 4 of ")
    terminal.answer("9")
    terminal.expect("1<=x<=7")
    terminal.answer("7")
    assert terminal.end() == 0
    found = review(advisor, project, rows_file, "--status")
    assert (found["reviewed"], found["bad"], found["by_reviewer"]) == (3, 1, {"ann": 3})
    terminal = Terminal(*arguments)
    terminal.expect("row 4 of ")
    terminal.answer("7")
    terminal.end()


def test_a_verdict_that_a_crash_cut_off_is_forgotten_and_the_rest_stays(
    advisor: Advisor, project: Path, rows_file: Path, tmp_path: Path
) -> None:
    options = ("--project", project, "--reviewer", "ann")
    advisor("data", "review", rows_file, *options, "--export", tmp_path / "out.csv")
    advisor("data", "review", rows_file, *options, "--import", fill(tmp_path / "out.csv", tmp_path / "in.csv", {}))
    path = project / "data" / "review" / "rows" / "verdicts.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-15])
    found = review(advisor, project, rows_file, "--status")
    assert found["reviewed"] == found["plan"]["sample"] - 1
    path.write_bytes(whole.replace(b"accept", b"acept", 1))
    ended = advisor("data", "review", rows_file, *options, "--status")
    assert ended.code == 3
    assert "verdicts.jsonl:1" in ended.err
