"""Tool definitions and tool calls: the forms in which they come, and the one in which we compare them.

A definition is OpenAI's `{"type": "function", "function": {"name", "description", "parameters"}}`; the bare inner
object is taken as well. A call is compared as `{"name": ..., "arguments": {...}}`, wherever it was written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainers.data.conversation import Message

Tools = Sequence[Mapping[str, Any]]

_ARGUMENTS = ("arguments", "parameters")
"""What the arguments of a call are called: by OpenAI, Hermes, Qwen, Mistral and Granite, and by Llama."""


def definitions(value: Any) -> tuple[dict[str, Any], ...]:
    """The tools of a row in OpenAI's form; `value` is a list or, as some data sets have it, a list written as JSON."""
    found = _read(value)
    entries = [_read(entry) for entry in found] if isinstance(found, list) else []
    return tuple(_definition(entry) for entry in entries if isinstance(entry, dict))


def _read(value: Any) -> Any:
    """JSON text read as JSON, everything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _definition(entry: dict[str, Any]) -> dict[str, Any]:
    inner = entry if "function" in entry or "name" not in entry else {"function": entry}
    return {"type": "function", **inner}


def names(tools: Tools) -> set[str]:
    """What the defined tools are called."""
    functions = (tool.get("function") for tool in tools)
    return {str(function["name"]) for function in functions if isinstance(function, dict) and function.get("name")}


def plain_call(call: Any) -> dict[str, Any] | None:
    """A call as `{"name", "arguments"}` with the arguments as an object; None when it is no call."""
    inner = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        return None
    given = next((inner[key] for key in _ARGUMENTS if key in inner), None)
    arguments = _read(given) if given not in (None, "") else {}
    return {"name": inner["name"], "arguments": arguments}


def plain_calls(calls: Any) -> list[dict[str, Any]]:
    """Every call of a message's `tool_calls`."""
    listed = calls if isinstance(calls, list) else []
    return [call for call in map(plain_call, listed) if call is not None]


def calls_in(text: str, tools: Tools) -> list[dict[str, Any]]:
    """The calls of defined tools that a model wrote into its answer as JSON, in their order.

    So write the templates of Hermes, Qwen, Llama, Mistral and Granite, each between marks of its own. JSON that names
    no defined tool is no call.
    """
    known = names(tools)
    if not known or "{" not in text:
        return []
    found = (plain_call(value) for value in _json_values(text) if _has_arguments(value))
    return [call for call in found if call is not None and call["name"] in known]


def _has_arguments(value: dict[str, Any]) -> bool:
    inner = value.get("function", value)
    return isinstance(inner, dict) and any(key in inner for key in _ARGUMENTS)


def _json_values(text: str) -> Iterator[dict[str, Any]]:
    """The outermost JSON objects in a text, those of a list one by one."""
    decoder = json.JSONDecoder()
    place = 0
    while (start := text.find("{", place)) >= 0:
        try:
            value, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            place = start + 1
            continue
        yield value


def as_answer(text: str, tools: Tools) -> str:
    """An answer as it is compared: its calls as a JSON list where it makes some, else the text."""
    calls = calls_in(text, tools)
    return written(calls) if calls else text


def written(calls: Sequence[Mapping[str, Any]]) -> str:
    """Calls as one line of JSON."""
    return json.dumps(list(calls), ensure_ascii=False, sort_keys=True)


def for_template(messages: Sequence[Message]) -> list[Message]:
    """Messages as chat templates want them: arguments as objects, text where there is none."""
    return [_for_template(message) for message in messages]


def _for_template(message: Message) -> Message:
    if not message.get("tool_calls"):
        return message
    calls = []
    for call in message["tool_calls"]:
        if (plain := plain_call(call)) is not None:
            mark = {"id": call["id"]} if call.get("id") else {}
            calls.append({**mark, "type": "function", "function": plain})
    return {**message, "content": message.get("content") or "", "tool_calls": calls}


def for_protocol(messages: Sequence[Message]) -> list[Message]:
    """Messages as OpenAI's protocol wants them: arguments as JSON text, every call with an id that its result names."""
    made: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message.get("tool_calls"):
            calls = _protocol_calls(message["tool_calls"], len(made))
            waiting = [call["id"] for call in calls]
            made.append({**message, "content": message.get("content") or None, "tool_calls": calls})
        elif message["role"] == "tool":
            mark = message.get("tool_call_id") or (waiting[0] if waiting else f"call_{len(made)}")
            waiting = [other for other in waiting if other != mark]
            made.append({**message, "tool_call_id": mark})
        else:
            made.append(message)
    return made


def _protocol_calls(calls: Sequence[Any], place: int) -> list[dict[str, Any]]:
    found = []
    for number, call in enumerate(calls):
        plain = plain_call(call)
        if plain is None:
            continue
        mark = str(call.get("id") or f"call_{place}_{number}")
        function = {"name": plain["name"], "arguments": json.dumps(plain["arguments"], ensure_ascii=False)}
        found.append({"id": mark, "type": "function", "function": function})
    return found
