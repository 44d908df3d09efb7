"""Tokens of one request as an option sends it.

prompted     in + the approach's additions (retrieved examples or passages, the whole corpus), out (+ thinking for deep
tasks)
tuned        in shorter by the instructions and examples that training replaces, never below what the user wrote
encoder      in cut at its window, no output tokens
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advisor.decision.options import Option
    from advisor.decision.world import World

    Array = NDArray[np.float64]
    Amount = Array | float

FEW_SHOT_EXAMPLES = 5
FEW_SHOT_MOST_TOKENS = 8000.0
RETRIEVED_TOKENS = (1200.0, 5000.0)
"""P10 and P90 of passages put into the prompt: 3 to 10 chunks of 400 to 500 tokens (usual RAG set-ups)."""
THINKING_TOKENS = (300.0, 2500.0)
"""P10 and P90 of thinking before a deep answer, by a reasoning model (judgement)."""
STEPS_TOKENS = (150.0, 800.0)
"""The same of a model that writes its steps down instead (judgement)."""
TUNED_INPUT_SHARE = (0.55, 0.95)
"""Share of the input that a tuned model still needs: training replaces part of the instructions and examples."""
ENCODER_TOKENS = 512.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """Of one request: sent, answered, and the part of the sent ones that is the same in every request."""

    sent: Amount
    answered: Amount
    repeated: Amount


class TokenModel:
    """Tokens by kind of option, each kind computed once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.input = world.number("traffic.input_tokens", 800.0)
        self.output = np.maximum(world.number("traffic.output_tokens", 200.0), 1.0)
        self.corpus = world.number("knowledge.corpus_tokens", 50_000.0)
        self._repeated = self.input * world.number("traffic.cached_input_share", 0.0)
        self._known: dict[tuple[object, ...], Tokens] = {}

    def of(self, option: Option) -> Tokens:
        """The tokens of `option`'s requests."""
        key = self.key(option)
        if key not in self._known:
            self._known[key] = self._count(option)
        return self._known[key]

    def key(self, option: Option) -> tuple[object, ...]:
        """Options with equal keys send the same tokens."""
        thinks = option.deployment is not None and option.deployment.reasoning
        approach = option.approach if option.approach in ("few_shot_retrieval", "long_context") else ""
        return (approach, option.retrieval, option.training == "encoder", option.training != "none", thinks)

    def _count(self, option: Option) -> Tokens:
        if option.training == "encoder":
            return Tokens(np.minimum(self.input, ENCODER_TOKENS), 0.0, 0.0)
        sent, repeated = self.input, self._repeated
        if option.training != "none":
            low, high = TUNED_INPUT_SHARE
            saved = (1.0 - low - (high - low) * self.world.points.uniform("tokens.shorter_prompt")) * sent
            sent, repeated = sent - saved, np.maximum(repeated - saved, 0.0)
        if option.approach == "few_shot_retrieval":
            examples = FEW_SHOT_EXAMPLES * (np.minimum(self.input, 800.0) + self.output)
            sent = sent + np.minimum(examples, FEW_SHOT_MOST_TOKENS)
        elif option.retrieval:
            sent = sent + self.world.lognormal("tokens.retrieved", *RETRIEVED_TOKENS)
        elif option.approach == "long_context":
            sent, repeated = sent + self.corpus, repeated + 0.8 * self.corpus
        return Tokens(sent, self._answered(option), repeated)

    def _answered(self, option: Option) -> Amount:
        """The answer, with the thinking or the written steps that a deep task takes, tuned or not."""
        deep = np.asarray(self.world.facts.get("task.reasoning") == "deep")
        if not np.any(deep):
            return self.output
        reasoning = option.deployment is not None and option.deployment.reasoning
        span = THINKING_TOKENS if reasoning else STEPS_TOKENS
        return self.output + np.where(deep, self.world.lognormal("tokens.thinking", *span), 0.0)
