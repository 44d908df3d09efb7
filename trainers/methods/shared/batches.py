"""Which rows meet in which step, and how they lie in memory.

Two layouts give the same loss and the same gradients:

- padded: one row a line, filled up to the longest;
- packed: all rows in one sequence without padding, their common beginning (system prompt, instruction) there once.
  A row sees the common beginning and itself (4-D mask), and its positions count on from the common beginning.
  With short answers behind one long instruction this saves the larger part of the work.

Equal length grouping: rows are shuffled, sorted by length within windows of 8 batches, and the batches shuffled again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainers.methods.shared.examples import Example

if TYPE_CHECKING:
    import torch

_WINDOW_BATCHES = 8
_MASK_WEIGHT = 4.0
"""How much dearer a multiply-add of attention is than one of a projection (eager attention is bound by memory)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as tensors. `source` are flat positions whose output predicts `target` (both of length trained tokens)."""

    input_ids: torch.Tensor
    """[lines, length]"""
    positions: torch.Tensor
    """[lines, length]"""
    mask: torch.Tensor
    """[lines, length] of 0 and 1 when padded; additive [1, 1, length, length] when packed"""
    source: torch.Tensor
    target: torch.Tensor
    tokens: int
    """Tokens of the rows as they stand in the data: padding and sharing do not count."""
    computed_tokens: int
    """Positions really computed."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the choice of layout needs to know of a model."""

    parameters: int
    layers: int
    hidden_size: int


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Optimiser steps in one epoch; the last one may have fewer rows."""
    return math.ceil(rows / batch_size)


def total_steps(rows: int, batch_size: int, epochs: float, max_steps: int | None) -> int:
    """Optimiser steps of the whole run (a fraction of an epoch is allowed; at least one when there is a row)."""
    steps = max(1, round(epochs * steps_per_epoch(rows, batch_size))) if rows else 0
    return steps if max_steps is None else min(steps, max_steps)


def order(lengths: Sequence[int], batch_size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Row indices of each step of an epoch: the same for the same seed and epoch, on every machine."""
    chance = random.Random(f"{seed}/{epoch}")
    rows = list(range(len(lengths)))
    chance.shuffle(rows)
    window = batch_size * _WINDOW_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(rows), window):
        near = sorted(rows[start : start + window], key=lambda row: (lengths[row], row))
        batches += [near[i : i + batch_size] for i in range(0, len(near), batch_size)]
    chance.shuffle(batches)
    return batches


def common_prefix(rows: Sequence[Example]) -> int:
    """Tokens that all rows begin with, none of them trained and at least one token of each row left over."""
    limit = min(min(example.first_trained, len(example.tokens) - 1) for example in rows)
    first = rows[0].tokens
    for position in range(limit):
        if any(example.tokens[position] != first[position] for example in rows):
            return position
    return limit


def cheaper_layout(rows: Sequence[Example], shape: Shape) -> Literal["padded", "packed"]:
    """The cheaper layout: 2 x parameters a token, and 4 x layers x hidden size x length^2 of attention."""
    longest = max(len(example.tokens) for example in rows)
    shared = common_prefix(rows)
    packed = shared + sum(len(example.tokens) - shared for example in rows)
    attention = _MASK_WEIGHT * 4 * shape.layers * shape.hidden_size

    def work(lines: int, length: int) -> float:
        return lines * (2 * shape.parameters * length + attention * length * length)

    return "packed" if work(1, packed) < work(len(rows), longest) else "padded"


def padded(rows: Sequence[Example], *, padding: int) -> Batch:
    """One row a line, padded on the right."""
    import torch

    longest = max(len(example.tokens) for example in rows)
    ids = torch.full((len(rows), longest), padding, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    source: list[int] = []
    target: list[int] = []
    for line, example in enumerate(rows):
        ids[line, : len(example.tokens)] = torch.tensor(example.tokens)
        mask[line, : len(example.tokens)] = 1
        for position, trained in enumerate(example.trained):
            if trained and position > 0:
                source.append(line * longest + position - 1)
                target.append(example.tokens[position])
    positions = torch.arange(longest).expand(len(rows), longest)
    tokens = sum(len(example.tokens) for example in rows)
    return Batch(ids, positions, mask, torch.tensor(source), torch.tensor(target), tokens, ids.numel())


def packed(rows: Sequence[Example], *, dtype: torch.dtype) -> Batch:
    """All rows in one sequence, the common beginning once."""
    import torch

    shared = common_prefix(rows)
    ids = list(rows[0].tokens[:shared])
    positions = list(range(shared))
    owner = [0] * shared
    source: list[int] = []
    target: list[int] = []
    for number, example in enumerate(rows, start=1):
        offset = len(ids) - shared
        for position in range(shared, len(example.tokens)):
            if example.trained[position]:
                source.append(position - 1 if position == shared else offset + position - 1)
                target.append(example.tokens[position])
        ids += example.tokens[shared:]
        positions += range(shared, len(example.tokens))
        owner += [number] * (len(example.tokens) - shared)
    owners = torch.tensor(owner)
    visible = (owners[:, None] == owners[None, :]) | (owners[None, :] == 0)
    visible &= torch.ones(len(ids), len(ids), dtype=torch.bool).tril()
    mask = torch.zeros(visible.shape, dtype=dtype).masked_fill_(~visible, torch.finfo(dtype).min)
    tokens = sum(len(example.tokens) for example in rows)
    return Batch(
        torch.tensor([ids]),
        torch.tensor([positions]),
        mask[None, None],
        torch.tensor(source),
        torch.tensor(target),
        tokens,
        len(ids),
    )
