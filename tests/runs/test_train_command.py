"""`advisor train` and `advisor runs` as a person or a script uses them, with a tiny model."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from advisor.cli.main import run


def advisor(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, without a terminal."""
    command = [sys.executable, "-m", "advisor", *words, "--project", str(project)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment
    )


def plan(project: Path, *words: str) -> tuple[int, dict[str, Any]]:
    done = advisor(
        project, "train", "--plan-only", "--json", "--method", "full", "--model", str(project / "model"), *words
    )
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["plan"]
    return done.returncode, found


def codes(found: dict[str, Any]) -> list[str]:
    return [refusal["code"] for refusal in found["refusals"]]


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.slow
def test_the_plan_says_what_it_will_take(project: Path) -> None:
    write(project / "data" / "test.jsonl", *({"id": f"t{i}", "prompt": "p", "completion": "c"} for i in range(150)))
    code, found = plan(project, "--epochs", "1")
    assert code == 0
    assert (found["rows"], found["steps"], found["data"]) == (190, 48, "data/train.jsonl")
    for figure in ("peak_memory_gib", "tokens_per_s", "hours", "cost_usd"):
        spread = found[figure]
        assert 0 < spread["p10"] < spread["p50"] < spread["p90"]
    assert found["fits"] == "fits"
    assert 0.05 < found["smallest_detectable"] < 0.15
    assert found["refusals"] == []
    assert not (project / "runs").exists()


@pytest.mark.slow
def test_a_probe_replaces_the_forecast_and_leaves_nothing(project: Path) -> None:
    _, found = plan(project, "--probe")
    assert found["basis"] == "probe"
    for figure in ("peak_memory_gib", "tokens_per_s", "hours", "cost_usd"):
        assert 0 < found[figure]["p10"] < found[figure]["p90"]
    assert 0.2 < found["peak_memory_gib"]["p50"] < 2  # a Python process with torch
    assert list((project / "runs").iterdir()) == []


@pytest.mark.slow
def test_a_price_of_ones_own_is_used_and_no_test_set_is_a_warning(project: Path) -> None:
    _, found = plan(project, "--usd-per-hour", "10")
    assert found["cost_usd"]["p50"] == pytest.approx(10 * found["hours"]["p50"])
    assert found["smallest_detectable"] is None
    assert any("no test set" in warning for warning in found["warnings"])


@pytest.mark.slow
def test_answers_that_would_be_cut_are_refused(project: Path) -> None:
    code, found = plan(project, "--max-tokens", "14")
    assert code == 1
    assert "answers_cut" in codes(found) or "all_masked" in codes(found)
    assert all(refusal["ways_out"] for refusal in found["refusals"])


@pytest.mark.slow
def test_rows_without_a_trained_token_are_refused(project: Path) -> None:
    data = write(
        project / "data" / "empty.jsonl",
        *({"messages": [{"role": "user", "content": f"{i}"}, {"role": "assistant", "content": ""}]} for i in range(9)),
    )
    model = project / "model"
    template = (model / "chat_template.jinja").read_text()
    (model / "chat_template.jinja").write_text(template.replace("<|im_end|>", ""))
    code, found = plan(project, "--data", str(data))
    assert code == 1
    assert "all_masked" in codes(found)


@pytest.mark.slow
def test_a_template_that_drops_the_answer_is_refused(project: Path) -> None:
    (project / "model" / "chat_template.jinja").write_text(
        "{% for m in messages %}{% if m['role'] != 'assistant' %}{{ m['content'] }}\n{% endif %}{% endfor %}"
    )
    code, found = plan(project)
    assert code == 1
    assert "all_masked" in codes(found)


@pytest.mark.slow
def test_rows_longer_than_the_model_takes_are_refused(project: Path) -> None:
    row = {"prompt": "long " * 600, "completion": "x"}
    code, found = plan(project, "--data", str(write(project / "data" / "long.jsonl", *[row] * 5)))
    assert code == 1
    assert "too_long" in codes(found)


