"""Layouts differ in memory, not in loss or gradients; the order is the same everywhere."""

from pathlib import Path
from typing import Any

import pytest

from trainers.methods.shared.batches import common_prefix, order, padded, steps_per_epoch, total_steps
from trainers.methods.shared.causal import CausalTrainee
from trainers.methods.shared.examples import Row, encode
from trainers.methods.shared.settings import BaseSettings
from trainers.models.local import load_model


def trainee(tiny: Path, tokenizer: Any, rows: list[Row], **settings: Any) -> CausalTrainee:
    model = load_model(str(tiny), "fp32")
    examples = encode(tokenizer, rows)
    return CausalTrainee(model, model, tokenizer, examples, examples, BaseSettings(**settings))


def loss_and_gradient(made: CausalTrainee, chosen: list[int]) -> tuple[float, Any]:
    import torch

    made.module.zero_grad()
    loss = made.loss_sum(made.batch(chosen))
    loss.backward()
    return float(loss.detach()), torch.cat([p.grad.flatten() for p in made.module.parameters() if p.grad is not None])


def own_loss_and_gradient(made: CausalTrainee, chosen: list[int]) -> tuple[float, Any]:
    """The model's own loss, one row at a time, as its authors compute it."""
    import torch

    made.module.zero_grad()
    total = 0.0
    for row in chosen:
        example = made.train[row]
        ids = torch.tensor([example.tokens])
        labels = torch.where(torch.tensor([example.trained]), ids, -100)
        loss = made.model(input_ids=ids, labels=labels).loss * example.trained_count
        loss.backward()
        total += float(loss.detach())
    return total, torch.cat([p.grad.flatten() for p in made.module.parameters() if p.grad is not None])


@pytest.mark.parametrize(
    "settings",
    [
        {"layout": "padded"},
        {"layout": "packed"},
        {"layout": "auto"},
        {"layout": "packed", "loss_chunk_tokens": 16},
    ],
)
def test_loss_and_gradients_are_those_of_the_model_itself(
    tiny: Path, tokenizer: Any, rows: list[Row], settings: dict[str, Any]
) -> None:
    import torch

    made = trainee(tiny, tokenizer, rows, **settings)
    assert made.check_against_model() is None
    chosen = [5, 0, 3, 7, 2]
    loss, gradient = loss_and_gradient(made, chosen)
    own, own_gradient = own_loss_and_gradient(made, chosen)
    assert loss == pytest.approx(own, rel=1e-5)
    assert float(torch.nn.functional.cosine_similarity(gradient, own_gradient, dim=0)) > 0.99999
    assert float(gradient.norm()) == pytest.approx(float(own_gradient.norm()), rel=1e-4)


def test_packing_computes_what_rows_share_once(tiny: Path, tokenizer: Any, rows: list[Row]) -> None:
    made = trainee(tiny, tokenizer, rows, layout="packed")
    shared = common_prefix(made.train)
    assert shared >= 10  # the system prompt
    batch = made.batch(list(range(8)))
    assert batch.computed_tokens == batch.tokens - 7 * shared
    assert padded(made.train, padding=0).computed_tokens > batch.tokens


def test_a_model_that_packed_rows_would_leak_through_is_trained_padded(
    tiny: Path, tokenizer: Any, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    made = trainee(tiny, tokenizer, rows, layout="packed")
    own_forward = made.model.base_model.forward

    def forward(**inputs: Any) -> Any:
        """A model that ignores the mask it is given."""
        return own_forward(**{**inputs, "attention_mask": torch.ones_like(inputs["input_ids"])})

    monkeypatch.setattr(made.model.base_model, "forward", forward)
    assert "using padded rows" in (made.check_against_model() or "")
    assert made.layout == "padded"


def test_a_model_that_scales_its_logits_is_trained_with_its_own_loss(
    tiny: Path, tokenizer: Any, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trainee(tiny, tokenizer, rows, layout="padded")
    own_forward = made.model.forward

    def forward(**inputs: Any) -> Any:
        out = own_forward(**inputs)
        out.logits = out.logits * 3
        return out

    monkeypatch.setattr(made.model, "forward", forward)
    assert "own loss" in (made.check_against_model() or "")
    assert not made.trimmed


def test_the_order_covers_each_epoch_once_and_depends_on_the_seed_alone() -> None:
    lengths = [(7 * i) % 50 + 1 for i in range(103)]
    first = order(lengths, 4, seed=1, epoch=0)
    assert sorted(row for batch in first for row in batch) == list(range(103))
    assert len(first) == steps_per_epoch(103, 4) == 26
    assert first == order(lengths, 4, seed=1, epoch=0)
    assert first != order(lengths, 4, seed=2, epoch=0)
    assert first != order(lengths, 4, seed=1, epoch=1)


def test_rows_of_a_step_have_similar_lengths() -> None:
    lengths = [(37 * i) % 200 + 1 for i in range(400)]
    batches = order(lengths, 4, seed=0, epoch=0)
    spread = sum(max(lengths[r] for r in b) - min(lengths[r] for r in b) for b in batches) / len(batches)
    assert spread < 30  # of 200; about 120 without grouping


@pytest.mark.parametrize(
    ("rows", "batch", "epochs", "most", "steps"),
    [
        (100, 4, 1.0, None, 25),
        (101, 4, 1.0, None, 26),
        (100, 4, 0.5, None, 12),
        (3, 8, 0.1, None, 1),
        (0, 4, 1, None, 0),
        (100, 4, 3.0, 10, 10),
    ],
)
def test_steps(rows: int, batch: int, epochs: float, most: int | None, steps: int) -> None:
    assert total_steps(rows, batch, epochs, most) == steps
