"""A causal language model as a trainee: answer-only loss, with the head applied to trained positions only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainers.methods.shared.batches import Batch, Shape, cheaper_layout, packed, padded
from trainers.methods.shared.examples import Example
from trainers.methods.shared.settings import BaseSettings
from trainers.models.local import quiet_transformers

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_AGREE = 0.02
"""How far (share of the loss, in bf16) our loss may lie from the model's own before we fall back to the model's own."""

_STATES_AGREE = 0.1
_STATES_AGREE_FP32 = 0.002
"""How far (share of their norm) the states of packed rows may lie from those of padded ones: rounding, not leaking."""


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
        self.gathered: dict[str, Any] | None = None
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
        target = batch.target.to(device)
        if not self.trimmed:
            logits = self.model(**self._inputs(batch)).logits.flatten(0, 1)[batch.source.to(device)]
            return _cross_entropy(logits, target)
        return self._chunked(self._hidden(batch), target)

    def _inputs(self, batch: Batch) -> dict[str, Any]:
        device = self.model.device
        return {
            "input_ids": batch.input_ids.to(device),
            "position_ids": batch.positions.to(device),
            "attention_mask": batch.mask.to(device),
            "use_cache": False,
        }

    def _hidden(self, batch: Batch) -> torch.Tensor:
        """What the head is applied to, [trained tokens, hidden size], row by row whatever the layout."""
        states = self.model.base_model(**self._inputs(batch)).last_hidden_state
        return states.flatten(0, 1)[batch.source.to(self.model.device)]

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
            if self.layout == "padded" or self._same_states(plain, self._pack(rows)):
                return None if self.trimmed else "the model changes its logits after the head: using its own loss"
        self.layout = "padded"
        return "rows packed into one sequence see each other in this model: using padded rows"

    def _same_states(self, plain: Batch, packed_rows: Batch) -> bool:
        """Whether the model makes the same of packed rows: a mean loss would hide a small leak, its states do not."""
        one, other = self._hidden(plain).float(), self._hidden(packed_rows).float()
        allowed = _STATES_AGREE_FP32 if next(self.model.parameters()).dtype.itemsize == 4 else _STATES_AGREE
        return float((one - other).norm()) <= allowed * float(one.norm())

    def save_weights(self, folder: Path) -> None:
        with quiet_transformers():
            if self.gathered is None:
                self.module.save_pretrained(folder)
            else:
                self.module.save_pretrained(folder, state_dict=self._untied(self.gathered))

    def _untied(self, weights: dict[str, Any]) -> dict[str, Any]:
        """Without the second name of a weight that the model uses twice."""
        tied = getattr(self.model, "all_tied_weights_keys", None) or {}
        return {name: weight for name, weight in weights.items() if name not in tied}

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


def checkpoint_activations(model: PreTrainedModel) -> None:
    """Keep only each layer's input and compute the rest again in the backward pass (Chen et al., arXiv 1604.06174)."""
    if hasattr(model, "activation_checkpointing_enable"):
        model.activation_checkpointing_enable()
    else:  # transformers before 5.2x
        model.gradient_checkpointing_enable({"use_reentrant": False})


def _close(value: float, other: float) -> bool:
    return abs(value - other) <= _AGREE * max(abs(other), 1e-6)


def _cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.nn.functional.cross_entropy(logits.float(), target, reduction="sum")


def _shape(model: PreTrainedModel) -> Shape:
    config = model.config.get_text_config()
    parameters = sum(p.numel() for name, p in model.named_parameters() if "embed" not in name)
    return Shape(parameters, config.num_hidden_layers, config.hidden_size)
