"""The staged plan: evaluation set first, then the cheapest step that may suffice, each with the number at which one goes on or stops."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.costs import EVALUATION_EXAMPLES
from advisor.decision.result import Spread, Stage
from advisor.decision.summary import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.decision.valuation import Outcome, Valuation

ORDER = (
    "swap_model",
    "prompting",
    "few_shot_retrieval",
    "long_context",
    "rag",
    "encoder",
    "lora",
    "qlora",
    "api_tuning",
    "full",
    "rag_plus_ft",
)
"""The order of work: what costs least to try comes first (the article's rule: tuning is the third option, not the first)."""
Z95 = 1.96


def staged_plan(winner: Outcome, ranked: Sequence[Outcome], valuation: Valuation, floor: float | None) -> list[Stage]:
    """The steps up to the winner. `ranked` are the feasible options, best first."""
    test_items = max(EVALUATION_EXAMPLES, int(np.median(valuation.world.number("data.test_examples", 0.0))))
    stages = [_evaluation_stage(test_items, valuation)]
    if winner.option.approach == "keep_current":
        return [*stages, _keep_stage(winner, test_items)] if np.any(winner.quality > 0.0) else [_nothing_stage()]
    for step in _steps(winner, ranked):
        last = step is winner
        stages.append(
            Stage(
                name=step.option.label,
                do=_instruction(step.option.approach),
                gate=_gate(winner if last else step, floor or _target(winner), test_items, stop=last),
                weeks=spread(step.weeks),
                cost_usd=spread(step.upfront_usd),
            )
        )
    stages.append(
        Stage(
            name="Decide again with what was measured",
            do="`advisor evaluate` writes the measured quality, latency and cost; `advisor decide` compares them with this prediction.",
            gate="Go on when the recommendation stands; otherwise follow the new one.",
        )
    )
    return stages


def _keep_stage(winner: Outcome, items: int) -> Stage:
    expected = spread(winner.quality)
    error = Z95 * math.sqrt(expected.p50 * (1 - expected.p50) / items)
    return Stage(
        name="Keep what runs today",
        do="Leave it as it is, and measure it on the evaluation set: the comparison needs a figure, not an impression.",
        gate=f"Decide again when it answers less than {max(expected.p50 - error, 0.0):.0%} of {items} items well, or when "
        f"volume or spend has doubled.",
    )


def _nothing_stage() -> Stage:
    return Stage(
        name="Do not start yet",
        do="As answered, no plan pays for itself. Find out first what a good answer is worth and what a wrong one costs.",
        gate="Decide again when one of the answers named under what would change it has changed.",
    )


def _steps(winner: Outcome, ranked: Sequence[Outcome]) -> list[Outcome]:
    """The best option of every cheaper approach that is a real step on the way, then the winner."""
    place = ORDER.index(winner.option.approach)
    steps: list[Outcome] = []
    for approach in ORDER[:place]:
        if approach not in ("prompting", "rag", "few_shot_retrieval") or (
            approach == "rag" and not winner.option.retrieval
        ):
            continue
        best = next((o for o in ranked if o.option.approach == approach), None)
        if best is not None and float(np.median(best.upfront_usd)) < float(np.median(winner.upfront_usd)):
            steps.append(best)
    return [*steps[:2], winner]


def _target(winner: Outcome) -> float:
    return float(np.quantile(winner.quality, 0.5))


def _evaluation_stage(items: int, valuation: Valuation) -> Stage:
    detectable = 100 * detectable_difference(items)
    return Stage(
        name="Evaluation set",
        do=f"Collect {items} labelled test items that no step may train on; write down how a good answer is told from a bad one.",
        gate=f"Go on when two people agree on 9 of 10 items. {items} items show differences of about {detectable:.0f} points.",
        weeks=Spread(p10=0.5, p50=1.0, p90=2.0),
    )


def detectable_difference(items: int, discordant_share: float = 0.2) -> float:
    """The smallest difference that a paired test of `items` finds in four of five cases.

    (1.96 + 0.84) sqrt(discordant share / items), the normal approximation to McNemar's test (Connor 1987).
    """
    return (Z95 + 0.8416) * math.sqrt(discordant_share / items)


def _gate(outcome: Outcome, target: float | None, items: int, *, stop: bool) -> str:
    expected = spread(outcome.quality)
    wanted = target if target is not None else expected.p50
    error = Z95 * math.sqrt(wanted * (1 - wanted) / items)
    said = f"Expected {expected.p50:.0%} ({expected.p10:.0%} to {expected.p90:.0%}) answered well."
    if stop:
        return f"{said} Ship at {max(expected.p10, wanted - error):.0%} or more on {items} items; below {expected.p10:.0%} stop and decide again."
    return f"{said} At {wanted:.0%} or more on {items} items stop here: the next step is not needed. Below {wanted - error:.0%} go on."


def _instruction(approach: str) -> str:
    return {
        "swap_model": "Run today's prompt on the new model over the evaluation set and compare item by item.",
        "prompting": "Write and optimise the prompt with fixed examples; constrain the output where the format can be expressed.",
        "few_shot_retrieval": "Put the nearest labelled examples into the prompt.",
        "long_context": "Put the documents into the window, cached, in a fixed order.",
        "rag": "Build the index; tune chunks, search and reranking on retrieval before touching the prompt.",
        "encoder": "Train a small encoder on the labelled examples; `advisor train --method encoder`.",
        "lora": "`advisor data check`, then `advisor train --method lora`; several attempts, best by held-out loss.",
        "qlora": "`advisor data check`, then `advisor train --method qlora`; evaluate on the 4-bit base.",
        "full": "`advisor data check`, then full training; watch general tasks for forgetting.",
        "api_tuning": "Upload the checked data to the vendor; mind its last day for jobs and for serving.",
        "rag_plus_ft": "Build retrieval first; then tune the reader on retrieved passages with distractors.",
    }[approach]