@pytest.mark.slow
def test_what_cannot_fit_is_refused_with_ways_that_do(project: Path) -> None:
    config = json.loads((project / "model" / "config.json").read_text())
    config |= {"hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80, "num_attention_heads": 64}
    (project / "model" / "config.json").write_text(json.dumps({**config, "vocab_size": 128000}))
    code, found = plan(project)
    assert code == 1
    assert codes(found) == ["cannot_fit"]
    ways = found["refusals"][0]["ways_out"]
    assert "a smaller model" in ways
    assert found["fits"] == "does_not_fit"


@pytest.mark.slow
def test_a_memory_limit_counts_in_the_plan_and_for_the_run(project: Path) -> None:
    code, found = plan(project, "--memory-limit-gib", "0.1")
    assert (code, codes(found), found["fits"]) == (1, ["cannot_fit"], "does_not_fit")
    assert "0.1 GiB allowed" in found["refusals"][0]["text"]
    assert found["refusals"][0]["ways_out"][-1] == "a higher --memory-limit-gib"
    words = ("train", "--yes", "--method", "full", "--model", str(project / "model"), "--memory-limit-gib", "0.1")
    started = advisor(project, *words)
    assert (started.returncode, "not started: it cannot fit" in started.stderr) == (1, True)
    assert not (project / "runs").exists()


@pytest.mark.slow
def test_rows_of_the_frozen_test_set_are_refused(project: Path) -> None:
    source = project / "data" / "train.jsonl"
    all_rows = source.rename(project / "all.jsonl")
    done = advisor(project, "data", "split", str(all_rows))
    assert done.returncode == 0, done.stderr
    code, found = plan(project)
    assert (code, codes(found)) == (0, [])
    code, found = plan(project, "--data", str(all_rows))
    assert (code, codes(found)) == (1, ["test_rows"])
    assert "test set" in found["refusals"][0]["text"]


def in_process(capsys: pytest.CaptureFixture[str], project: Path, *words: str) -> tuple[int, str]:
    """The command in this process: exit code and what it said on stderr."""
    code = run([*words, "--project", str(project)])
    return code, capsys.readouterr().err


def test_nobody_there_to_confirm(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = in_process(capsys, project, "train", "--method", "lora", "--model", str(project / "model"))
    assert code == 2
    assert "--yes" in said
    assert "--plan-only" in said


def test_without_a_decision_both_must_be_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = in_process(capsys, project, "train", "--yes", "--method", "lora")
    assert code == 2
    assert "--model" in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--method", "lore", "--model", "x"], 2, "unknown method 'lore'"),
        (["--method", "lora", "--model", "smollm"], 2, "unknown model 'smollm'"),
        (["--method", "lora", "--model", "org/none"], 4, "HF_HUB_OFFLINE"),
        (["--method", "lora", "--model", "MODEL", "--data", "nowhere.jsonl"], 3, "no such data file"),
        (["--method", "lora", "--model", "MODEL", "--epochs", "-1"], 2, "epochs"),
        (["--method", "lora", "--model", "MODEL", "--set", "rnak=3"], 2, "rnak"),
        (["--method", "lora", "--model", "MODEL", "--set", "rank"], 2, "KEY=VALUE"),
        (["--method", "lora", "--model", "MODEL", "--data", "BAD"], 3, "train2.jsonl:2"),
        (["--method", "api_tuning", "--model", "x", "--set", "vendor=acme"], 2, "unknown vendor 'acme'"),
    ],
)
def test_wrong_use(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    bad = project / "data" / "train2.jsonl"
    bad.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a", "comp')
    words = [{"MODEL": str(project / "model"), "BAD": str(bad)}.get(word, word) for word in words]
    found, text = in_process(capsys, project, "train", "--plan-only", *words)
    assert (found, said in text) == (code, True), text
    assert "Traceback" not in text
    assert not (project / "runs").exists()


@pytest.mark.slow
def test_from_start_to_list(project: Path) -> None:
    words = ["--method", "lora", "--model", str(project / "model"), "--epochs", "0.5", "--yes", "--json"]
    done = advisor(project, "train", *words)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["v"], answer["run"], Path(answer["folder"]).name) == (1, "lora-model-1", "lora-model-1")
    watched = advisor(project, "runs", "watch", "lora")
    assert watched.returncode == 0
    assert "step 24/24" in watched.stdout
    assert watched.stdout.rstrip().endswith("finished")
    (row,) = json.loads(advisor(project, "runs", "list", "--json").stdout)["runs"]
    assert (row["state"], row["progress"]["step"], row["result"]["artefact"]) == ("finished", 24, "adapter")
    assert "lora-model-1" in advisor(project, "runs", "list").stdout
    stopped = advisor(project, "runs", "stop")
    assert (stopped.returncode, "nothing to stop" in stopped.stderr) == (1, True)
    assert advisor(project, "runs", "resume").returncode == 1


