"""Adapters as trainee and as artefact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from advisor.base.files import dump_json
from trainers.methods.shared.causal import CausalTrainee
from trainers.models.local import choose_dtype
from trainers.runs.spec import RunSpec

CARD = "advisor.json"
"""Beside the adapter: what it belongs to, so that it is never put on another base by mistake."""


class AdapterTrainee(CausalTrainee):
    """Only the adapter is saved and loaded."""

    def load_weights(self, folder: Path) -> None:
        from peft import set_peft_model_state_dict
        from safetensors.torch import load_file

        set_peft_model_state_dict(self.module, load_file(folder / "adapter_model.safetensors"))


def write_adapter(folder: Path, trainee: CausalTrainee, spec: RunSpec, extra: dict[str, Any]) -> None:
    """The adapter, the tokenizer with its template, and what they belong to."""
    trainee.save_weights(folder)
    trainee.tokenizer.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # peft's template card says nothing
    card = {
        "v": 1,
        "run": spec.id,
        "method": spec.method,
        "base": spec.model,
        "dtype": choose_dtype(spec.settings.get("dtype", "auto")),
        "data_sha256": spec.data.sha256,
        **extra,
    }
    (folder / CARD).write_text(dump_json(card, indent=2) + "\n", encoding="utf-8")
