"""Loading what a run has trained: a whole model, or an adapter on exactly the base it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from advisor.base.errors import InvalidDataError, require
from advisor.base.files import parse_json, read_text
from trainers.models.local import Dtype, load_model, load_tokenizer, quiet_peft

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CARD = "advisor.json"
"""Beside the weights: what they belong to, so that an adapter is never put on another base by mistake."""


class Quantisation(BaseModel):
    """How the base of an adapter was quantised while it was trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["nf4"]
    double: bool


class Card(BaseModel):
    """`advisor.json` of an artefact."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1]
    run: str
    method: str
    base: str
    """The model reference that the run named."""
    dtype: Literal["bf16", "fp32"] = "bf16"
    data_sha256: str
    quantisation: Quantisation | None = None


def read_card(folder: Path) -> Card:
    """What the artefact in `folder` is. Raises `InvalidDataError` when it is none of ours or its card is broken."""
    path = folder / CARD
    if not path.is_file():
        raise InvalidDataError("this folder holds nothing that a run has trained (no advisor.json)", where=str(folder))
    try:
        return Card.model_validate(parse_json(read_text(path), where=str(path)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InvalidDataError(f"{key}: {first['msg']}", where=str(path), fix="train again") from None


def load_trained(
    folder: Path, dtype: Dtype = "auto", *, attention: str | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The trained causal model in evaluation mode and its tokenizer.

    An adapter is put on its base, quantised as in training: on another base it does worse. `dtype` is that of the base.
    """
    card = read_card(folder)
    tokenizer = load_tokenizer(str(folder))
    if not is_adapter(folder):
        return load_model(str(folder), dtype, attention=attention), tokenizer
    base = load_base(card, dtype, attention=attention)
    return put_on(base, folder), tokenizer


def is_adapter(folder: Path) -> bool:
    """Whether the artefact is an adapter and not a whole model."""
    return (folder / "adapter_config.json").is_file()


def load_base(card: Card, dtype: Dtype = "auto", *, attention: str | None = None) -> PreTrainedModel:
    """The base of an adapter, as it was in training."""
    if card.quantisation is None:
        return load_model(card.base, dtype, attention=attention)
    from trainers.methods.qlora import Settings, load_quantised

    return load_quantised(card.base, Settings(double_quantisation=card.quantisation.double, dtype=dtype))


def put_on(base: PreTrainedModel, folder: Path) -> Any:
    """The adapter in `folder` on `base`, in the dtype it was trained in. Raises `InvalidDataError` for a broken one."""
    require("peft", "train")
    from peft import PeftModel

    try:
        with quiet_peft():
            model = PeftModel.from_pretrained(base, folder, autocast_adapter_dtype=False)
    except (OSError, ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise InvalidDataError(f"the adapter cannot be loaded: {first}", where=str(folder)) from error
    model.eval()
    return model
