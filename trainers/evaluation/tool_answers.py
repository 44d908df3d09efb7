"""Answers that call tools, in the one form in which they are compared: a JSON list of names and arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainers.data.tools import as_answer, plain_calls, written
from trainers.evaluation.items import Item
from trainers.models.template import answer_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def as_answered(text: str, item: Item, tokenizer: PreTrainedTokenizerBase) -> str:
    """What a local model wrote, its tool calls as JSON.

    A template that writes calls as something else than JSON is not read back: there a call counts as the right one
    when it stands as the template would have written that.
    """
    if not item.tools:
        return text
    found = as_answer(text, item.tools)
    if found == text and item.calls:
        right = answer_text(tokenizer, item.messages, item.answer, item.tools)
        if right is not None and right == text.strip():
            return written(plain_calls(item.answer["tool_calls"]))
    return found


def as_served(message: Any, item_tools: Any) -> str:
    """What a server answered: its `tool_calls` where it makes some, else those in its text, else the text."""
    calls = plain_calls([call.model_dump() for call in message.tool_calls or ()])
    return written(calls) if calls else as_answer(message.content or "", item_tools)
