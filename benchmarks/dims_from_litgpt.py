"""Write pricing/data/dims/litgpt.yaml: the dimensions of every model that litgpt knows.

Usage: python benchmarks/dims_from_litgpt.py PATH/TO/litgpt/config.py VERSION DATE > pricing/data/dims/litgpt.yaml
(`pip download --no-deps litgpt` and unpack; the module needs only yaml and typing_extensions).
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

TIED = ("gemma", "llama-3.2", "smollm2", "qwen2.5-0.5b", "qwen2.5-1.5b", "qwen2.5-3b", "qwen3-0.6b", "qwen3-1.7b",
        "qwen3-4b", "falcon-7b", "falcon-40b", "falcon-180b", "phi-4-mini", "olmo-1b")  # fmt: skip
"""Models whose output head is their input embedding; litgpt keeps a copy, so it does not say."""

EXTRA = {"stablelm-base-alpha-3b": ["StableLM Alpha 3B"], "tiny-llama-1.1b": ["tiny-llama", "TinyLlama 1.1B"]}
"""Other names that people write."""


def load(path: Path) -> Any:
    """litgpt's config module, without the package around it."""
    spec = importlib.util.spec_from_file_location("litgpt_config", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def shape(config: Any, names: list[str]) -> str:
    """One line of the list."""
    experts = config.n_expert or None
    window = config.sliding_window_size
    parts = {
        "names": "[" + ", ".join(f'"{name}"' for name in names) + "]",
        "n_layers": config.n_layer,
        "hidden": config.n_embd,
        "heads": config.n_head,
        "kv_heads": config.n_query_groups,
        "head_dim": config.head_size,
        "ffn": (config.moe_intermediate_size if experts else None) or config.intermediate_size,
        "vocab": config.padded_vocab_size,
        "gated_mlp": str(config.mlp_class_name != "GptNeoxMLP").lower(),
        "tied": str(names[0].lower().startswith(TIED)).lower(),
        "rms_norm": str(config.norm_class_name == "RMSNorm").lower(),
        "softcapped": "true" if config.attention_logit_softcapping else None,
        "n_experts": experts,
        "experts_per_token": config.n_expert_per_token if experts else None,
        "sliding_window": window if window and window < config.block_size else None,
    }
    return "  - {" + ", ".join(f"{key}: {value}" for key, value in parts.items() if value is not None) + "}"


def main(path: str, version: str, date: str) -> None:
    """Group litgpt's names by shape and print the file."""
    module = load(Path(path))
    groups: dict[Any, tuple[Any, list[str]]] = {}
    for entry in module.configs:
        config = module.Config.from_name(entry["name"])
        key = shape(config, ["x"])
        groups.setdefault(key, (config, []))[1].append(entry["name"])
    print("v: 1")
    title, where = f"Model configurations of litgpt {version}", f"package litgpt {version} litgpt/config.py"
    print(f"source: {{title: {title}, where: {where}, date: {date}}}")
    print("shapes:")
    for config, names in groups.values():
        print(shape(config, names + EXTRA.get(names[0], [])))


if __name__ == "__main__":
    main(*sys.argv[1:])
