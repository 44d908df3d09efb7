"""The staged plan: evaluation set first, then the cheapest step that may suffice, each with the number at which one
goes on or stops.

worth of a point   s = mean over samples of (worth of a good answer + cost of a wrong one) x discounted requests while
it runs
stop at a step     q >= E[q_step] + (E[npv_winner] - E[npv_step]) / s           the next step would not pay for itself
ship the winner    q >= E[q_winner] - (E[npv_winner] - max(E[npv_before], 0)) / s    below it, the step before was the
better plan
test items         enough that a paired test shows the difference in four of five cases (Connor 1987)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.costs import DISTILLED_EXAMPLES, EVALUATION_EXAMPLES
from advisor.decision.options import LEVELS
from advisor.decision.result import Spread, Stage
from advisor.decision.summary import spread
from trainers.evaluation.statistics import pairs_needed, smallest_detectable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from advisor.decision.valuation import Outcome, Valuation

    Array = NDArray[np.float64]

STEPS = ("prompting", "few_shot_retrieval", "long_context", "rag")
"""What is tried on the way to something that takes more work."""
MOST_STEPS = 2
Z_95 = 1.96
DISCORDANT_SHARE = 0.2
LEAST_ITEMS, MOST_ITEMS = 100, 600


def staged_plan(winner: Outcome, ranked: Sequence[Outcome], valuation: Valuation, floor: float | None) -> list[Stage]:
    """The steps up to the winner. `ranked` are the options that may be chosen, best first."""
    steps = _steps(winner, ranked)
    items = _test_items(winner, steps, valuation)
    first = _evaluation_stage(items)
    if winner.option.approach == "keep_current":
        return [first, _keep_stage(winner, items)] if np.any(winner.quality > 0.0) else [_nothing_stage()]
    stages = [first]
    for before, step in zip([None, *steps], [*steps, winner], strict=True):
        if step is winner:
            gate = _ship(winner, before, valuation, floor, items)
        else:
            gate = _stop(step, winner, valuation, floor, items)
        stages.append(
            Stage(
                name=step.option.label,
                do=_examples(step, valuation) + INSTRUCTIONS[step.option.approach],
                gate=gate,
                weeks=spread(step.weeks),
                cost_usd=spread(step.upfront_usd),
            )
        )
    stages.append(_decide_again())
    return stages


def _examples(step: Outcome, valuation: Valuation) -> str:
    """What has to be labelled first, where the option is trained on more than there is."""
    if step.option.distilled:
        return f"Have a teacher model write {DISTILLED_EXAMPLES:,} examples and review one in ten. "
    wanted = step.option.labels or 0
    at_hand = int(np.median(np.asarray(valuation.world.number("data.labelled_examples", 0.0))))
    if wanted <= at_hand:
        return ""
    more = f"Label {wanted - at_hand:,} more examples ({wanted:,} in all)" if at_hand else f"Label {wanted:,} examples"
    return f"{more} and have a sample reviewed. "


def _steps(winner: Outcome, ranked: Sequence[Outcome]) -> list[Outcome]:
    """The best option of every cheaper approach that is a step on the way and costs less up front."""
    level = LEVELS[winner.option.approach]
    found: list[Outcome] = []
    for approach in STEPS:
        if LEVELS[approach] >= level or (approach == "rag" and not winner.option.retrieval):
            continue
        best = next((o for o in ranked if o.option.approach == approach), None)
        if best is not None and float(np.median(best.upfront_usd)) < float(np.median(winner.upfront_usd)):
            found.append(best)
    return found[:MOST_STEPS]


def stakes_while_live_usd(outcome: Outcome, valuation: Valuation) -> Array:
    """Shape (samples,): present value of answering all requests well instead of none, while the option runs."""
    stakes = np.asarray(valuation.stakes.value_usd) + np.asarray(valuation.stakes.error_usd)
    result: Array = stakes * valuation.costs.requests * valuation.requests_live(outcome.option, outcome.account)
    return result


def worth_of_quality_usd(outcome: Outcome, valuation: Valuation) -> float:
    """The mean of `stakes_while_live_usd`, to divide by."""
    return max(float(np.mean(stakes_while_live_usd(outcome, valuation))), 1e-9)


def _stop(step: Outcome, winner: Outcome, valuation: Valuation, floor: float | None, items: int) -> str:
    """The number at which this step is enough."""
    gap = float(winner.npv_usd.mean() - step.npv_usd.mean())
    enough = float(step.quality.mean()) + gap / worth_of_quality_usd(step, valuation)
    enough = min(max(enough, floor or 0.0), 0.995)
    at = f"At {enough:.0%} or more on {items} items stop here: what comes next would not pay for itself."
    return f"{_expected(step)} {at} Below that go on."


def _ship(winner: Outcome, before: Outcome | None, valuation: Valuation, floor: float | None, items: int) -> str:
    """The number below which the winner was not worth it."""
    fallback = 0.0 if before is None else max(float(before.npv_usd.mean()), 0.0)
    lead = max(float(winner.npv_usd.mean()) - fallback, 0.0)
    least = float(winner.quality.mean()) - lead / worth_of_quality_usd(winner, valuation)
    least = min(max(least, floor or 0.0, 0.01), 0.995)
    back = "today" if before is None else "the step before"
    at = f"Ship at {least:.0%} or more on {items} items; below that return to {back} and decide again."
    return f"{_expected(winner)} {at}"


def _expected(outcome: Outcome) -> str:
    expected = spread(outcome.quality)
    return f"Expected {expected.p50:.0%} ({expected.p10:.0%} to {expected.p90:.0%}) answered well."


def _test_items(winner: Outcome, steps: Sequence[Outcome], valuation: Valuation) -> int:
    """Enough items to tell the winner from the step before it, in tens; what is at hand when that is more."""
    at_hand = int(np.median(np.asarray(valuation.world.number("data.test_examples", 0.0))))
    wanted = EVALUATION_EXAMPLES
    if steps:
        difference = abs(float(winner.quality.mean() - steps[-1].quality.mean()))
        wanted = math.ceil(pairs_needed(max(difference, 0.01), DISCORDANT_SHARE) / 10) * 10
    return max(min(max(wanted, LEAST_ITEMS), MOST_ITEMS), min(at_hand, MOST_ITEMS))


def _evaluation_stage(items: int) -> Stage:
    points = 100 * smallest_detectable(items, DISCORDANT_SHARE)
    return Stage(
        name="Evaluation set",
        do=f"Collect {items} labelled test items that no step may train on, and write down how a good answer is told "
        f"from a bad one.",
        gate=f"Go on when two people agree on 9 of 10 items. {items} items show differences of {points:.0f} points and "
        f"more.",
        weeks=Spread(p10=0.5, p50=1.0, p90=2.0),
    )


def _keep_stage(winner: Outcome, items: int) -> Stage:
    expected = spread(winner.quality)
    error = Z_95 * math.sqrt(expected.p50 * (1 - expected.p50) / items)
    return Stage(
        name="Keep what runs today",
        do="Leave it as it is, and measure it on the evaluation set: the comparison needs a figure, not an impression.",
        gate=f"Decide again when it answers less than {max(expected.p50 - error, 0.0):.0%} of {items} items well, or "
        f"when volume or spend has doubled.",
    )


def _nothing_stage() -> Stage:
    return Stage(
        name="Do not start yet",
        do="As answered, no plan pays for itself. Find out what a good answer is worth and what a wrong one costs.",
        gate="Decide again when one of the answers named under what would change it has changed.",
    )


def _decide_again() -> Stage:
    return Stage(
        name="Decide again with what was measured",
        do="`advisor evaluate` records the measured quality and latency; `advisor decide` sets them beside this "
        "prediction.",
        gate="Go on when the recommendation stands; otherwise follow the new one.",
    )


INSTRUCTIONS = {
    "swap_model": "Run today's prompt on the new model over the evaluation set and compare item by item.",
    "prompting": "Write and optimise the prompt with fixed examples; constrain the output where its format allows.",
    "few_shot_retrieval": "Put the nearest labelled examples into the prompt.",
    "long_context": "Put the documents into the window, cached, in a fixed order.",
    "rag": "Build the index; tune chunks, search and reranking on retrieval before touching the prompt.",
    "encoder": "Train a small encoder on the labelled examples: `advisor train --method encoder`.",
    "lora": "`advisor data check`, then `advisor train --method lora`; several attempts, the best by held-out loss.",
    "qlora": "`advisor data check`, then `advisor train --method qlora`; evaluate on the 4-bit base.",
    "full": "`advisor data check`, then full training; watch general tasks for forgetting.",
    "api_tuning": "Upload the checked data to the vendor; mind its last day for jobs and for serving.",
    "rag_plus_ft": "Build retrieval first; then tune the reader on retrieved passages with distractors.",
}
