"""Which dimensions a model has, by its name: the price catalogue, lists of published shapes, or a local `config.json`.

A name is compared without its owner, punctuation, case and words that do not change the shape (`Instruct`, `chat`,
`AWQ`); a name that is still unknown is never taken for a similar one: its shape is guessed from its parameter count and
said to be guessed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from advisor.base.errors import InvalidDataError
from advisor.base.yamlfile import load_model
from pricing.dims import Dims, dims_of, guess_dims
from pricing.values import Source

if TYPE_CHECKING:
    from pricing.catalogue import Catalogue

FOLDER = Path(__file__).parent / "data" / "dims"
SMALLEST_SHARE, LARGEST_SHARE = 0.85, 1.5
"""How far a stated parameter count may be from the shape's before the shape is not believed.

More is believed than less: untied heads and long position tables add parameters to the same layers.
"""


class Shape(BaseModel):
    """One shape and the models that have it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: list[str] = Field(min_length=1)
    n_layers: int = Field(gt=0)
    hidden: int = Field(gt=0)
    heads: int = Field(gt=0)
    kv_heads: int = Field(gt=0)
    head_dim: int = Field(gt=0)
    ffn: int = Field(gt=0)
    vocab: int = Field(gt=0)
    gated_mlp: bool
    tied: bool
    rms_norm: bool
    softcapped: bool = False
    n_experts: int = Field(default=1, gt=0)
    experts_per_token: int = Field(default=1, gt=0)
    sliding_window: int | None = Field(default=None, gt=0)
    kv_elements_per_layer: int | None = Field(default=None, gt=0)
    params_b: float | None = Field(default=None, gt=0)
    active_params_b: float | None = Field(default=None, gt=0)

    def dims(self) -> Dims:
        """The shape as dimensions."""
        fields = self.model_dump(exclude={"names", "params_b", "active_params_b"})
        return Dims(
            **fields,
            stated_params=self.params_b * 1e9 if self.params_b else None,
            stated_active_params=self.active_params_b * 1e9 if self.active_params_b else None,
        )


class ShapeFile(BaseModel):
    """A list of shapes from one source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: int
    source: Source
    shapes: list[Shape]


_NOISE = re.compile(
    r"(instruct|chat|base|hf|it|fp8|fp16|bf16|awq|gptq|int4|int8|4bit|8bit|preview|deduped|v\d+(\.\d+)?|2[45]\d\d)$"
)


def fold_name(name: str) -> str:
    """A model name without owner, brackets, punctuation and words that do not change its shape."""
    text = re.sub(r"\(.*?\)", "", name.lower()).rsplit("/", 1)[-1]
    words = [w for w in re.split(r"[\s_\-:]+", re.sub(r"(?<![a-z\d.])(\d)_(\d)(?=[bm]?\b)", r"\1.\2", text)) if w]
    while len(words) > 1 and _NOISE.fullmatch(words[-1]):
        words.pop()
    return "".join(words)


@cache
def published_shapes() -> dict[str, Dims]:
    """Dimensions by folded name, from the files in `pricing/data/dims`."""
    found: dict[str, Dims] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for shape in load_model(path, ShapeFile).shapes:
            for name in shape.names:
                found.setdefault(fold_name(name), shape.dims())
    return found


def find_dims(
    name: str, catalogue: Catalogue, params_b: float | None = None, active_params_b: float | None = None
) -> Dims:
    """The dimensions of the model called `name`, or in the folder or `config.json` of that path.

    Raises `InvalidDataError` when nothing describes it: no such name, no path, no parameter count.
    """
    if "/" in name or name.endswith(".json"):
        path = Path(name).expanduser()
        if path.is_file() or (path / "config.json").is_file():
            from pricing.configjson import read_config

            return read_config(path)
    if params_b is not None and active_params_b is not None and active_params_b > params_b:
        raise InvalidDataError(f"{active_params_b:g}B active parameters of {params_b:g}B", fix="give both in billions")
    known = _catalogue_dims(catalogue).get(fold_name(name)) or published_shapes().get(fold_name(name))
    return _checked(known, name, params_b, active_params_b)


def _checked(known: Dims | None, name: str, params_b: float | None, active_b: float | None) -> Dims:
    """The known shape if the stated size agrees with it, else a guess from the size."""
    size_b = params_b or (None if known else size_in_name(name))
    active = active_b * 1e9 if active_b else None
    if known is None:
        if size_b is None:
            raise InvalidDataError(
                f"nothing describes the model {name!r}",
                fix="give its size (params_b), a path to its config.json, or a name from `advisor prices list models`",
            )
        return guess_dims(size_b * 1e9, active)
    if size_b is None:
        return known
    if not SMALLEST_SHARE <= size_b * 1e9 / known.params <= LARGEST_SHARE:
        return guess_dims(size_b * 1e9, active)
    return replace(known, stated_params=size_b * 1e9, stated_active_params=active or known.stated_active_params)


_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s*([bm])(?![\w])", re.IGNORECASE)


def size_in_name(name: str) -> float | None:
    """Billions of parameters that a name states (`8B`, `135M`), the first one; None when it states none."""
    found = _SIZE.search(re.sub(r"[-_/]", " ", name))
    return None if found is None else float(found[1]) * (1.0 if found[2].lower() == "b" else 0.001)


_memo: dict[int, tuple[Any, dict[str, Dims]]] = {}


def _catalogue_dims(catalogue: Catalogue) -> dict[str, Dims]:
    """Dimensions by folded name of the catalogue's models; made once for a catalogue."""
    kept = _memo.get(id(catalogue))
    if kept is not None and kept[0] is catalogue:
        return kept[1]
    found: dict[str, Dims] = {}
    for model in catalogue.models.values():
        if model.architecture is not None:
            for name in (model.id, model.name, *model.aliases):
                found.setdefault(fold_name(name), dims_of(model))
    _memo.clear()
    _memo[id(catalogue)] = (catalogue, found)
    return found
