"""The same plan in other trainers' words."""

import json
import os
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools_shown import WEATHER, calling_row

from advisor.base.errors import UsageError
from trainers.methods import get_method
from trainers.runs.emit import Emitted, own_command, trainer_names, write_for
from trainers.runs.spec import DataFile, RunSpec

ROWS = Path(__file__).parents[2] / "examples" / "debian" / "rows.jsonl"
_TEXTS = ("schedule", "dtype", "layout", "targets")


def job(method: str = "lora", processes: int = 1, **settings: Any) -> Emitted:
    chosen = get_method(method).Settings(**settings).model_dump()
    data = DataFile(path="data/train.jsonl", sha256="0", rows=100)
    spec = RunSpec(id="r", method=method, model="m", data=data, settings=chosen, processes=processes, created="now")
    return Emitted(spec, "org/model", ROWS, 300, "bf16", 1.3e-3)


def written(name: str, planned: Emitted, folder: Path) -> dict[str, Any]:
    files, command = write_for(name, planned, folder)
    assert all(file.is_file() for file in files)
    assert str(folder) in command
    found: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text())
    return found


def test_all_are_found() -> None:
    assert trainer_names() == ["axolotl", "llamafactory", "skypilot", "slurm", "trl"]


@pytest.mark.parametrize("name", ["axolotl", "llamafactory", "trl"])
def test_the_numbers_are_the_plans(name: str, tmp_path: Path) -> None:
    planned = job(rank=8, epochs=3.0, batch_size=16, micro_batch_size=2, processes=2)
    found = written(name, planned, tmp_path)
    told = "".join(path.read_text() for path in tmp_path.iterdir() if path.suffix in (".yaml", ".json"))
    assert str(ROWS) in told or "trl-rows.jsonl" in told
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


def test_trl_gets_a_row_for_each_answer(tmp_path: Path) -> None:
    said = [{"role": role, "content": text} for role, text in (("user", "a"), ("assistant", "b")) * 2]
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "1", "messages": said}) + "\n")
    write_for("trl", replace(job(), data=tmp_path / "rows.jsonl"), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "trl-rows.jsonl").read_text().splitlines()]
    assert rows == [{"prompt": said[:1], "completion": said[1:2]}, {"prompt": said[:3], "completion": said[3:]}]


def test_tools_go_where_the_models_own_template_writes_them(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(calling_row(1)) + "\n")
    planned = replace(job(), data=tmp_path / "rows.jsonl")
    write_for("trl", planned, tmp_path)
    (row,) = [json.loads(line) for line in (tmp_path / "trl-rows.jsonl").read_text().splitlines()]
    assert json.loads(row["tools"]) == [WEATHER]
    assert row["completion"][0]["tool_calls"][0]["function"]["arguments"] == {"city": "Oslo"}
    with pytest.raises(UsageError, match="templates of its own"):
        write_for("llamafactory", planned, tmp_path)


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


@pytest.mark.slow
def test_axolotl_takes_the_file(tmp_path: Path) -> None:
    """With Axolotl's own schema, where it is installed."""
    pytest.importorskip("axolotl")
    from axolotl.utils.schemas.config import AxolotlInputConfig

    for method in ("lora", "qlora", "full"):
        found = written("axolotl", job(method), tmp_path)
        assert set(found) <= set(AxolotlInputConfig.model_fields)
        assert AxolotlInputConfig(**found).sequence_len == 300


@pytest.mark.slow
def test_llamafactory_takes_every_key(tmp_path: Path) -> None:
    """With LLaMA-Factory's own arguments, where it is installed."""
    pytest.importorskip("llamafactory")
    from dataclasses import fields

    from llamafactory.hparams.data_args import DataArguments
    from llamafactory.hparams.finetuning_args import FinetuningArguments
    from llamafactory.hparams.model_args import ModelArguments
    from llamafactory.hparams.training_args import TrainingArguments

    kinds = (DataArguments, FinetuningArguments, ModelArguments, TrainingArguments)
    known = {field.name for kind in kinds for field in fields(kind)}
    for method in ("lora", "qlora", "full"):
        assert set(written("llamafactory", job(method), tmp_path)) <= known


