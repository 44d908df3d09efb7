"""From the spec's files to examples, the same for a dry look (pre-flight) and for the run."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from advisor.base.errors import CouldNotError, InvalidDataError
from trainers.data.frozen import refuse_test_rows
from trainers.methods.shared.batches import total_steps
from trainers.methods.shared.examples import Example, encode, read_rows
from trainers.methods.shared.preflight import Preflight, look_at
from trainers.methods.shared.settings import BaseSettings
from trainers.runs.checkpoints import sha256_of
from trainers.runs.spec import DataFile, RunSpec

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Kept = TypeVar("Kept")
_HELD_OUT_SHARE = 0.05
_FEWEST_TO_HOLD_OUT = 40


@dataclass(frozen=True, slots=True)
class Prepared:
    """Training and held-out examples, and the look at them."""

    train: list[Example]
    held_out: list[Example]
    look: Preflight


def prepare(
    spec: RunSpec,
    project: Path,
    tokenizer: PreTrainedTokenizerBase,
    settings: BaseSettings,
    context_tokens: int | None,
    *,
    only_look: bool = False,
) -> Prepared:
    """Read, check against the hashes of the plan and the frozen test set, encode, hold out, look.

    Raises `InvalidDataError`. With `only_look` rows of the test set are left to whoever looks.
    """
    source, held_source = files_of(spec, project, only_look=only_look)
    rows = encode(tokenizer, read_rows(source), max_tokens=settings.max_tokens)
    if held_source is not None:
        held = encode(tokenizer, read_rows(held_source), max_tokens=settings.max_tokens)
        train = rows
    else:
        train, held = hold_out(rows, settings)
    steps = total_steps(len(train), settings.batch_size, settings.epochs, settings.max_steps)
    look = look_at(train, steps=steps, max_tokens=settings.max_tokens, context_tokens=context_tokens)
    return Prepared(train, [example for example in held if example.trained_count], look)


def files_of(spec: RunSpec, project: Path, *, only_look: bool = False) -> tuple[Path, Path | None]:
    """The training file and the held-out file, unchanged since the plan and without rows of the test set."""
    source = _unchanged(spec.data, project)
    held_source = None if spec.held_out is None else _unchanged(spec.held_out, project)
    for path in () if only_look else filter(None, (source, held_source)):
        refuse_test_rows(path, project)
    return source, held_source


def hold_out(rows: list[Kept], settings: BaseSettings) -> tuple[list[Kept], list[Kept]]:
    """Training rows and rows kept back to measure held-out loss: 5 %, at most `held_out_rows`, none of a tiny set."""
    count = min(settings.held_out_rows, round(len(rows) * _HELD_OUT_SHARE))
    if len(rows) < _FEWEST_TO_HOLD_OUT or count == 0:
        return rows, []
    chosen = set(random.Random(f"held-out/{settings.seed}").sample(range(len(rows)), count))
    train = [row for index, row in enumerate(rows) if index not in chosen]
    return train, [rows[index] for index in sorted(chosen)]


def refuse(look: Preflight) -> None:
    """Raise `CouldNotError` with the first reason not to start and its ways out."""
    if look.refusals:
        first = look.refusals[0]
        raise CouldNotError(f"not started: {first['text']}", fix="; or ".join(first["ways_out"]))


def _unchanged(data: DataFile, project: Path) -> Path:
    path = project / data.path
    if not path.is_file():
        raise InvalidDataError("the data of this run is gone", where=str(path))
    if sha256_of(path) != data.sha256:
        raise InvalidDataError(
            "the data changed after the run was planned", where=str(path), fix="start a new run: advisor train"
        )
    return path


def look_causal(spec: RunSpec, project: Path, settings: BaseSettings) -> Preflight:
    """The look at a causal model's rows without loading the model."""
    from trainers.models.local import load_tokenizer, model_dimensions

    config = model_dimensions(spec.model)
    context: int | None = config.get("text_config", config).get("max_position_embeddings")
    return prepare(spec, project, load_tokenizer(spec.model), settings, context, only_look=True).look
