"""The whole chain on the real sample and the real small model, with a handful of steps and rows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.answers import Origin
from advisor.project import Project

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """`examples/demo.py --quick`; the project and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    line = [sys.executable, str(ROOT / "examples" / "demo.py"), "--quick", "--folder", str(folder)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "01", done.stdout


def test_the_decision_recommends_the_run_that_is_made(demo: tuple[Path, str]) -> None:
    project = Project.open(demo[0])
    first = json.loads(project.decision_files()[0].read_text())
    assert first["verdict"] == "recommend"
    best = first["recommended"]
    assert (best["approach"], best["model"], best["hosting"]) == ("lora", "smollm2-135m", "cpu")
    assert best["labels"] is None  # it trains on the examples at hand and buys none
    assert first["facts"]["data.labelled_examples"] == 800
    (run,) = (demo[0] / "runs").iterdir()
    spec = json.loads((run / "spec.json").read_text())
    assert (spec["method"], spec["model"]) == ("lora", "smollm2-135m")


def test_the_test_rows_were_never_trained_on(demo: tuple[Path, str]) -> None:
    train, test = (
        [json.loads(line) for line in (demo[0] / "data" / f"{name}.jsonl").read_text().splitlines()]
        for name in ("train", "test")
    )
    assert (len(train), len(test)) == (800, 200)
    assert not {row["id"] for row in train} & {row["id"] for row in test}
    questions = {row["messages"][1]["content"] for row in train}
    assert not any(row["messages"][1]["content"] in questions for row in test)


def test_what_was_measured_became_facts_and_changed_the_decision(demo: tuple[Path, str]) -> None:
    project = Project.open(demo[0])
    result = json.loads((demo[0] / "evaluations" / "0001" / "result.json").read_text())
    answer = project.answers()["measured.options"]
    assert answer.origin is Origin.MEASURED
    entries = {(entry["approach"], entry["training"]): entry for entry in answer.value}
    assert entries["lora", "lora"]["quality"] == result["candidates"]["tuned"]["score"]
    assert entries["lora", "lora"]["model"] == "smollm2-135m"
    second = json.loads(project.decision_files()[-1].read_text())
    assert second["facts"]["measured.options"] == answer.value
    assert second["changes"]


def test_constrained_prompts_answer_in_the_schema(demo: tuple[Path, str]) -> None:
    candidates = json.loads((demo[0] / "evaluations" / "0001" / "result.json").read_text())["candidates"]
    for name in ("base_few_shot", "base_retrieved"):
        assert candidates[name]["json_valid_share"] == candidates[name]["schema_share"] == 1
        assert candidates[name]["latency_p95_ms"] > 0


def test_it_ends_with_predicted_and_measured(demo: tuple[Path, str]) -> None:
    table = demo[1].split("=== Predicted and measured")[1]
    for row in ("peak memory, GiB", "training speed, tokens/s", "training time, min", "tuned model: p95"):
        assert row in table
    assert "unknown" not in table
    assert list((demo[0] / "reports").rglob("*.html"))
