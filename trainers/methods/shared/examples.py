"""From rows to tokens: which tokens carry the loss, and what is wrong with a row before money is spent on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.base.errors import InvalidDataError
from advisor.base.files import read_jsonl
from trainers.data.tools import definitions
from trainers.models.template import RefusedByTemplateError, Shown, render, shown_by

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ROLES = {"system", "developer", "user", "assistant", "tool"}


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation and where it stands."""

    line: int
    messages: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...] = ()
    """What the assistant may call, in OpenAI's form."""

    @property
    def calls(self) -> bool:
        """Whether the assistant calls a tool in it."""
        return any(message.get("tool_calls") for message in self.messages)


@dataclass(frozen=True, slots=True)
class Example:
    """One row as tokens. `trained[i]` says whether predicting token i carries loss; `cut` whether an answer was cut."""

    line: int
    tokens: tuple[int, ...]
    trained: tuple[bool, ...]
    cut: bool
    ends: bool
    """Whether every trained span closes with an end-of-turn token, so that the model learns to stop."""
    tools_hidden: bool = False
    """Whether the row defines tools that the chat template does not write."""
    calls_hidden: bool = False
    """Whether the row calls tools and the chat template does not write that: nothing of it is learnt."""

    @property
    def trained_count(self) -> int:
        return sum(self.trained)

    @property
    def first_trained(self) -> int:
        """Index of the first trained token; the length when there is none."""
        return next((i for i, flag in enumerate(self.trained) if flag), len(self.tokens))


def read_rows(path: Path) -> list[Row]:
    """The conversations of a JSONL file: `messages`, or `prompt` and `completion`. Raises `InvalidDataError`."""
    rows = [
        Row(line, _messages(value, f"{path}:{line}"), definitions(value.get("tools")))
        for line, value in read_jsonl(path)
    ]
    if not rows:
        raise InvalidDataError("the file has no rows", where=str(path), fix="give at least one conversation a line")
    return rows


def _messages(value: dict[str, Any], where: str) -> tuple[dict[str, Any], ...]:
    if "prompt" in value and "completion" in value:
        pair = (("user", value["prompt"]), ("assistant", value["completion"]))
        messages: Any = [{"role": role, "content": content} for role, content in pair]
    else:
        messages = value.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidDataError(
            "no 'messages' list, nor 'prompt' and 'completion'", where=where, fix="run: advisor data prepare"
        )
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise InvalidDataError(f"each message needs a role of {', '.join(sorted(_ROLES))}", where=where)
        if not isinstance(message.get("content"), str) and not message.get("tool_calls"):
            raise InvalidDataError("each message needs text in 'content'", where=where)
    if messages[-1]["role"] != "assistant":
        raise InvalidDataError("the last message is not the assistant's: there is nothing to learn", where=where)
    return tuple(messages)


def encode(tokenizer: PreTrainedTokenizerBase, rows: Iterable[Row], *, max_tokens: int | None = None) -> list[Example]:
    """Tokens and loss mask of every row, with the model's own chat template.

    Loss falls on what the assistant says, its end-of-turn token included, and on nothing else. Raises
    `InvalidDataError` when the model has no chat template or its tokenizer cannot say where a token stands.
    """
    if not tokenizer.chat_template:
        raise InvalidDataError("the model has no chat template", fix="use an instruction-tuned model")
    if not tokenizer.is_fast:
        raise InvalidDataError("the model has no fast tokenizer, so answers cannot be located in the text")
    specials = _end_tokens(tokenizer)
    return [_encode_row(tokenizer, row, specials, max_tokens) for row in rows]


def _shown(tokenizer: PreTrainedTokenizerBase, row: Row) -> Shown:
    """What the template writes of what this row has."""
    return shown_by(tokenizer) if row.tools or row.calls else Shown(tools=True, calls=True)


def _end_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    added = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    return tuple(dict.fromkeys([*tokenizer.all_special_tokens, *added]))


def _encode_row(
    tokenizer: PreTrainedTokenizerBase, row: Row, specials: Sequence[str], max_tokens: int | None
) -> Example:
    shown = _shown(tokenizer, row)
    try:
        text, spans, ends = _spans(tokenizer, row, specials, shown)
    except RefusedByTemplateError as error:
        raise RefusedByTemplateError(error.what, where=f"line {row.line}", fix=error.fix) from error
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    tokens: list[int] = encoded["input_ids"]
    offsets: list[tuple[int, int]] = encoded["offset_mapping"]
    trained = [any(low <= start and stop <= high for low, high in spans) for start, stop in offsets]
    keep = len(tokens) if max_tokens is None else max_tokens
    return Example(
        row.line,
        tuple(tokens[:keep]),
        tuple(trained[:keep]),
        any(trained[keep:]),
        ends,
        tools_hidden=bool(row.tools) and not shown.tools,
        calls_hidden=row.calls and not shown.calls,
    )


def _spans(
    tokenizer: PreTrainedTokenizerBase, row: Row, specials: Sequence[str], shown: Shown
) -> tuple[str, list[tuple[int, int]], bool]:
    """The rendered row, the character spans of the assistant's turns, and whether each closes with an end token."""
    messages = list(row.messages)
    text = render(tokenizer, messages, row.tools)
    spans: list[tuple[int, int]] = []
    ends = True
    for index, message in enumerate(messages):
        if message["role"] != "assistant" or not _says_something(message, shown):
            continue  # an empty answer teaches nothing but to be silent
        before = render(tokenizer, messages[:index], row.tools, answer_next=True)
        upto = text if index == len(messages) - 1 else render(tokenizer, messages[: index + 1], row.tools)
        if not text.startswith(upto):
            continue  # a template that rewrites earlier turns: only the turns it keeps as they were can be trained
        start = len(before) if upto.startswith(before) else upto.rfind(message.get("content") or "")
        stop, closed = _end_of_turn(upto, start, specials)
        if start >= 0:
            spans.append((start, stop))
            ends = ends and closed
    return text, spans, ends


def _says_something(message: dict[str, Any], shown: Shown) -> bool:
    """Whether the template writes something of the assistant's message."""
    return bool((message.get("tool_calls") and shown.calls) or (message.get("content") or "").strip())


def _end_of_turn(text: str, start: int, specials: Sequence[str]) -> tuple[int, bool]:
    """Where the turn that starts at `start` ends: after its last special token, before a newline."""
    last = max(
        (text.rfind(token, max(start, 0)) + len(token) for token in specials if token in text[start:]), default=-1
    )
    if last >= 0 and not text[last:].strip():
        return last, True
    return len(text), False
