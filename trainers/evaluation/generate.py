"""Greedy answers from a local model, in batches. Belongs to the child process of an evaluation or of a server.

Prompts of similar length share a batch; what all prompts begin with (a system message, the same examples) is computed
once. Answers stop at the model's own end-of-turn token.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.base.errors import InvalidDataError
from trainers.data.tools import Tools
from trainers.evaluation.constrain import JsonGrammar
from trainers.evaluation.prompts import Messages
from trainers.models.template import render

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from trainers.models.local import Dtype

_BATCH_ROWS = 32
_BATCH_TOKENS = 12_288
"""Prompt and answer tokens of a batch together: bounds the memory of keys and values."""
_FEWEST_SHARED = 16


@dataclass(frozen=True, slots=True)
class Generated:
    """One answer; `seconds` is its share of the batch it was made in, `tokens` includes the one that ended it."""

    text: str
    prompt_tokens: int
    output_tokens: int
    ended: bool
    seconds: float
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to draw tokens instead of taking the likeliest."""

    temperature: float
    top_p: float
    seed: int


class LocalModel:
    """A causal model ready to answer. `name` is what errors call it."""

    def __init__(self, name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.name = name
        self.model = model
        self.tokenizer = tokenizer
        self.end_tokens = end_tokens(model, tokenizer)
        self._grammars: dict[str, JsonGrammar] = {}
        # Greedy: what the checkpoint recommends for sampling would only draw warnings.
        self.model.generation_config.temperature = None
        self.model.generation_config.top_p = None
        self.model.generation_config.top_k = None
        self.model.generation_config.max_length = None

    def encode(self, messages: Messages, tools: Tools = ()) -> list[int]:
        """The prompt's tokens, with the model's chat template. Raises `InvalidDataError` when it has none."""
        text = render(self.tokenizer, messages, tools, answer_next=True)
        tokens: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return tokens

    def count(self, text: str) -> int:
        """How many tokens an answer has."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def answers(
        self,
        prompts: Sequence[Messages],
        *,
        max_new_tokens: int,
        tools: Sequence[Tools] | None = None,
        schema: dict[str, Any] | None = None,
        batch_rows: int = _BATCH_ROWS,
    ) -> Iterator[list[tuple[int, Generated]]]:
        """Batches of (place of the prompt, answer), the shortest prompts first. `tools`: one entry a prompt."""
        import torch

        given = tools or [()] * len(prompts)
        encoded = [self.encode(prompt, own) for prompt, own in zip(prompts, given, strict=True)]
        self._refuse_too_long(encoded, max_new_tokens)
        shared = shared_prefix(encoded) if len(encoded) > 1 else 0
        with torch.inference_mode():
            prefix = self._prefix(encoded[0][:shared]) if shared >= _FEWEST_SHARED else None
            for batch in batches([len(tokens) for tokens in encoded], max_new_tokens, batch_rows):
                began = time.monotonic()
                found = self._generate([encoded[i] for i in batch], prefix, shared, max_new_tokens, schema)
                each = (time.monotonic() - began) / len(batch)
                rows = zip(batch, found, strict=True)
                yield [(place, self._decoded(tokens, len(encoded[place]), each)) for place, tokens in rows]

    def one(
        self,
        messages: Messages,
        *,
        max_new_tokens: int,
        tools: Tools = (),
        schema: dict[str, Any] | None = None,
        sampling: Sampling | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Generated:
        """One answer, greedy unless `sampling` is given; its text goes to `on_text` piece by piece as it comes."""
        import torch

        tokens = self.encode(messages, tools)
        self._refuse_too_long([tokens], max_new_tokens)
        extra: dict[str, Any] = {} if on_text is None else {"streamer": _pieces(self.tokenizer, on_text)}
        if sampling is not None:
            extra |= {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p}
            torch.manual_seed(sampling.seed)
        began = time.monotonic()
        with torch.inference_mode():
            found = self._generate([tokens], None, 0, max_new_tokens, schema, **extra)
        return self._decoded(found[0], len(tokens), time.monotonic() - began)

    def merge_adapter(self) -> bool:
        """Add the adapter to the weights, as most servers do; False when there is none or the base is quantised.

        For timing: the sum is rounded to the dtype of the weights, so answers may differ a little.
        """
        model: Any = self.model
        if not hasattr(model, "merge_and_unload") or getattr(model.get_base_model(), "is_quantized", False):
            return False
        self.model = model.merge_and_unload()
        return True

    def _prefix(self, tokens: list[int]) -> Any:
        """Keys and values of the beginning that all prompts share."""
        import torch

        ids = torch.tensor([tokens], device=self.model.device)
        return self.model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values

    def _generate(
        self,
        prompts: list[list[int]],
        prefix: Any,
        shared: int,
        max_new_tokens: int,
        schema: dict[str, Any] | None,
        **options: Any,
    ) -> list[list[int]]:
        import torch
        from transformers import LogitsProcessorList

        ids, mask = self._padded(prompts, shared if prefix is not None else 0)
        extra: dict[str, Any] = {"do_sample": False, **options}
        if prefix is not None:
            extra["past_key_values"] = _repeated(prefix, len(prompts))
        if schema is not None:
            extra["logits_processor"] = LogitsProcessorList([self._grammar(schema).processor(len(prompts))])
        made = self.model.generate(
            input_ids=torch.tensor(ids, device=self.model.device),
            attention_mask=torch.tensor(mask, device=self.model.device),
            max_new_tokens=max_new_tokens,
            pad_token_id=self._padding,
            eos_token_id=self.end_tokens,
            **extra,
        )
        new: list[list[int]] = made[:, len(ids[0]) :].tolist()
        return new

    def _padded(self, prompts: list[list[int]], shared: int) -> tuple[list[list[int]], list[list[int]]]:
        """Rows of equal length: the shared beginning, padding, the rest. Padding is masked and takes no position."""
        width = max(map(len, prompts))
        gaps = [width - len(prompt) for prompt in prompts]
        rows = zip(prompts, gaps, strict=True)
        ids = [prompt[:shared] + [self._padding] * gap + prompt[shared:] for prompt, gap in rows]
        mask = [[1] * shared + [0] * gap + [1] * (width - shared - gap) for gap in gaps]
        return ids, mask

    def _decoded(self, tokens: list[int], prompt_tokens: int, seconds: float) -> Generated:
        ends = next((i for i, token in enumerate(tokens) if token in self.end_tokens), None)
        kept = tokens[:ends]
        text = self.tokenizer.decode(kept, skip_special_tokens=True)
        count = len(kept) + (ends is not None)
        return Generated(text, prompt_tokens, count, ends is not None, seconds, tuple(tokens[:count]))

    @property
    def _padding(self) -> int:
        token: int | None = self.tokenizer.pad_token_id
        return 0 if token is None else token

    def _grammar(self, schema: dict[str, Any]) -> JsonGrammar:
        key = repr(schema)
        if key not in self._grammars:
            self._grammars[key] = JsonGrammar(self.tokenizer, schema, end_token=self.end_tokens[0])
        return self._grammars[key]

    def _refuse_too_long(self, prompts: Sequence[list[int]], max_new_tokens: int) -> None:
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        longest = max(map(len, prompts))
        if limit is not None and longest + max_new_tokens > limit:
            raise InvalidDataError(
                f"the longest prompt has {longest} tokens, an answer up to {max_new_tokens}; the model takes {limit}",
                where=self.name,
                fix="show fewer examples (--shots) or allow shorter answers (--max-new-tokens)",
            )


def _pieces(tokenizer: PreTrainedTokenizerBase, on_text: Callable[[str], None]) -> Any:
    """A streamer that hands on finished pieces of text."""
    from transformers import TextStreamer

    class Pieces(TextStreamer):  # type: ignore[misc]  # transformers is not typed here
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            if text:
                on_text(text)

    return Pieces(tokenizer, skip_prompt=True, skip_special_tokens=True)


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokens that end an answer: what the template closes a turn with, the tokenizer's and the model's own."""
    found = [_closing_token(tokenizer), tokenizer.eos_token_id]
    own = model.generation_config.eos_token_id
    found += own if isinstance(own, list) else [own]
    known = [token for token in dict.fromkeys(found) if token is not None]
    if not known:
        raise InvalidDataError("the model has no end-of-turn token", fix="use an instruct model")
    return known


def _closing_token(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The special token after an assistant's turn, when the template writes one."""
    if not tokenizer.chat_template:
        return None
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    text = render(tokenizer, turns)
    special = {token for token, entry in tokenizer.added_tokens_decoder.items() if entry.special}
    tail = tokenizer(text, add_special_tokens=False)["input_ids"][-3:]
    return next((token for token in reversed(tail) if token in special), None)


def shared_prefix(rows: Sequence[list[int]]) -> int:
    """How many tokens all rows begin with; at least one token of every row is left over."""
    shortest = min(map(len, rows)) - 1
    first, last = min(rows), max(rows)
    count = next((i for i in range(shortest) if first[i] != last[i]), shortest)
    return max(count, 0)


def batches(lengths: Sequence[int], new_tokens: int, most_rows: int) -> Iterator[list[int]]:
    """Places of rows that go together: similar lengths, at most `most_rows`, a bounded number of tokens."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batch and (len(batch) == most_rows or (len(batch) + 1) * (lengths[place] + new_tokens) > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _repeated(prefix: Any, rows: int) -> Any:
    cache = copy.deepcopy(prefix)
    cache.batch_repeat_interleave(rows)
    return cache


def load_local(model: str, artefact: Path | None, dtype: Dtype = "auto") -> LocalModel:
    """A base model, or what training made of it: an adapter stays beside the base that it was trained on (merging
    rounds). Raises `InvalidDataError` when the two do not belong together.
    """
    from trainers.models.local import load_model, load_tokenizer
    from trainers.models.trained import is_adapter, load_trained, read_card

    device = _device()
    if artefact is None:
        return LocalModel(model, load_model(model, dtype, attention="sdpa").to(device), load_tokenizer(model))
    card = read_card(artefact)
    if is_adapter(artefact) and card.base != model:
        raise InvalidDataError(f"this adapter belongs to {card.base!r}, not to {model!r}", where=str(artefact))
    loaded, tokenizer = load_trained(artefact, card.dtype, attention="sdpa")
    return LocalModel(str(artefact), loaded.to(device), tokenizer)


def _device() -> torch.device:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
