"""A text encoder with one linear head a question: the model, its folder on disk, and its answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.base.errors import InvalidDataError, require
from advisor.base.files import dump_json, parse_json, read_text
from trainers.methods.shared.labels import SINGLE, TAGS, LabelSet
from trainers.models.local import load_tokenizer, model_location, quiet_transformers

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

HEADS = "heads.safetensors"
LABELS = "labels.json"
_BATCH_ROWS = 64
IGNORED = -100


def load_encoder_base(text: str) -> Any:
    """The encoder behind a reference, fp32, in evaluation mode. Raises `InvalidDataError` when it is none."""
    require("torch", "train")
    require("transformers", "train")
    import torch
    from transformers import AutoModel

    location = model_location(text)
    try:
        with quiet_transformers():
            model = AutoModel.from_pretrained(location, dtype=torch.float32)
    except (OSError, ValueError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InvalidDataError(f"the model cannot be loaded: {first}", where=text) from error
    if getattr(model.config, "is_decoder", False) or model.config.model_type in ("llama", "qwen2", "qwen3", "gemma3"):
        raise InvalidDataError(
            "this is a text generator, no encoder", where=text, fix="use minilm-l6 or another encoder, or --method lora"
        )
    model.eval()
    return model


def build(encoder: Any, labels: LabelSet) -> torch.nn.Module:
    """The encoder with fresh heads; `forward(input_ids, attention_mask)` gives question -> logits.

    Classification reads the mean over the text's tokens (as sentence encoders are trained), tagging each token.
    """
    import torch

    class Headed(torch.nn.Module):  # type: ignore[misc]
        """Encoder and heads."""

        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder
            width = encoder.config.hidden_size
            self.dropout = torch.nn.Dropout(0.1)
            self.heads = torch.nn.ModuleList(torch.nn.Linear(width, len(known)) for known in labels.labels.values())

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            if labels.kind == "classification":
                weight = attention_mask[..., None].to(states.dtype)
                states = (states * weight).sum(1) / weight.sum(1).clamp(min=1)
            states = self.dropout(states)
            return {name: head(states) for name, head in zip(labels.labels, self.heads, strict=True)}

    return Headed()


def save(folder: Path, module: Any, tokenizer: PreTrainedTokenizerBase, labels: LabelSet, max_tokens: int) -> None:
    """Write encoder, heads, labels and tokenizer to `folder`."""
    from safetensors.torch import save_file

    with quiet_transformers():
        module.encoder.save_pretrained(folder)
    save_file({name: tensor.contiguous() for name, tensor in module.heads.state_dict().items()}, folder / HEADS)
    value = {"v": 1, "kind": labels.kind, "as_json": labels.as_json, "max_tokens": max_tokens, "labels": labels.labels}
    (folder / LABELS).write_text(dump_json(value, indent=1) + "\n", encoding="utf-8")
    tokenizer.save_pretrained(folder)


def load_weights(folder: Path, module: Any) -> None:
    """Put saved weights into a module of the same shape."""
    from safetensors.torch import load_file

    module.encoder.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    module.heads.load_state_dict(load_file(folder / HEADS))


@dataclass(frozen=True, slots=True)
class Encoder:
    """A trained encoder that answers."""

    module: Any
    tokenizer: Any
    labels: LabelSet
    max_tokens: int

    def answer(self, texts: Sequence[str]) -> list[str]:
        """The answer to each text, as in the training rows: the label, or a JSON object of all questions."""
        found: list[str] = []
        for start in range(0, len(texts), _BATCH_ROWS):
            found += self._answer(texts[start : start + _BATCH_ROWS])
        return found

    def tag(self, words: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tag of each word of each row; words beyond the model's length get the most common tag "O" or the first.

        Raises `InvalidDataError` for a model that was trained on labels.
        """
        if self.labels.kind != "tagging":
            raise InvalidDataError("this encoder gives labels, not tags")
        known = self.labels.labels[TAGS]
        rest = "O" if "O" in known else known[0]
        return [self._tag(row, known, rest) for row in words]

    def _answer(self, texts: Sequence[str]) -> list[str]:
        import torch

        encoded = self.tokenizer(
            list(texts), truncation=True, max_length=self.max_tokens, padding=True, return_tensors="pt"
        )
        with torch.no_grad():
            logits = self.module(encoded["input_ids"], encoded["attention_mask"])
        best = {name: values.argmax(-1).tolist() for name, values in logits.items()}
        return [self._spoken({name: places[row] for name, places in best.items()}) for row in range(len(texts))]

    def _spoken(self, places: dict[str, int]) -> str:
        answers = {name: self.labels.labels[name][place] for name, place in places.items()}
        if not self.labels.as_json:
            return answers[SINGLE]
        return dump_json({name: json.loads(answer) for name, answer in answers.items()})

    def _tag(self, words: Sequence[str], known: Sequence[str], rest: str) -> list[str]:
        import torch

        encoded = self.tokenizer(
            [list(words)], is_split_into_words=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
        )
        with torch.no_grad():
            logits = self.module(encoded["input_ids"], encoded["attention_mask"])[TAGS][0]
        tags = [rest] * len(words)
        for position, word in first_tokens(encoded.word_ids(0)):
            tags[word] = known[int(logits[position].argmax())]
        return tags


def first_tokens(word_ids: Iterable[int | None]) -> list[tuple[int, int]]:
    """(position, word) of the first token of each word: the one that carries the word's tag."""
    seen: set[int] = set()
    found = []
    for position, word in enumerate(word_ids):
        if word is not None and word not in seen:
            seen.add(word)
            found.append((position, word))
    return found


def load_encoder(folder: Path) -> Encoder:
    """The trained encoder in `folder`. Raises `InvalidDataError` when the folder holds none."""
    if not (folder / LABELS).is_file():
        raise InvalidDataError("this folder holds no trained encoder (no labels.json)", where=str(folder))
    value = parse_json(read_text(folder / LABELS), where=str(folder / LABELS))
    labels = LabelSet(value["kind"], {name: tuple(known) for name, known in value["labels"].items()}, value["as_json"])
    module = build(load_encoder_base(str(folder)), labels)
    load_weights(folder, module)
    module.eval()
    return Encoder(module, load_tokenizer(str(folder)), labels, value["max_tokens"])
