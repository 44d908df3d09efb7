"""`advisor estimate`: the batch door of scripts, and what a person sees."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from calling import Advisor
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.batch import estimate_lines
from pricing.catalogue import load_catalogue
from pricing.fitted import FORMULA

DAY = ("--today", "2026-11-24")
ROOT = Path(__file__).parents[2]

GOOD = {"id": "a", "model": "Llama 3.1 8B", "method": "lora", "gpu": "NVIDIA A100-SXM4-80GB", "micro_batch": 2,
        "seq_len": 1024, "rows": 1000, "grad_ckpt": True, "lora_rank": 16}  # fmt: skip
BAD: list[tuple[Any, str]] = [
    ({**GOOD, "id": 1, "seq_len": -5}, "seq_len"),
    ({**GOOD, "id": 2, "micro_batch": 0}, "micro_batch"),
    ({**GOOD, "id": 3, "gpu": "Foo 9000"}, "no GPU called"),
    ({**GOOD, "id": 4, "model": "Acme-Large"}, "nothing describes"),
    ({**GOOD, "id": 5, "params_b": 0}, "params_b"),
    ({**GOOD, "id": 6, "seq_len": "long"}, "seq_len"),
    ({**GOOD, "id": 7, "seq_len": True}, "seq_len"),
    ({"id": 8}, "model"),
    ({**GOOD, "id": 11, "params_b": 8, "active_params_b": 80}, "active parameters"),
    ({**GOOD, "id": 12, "params_b": 1e300}, "params_b"),
    ([1, 2], "JSON object"),
]
NOT_JSON = ['{"id": 9, "seq_len": NaN, "model": "Llama 3.1 8B"}', '{"id": 10, "model": ', "\x00"]


def lines_out(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_one_line_out_for_each_line_in_and_in_order(tmp_path: Path, advisor: Advisor) -> None:
    file = tmp_path / "rows.jsonl"
    texts = [json.dumps(GOOD), *(json.dumps(row) for row, _ in BAD), *NOT_JSON, json.dumps({**GOOD, "id": "z"})]
    file.write_text("\n".join(texts) + "\n")
    ended = advisor("estimate", "training", "--batch", file, "--json", *DAY)
    assert ended.code == 0
    found = lines_out(ended.out)
    assert len(found) == len(texts)
    assert (found[0]["id"], found[-1]["id"]) == ("a", "z")
    for line, (row, says) in zip(found[1:], BAD, strict=False):
        assert says in line["error"], line
        assert "peak_memory_gib" not in line
        assert line["id"] == (row.get("id") if isinstance(row, dict) else None)
    assert all("error" in line for line in found[1:-1])
    assert {**found[0], "id": "z"} == found[-1]


def test_a_training_line_has_the_contracts_fields(tmp_path: Path, advisor: Advisor) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(GOOD))
    (line,) = lines_out(advisor("estimate", "training", "--batch", file, "--json", *DAY).out)
    for name in ("peak_memory_gib", "tokens_per_s", "hours", "cost_usd"):
        assert 0 < line[name]["p10"] <= line[name]["p50"] <= line[name]["p90"], name
    assert line["fits"] == "fits"
    assert "rank 16" in line["recipe"]


def test_a_serving_line_has_the_contracts_fields(tmp_path: Path, advisor: Advisor) -> None:
    file = tmp_path / "rows.jsonl"
    row = {
        "id": "s",
        "model": "Llama 3.1 8B",
        "gpu": "H100-80GB",
        "engine": "vLLM",
        "input_len": 1000,
        "output_len": 200,
    }
    rows = [row, {**row, "concurrency": 32}, {**row, "model": "Llama 3.1 405B"}, {**row, "output_len": 0}]
    file.write_text("\n".join(map(json.dumps, rows)))
    one, many, large, bad = lines_out(advisor("estimate", "serving", "--batch", file, "--json", *DAY).out)
    for name in ("ttft_ms", "tpot_ms", "output_tokens_per_s", "prefill_tokens_per_s"):
        assert 0 < one[name]["p10"] < one[name]["p50"] < one[name]["p90"], name
    assert many["output_tokens_per_s"]["p50"] > 5 * one["output_tokens_per_s"]["p50"]
    assert one["fits"] == "fits"
    assert large["fits"] == "does_not_fit"
    assert "output_len" in bad["error"]


def test_missing_fields_widen_the_range_and_are_said(tmp_path: Path, advisor: Advisor) -> None:
    file = tmp_path / "rows.jsonl"
    short = {key: GOOD[key] for key in ("id", "model", "method", "gpu")}
    file.write_text("\n".join(map(json.dumps, (GOOD, short))))
    full, less = lines_out(advisor("estimate", "training", "--batch", file, "--json", *DAY).out)

    def width(line: dict[str, Any]) -> float:
        return float(line["peak_memory_gib"]["p90"] / line["peak_memory_gib"]["p10"])

    assert width(less) > width(full)
    assert len(less["assumed"]) > len(full["assumed"])


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20),
    st.sampled_from(["A100-80GB", "fp8", "q4_k_m", "zero3", "1e5", 0, -1, 1e308, [], {}]),
)  # fmt: skip
FIELDS = ["model", "params_b", "active_params_b", "method", "quant", "precision", "micro_batch", "grad_accum",
          "seq_len", "gpu", "n_gpus", "optimizer", "grad_ckpt", "sharding", "offload", "lora_rank", "lora_targets",
          "mem_metric", "epochs", "rows", "mean_tokens", "engine", "tp", "pp", "batch", "concurrency", "input_len",
          "output_len", "kv_dtype", "usd_per_hour", "trainable_params"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), JUNK, max_size=4), st.sampled_from(["training", "serving"]))
def test_whatever_a_line_holds_it_gets_positive_figures_or_an_error(change: dict[str, Any], kind: Any) -> None:
    row = {**GOOD, "engine": "vLLM", "input_len": 100, "output_len": 100, **change}
    (line,) = estimate_lines([json.dumps(row)], kind, load_catalogue(), date(2026, 11, 24))
    json.dumps(line, allow_nan=False)
    figures = [value for value in line.values() if isinstance(value, dict)]
    assert bool(figures) != ("error" in line)
    assert all(0 < f["p10"] <= f["p50"] <= f["p90"] for f in figures)


LOOK = """
import json, sys
from advisor.cli.main import run
code = run(sys.argv[1:])
print(json.dumps([code, [m for m in ("torch", "pandas", "scipy.stats") if m in sys.modules]]), file=sys.stderr)
"""


@pytest.mark.parametrize("kind", ["training", "serving"])
def test_ten_thousand_lines_bring_no_heavy_library(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text((json.dumps(GOOD) + "\n") * 10_000)
    command = [sys.executable, "-c", LOOK, "estimate", kind, "--batch", str(file), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=True)
    assert json.loads(ended.stderr.splitlines()[-1]) == [0, []]
    assert len(ended.stdout.splitlines()) == 10_000


def test_a_person_sees_the_account_and_what_to_change(advisor: Advisor) -> None:
    command = (
        "--model",
        "Llama 3.1 8B",
        "--method",
        "full",
        "--gpu",
        "RTX 4090",
        "--rows",
        "1000",
        "--seq-len",
        "2048",
    )
    ended = advisor("estimate", "training", *command, *DAY)
    assert ended.code == 0
    for text in ("weights", "optimizer", "GiB", "does not fit", "To make it fit", "LoRA instead of full", "P10 to P90"):
        assert text in ended.out, text
    data = advisor("estimate", "training", *command, "--json", *DAY).json
    assert data["fits"] == "does_not_fit"
    assert data["changes"][-1]["fits"] == "fits"
    assert sum(c["gib"] for c in data["components"]) == pytest.approx(data["peak_memory_gib"]["p50"])


def test_a_model_with_a_config_at_hand_needs_no_name(tmp_path: Path, advisor: Advisor) -> None:
    raw = {"model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
           "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(raw))
    ended = advisor("estimate", "training", "--model", f"{tmp_path}/", "--gpu", "cpu", "--rows", "300", "--json", *DAY)
    assert ended.code == 0
    assert 0 < ended.json["peak_memory_gib"]["p50"] < 10


def test_what_is_missing_is_named(advisor: Advisor) -> None:
    ended = advisor("estimate", "training", "--model", "Llama 3.1 8B")
    assert ended.code == 2
    assert "--gpu" in ended.err


def test_row_lengths_come_from_a_file(tmp_path: Path, advisor: Advisor) -> None:
    file = tmp_path / "lengths.txt"
    file.write_text("100\n120\n900\n")
    command = ("estimate", "training", "--model", "Llama 3.1 8B", "--gpu", "L4", "--method", "qlora", "--lengths", file)
    found = advisor(*command, "--json", *DAY).json
    assert "900 tokens" in found["recipe"]
    assert found["hours"]["p50"] > 0
    file.write_text("100\n-3\n")
    wrong = advisor(*command, *DAY)
    assert wrong.code == 3
    assert "lengths.txt" in wrong.err


def test_serving_shows_curve_limit_and_replicas(advisor: Advisor) -> None:
    command = ("estimate", "serving", "--model", "llama-3.1-8b", "--gpu", "h100", "--input-len", "1000")
    load = ("--output-len", "250", "--max-latency-ms", "4000", "--requests-per-s", "5")
    found = advisor(*command, *load, "--json", *DAY).json
    assert found["best_within_limit"]["answer_ms"] <= 4000
    assert found["fleet"]["replicas"] >= 2
    answers = [p["answer_ms"] for p in found["curve"]]
    assert answers == sorted(answers)
    assert "requests/s" in advisor(*command, *load, *DAY).out


def test_replicas_serve_many_at_a_time_and_none_is_counted_where_none_keeps_the_limit(advisor: Advisor) -> None:
    command = ("estimate", "serving", "--model", "llama-3.1-8b", "--gpu", "h100", "--requests-per-s", "8", "--json")
    usual, alone = (advisor(*command, *more, *DAY).json["fleet"] for more in ((), ("--concurrency", "1")))
    assert usual["replicas"] < alone["replicas"]
    assert advisor(*command, "--max-latency-ms", "20", *DAY).json["fleet"] is None


def test_a_hosted_model_gives_its_priors(advisor: Advisor) -> None:
    found = advisor("estimate", "serving", "--model", "gpt-6-sol", "--output-len", "300", "--json", *DAY).json
    assert 0 < found["answer_ms"]["p50"] < found["answer_ms"]["p95"]
    assert found["source"]


SPEC: dict[str, Any] = {
    "v": 1, "id": "one", "method": "lora", "model": "m", "data": {"path": "d", "sha256": "0", "rows": 3},
    "settings": {},
    "predicted": {"peak_memory_gib": {"p10": 2.0, "p50": 2.4, "p90": 2.8},
                  "tokens_per_s": {"p10": 200.0, "p50": 300.0, "p90": 450.0}, "basis": "formula", "formula": FORMULA},
    "created": "2026-11-24T10:00:00+00:00",
}  # fmt: skip
RESULT = {
    "v": 1, "run": "one", "status": "finished", "attempt": 1, "ended": "2026-11-24T10:10:00+00:00",
    "measured": {"peak_memory_gib": 2.6, "tokens_per_s": 150.0},
}  # fmt: skip


def test_accuracy_puts_prediction_beside_outcome_and_the_next_estimate_learns(project: Path, advisor: Advisor) -> None:
    estimate = ("estimate", "training", "--model", "smollm2-135m", "--gpu", "cpu", "--rows", "100", "--seq-len", "256",
                "--project", project, "--json", *DAY)  # fmt: skip
    before = advisor(*estimate).json
    folder = project / "runs" / "one"
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps(SPEC))
    (folder / "result.json").write_text(json.dumps(RESULT))
    (run,) = advisor("estimate", "accuracy", "--project", project, "--json").json["runs"]
    assert run["peak_memory_gib"]["inside"]
    assert not run["tokens_per_s"]["inside"]
    shown = advisor("estimate", "accuracy", "--project", project)
    assert "-50%" in shown.out
    after = advisor(*estimate).json
    assert after["tokens_per_s"]["p50"] == pytest.approx(before["tokens_per_s"]["p50"] / 2, rel=0.1)
    assert "own run" in after["basis"]
    older = {**SPEC, "predicted": {**SPEC["predicted"], "formula": "2020-01-01"}}
    (folder / "spec.json").write_text(json.dumps(older))
    assert advisor(*estimate).json["basis"] == "formula"


def test_a_run_that_cannot_be_read_is_named_and_left_out(project: Path, advisor: Advisor) -> None:
    folder = project / "runs" / "torn"
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps(SPEC)[:40])
    (folder / "result.json").write_text(json.dumps(RESULT))
    ended = advisor("estimate", "accuracy", "--project", project)
    assert ended.code == 0
    assert "torn" in ended.err
