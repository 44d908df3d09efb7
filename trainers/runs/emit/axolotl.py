"""Axolotl (keys checked with the schema of its 0.19)."""

from __future__ import annotations

from typing import Any

from trainers.runs.emit import Emitted

TITLE = "Axolotl"
COMMAND = "axolotl train {folder}/axolotl.yaml"


def files(job: Emitted) -> dict[str, str]:
    """`axolotl.yaml`."""
    import yaml

    return {"axolotl.yaml": yaml.safe_dump(_config(job), sort_keys=False)}


def _config(job: Emitted) -> dict[str, Any]:
    s = job.settings
    config: dict[str, Any] = {
        "base_model": job.model,
        "datasets": [
            {
                "path": str(job.data),
                "ds_type": "json",
                "type": "chat_template",
                "field_messages": "messages",
                "roles_to_train": ["assistant"],
                "train_on_eos": "turn",
            }
        ],
        "chat_template": "tokenizer_default",
        "val_set_size": 0.05,
        "output_dir": f"axolotl-{job.spec.id}",
        "sequence_len": job.max_tokens,
        "sample_packing": False,
        "micro_batch_size": job.micro_batch_size,
        "gradient_accumulation_steps": job.accumulation,
        "num_epochs": s["epochs"],
        "optimizer": "adamw_torch_fused",
        "learning_rate": job.learning_rate,
        "lr_scheduler": s["schedule"] if s["schedule"] == "cosine" else "constant_with_warmup",
        "warmup_ratio": s["warmup_share"],
        "weight_decay": s["weight_decay"],
        "max_grad_norm": s["max_grad_norm"],
        "bf16": job.dtype == "bf16",
        "gradient_checkpointing": s["gradient_checkpointing"],
        "seed": s["seed"],
        "logging_steps": 1,
    }
    if s["max_steps"] is not None:
        config["max_steps"] = s["max_steps"]
    if job.adapter:
        config |= {
            "adapter": job.spec.method,
            "load_in_4bit": job.spec.method == "qlora",
            "lora_r": s["rank"],
            "lora_alpha": int(s["alpha"]),
            "lora_dropout": s["dropout"],
            "peft_use_rslora": s["rslora"],
            "peft_use_dora": s["dora"],
        }
        every = s["targets"] == "all-linear"
        config |= {"lora_target_linear": True} if every else {"lora_target_modules": s["targets"].split(",")}
    return config
