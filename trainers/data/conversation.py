"""A row as a conversation, and the texts that checks compare."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]
ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_INSTRUCTIONS = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One example: the messages that lead to an answer, and the answer as the last of them."""

    line: int
    messages: Sequence[Message]
    id: str | None = None
    group: str | None = None
    tools: Sequence[Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def instructions(self) -> str:
        """What the system or developer says."""
        return "\n".join(text_of(m) for m in self.messages if m["role"] in _INSTRUCTIONS)

    @property
    def question(self) -> str:
        """Everything said before the last answer, without the instructions."""
        return "\n".join(text_of(m) for m in self.messages[:-1] if m["role"] not in _INSTRUCTIONS)

    @property
    def answer(self) -> str:
        """The last message."""
        return text_of(self.messages[-1]) if self.messages else ""

    @property
    def machine_made(self) -> bool:
        """Whether a model wrote the answer and no person has passed it."""
        return self.metadata.get("origin") == "machine" and not self.metadata.get("reviewed")

    def row(self, id_: str | None = None) -> dict[str, Any]:
        """The row as it is written: `id`, `group`, `messages`, `tools`, `metadata`."""
        found: dict[str, Any] = {"id": id_ or self.id or f"line-{self.line}"}
        if self.group is not None:
            found["group"] = self.group
        found["messages"] = list(self.messages)
        if self.tools:
            found["tools"] = list(self.tools)
        if self.metadata:
            found["metadata"] = dict(self.metadata)
        return found


def text_of(message: Message) -> str:
    """What a message says, tool calls included."""
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    calls = message.get("tool_calls")
    return text + json.dumps(calls, sort_keys=True, ensure_ascii=False) if calls else text


def normalised(text: str) -> str:
    """Text by which two rows count as the same: Unicode NFKC, no case, single blanks."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())
