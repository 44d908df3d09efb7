"""How likely a model finds an answer, token by token: tells rounding from another model. Natural logarithms (nats)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def answer_logprobs(model: Any, prompt: Sequence[int], answer: Sequence[int]) -> list[float]:
    """log p(token | prompt, answer so far) of each token of the answer."""
    import torch

    if not answer:
        return []
    ids = torch.tensor([[*prompt, *answer]], device=model.device)
    with torch.inference_mode():
        logits = model(input_ids=ids, logits_to_keep=len(answer) + 1).logits[0, :-1].float()
    chosen = torch.tensor(list(answer), device=logits.device)
    found: list[float] = torch.log_softmax(logits, -1).gather(1, chosen[:, None])[:, 0].tolist()
    return found


def preference(model: Any, prompt: Sequence[int], so_far: Sequence[int], token: int, other: int) -> float:
    """log p(token) - log p(other) as the next token."""
    import torch

    ids = torch.tensor([[*prompt, *so_far]], device=model.device)
    with torch.inference_mode():
        logits = model(input_ids=ids, logits_to_keep=1).logits[0, -1].float()
    return float(logits[token] - logits[other])


def first_difference(one: Sequence[int], other: Sequence[int]) -> int | None:
    """The first place at which both have a token and it is not the same; None when there is none."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), None)


def mean_drift(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> float | None:
    """Mean absolute difference of two models' log-probabilities of the same tokens; None without tokens."""
    gaps = [abs(a - b) for left, right in zip(one, other, strict=True) for a, b in zip(left, right, strict=True)]
    return sum(gaps) / len(gaps) if gaps else None
