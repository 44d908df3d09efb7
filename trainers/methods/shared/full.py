"""A whole model as trainee and as artefact."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainers.methods.shared.adapter import write_card
from trainers.methods.shared.batches import Batch
from trainers.methods.shared.causal import CausalTrainee
from trainers.methods.shared.examples import Example
from trainers.methods.shared.settings import BaseSettings
from trainers.runs.spec import RunSpec

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class FullTrainee(CausalTrainee):
    """All weights are trained, saved and loaded; `mixed` computes in bf16 over fp32 weights."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        train: Sequence[Example],
        held_out: Sequence[Example],
        settings: BaseSettings,
        *,
        mixed: bool,
    ) -> None:
        super().__init__(model, model, tokenizer, train, held_out, settings)
        self._mixed = mixed

    def loss_sum(self, batch: Batch) -> torch.Tensor:
        import torch

        with torch.autocast(self.model.device.type, dtype=torch.bfloat16, enabled=self._mixed):
            return super().loss_sum(batch)

    def load_weights(self, folder: Path) -> None:
        from safetensors.torch import load_file

        weights: dict[str, torch.Tensor] = {}
        for file in sorted(folder.glob("model*.safetensors")):
            weights |= load_file(file)
        # A tied head is stored once, under the name of the embedding.
        missing, unexpected = self.model.load_state_dict(weights, strict=False)
        self.model.tie_weights()
        tied = {name for name in missing if name.startswith("lm_head")}
        if unexpected or set(missing) - tied:
            raise ValueError(f"the checkpoint does not fit the model: {[*unexpected, *missing][:3]}")


def write_model(folder: Path, trainee: FullTrainee, spec: RunSpec) -> None:
    """The model in the dtype of its base (bf16 where that is what it came in), its tokenizer and what it came from."""
    import torch

    wanted = torch.bfloat16 if trainee.settings.dtype != "fp32" else torch.float32
    if trainee.gathered is None:
        trainee.model.to(wanted)
    else:
        trainee.gathered = {name: weight.to(wanted) for name, weight in trainee.gathered.items()}
    trainee.save_weights(folder)
    trainee.tokenizer.save_pretrained(folder)
    write_card(folder, spec)
