"""Real decisions on the shipped examples, once a session, and the reports made of them through the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from report_calls import EXAMPLES, NAMES, TODAY, Made, invoke
from report_cases import MARKDOWN, MARKUP, filled, hostile


@pytest.fixture(scope="session")
def decided(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Example name -> its decision file, made by `advisor decide`."""
    folder = tmp_path_factory.mktemp("decisions")
    files = {}
    for name in NAMES:
        result = invoke("decide", str(EXAMPLES / f"{name}.yaml"), "--json", "--today", TODAY)
        assert result.exit_code == 0, result.stderr
        files[name] = folder / f"{name}.json"
        files[name].write_text(result.stdout, encoding="utf-8")
    return files


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    """Writes the report of a decision file and returns it."""

    def write(decision: Path, *words: str) -> Made:
        folder = tmp_path_factory.mktemp("report")
        result = invoke("report", "--decision", str(decision), "--today", TODAY, "--out", str(folder), *words)
        assert result.exit_code == 0, result.stderr
        return Made(folder)

    return write


@pytest.fixture(scope="session")
def full_decision(decided: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real decision with every optional part filled in, so that every block and chart is written."""
    path = tmp_path_factory.mktemp("full") / "full.json"
    path.write_text(json.dumps(filled(json.loads(decided["clinic"].read_text(encoding="utf-8")))), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def hostile_decision(decided: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with markup in every text."""
    path = tmp_path_factory.mktemp("hostile") / "hostile.json"
    path.write_text(json.dumps(hostile(json.loads(decided["clinic"].read_text(encoding="utf-8")))), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def full_report(full_decision: Path, report: Callable[..., Made]) -> Made:
    return report(full_decision, "--title", "Clinic letters")


@pytest.fixture(scope="session")
def hostile_report(hostile_decision: Path, report: Callable[..., Made]) -> Made:
    formats = [word for name in ("html", "markdown", "json", "csv", "text") for word in ("--format", name)]
    return report(hostile_decision, "--title", MARKUP + MARKDOWN, *formats)
