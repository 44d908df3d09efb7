"""The same plan in other trainers' words."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from advisor.base.errors import UsageError
from trainers.methods import get_method
from trainers.runs.emit import Emitted, trainer_names, write_for
from trainers.runs.spec import DataFile, RunSpec


def job(method: str = "lora", processes: int = 1, **settings: Any) -> Emitted:
    chosen = get_method(method).Settings(**settings).model_dump()
    data = DataFile(path="data/train.jsonl", sha256="0", rows=100)
    spec = RunSpec(id="r", method=method, model="m", data=data, settings=chosen, processes=processes, created="now")
    return Emitted(spec, "org/model", Path("/p/data/train.jsonl"), 300, "bf16", 1.3e-3)


def written(name: str, planned: Emitted, folder: Path) -> dict[str, Any]:
    files, command = write_for(name, planned, folder)
    assert all(file.is_file() for file in files)
    assert str(folder) in command
    found: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text())
    return found


def test_there_are_three() -> None:
    assert trainer_names() == ["axolotl", "llamafactory", "trl"]


@pytest.mark.parametrize("name", ["axolotl", "llamafactory", "trl"])
def test_the_numbers_are_the_plans(name: str, tmp_path: Path) -> None:
    planned = job(rank=8, epochs=3.0, batch_size=16, micro_batch_size=2, processes=2)
    found = written(name, planned, tmp_path)
    text = json.dumps(found)
    assert "/p/data/train.jsonl" in text or "/p/data/train.jsonl" in (tmp_path / "dataset_info.json").read_text()
    assert found["learning_rate"] == 1.3e-3
    assert found["gradient_accumulation_steps"] == 4  # 16 rows over 2 processes of 2
    assert {value for key, value in found.items() if key.endswith("epochs")} == {3.0}
    assert {value for key, value in found.items() if key in ("lora_r", "lora_rank")} == {8}
    assert 300 in (found.get("max_length"), found.get("sequence_len"), found.get("cutoff_len"))
    assert "org/model" in (found.get("model_name_or_path"), found.get("base_model"))


@pytest.mark.parametrize("name", ["axolotl", "llamafactory", "trl"])
def test_methods_differ_where_they_must(name: str, tmp_path: Path) -> None:
    lora, qlora, full = (written(name, job(m), tmp_path / m) for m in ("lora", "qlora", "full"))
    four_bits = {"load_in_4bit": True, "quantization_bit": 4}
    assert any(qlora.get(key) == value for key, value in four_bits.items())
    assert not any(lora.get(key) == value for key, value in four_bits.items())
    assert not any("lora" in str(key) for key in full)


@pytest.mark.slow
def test_trl_takes_every_key(tmp_path: Path) -> None:
    """With TRL itself, where it is installed."""
    pytest.importorskip("trl")
    from dataclasses import fields

    from trl import ModelConfig, ScriptArguments, SFTConfig
    from trl.scripts.utils import DatasetMixtureConfig

    known = {f.name for kind in (SFTConfig, ModelConfig, ScriptArguments, DatasetMixtureConfig) for f in fields(kind)}
    for method in ("lora", "qlora", "full"):
        assert set(written("trl", job(method), tmp_path)) <= known


def test_what_others_cannot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown trainer 'unsloth'"):
        write_for("unsloth", job(), tmp_path)
    with pytest.raises(UsageError, match="does not train by 'encoder'"):
        write_for("trl", job("encoder"), tmp_path)
