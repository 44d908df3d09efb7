"""Estimates against published measurements: the benchmark's own figures, held to what is promised."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = {"memory": 0.08, "training_speed": 0.25, "decode": 0.25, "prefill": 0.25, "serving": 0.35}


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    import json

    file = tmp_path_factory.mktemp("benchmark") / "summary.json"
    command = [sys.executable, "-W", "ignore", "benchmarks/estimates.py", "--json", str(file)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return dict(json.loads(file.read_text()))


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(TARGETS))
def test_errors_keep_their_promise_and_beat_the_napkin(summary: dict[str, Any], kind: str) -> None:
    found = summary[kind]
    assert found["error"] <= TARGETS[kind]
    assert found["error"] < found["closed_formula"]


@pytest.mark.parametrize("kind", list(TARGETS))
def test_ranges_hold_about_four_of_five_outcomes(summary: dict[str, Any], kind: str) -> None:
    assert 0.75 <= summary[kind]["coverage"] <= 0.92


def test_nothing_that_ran_out_of_memory_is_said_to_fit(summary: dict[str, Any]) -> None:
    assert summary["out_of_memory"]["rows"] >= 10
    assert summary["out_of_memory"]["called_fits"] == 0
