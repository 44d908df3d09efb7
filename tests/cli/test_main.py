"""The entry point: exit codes, suggestions, our own bugs, and a reader that goes away."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from calling import Advisor

import advisor.project
from advisor.cli.main import run


def test_help_lists_every_command_with_a_sentence(advisor: Advisor) -> None:
    ended = advisor("--help")
    assert ended.code == 0
    for name in ("answers", "ask", "decide", "init", "report", "rules"):
        assert f"\n  {name} " in ended.out
    assert advisor("-h").out == ended.out


def test_version(advisor: Advisor) -> None:
    ended = advisor("--version")
    assert ended.code == 0
    assert ended.out.startswith("advisor, version ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["decid"], "Did you mean 'decide'?"),
        (["zzz"], "no such command 'zzz'"),
        (["rules", "explin", "x"], "No such command"),
        (["answers", "list", "--jsn"], "No such option"),
        (["answers", "list", "--today", "yesterday"], "write YYYY-MM-DD"),
        (["answers", "set", "task.kind"], "Missing argument"),
        (["answers"], ""),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_meant(advisor: Advisor, arguments: list[str], words: str) -> None:
    ended = advisor(*arguments)
    assert ended.code == 2
    assert words in ended.err + ended.out


def test_our_own_bug_leaves_a_masked_report_and_ends_with_70(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SERVICE_API_KEY", "correct-horse-battery")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("sk-abcdefghijklmnopqrstuvwx with correct-horse-battery \udce9")

    monkeypatch.setattr(advisor.project.Project, "open", broken)
    assert run(["answers", "list"]) == 70
    out, err = capfd.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert "this is our bug (RuntimeError)" in err
    report = Path(err.split("The report is in ", 1)[1].strip()).read_text(encoding="utf-8")
    assert "Traceback" in report
    assert "RuntimeError: [masked] with [masked]" in report
    assert "correct-horse" not in report
    assert "sk-abc" not in report


def test_a_full_disk_is_told_in_words_and_is_no_bug(monkeypatch: pytest.MonkeyPatch, advisor: Advisor) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/project/answers.jsonl")

    monkeypatch.setattr("advisor.project.Project.open", full)
    ended = advisor("answers", "list")
    assert ended.code == 1
    assert "/project/answers.jsonl: No space left on device" in ended.err


def test_a_report_that_cannot_go_home_goes_where_temporary_files_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").write_text("a file in the way", encoding="utf-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("advisor.project.Project.open", lambda *_: 1 / 0)
    assert run(["answers", "list"]) == 70
    report = Path(capfd.readouterr().err.split("The report is in ", 1)[1].strip())
    assert report.parent == tmp_path
    assert "ZeroDivisionError" in report.read_text(encoding="utf-8")


def test_a_reader_that_goes_away_is_no_bug() -> None:
    command = f"{sys.executable} -m advisor rules list --json | head -c 10"
    ended = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert ended.stdout == '{\n  "v": 1,'[:10]
    assert "Traceback" not in ended.stderr
    assert "bug" not in ended.stderr


def test_python_dash_m_is_the_same_program() -> None:
    ended = subprocess.run([sys.executable, "-m", "advisor", "--version"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0
    assert ended.stdout.startswith("advisor, version ")


def test_interrupted_ends_with_1_and_a_word(monkeypatch: pytest.MonkeyPatch, advisor: Advisor) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("advisor.project.Project.open", interrupted)
    ended = advisor("answers", "list")
    assert ended.code == 1
    assert "what was saved stays saved" in ended.err
