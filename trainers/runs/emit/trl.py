"""TRL's `trl sft` (keys checked with TRL 1.16: SFTConfig, ModelConfig, DatasetMixtureConfig).

Its answer-only loss over whole conversations needs a template with `{% generation %}` marks, which many have not.
A row for each answer, what came before it as the prompt, gives the same loss with any template.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from advisor.base.files import dump_json
from trainers.data.tools import for_template
from trainers.methods.shared.examples import read_rows
from trainers.runs.emit import Emitted

TITLE = "TRL SFTTrainer"
COMMAND = "cd {folder} && trl sft --config trl.yaml"
_ROWS = "trl-rows.jsonl"


def files(job: Emitted) -> dict[str, str]:
    """`trl.yaml` and the rows as prompts and completions."""
    import yaml

    return {"trl.yaml": yaml.safe_dump(_config(job), sort_keys=False), _ROWS: "".join(_rows(job))}


def _rows(job: Emitted) -> Iterator[str]:
    """One row an answer. Tools as JSON text: read as objects, every tool would get the parameters of all others."""
    for row in read_rows(job.data):
        tools = {"tools": dump_json(list(row.tools))} if row.tools else {}
        turns = for_template(row.messages)
        for place, message in enumerate(turns):
            if message["role"] == "assistant" and place > 0:
                yield dump_json({"prompt": turns[:place], "completion": [message], **tools}) + "\n"


def _config(job: Emitted) -> dict[str, Any]:
    s = job.settings
    config: dict[str, Any] = {
        "model_name_or_path": job.model,
        "dtype": "bfloat16" if job.dtype == "bf16" else "float32",
        "datasets": [{"path": "json", "data_files": _ROWS}],
        "output_dir": f"trl-{job.spec.id}",
        "completion_only_loss": True,
        "max_length": job.max_tokens,
        "packing": False,
        "per_device_train_batch_size": job.micro_batch_size,
        "gradient_accumulation_steps": job.accumulation,
        "learning_rate": job.learning_rate,
        "num_train_epochs": s["epochs"],
        "max_steps": s["max_steps"] if s["max_steps"] is not None else -1,
        "lr_scheduler_type": "cosine" if s["schedule"] == "cosine" else "constant_with_warmup",
        "warmup_steps": s["warmup_share"],
        "weight_decay": s["weight_decay"],
        "max_grad_norm": s["max_grad_norm"],
        "gradient_checkpointing": s["gradient_checkpointing"],
        "bf16": job.dtype == "bf16",
        "seed": s["seed"],
        "logging_steps": 1,
    }
    if job.adapter:
        config |= {
            "use_peft": True,
            "lora_r": s["rank"],
            "lora_alpha": int(s["alpha"]),
            "lora_dropout": s["dropout"],
            "lora_target_modules": _targets(s["targets"]),
            "use_rslora": s["rslora"],
            "use_dora": s["dora"],
        }
    if job.spec.method == "qlora":
        config |= {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "use_bnb_nested_quant": s["double_quantisation"],
        }
    return config


def _targets(targets: str) -> str | list[str]:
    return targets if targets == "all-linear" else targets.split(",")
