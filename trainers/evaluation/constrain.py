"""Decoding that can only produce JSON of a schema (llguidance computes which tokens may come next)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from advisor.base.errors import CouldNotError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase


class JsonGrammar:
    """A schema made ready for one tokenizer; `processor` gives a fresh logits processor for a batch."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, schema: dict[str, Any], *, end_token: int) -> None:
        import llguidance
        from llguidance.hf import from_tokenizer

        self._llg = llguidance
        self._end_token = end_token
        self._tokenizer = from_tokenizer(tokenizer, eos_token=end_token)
        # Spaced as json.dumps writes, so that a small model meets the text it saw in the examples.
        self._grammar = llguidance.LLMatcher.grammar_from_json_schema(
            json.dumps(schema),
            defaults={"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "},
        )
        problem = llguidance.LLMatcher.validate_grammar(self._grammar, self._tokenizer)
        if problem:
            raise CouldNotError(f"the schema cannot guide decoding: {problem}", fix="leave --constrain out")

    def processor(self, rows: int) -> JsonProcessor:
        """For one call of `generate` over `rows` prompts."""
        matchers = [self._llg.LLMatcher(self._tokenizer, self._grammar) for _ in range(rows)]
        return JsonProcessor(matchers, self._tokenizer.vocab_size, self._end_token)


class JsonProcessor:
    """Called by `generate` at every step with the tokens so far and the scores of the next."""

    def __init__(self, matchers: list[Any], vocabulary: int, end_token: int) -> None:
        self._matchers = matchers
        self._end_token = end_token
        self._vocabulary = vocabulary
        self._started = False

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        import numpy as np
        import torch
        from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

        if self._started:
            for matcher, token in zip(self._matchers, input_ids[:, -1].tolist(), strict=True):
                if not matcher.is_stopped():
                    matcher.consume_token(token)
        self._started = True
        mask = allocate_token_bitmask(len(self._matchers), self._vocabulary)
        complete = [matcher.is_stopped() for matcher in self._matchers]
        for row, matcher in enumerate(self._matchers):
            if not complete[row]:
                fill_next_token_bitmask(matcher, mask, row)
        allowed = np.unpackbits(mask.view(np.uint8), axis=1, bitorder="little")[:, : scores.shape[1]].astype(bool)
        # Where nothing can follow any more the matcher has no opinion: only the end may come.
        allowed[complete] = np.arange(allowed.shape[1]) == self._end_token
        blocked = torch.ones_like(scores, dtype=torch.bool)
        blocked[:, : allowed.shape[1]] = torch.from_numpy(~allowed).to(scores.device)
        return scores.masked_fill(blocked, float("-inf"))
