"""The text files beside an exported model: how to serve it, and a model card that says what it is and is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainers.runs.spec import Result, RunSpec

_CHATML_TEMPLATE = (
    "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
)

_VLLM_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What `--max-lora-rank` takes (vLLM documentation, engine arguments)."""


def modelfile(exported: Mapping[str, Any], source: str) -> str:
    """An Ollama Modelfile; the template is given where the model speaks plain ChatML, else Ollama's import finds it."""
    lines = [f"FROM ./{source}", "PARAMETER temperature 0"]
    if exported["context_tokens"]:
        lines.append(f"PARAMETER num_ctx {min(int(exported['context_tokens']), 8192)}")
    lines += [f'PARAMETER stop "{stop}"' for stop in exported["stop"]]
    if exported["chatml"] and not exported["tools"]:
        lines.append(f'TEMPLATE """{_CHATML_TEMPLATE}"""')
    return "\n".join(lines) + "\n"


def serving_notes(exported: Mapping[str, Any], spec: RunSpec, name: str, target: Path) -> str:
    """Commands for the usual servers, ready to paste."""
    forms, base = exported["forms"], exported["base_location"]
    parts = [f"# Serving {name}\n"]
    whole = next((form for form in forms if form in ("merged", "model")), None)
    if whole:
        parts.append(
            f"## As one model\n\n    vllm serve {target / whole} --served-model-name {name}\n\n"
            f"    transformers serve {target / whole}\n\n"
            f"    ollama create {name} -f {target / 'Modelfile'}\n"
        )
    if "gguf" in forms:
        parts.append(f"## With llama.cpp\n\n    llama-server -m {target / 'gguf' / 'model.gguf'} --alias {name}\n")
    if "adapter" in forms:
        rank = next((known for known in _VLLM_RANKS if known >= spec.settings["rank"]), _VLLM_RANKS[-1])
        quantised = " --quantization bitsandbytes" if spec.method == "qlora" else ""
        parts.append(
            "## As an adapter on its base (several adapters can share one base)\n\n"
            f"    vllm serve {base} --enable-lora --lora-modules {name}={target / 'adapter'} "
            f"--max-lora-rank {rank}{quantised}\n"
        )
    parts.append(
        "## Is the server right?\n\n"
        f"    advisor export {spec.id} --served-url http://localhost:8000/v1 --served-name {name}\n\n"
        "compares its answers with those of the trained model.\n"
    )
    return "\n".join(parts)


def model_card(
    spec: RunSpec, result: Result | None, exported: Mapping[str, Any], evaluations: list[dict[str, Any]]
) -> str:
    """README.md: data, method, evaluation, limits; nothing is claimed that was not measured."""
    library = "peft" if "adapter" in exported["forms"] else "transformers"
    head = f"---\nbase_model: {spec.model}\nlibrary_name: {library}\ntags: [{spec.method}]\n---\n"
    settings = "\n".join(f"| {key} | {value} |" for key, value in spec.settings.items() if value is not None)
    return "\n".join(
        [
            head,
            f"# {spec.id}\n",
            f"{spec.model}, tuned with {spec.method} on {spec.data.rows:,} rows.\n",
            "## Data\n",
            f"`{spec.data.path}`, {spec.data.rows:,} rows, SHA-256 `{spec.data.sha256}`.\n",
            "## Method\n",
            f"| setting | value |\n|---|---|\n{settings}\n",
            _measured(result),
            "## Evaluation\n",
            _evaluation(evaluations),
            "## Parity with the trained model\n",
            _parity(exported["parity"]),
            "## Limits\n",
            "It was trained on one task and answers others worse than its base may. It knows nothing that was not in "
            "its base or its rows, and repeats the errors of both. Test it on your own rows before it serves anyone.\n",
        ]
    )


def _measured(result: Result | None) -> str:
    if result is None:
        return ""
    m = result.measured
    rows = [
        ("steps", m.steps),
        ("held-out loss before", m.held_out_loss_before),
        ("held-out loss after", m.held_out_loss),
        ("tokens/s", m.tokens_per_s),
        ("peak memory, GiB", m.peak_memory_gib),
        ("seconds", m.wall_seconds),
    ]
    lines = "\n".join(f"| {name} | {round(value, 4)} |" for name, value in rows if value is not None)
    return f"| measured | value |\n|---|---|\n{lines}\n"


def _evaluation(evaluations: list[dict[str, Any]]) -> str:
    lines = [
        f"| {name} | {score['score']:.3f} ({score['low']:.3f} to {score['high']:.3f}) | {score['n']} |"
        for found in evaluations
        for name, score in (found.get("candidates") or {}).items()
        if isinstance(score, dict) and {"score", "low", "high", "n"} <= set(score)
    ]
    if not lines:
        return "Not evaluated on a held-out test set yet: `advisor evaluate --run` does it.\n"
    return "| candidate | score (95 % interval) | rows |\n|---|---|---|\n" + "\n".join(lines) + "\n"


def _parity(parities: list[dict[str, Any]]) -> str:
    lines = "\n".join(
        f"| {p['form']} | {p['same_answers']} of {p['prompts']} | {p['ties']} | {'; '.join(p['problems']) or 'none'} |"
        for p in parities
    )
    return f"| form | same answers | apart at a tie, by rounding | problems |\n|---|---|---|---|\n{lines}\n"
