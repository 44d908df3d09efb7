"""Examples from logs of an OpenAI-style API: what was asked and what the model answered.

Understood, one JSON object a line: a `request` and a `response` (each bare or with its `body`), a request with the
response in it, batch output (with the batch input given beside it), stored chat completions, the Responses API,
streamed chunks. Calls that failed, were cut off, filtered or refused are left out and listed with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainers.data.conversation import ROLES, Conversation, Message
from trainers.data.findings import Problem
from trainers.data.source import open_source


def read_logs(path: str, requests: Path | None = None) -> Iterator[tuple[int, Conversation | Problem]]:
    """(line, example or why it is none). `requests`: the batch input, for logs that hold only responses."""
    asked = _requests(requests) if requests is not None else {}
    for line, value in open_source(path).rows():
        yield line, value if isinstance(value, Problem) else from_log(line, value, asked)


def _requests(path: Path) -> dict[str, dict[str, Any]]:
    """custom_id -> body, of a batch input file."""
    rows = (value for _, value in open_source(str(path)).rows() if isinstance(value, dict))
    return {
        str(row["custom_id"]): row["body"] for row in rows if "custom_id" in row and isinstance(row.get("body"), dict)
    }


def from_log(line: int, value: dict[str, Any], asked: Mapping[str, dict[str, Any]]) -> Conversation | Problem:
    """One logged call as an example."""
    name = value.get("custom_id")
    request = _body(value.get("request")) or _body(value.get("body")) or asked.get(str(name)) or value
    failed = _failure(value)
    if failed is not None:
        return Problem("call_failed", failed)
    response = _body(value.get("response")) or _body(value.get("completion")) or value
    if isinstance(value.get("response"), str):
        response = _streamed(value["response"]) or response
    messages = _asked_messages(request)
    if messages is None:
        return Problem("no_request", "there is no prompt in this line (for batch output, give the input: --requests)")
    answer = _answer(response)
    if isinstance(answer, Problem):
        return answer
    model = response.get("model") or request.get("model")
    metadata = {"origin": "machine", "source": "log", "model": model, "created": response.get("created")}
    user = request.get("user") or request.get("safety_identifier")
    return Conversation(
        line=line,
        messages=[*messages, answer],
        id=str(name or value.get("id") or response.get("id") or f"log-{line}"),
        group=str(user) if user else None,
        tools=request.get("tools"),
        metadata={key: item for key, item in metadata.items() if item is not None},
    )


def _body(part: Any) -> dict[str, Any] | None:
    """The body of a request or response, which may be wrapped, or be a list of streamed chunks."""
    if isinstance(part, list):
        return _joined_chunks(part)
    if not isinstance(part, dict):
        return None
    body = part.get("body")
    return body if isinstance(body, dict) else part


def _failure(value: dict[str, Any]) -> str | None:
    response = value.get("response")
    status = response.get("status_code") if isinstance(response, dict) else value.get("status_code")
    if isinstance(status, int) and status >= 400:
        return f"the call ended with status {status}"
    body = _body(response)
    error = value.get("error") or (body or {}).get("error")
    if error:
        return f"the call failed: {str(error.get('message', error) if isinstance(error, dict) else error)[:120]}"
    return None


def _streamed(text: str) -> dict[str, Any] | None:
    """The chunks of a server-sent event stream that was logged as text."""
    chunks = []
    for part in text.splitlines():
        data = part.removeprefix("data:").strip()
        if data and data != "[DONE]":
            try:
                chunks.append(json.loads(data))
            except ValueError:
                return None
    return _joined_chunks(chunks)


def _joined_chunks(chunks: list[Any]) -> dict[str, Any] | None:
    """Streamed chunks as one completion."""
    if not chunks or not all(isinstance(chunk, dict) for chunk in chunks):
        return None
    texts: list[str] = []
    ended: str | None = None
    for chunk in chunks:
        for choice in (chunk.get("choices") or [])[:1]:
            texts.append((choice.get("delta") or {}).get("content") or "")
            ended = choice.get("finish_reason") or ended
    first = {key: chunks[0].get(key) for key in ("id", "model", "created")}
    return {**first, "choices": [{"message": {"role": "assistant", "content": "".join(texts)}, "finish_reason": ended}]}


def _asked_messages(request: dict[str, Any]) -> list[Message] | None:
    """What was asked: chat messages, the Responses API's instructions and input, or a plain prompt."""
    turns = request.get("messages", request.get("input", request.get("prompt")))
    if isinstance(turns, str):
        turns = [{"role": "user", "content": turns}]
    if not isinstance(turns, list):
        return None
    found: list[Message] = []
    if isinstance(request.get("instructions"), str):
        found.append({"role": "system", "content": request["instructions"]})
    for turn in turns:
        if not isinstance(turn, dict) or turn.get("role") not in ROLES:
            return None
        message: Message = {"role": turn["role"], "content": _text(turn.get("content"))}
        found.append(message | {key: turn[key] for key in ("tool_calls", "tool_call_id", "name") if turn.get(key)})
    return found if any(m["role"] == "user" for m in found) else None


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    kinds = ("text", "input_text", "output_text")
    return "".join(p.get("text", "") for p in parts if isinstance(p, dict) and p.get("type") in kinds)


def _answer(response: dict[str, Any]) -> Message | Problem:
    if isinstance(response.get("output"), list):
        return _responses_answer(response)
    choices = response.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return Problem("no_response", "there is no answer in this line")
    choice = choices[0]
    message = choice.get("message")
    if not isinstance(message, dict):
        message = {"content": choice.get("text")}
    fault = _fault(choice.get("finish_reason"), message)
    if fault is not None:
        return fault
    answer: Message = {"role": "assistant", "content": _text(message.get("content"))}
    if message.get("tool_calls"):
        answer["tool_calls"] = message["tool_calls"]
    return (
        answer if answer["content"].strip() or "tool_calls" in answer else Problem("empty_answer", "nothing was said")
    )


def _fault(reason: Any, message: dict[str, Any]) -> Problem | None:
    if reason in ("length", "max_tokens"):
        return Problem("answer_cut", "the answer was cut off at the token limit")
    if reason == "content_filter":
        return Problem("filtered", "the answer was stopped by a content filter")
    return Problem("refused", "the model refused") if message.get("refusal") else None


def _responses_answer(response: dict[str, Any]) -> Message | Problem:
    """The answer in the Responses API's form."""
    if response.get("status") == "incomplete":
        return Problem("answer_cut", "the answer was not completed")
    texts = [_text(item.get("content")) for item in response["output"] if _says(item)]
    text = "".join(texts)
    return {"role": "assistant", "content": text} if text.strip() else Problem("empty_answer", "nothing was said")


def _says(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type", "message") == "message" and item.get("role") == "assistant"
