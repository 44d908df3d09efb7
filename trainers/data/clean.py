"""Clean one conversation: the same words in one tidy form. Says what it changed; drops nothing by itself."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from trainers.data.conversation import Conversation, Message
from trainers.data.findings import Problem
from trainers.data.outputs import as_json
from trainers.data.personal import masked

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n?")


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What to do to every row."""

    key_order: tuple[str, ...] | None = None
    """Answers are JSON objects: write them in one form, with these keys first."""
    mask_personal: bool = False


def clean(row: Conversation, how: Cleaning) -> tuple[Conversation, list[str]]:
    """The cleaned row and the names of the changes; the row itself when there are none."""
    changes: dict[str, None] = {}
    messages = [_cleaned(message, how, changes) for message in row.messages]
    messages = _joined(messages, changes)
    if how.key_order is not None and messages[-1]["role"] == "assistant":
        messages[-1] = _one_form(messages[-1], how.key_order, changes)
    if not changes:
        return row, []
    return replace(row, messages=messages), list(changes)


def _cleaned(message: Message, how: Cleaning, changes: dict[str, None]) -> Message:
    text = before = message["content"]
    for name, step in (("line ends", _line_ends), ("control characters", _no_control), ("unicode form", _composed)):
        after = step(text)
        if after != text:
            changes[name] = None
            text = after
    if text != text.strip():
        changes["outer blanks"] = None
        text = text.strip()
    if how.mask_personal and (hidden := masked(text)) != text:
        changes["personal data masked"] = None
        text = hidden
    return message if text is before else {**message, "content": text}


def _line_ends(text: str) -> str:
    return _LINE_END.sub("\n", text) if "\r" in text else text


def _no_control(text: str) -> str:
    return _CONTROL.sub("", text)


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _joined(messages: Sequence[Message], changes: dict[str, None]) -> list[Message]:
    """Two messages in a row of one speaker become one; empty instructions go."""
    found: list[Message] = []
    for message in messages:
        role = message["role"]
        if role in ("system", "developer") and not message["content"]:
            changes["empty instructions removed"] = None
        elif found and found[-1]["role"] == role and role in ("user", "assistant") and not _calls(found[-1], message):
            changes["messages joined"] = None
            found[-1] = {**found[-1], "content": f"{found[-1]['content']}\n\n{message['content']}".strip()}
        else:
            found.append(message)
    return found or list(messages)


def _calls(*messages: Message) -> bool:
    return any(message.get("tool_calls") for message in messages)


def _one_form(message: Message, key_order: Sequence[str], changes: dict[str, None]) -> Message:
    value = as_json(message["content"])
    if isinstance(value, Problem) or not isinstance(value, dict):
        return message
    ordered = {key: value[key] for key in (*key_order, *value) if key in value}
    text = json.dumps(ordered, ensure_ascii=False)
    if text == message["content"]:
        return message
    changes["one JSON form"] = None
    return {**message, "content": text}
