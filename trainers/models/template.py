"""The one place where a conversation becomes text: the model's own chat template, tool definitions included.

The data check, training, evaluation, serving and export all render here, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.base.errors import InvalidDataError
from trainers.data.conversation import Message
from trainers.data.tools import Tools, for_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PROBE = "probe_tool_name"
_PROBE_TOOLS = (
    {
        "type": "function",
        "function": {
            "name": _PROBE,
            "description": "A probe.",
            "parameters": {"type": "object", "properties": {"text": {"type": "string", "description": "A text."}}},
        },
    },
)
_ASKED: tuple[Message, ...] = ({"role": "user", "content": "x"},)
# Mistral's templates refuse ids that are not nine letters or digits.
_CALL = {"id": "callprobe", "type": "function", "function": {"name": _PROBE, "arguments": {"text": "x"}}}


class RefusedByTemplateError(InvalidDataError):
    """The chat template does not take this conversation (a role it does not know, an order it does not allow)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a chat template writes into the text."""

    tools: bool
    """The definitions of tools."""
    calls: bool
    """The tool calls of the assistant."""


def render(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Message],
    tools: Tools = (),
    *,
    answer_next: bool = False,
) -> str:
    """The conversation as the model reads it; with `answer_next` up to where its answer begins.

    Raises `RefusedByTemplateError`, and `InvalidDataError` when the model has no chat template.
    """
    from jinja2 import TemplateError

    if not tokenizer.chat_template:
        raise InvalidDataError("the model has no chat template", fix="use an instruction-tuned model")
    try:
        text: str = tokenizer.apply_chat_template(
            for_template(messages),
            tools=[dict(tool) for tool in tools] or None,
            tokenize=False,
            add_generation_prompt=answer_next,
        )
    except (TemplateError, TypeError) as error:
        raise RefusedByTemplateError(
            f"the model's chat template refuses the conversation: {error}",
            fix="change its roles or their order to what the model knows, or choose another model",
        ) from error
    return text


_known: dict[str, Shown] = {}


def shown_by(tokenizer: PreTrainedTokenizerBase) -> Shown:
    """What the template writes, found by rendering a conversation with and without tools."""
    key = repr(tokenizer.chat_template)
    if key not in _known:
        _known[key] = Shown(tools=_shows_tools(tokenizer), calls=_shows_calls(tokenizer))
    return _known[key]


def _shows_tools(tokenizer: PreTrainedTokenizerBase) -> bool:
    without = render(tokenizer, _ASKED, answer_next=True)
    with_tools = render(tokenizer, _ASKED, _PROBE_TOOLS, answer_next=True)
    return with_tools != without and _PROBE in with_tools


def _shows_calls(tokenizer: PreTrainedTokenizerBase) -> bool:
    """A template that refuses even this will refuse the rows themselves."""
    answer: Message = {"role": "assistant", "content": "", "tool_calls": [_CALL]}
    try:
        return _PROBE in render(tokenizer, (*_ASKED, answer))
    except RefusedByTemplateError:
        return True


def answer_text(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], answer: Message, tools: Tools = ()
) -> str | None:
    """What the template writes for the assistant's answer, without the marks around it; None when it rewrites what
    came before."""
    before = render(tokenizer, messages, tools, answer_next=True)
    whole = render(tokenizer, (*messages, answer), tools)
    if not whole.startswith(before):
        return None
    tokens = tokenizer(whole[len(before) :], add_special_tokens=False)["input_ids"]
    text: str = tokenizer.decode(tokens, skip_special_tokens=True)
    return text.strip()
