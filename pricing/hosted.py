"""How long a hosted model takes to answer: measured priors for the first token and the speed after it, and retrieval.

    answer    = retrieval + time to first token + output tokens / output speed
    retrieval = embedding of the question + vector search + rerank

The priors are in the price catalogue (`latency:` of a model, else of its class), p50 and p95 apart; they were measured
with ordinary prompts, so a very long one (retrieved documents) takes longer to its first token than they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from pricing.catalogue import Catalogue
    from pricing.entries import Model
    from pricing.values import Range, Value

RETRIEVAL_STEPS = {
    "embedding": "query-embedding-latency",
    "search": "vector-search-latency",
    "rerank": "local-rerank",
}


@dataclass(frozen=True, slots=True)
class HostedAnswer:
    """Milliseconds of a whole answer, at the median and at the 95th percentile; None where no prior is known."""

    ttft_p50_ms: Value | None
    ttft_p95_ms: Value | None
    output_tokens_per_s: Value | None
    retrieval_ms: float
    answer_p50_ms: float | None
    answer_p95_ms: float | None


def cost_per_thousand_usd(model: Model, on: date, input_tokens: float, output_tokens: float) -> float | None:
    """Money of 1,000 answers at the first available offer, nothing cached; None when a price is unknown."""
    prices = [model.price(f"{side}_usd_per_mtok", on) for side in ("input", "output")]
    if prices[0] is None or prices[1] is None:
        return None
    return (input_tokens * prices[0].number + output_tokens * prices[1].number) / 1000


def hosted_answer(
    model: Model, catalogue: Catalogue, on: date, output_tokens: float, retrieval: tuple[str, ...] = ()
) -> HostedAnswer:
    """The priors for one answer of so many tokens; the 95th percentile takes the slow end of the output speed."""
    serverless = model.kind == "open"
    p50 = catalogue.latency_of(model, "ttft_p50_ms", on, serverless=serverless)
    p95 = catalogue.latency_of(model, "ttft_p95_ms", on, serverless=serverless)
    speed = catalogue.latency_of(model, "output_tokens_per_s", on, serverless=serverless)
    steps = [_retrieval(catalogue, step, on) for step in retrieval]
    usual, slow = sum(r.value for r in steps), sum(r.high for r in steps)
    return HostedAnswer(
        ttft_p50_ms=p50,
        ttft_p95_ms=p95,
        output_tokens_per_s=speed,
        retrieval_ms=usual,
        answer_p50_ms=usual + p50.number + 1000 * output_tokens / speed.number if p50 and speed else None,
        answer_p95_ms=slow + p95.number + 1000 * output_tokens / speed.range.low if p95 and speed else None,
    )


def _retrieval(catalogue: Catalogue, step: str, on: date) -> Range:
    """Milliseconds of one step. Raises `KeyError` for a step that is not in `RETRIEVAL_STEPS`."""
    value = catalogue.retrieval[RETRIEVAL_STEPS[step]].price("latency_ms", on)
    if value is None:
        raise ValueError(f"the catalogue has no latency of {step} for {on}")
    return value.range
