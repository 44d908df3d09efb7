"""Adapters as trainee and as artefact."""

from __future__ import annotations

from pathlib import Path

from trainers.methods.shared.causal import CausalTrainee
from trainers.models.local import choose_dtype
from trainers.models.trained import CARD, Card, Quantisation
from trainers.runs.spec import RunSpec


class AdapterTrainee(CausalTrainee):
    """Only the adapter is saved and loaded."""

    def load_weights(self, folder: Path) -> None:
        from peft import set_peft_model_state_dict
        from safetensors.torch import load_file

        set_peft_model_state_dict(self.module, load_file(folder / "adapter_model.safetensors"))


def write_adapter(folder: Path, trainee: CausalTrainee, spec: RunSpec, quantisation: Quantisation | None) -> None:
    """The adapter, the tokenizer with its template, and what they belong to."""
    trainee.save_weights(folder)
    trainee.tokenizer.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # peft's template card says nothing
    write_card(folder, spec, quantisation)


def write_card(folder: Path, spec: RunSpec, quantisation: Quantisation | None = None) -> None:
    """What the weights in `folder` belong to."""
    card = Card(
        v=1,
        run=spec.id,
        method=spec.method,
        base=spec.model,
        dtype=choose_dtype(spec.settings.get("dtype", "auto")),
        data_sha256=spec.data.sha256,
        quantisation=quantisation,
    )
    (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