def on_gpus() -> Emitted:
    return replace(job(processes=2, rank=8), project=Path("/p"), gpu="a100-80", hours_p90=2.0)


def options_of(command: str) -> list[str]:
    words = shlex.split(command)
    assert words[:2] == ["advisor", "train"]
    return words[2:]


def test_slurm_reads_the_script(tmp_path: Path) -> None:
    write_for("slurm", on_gpus(), tmp_path)
    text = (tmp_path / "slurm.sh").read_text()
    subprocess.run(["bash", "-n", str(tmp_path / "slurm.sh")], check=True)
    assert "#SBATCH --gpus-per-node=2" in text
    assert "#SBATCH --time=03:15:00" in text  # half as much again as the slowest of ten, and a quarter of an hour
    line = next(line for line in text.splitlines() if line.startswith("advisor train")).removesuffix(" &")
    assert options_of(line)[8:10] == ["--processes", "2"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("sbatch") is None, reason="Slurm's client is not installed")
def test_slurm_itself_reads_the_script(tmp_path: Path) -> None:
    """sbatch reads all options before it looks for a cluster, which is not there."""
    write_for("slurm", on_gpus(), tmp_path)
    conf = tmp_path / "slurm.conf"
    conf.write_text(
        "ClusterName=none\nSlurmctldHost=localhost\nSlurmctldPort=1\nAuthType=auth/none\nMessageTimeout=2\nGresTypes=gpu\n"
    )

    def says(script: Path) -> str:
        asked = ["sbatch", "--test-only", str(script)]
        done = subprocess.run(asked, env={**os.environ, "SLURM_CONF": str(conf)}, capture_output=True, text=True)
        return done.stderr

    assert "Unable to contact slurm controller" in says(tmp_path / "slurm.sh")
    text = (tmp_path / "slurm.sh").read_text()
    for right, wrong in (("--gpus-per-node=2", "--gpu-count=2"), ("--time=03:15:00", "--time=soon")):
        (tmp_path / "wrong.sh").write_text(text.replace(right, wrong))
        assert "Unable to contact" not in says(tmp_path / "wrong.sh")


def test_skypilot_asks_for_the_gpu_of_the_decision(tmp_path: Path) -> None:
    write_for("skypilot", on_gpus(), tmp_path)
    task = yaml.safe_load((tmp_path / "sky.yaml").read_text())
    assert task["resources"]["accelerators"] == "A100-80GB:2"
    assert task["workdir"] == "/p"
    assert "rank=8" in options_of(task["run"])
    write_for("skypilot", job(), tmp_path)
    assert "accelerators" not in yaml.safe_load((tmp_path / "sky.yaml").read_text())["resources"]


def test_skypilot_itself_reads_the_task(tmp_path: Path) -> None:
    """With SkyPilot's own parser, where it is installed."""
    sky = pytest.importorskip("sky")
    write_for("skypilot", job(), tmp_path)
    assert sky.Task.from_yaml(str(tmp_path / "sky.yaml")).name == "r"


def test_the_command_makes_the_same_settings(tmp_path: Path) -> None:
    """What the cluster runs is what was planned, setting by setting."""
    planned = job("qlora", rank=4, rslora=True, targets="q_proj,v_proj", early_stopping_patience=None)
    words = options_of(own_command(planned))
    pairs = dict(words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "--set")
    read = {key: value if key in _TEXTS else json.loads(value) for key, value in pairs.items()}
    assert get_method("qlora").Settings(**read).model_dump() == dict(planned.settings)


def test_what_others_cannot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown trainer 'unsloth'"):
        write_for("unsloth", job(), tmp_path)
    with pytest.raises(UsageError, match="does not train by 'encoder'"):
        write_for("trl", job("encoder"), tmp_path)
