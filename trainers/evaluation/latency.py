"""How long single answers take."""

from __future__ import annotations

from collections.abc import Sequence

from trainers.evaluation.spec import Answer, Latency


def latency_of(answers: Sequence[Answer]) -> Latency:
    """Percentiles over answers that were each timed alone (interpolated), in milliseconds. At least one answer."""
    import numpy as np

    seconds = [each.seconds for each in answers if each.seconds is not None]
    middle, high = np.quantile(np.array(seconds) * 1000, (0.5, 0.95))
    return Latency(
        n=len(seconds),
        p50_ms=round(float(middle), 1),
        p95_ms=round(float(high), 1),
        prompt_tokens_mean=_mean([each.prompt_tokens for each in answers]),
        output_tokens_mean=_mean([each.output_tokens for each in answers]),
    )


def _mean(counts: Sequence[int | None]) -> float | None:
    known = [count for count in counts if count is not None]
    return round(sum(known) / len(known), 1) if known else None