def write_decision(project: Path, gpu: str) -> None:
    """The least that a saved decision has, with LoRA on one GPU recommended."""
    three = {"p10": 1.0, "p50": 1.0, "p90": 1.0}
    spreads = ("quality", "monthly_cost_usd", "upfront_cost_usd", "latency_p95_ms", "npv_usd")
    option = {
        **dict.fromkeys(spreads, three),
        **{"option_id": "lora/m@owned_gpu", "label": "LoRA", "approach": "lora", "approach_class": "fine_tuning"},
        **{"training": "lora", "model": "m", "hosting": "owned_gpu", "gpu": gpu},
    }
    lists = "ranked ruled_out reasons flips constraint_prices next_questions plan readiness risks assumptions"
    day = "2026-11-24"
    decision = {
        **{name: [] for name in (*lists.split(), "pareto", "near_best")},
        **{"v": 1, "verdict": "recommend", "headline": "x", "recommended": option, "status_quo": option},
        **{"settled": True, "settled_because": "x", "solver": None, "options_considered": 1, "samples": 1, "seed": 0},
        **{"horizon_months": 12, "today": day, "prices_date": day, "inputs_hash": "0", "advisor_version": "0"},
        **{"facts": {}, "origins": {}},
    }
    (project / "decisions").mkdir()
    (project / "decisions" / "0001.json").write_text(json.dumps(decision))


@pytest.mark.slow
def test_files_for_a_cluster_ask_for_the_gpu_of_the_decision(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A decision names a GPU as people do; the price list has it under an id."""
    write_decision(project, "L40S")
    words = ["--method", "lora", "--model", str(project / "model"), "--emit"]
    for name, file, wanted in (
        ("slurm", "slurm.sh", "--gpus-per-node=1"),
        ("skypilot", "sky.yaml", "accelerators: L40S:1"),
    ):
        code, said = in_process(capsys, project, "train", *words, name)
        assert code == 0, said
        assert wanted in (project / "exports" / name / file).read_text()
    assert "--time=00:30:00" in (project / "exports" / "slurm" / "slurm.sh").read_text()  # seconds there, not 12 hours


def test_no_runs_yet(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "list", "--json", "--project", str(project)]) == 0
    assert json.loads(capsys.readouterr().out) == {"v": 1, "runs": [], "broken": []}
    code, said = in_process(capsys, project, "runs", "watch")
    assert (code, "advisor train" in said) == (2, True)


def test_no_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = in_process(capsys, tmp_path, "runs", "list")
    assert (code, "no project" in said) == (2, True)


def test_a_name_that_is_taken_is_told_before_any_row_is_looked_at(project: Path) -> None:
    (project / "runs" / "mine").mkdir(parents=True)
    started = advisor(project, "train", "--yes", "--method", "full", "--model", "smollm2-135m", "--name", "mine")
    assert (started.returncode, "a run of this name" in started.stderr) == (2, True)
    assert "checking" not in started.stderr
