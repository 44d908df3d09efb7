"""A causal language model as a trainee: answer-only loss, with the head applied to trained positions only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainers.methods.shared.batches import Batch, Shape, cheaper_layout, packed, padded
from trainers.methods.shared.examples import Example
from trainers.methods.shared.settings import BaseSettings

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_AGREE = 0.02
"""How far (share of the loss, in bf16) our loss may lie from the model's own before we fall back to the model's own."""


class CausalTrainee:
    """The model, its examples and their loss.

    `module` is what trains (the model, or the peft wrapper around it), `model` the transformers model inside.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        train: Sequence[Example],
        held_out: Sequence[Example],
        settings: BaseSettings,
    ) -> None:
        self._module = module
        self.model = model
        self.tokenizer = tokenizer
        self.train = train
        self.held_out = held_out
        self.settings = settings
        self.shape = _shape(model)
        self.layout = settings.layout if model.device.type == "cpu" or settings.layout != "auto" else "padded"
        self.trimmed = True
        """Whether the head is applied to trained positions only."""
        self._lengths = [len(example.tokens) for example in train]

    @property
    def module(self) -> torch.nn.Module:
        return self._module

    def lengths(self) -> list[int]:
        return self._lengths

    def batch(self, rows: Sequence[int]) -> Batch:
        return self._lay_out([self.train[row] for row in rows])

    def held_out_batches(self, rows: int) -> list[Batch]:
        chosen = sorted(self.held_out[:rows], key=lambda example: len(example.tokens))
        size = self.settings.micro_batch_size or self.settings.batch_size
        return [self._lay_out(chosen[i : i + size]) for i in range(0, len(chosen), size)]

    def tokens(self, batch: Batch) -> int:
        return batch.tokens

    def targets(self, batch: Batch) -> int:
        return len(batch.target)

    def loss_sum(self, batch: Batch) -> torch.Tensor:
        device = self.model.device
        inputs: dict[str, Any] = {
            "input_ids": batch.input_ids.to(device),
            "position_ids": batch.positions.to(device),
            "attention_mask": batch.mask.to(device),
            "use_cache": False,
        }
        source, target = batch.source.to(device), batch.target.to(device)
        if not self.trimmed:
            logits = self.model(**inputs).logits.flatten(0, 1)[source]
            return _cross_entropy(logits, target)
        hidden = self.model.base_model(**inputs).last_hidden_state.flatten(0, 1)[source]
        return self._chunked(hidden, target)

    def _chunked(self, hidden: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Logits of at most `loss_chunk_tokens` positions at once; more are recomputed in the backward pass."""
        import torch
        from torch.utils.checkpoint import checkpoint

        head = self.model.get_output_embeddings()
        size = self.settings.loss_chunk_tokens
        if len(target) <= size:
            return _cross_entropy(head(hidden), target)

        def piece(part: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
            return _cross_entropy(head(part), wanted)

        pieces = [
            checkpoint(piece, hidden[i : i + size], target[i : i + size], use_reentrant=False)
            for i in range(0, len(target), size)
        ]
        return torch.stack(pieces).sum()

    def check_against_model(self) -> str | None:
        """Compare our loss with the model's own on two rows; where they differ use the model's own.

        Some architectures scale or cap logits, or have layers that a packed row would leak through.
        Returns what was switched off and why.
        """
        import torch

        ranked = sorted(range(len(self.train)), key=self._lengths.__getitem__)
        rows = [self.train[row] for row in {ranked[0], ranked[len(ranked) // 2]}]
        plain = padded(rows, padding=self._padding)
        with torch.no_grad():
            self.module.eval()
            self.trimmed = False
            own = float(self.loss_sum(plain))
            self.trimmed = True
            if not _close(float(self.loss_sum(plain)), own):
                self.trimmed = False
            if self.layout == "padded" or _close(float(self.loss_sum(self._pack(rows))), own):
                return None if self.trimmed else "the model changes its logits after the head: using its own loss"
        self.layout = "padded"
        return "packed rows give another loss with this model: using padded rows"

    def save_weights(self, folder: Path) -> None:
        self.module.save_pretrained(folder)

    def load_weights(self, folder: Path) -> None:
        raise NotImplementedError

    @property
    def _padding(self) -> int:
        token: int | None = self.tokenizer.pad_token_id
        return 0 if token is None else token

    def _pack(self, rows: Sequence[Example]) -> Batch:
        return packed(rows, dtype=self.model.dtype)

    def _lay_out(self, rows: Sequence[Example]) -> Batch:
        layout = cheaper_layout(rows, self.shape) if self.layout == "auto" else self.layout
        return self._pack(rows) if layout == "packed" else padded(rows, padding=self._padding)


def _close(value: float, other: float) -> bool:
    return abs(value - other) <= _AGREE * max(abs(other), 1e-6)


def _cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.nn.functional.cross_entropy(logits.float(), target, reduction="sum")


def _shape(model: PreTrainedModel) -> Shape:
    config = model.config.get_text_config()
    parameters = sum(p.numel() for name, p in model.named_parameters() if "embed" not in name)
    return Shape(parameters, config.num_hidden_layers, config.hidden_size)
