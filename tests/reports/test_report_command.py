"""`advisor report` on the command line: where it writes, when it decides, what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from report_calls import EXAMPLES, TODAY, Made, Ran, invoke
from report_cases import MARKUP


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    result = invoke("init", str(folder), "--answers", str(EXAMPLES / "clinic.yaml"), "--name", "Clinic")
    assert result.exit_code == 0, result.stderr
    return folder


def report_of(project: Path, *words: str, today: str = TODAY) -> Ran:
    return invoke("report", "--project", str(project), "--today", today, *words)


def test_an_answers_file_is_enough(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = invoke("report", "--answers", str(EXAMPLES / "support-desk.yaml"), "--out", str(out), "--today", TODAY)
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json", "report.md", "tables"]
    assert str(out / "report.html") in result.stdout.splitlines()


def test_a_project_without_decision_gets_one_and_a_second_report_uses_it(project: Path) -> None:
    first = report_of(project)
    assert first.exit_code == 0, first.stderr
    assert (project / "reports" / TODAY / "report.html").is_file()
    second = report_of(project)
    assert second.exit_code == 0, second.stderr
    assert (project / "reports" / f"{TODAY}-2" / "report.html").is_file()
    assert [path.name for path in sorted((project / "decisions").glob("*.json"))] == ["0001.json"]


@pytest.mark.slow
def test_a_changed_answer_makes_a_new_decision_and_the_report_says_what_changed(project: Path) -> None:
    assert report_of(project).exit_code == 0
    assert invoke("answers", "set", "traffic.requests_per_month", "90000", "--project", str(project)).exit_code == 0
    assert report_of(project, "--name", "second").exit_code == 0
    assert len(list((project / "decisions").glob("*.json"))) == 2
    text = (project / "reports" / "second" / "report.md").read_text(encoding="utf-8")
    assert "## What changed" in text
    assert "90000" in text.replace(",", "")


def test_json_names_every_file(project: Path) -> None:
    result = report_of(project, "--json")
    told = json.loads(result.stdout)
    assert told["v"] == 1
    assert set(told["files"]) == {"html", "markdown", "json", "csv"}
    assert all(Path(path).is_file() for paths in told["files"].values() for path in paths)
    assert told["verdict"] in ("recommend", "not_enough_information", "nothing_feasible")
    assert told["stale_prices"] is False


def test_plain_prints_the_report(project: Path) -> None:
    result = report_of(project, "--plain")
    assert result.exit_code == 0, result.stderr
    for part in ("Clinic", "The decision", "The plan, step by step", "How to reproduce this"):
        assert part in result.stdout
    assert "\x1b" not in result.stdout


def test_old_prices_are_refused_and_nothing_is_written(project: Path) -> None:
    result = report_of(project, today="2027-09-01")
    assert result.exit_code == 1
    assert "days old" in result.stderr
    assert "--stale-prices" in result.stderr
    assert not (project / "reports").exists()


@pytest.mark.slow
def test_old_prices_when_asked_for_are_said_in_every_section(project: Path) -> None:
    result = report_of(project, "--stale-prices", "--name", "old", today="2027-09-01")
    assert result.exit_code == 0, result.stderr
    assert "days old" in result.stderr
    made = Made(project / "reports" / "old")
    sections = made.data["sections"]
    warning = made.data["banner"]
    assert "days old" in warning
    assert made.html.count(warning) >= 1 + len(sections)
    assert "@top-center" in made.html
    assert made.markdown.count("days old") >= 1 + len(sections)
    plain = report_of(project, "--stale-prices", "--plain", today="2027-09-01").stdout
    assert plain.count("CAUTION: Prices of") == len(sections)


@pytest.mark.slow
def test_the_age_can_be_set(project: Path) -> None:
    assert report_of(project, "--max-price-age-days", "1000", today="2027-09-01").exit_code == 0
    assert report_of(project, "--max-price-age-days", "0", today="2027-01-10").exit_code == 1


@pytest.mark.slow
def test_compare_with_an_older_report(project: Path, tmp_path: Path) -> None:
    assert report_of(project, "--out", str(tmp_path / "old")).exit_code == 0
    assert invoke("answers", "set", "task.value_per_success_usd", "30", "--project", str(project)).exit_code == 0
    old = tmp_path / "old" / "report.json"
    result = report_of(project, "--compare", str(old), "--out", str(tmp_path / "new"))
    assert result.exit_code == 0, result.stderr
    changes = Made(tmp_path / "new").table("changes")
    keys = [column["key"] for column in changes["columns"]]
    (row,) = [dict(zip(keys, row, strict=True)) for row in changes["rows"] if "task.value_per_success_usd" in row]
    assert (row["kind"], row["what"], row["after"]) == ("answer", "Worth of a good answer", "$30")
    assert "report.json" in Made(tmp_path / "new").markdown


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--format", "htm"], 2, "did you mean 'html'"),
        (["--samples", "100"], 2, "power of two"),
        (["--answers", "a.yaml", "--decision", "b.json"], 2, "exclude each other"),
        (["--answers", "missing.yaml"], 3, "no such file"),
        (["--decision", "missing.json"], 3, "no such file"),
        (["--project", "nowhere"], 2, "no such folder"),
    ],
)
def test_wrong_use_says_what_and_how(words: list[str], code: int, said: str, tmp_path: Path) -> None:
    result = invoke("report", *words, "--out", str(tmp_path / "out"))
    assert result.exit_code == code
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_decision_is_refused_with_its_key(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"v": 1, "verdict": "recommend"}', encoding="utf-8")
    result = invoke("report", "--decision", str(wrong), "--out", str(tmp_path / "out"))
    assert result.exit_code == 3
    assert "not a decision of this program: headline" in result.stderr


def test_a_folder_name_cannot_leave_reports(project: Path) -> None:
    result = report_of(project, "--name", "../../elsewhere")
    assert result.exit_code == 2
    assert "is not a folder name" in result.stderr


def test_a_project_named_like_a_script_is_only_text(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    made = invoke("init", str(folder), "--answers", str(EXAMPLES / "clinic.yaml"), "--name", MARKUP)
    assert made.exit_code == 0, made.stderr
    assert report_of(folder, "--name", "one").exit_code == 0
    page = (folder / "reports" / "one" / "report.html").read_text(encoding="utf-8")
    assert "<h1>&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page


@pytest.mark.slow
def test_a_saved_decision_of_a_project_is_printed_under_its_name(project: Path) -> None:
    assert report_of(project).exit_code == 0
    assert invoke("answers", "set", "traffic.requests_per_month", "90000", "--project", str(project)).exit_code == 0
    assert report_of(project, "--name", "second").exit_code == 0
    first = project / "decisions" / "0001.json"
    assert invoke("report", "--decision", str(first), "--name", "again", "--today", TODAY).exit_code == 0
    again = Made(project / "reports" / "again")
    assert again.data["title"] == "Clinic"
    assert again.data["decision"] == json.loads(first.read_text(encoding="utf-8"))
    assert "What changed" not in again.markdown


def test_formats_are_listed() -> None:
    told = invoke("report", "--list-formats").stdout
    for name in ("html", "markdown", "json", "csv", "parquet", "png", "svg", "text"):
        assert f"{name} " in told


@pytest.mark.slow
def test_the_same_decision_gives_the_same_files(full_decision: Path, report: Callable[..., Made]) -> None:
    one, other = report(full_decision), report(full_decision)
    for name in ("report.html", "report.md", "report.json"):
        assert one.read(name) == other.read(name)
