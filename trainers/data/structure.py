"""Is a conversation well formed: roles in order, an answer to learn, tool calls that fit together, clean text?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from trainers.data.conversation import Conversation, Message
from trainers.data.findings import Problem
from trainers.data.tools import names, plain_calls

# U+FFFD is what a decoder leaves of broken bytes; the pairs are UTF-8 that was read as Latin-1.
_BROKEN = re.compile("�|Ã[\x80-\xbf]|â€[™œ\x9d“”˜¦]|Â[\xa0-\xbf]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def look(conversation: Conversation) -> Iterator[Problem]:
    """Everything wrong with the form of one conversation; `dropped` problems make it useless for training."""
    messages = conversation.messages
    if messages[-1]["role"] != "assistant":
        yield Problem("no_answer", f"the last message is the {messages[-1]['role']}'s: there is nothing to learn")
    elif not _says_something(messages[-1]):
        yield Problem("empty_answer", "the answer is empty")
    if not any(m["role"] in ("user", "tool") and m["content"].strip() for m in messages):
        yield Problem("empty_prompt", "nothing is asked", dropped=False)
    yield from _order(messages)
    yield from _tools(messages)
    if conversation.tools:
        yield from _definitions(conversation)
    yield from _text(messages)


def _says_something(message: Message) -> bool:
    return bool(message["content"].strip() or message.get("tool_calls"))


def _order(messages: Any) -> Iterator[Problem]:
    """Instructions first, then user and assistant in turn; results of tools follow a call."""
    before: str | None = None
    for number, message in enumerate(messages, start=1):
        role = message["role"]
        if role in ("system", "developer"):
            if before not in (None, "system", "developer"):
                yield Problem("system_not_first", f"message {number} is the {role}'s but not the first")
                return
        elif role == before and role != "tool":
            yield Problem("role_repeated", f"messages {number - 1} and {number} are both the {role}'s", dropped=False)
            return
        elif role == "assistant" and before in (None, "system", "developer"):
            yield Problem("assistant_first", "the assistant speaks before anyone asked", dropped=False)
            return
        before = role


def _tools(messages: Any) -> Iterator[Problem]:
    """Each result answers a call; each call has a name and arguments that are JSON."""
    open_calls: set[str] = set()
    called = False
    for number, message in enumerate(messages, start=1):
        for call in message.get("tool_calls") or ():
            called = True
            fault = _call_fault(call)
            if fault:
                yield Problem("bad_tool_call", f"message {number}: {fault}")
                return
            if call.get("id"):
                open_calls.add(call["id"])
        if message["role"] == "tool":
            name = message.get("tool_call_id")
            if not called or (name is not None and open_calls and name not in open_calls):
                yield Problem("orphan_tool_result", f"message {number} is a tool's result that nothing called for")
                return


def _definitions(conversation: Conversation) -> Iterator[Problem]:
    """Each tool has a name, and what is called is defined."""
    tools = conversation.tools or ()
    known = names([tool for tool in tools if isinstance(tool, dict)])
    if len(known) < len(tools):
        yield Problem("bad_tool", "a tool without the name of its function, or two of one name", dropped=False)
    called = (call for message in conversation.messages for call in plain_calls(message.get("tool_calls")))
    missing = next((call["name"] for call in called if call["name"] not in known), None)
    if missing is not None:
        yield Problem("undefined_tool", f"{missing!r} is called and not defined", dropped=False)


def _call_fault(call: Any) -> str | None:
    if not isinstance(call, dict):
        return "a tool call must be an object"
    function = call.get("function", call)
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return "a tool call has no function name"
    arguments = function.get("arguments", {})
    if isinstance(arguments, dict):
        return None
    try:
        return None if isinstance(json.loads(arguments), dict) else "the arguments of a tool call must be a JSON object"
    except (TypeError, ValueError):
        return "the arguments of a tool call are not JSON"


def _text(messages: Any) -> Iterator[Problem]:
    answer = messages[-1]["content"]
    if answer.strip() and answer != answer.strip():
        yield Problem("untidy_answer", "the answer starts or ends with blanks", dropped=False)
    for message in messages:
        content = message["content"]
        if _CONTROL.search(content):
            yield Problem("control_characters", "control characters in the text", dropped=False)
            return
        if not content.isascii() and (found := _BROKEN.search(content)):
            start = max(found.start() - 30, 0)
            yield Problem("broken_characters", content[start : found.end() + 30], dropped=False)
            return
