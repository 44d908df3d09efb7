"""`advisor evaluate --run` with a tiny model that was really trained, as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advisor.answers import Origin
from advisor.project import Project

pytestmark = pytest.mark.slow

Command = Callable[..., subprocess.CompletedProcess[str]]
QUICK = ("--latency-requests", "2", "--no-general")


def evaluated(command: Command, *words: object) -> dict[str, Any]:
    done = command("evaluate", *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_run_is_compared_with_its_base_and_becomes_a_fact(command: Command, project: Path) -> None:
    found = evaluated(command, "--run", "full", "--latency-requests", "3")
    names = ["base", "base_few_shot", "base_retrieved", "nearest_example", "tuned"]
    assert list(found["candidates"]) == names
    assert [(pair["a"], pair["b"]) for pair in found["pairs"]] == [(name, "tuned") for name in names[:-1]]
    tuned, base, guided = (found["candidates"][name] for name in ("tuned", "base", "base_few_shot"))
    assert (tuned["n"], base["score"]) == (40, 0)
    assert tuned["score"] > 0.5
    assert tuned["json_valid_share"] > 0.9
    assert tuned["fields"]["letter"]["score"] >= tuned["score"]
    # Constrained decoding: a random model too answers in the schema.
    assert guided["json_valid_share"] == guided["schema_share"] == 1
    assert found["candidates"]["base_retrieved"]["prompt_tokens"] > base["prompt_tokens"]
    assert found["pairs"][0]["verdict"] == "helped"
    assert found["verdict"] in ("helped", "mixed", "no detectable change")
    assert tuned["latency_n"] == 3
    assert 0 < tuned["latency_p50_ms"] <= tuned["latency_p95_ms"]
    assert tuned["cost_usd_per_answer"] > 0
    assert found["general"]["questions"] > 40
    assert found["general"]["verdict"] == "no detectable change"  # a random model knows nothing before and after
    written = json.loads((project / "evaluations" / "0001" / "result.json").read_text())
    assert written["candidates"] == found["candidates"]
    # The tiny model is in no price list, so it is no option of a decision.
    assert found["recorded"] == []


def test_the_same_evaluation_is_not_made_twice(command: Command, project: Path) -> None:
    words = ("--run", "adapter", "--rows", "5", "--candidate", "tuned", *QUICK)
    first, second = evaluated(command, *words), evaluated(command, *words)
    assert first["evaluation"] == second["evaluation"] == "0001"
    assert first["candidates"] == second["candidates"]
    assert evaluated(command, *words, "--again")["evaluation"] == "0002"
    assert evaluated(command, "--run", "adapter", "--rows", "6", *words[4:])["evaluation"] == "0003"


def test_an_interrupted_evaluation_goes_on(project: Path) -> None:
    """Killed in the middle, the answers that are there are kept, half a line is dropped, the rest is made."""
    words = ["evaluate", "--run", "adapter", *QUICK, "--json", "--project", str(project)]
    line = [sys.executable, "-m", "advisor", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background inherits it ignored
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    signal.signal(signal.SIGINT, before)
    predictions = project / "evaluations" / "0001" / "predictions"
    deadline = time.monotonic() + 120
    while not (predictions / "base.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 1
    with open(predictions / "base.jsonl", "a", encoding="utf-8") as stream:
        stream.write('{"id": "r1039", "outp')
    kept = [json.loads(text)["id"] for text in (predictions / "base.jsonl").read_text().splitlines()[:-1]]
    assert kept
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(text) for text in (predictions / "base.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows][: len(kept)] == kept
    assert len({row["id"] for row in rows}) == len(rows) == 40
    assert json.loads(done.stdout)["evaluation"] == "0001"


def test_a_catalogue_model_is_recorded_for_the_decision(command: Command, project: Path) -> None:
    """The model of the run is given the name of a model that the price list has."""
    prices = project / "prices" / "models"
    prices.mkdir(parents=True)
    shipped = Path(__file__).parents[2] / "pricing" / "data" / "models" / "smollm2-135m.yaml"
    model = json.loads((project / "runs" / "full" / "spec.json").read_text())["model"]
    text = shipped.read_text().replace("HuggingFaceTB/SmolLM2-135M-Instruct\n", f"{model}\n")
    (prices / "smollm2-135m.yaml").write_text(text)
    found = evaluated(command, "--run", "full", *QUICK)
    assert found["recorded"] == ["measured.options"]
    answer = Project.open(project).answers()["measured.options"]
    assert (answer.origin, answer.evidence_n) == (Origin.MEASURED, 40)
    entries = {(entry["approach"], entry["training"]): entry for entry in answer.value}
    assert set(entries) == {("prompting", "none"), ("few_shot_retrieval", "none"), ("full", "full")}
    scores = found["candidates"]
    assert entries["full", "full"]["quality"] == scores["tuned"]["score"]
    assert entries["full", "full"]["latency_p95_ms"] == scores["tuned"]["latency_p95_ms"]
    best = max(scores["base"]["score"], scores["base_few_shot"]["score"])
    assert entries["prompting", "none"]["quality"] == best
    assert {entry["model"] for entry in answer.value} == {"smollm2-135m"}
    assert evaluated(command, "--run", "full", *QUICK)["recorded"] == []  # nothing new was measured


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--run", "nobody"], 2, "there is no run 'nobody'"),
        (["--run", "full", "--candidate", "x"], 2, "there is no candidate 'x'"),
        (["--run", "full", "--metric", "exakt"], 2, "unknown metric"),
        (["--run", "full", "--schema", "none.json"], 3, "no such file"),
        (["--run", "full", "--shots", "200", "--candidate", "base_few_shot"], 3, "the model takes 512"),
    ],
)
def test_wrong_use(command: Command, words: list[str], code: int, says: str) -> None:
    done = command("evaluate", *words, *QUICK)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_changed_weights_are_not_measured(command: Command, project: Path) -> None:
    weights = project / "runs" / "adapter" / "adapter" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    done = command("evaluate", "--run", "adapter", *QUICK)
    assert done.returncode == 3
    assert "cannot be trusted" in done.stderr


def test_no_test_set(command: Command, project: Path) -> None:
    (project / "data" / "test.jsonl").unlink()
    done = command("evaluate", "--run", "adapter", *QUICK)
    assert done.returncode == 2
    assert "advisor data split" in done.stderr
