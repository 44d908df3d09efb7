"""LLaMA-Factory (keys checked with its 0.9.5). Without `template` it reads the tokenizer's own."""

from __future__ import annotations

from typing import Any

from advisor.base.errors import UsageError
from advisor.base.files import dump_json
from trainers.methods.shared.examples import read_rows
from trainers.runs.emit import Emitted

TITLE = "LLaMA-Factory"
COMMAND = "cd {folder} && llamafactory-cli train llamafactory.yaml"  # it looks for the data set here
_DATASET = "training_rows"


def files(job: Emitted) -> dict[str, str]:
    """`llamafactory.yaml` and the `dataset_info.json` that describes the rows."""
    import yaml

    if any(row.tools or row.calls for row in read_rows(job.data)):
        raise UsageError(
            "the rows have tools, and LLaMA-Factory writes these by templates of its own, not by the model's",
            where=str(job.data),
            fix="plan it for trl or axolotl, or train here: advisor train",
        )
    roles = {"role_tag": "role", "content_tag": "content"}
    names = {"user_tag": "user", "assistant_tag": "assistant", "system_tag": "system"}
    info = {
        _DATASET: {
            "file_name": str(job.data),
            "formatting": "sharegpt",
            "columns": {"messages": "messages"},
            "tags": {**roles, **names},
        }
    }
    return {
        "llamafactory.yaml": yaml.safe_dump(_config(job), sort_keys=False),
        "dataset_info.json": dump_json(info, indent=2) + "\n",
    }


def _config(job: Emitted) -> dict[str, Any]:
    s = job.settings
    config: dict[str, Any] = {
        "model_name_or_path": job.model,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora" if job.adapter else "full",
        "dataset": _DATASET,
        "dataset_dir": ".",
        "cutoff_len": job.max_tokens,
        "output_dir": f"llamafactory-{job.spec.id}",
        "per_device_train_batch_size": job.micro_batch_size,
        "gradient_accumulation_steps": job.accumulation,
        "learning_rate": job.learning_rate,
        "num_train_epochs": s["epochs"],
        "lr_scheduler_type": "cosine" if s["schedule"] == "cosine" else "constant_with_warmup",
        "warmup_steps": job.warmup_steps,
        "weight_decay": s["weight_decay"],
        "max_grad_norm": s["max_grad_norm"],
        "bf16": job.dtype == "bf16",
        "seed": s["seed"],
        "val_size": 0.05,
        "logging_steps": 1,
    }
    if s["max_steps"] is not None:
        config["max_steps"] = s["max_steps"]
    if job.adapter:
        config |= {
            "lora_rank": s["rank"],
            "lora_alpha": int(s["alpha"]),
            "lora_dropout": s["dropout"],
            "lora_target": "all" if s["targets"] == "all-linear" else s["targets"],
            "use_rslora": s["rslora"],
            "use_dora": s["dora"],
        }
    if job.spec.method == "qlora":
        quantised = {"quantization_bit": 4, "quantization_method": "bnb", "quantization_type": "nf4"}
        config |= {**quantised, "double_quantization": s["double_quantisation"]}
    return config
