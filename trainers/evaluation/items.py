"""Test items and predictions as they lie in JSONL files.

A test line has an `id` and what is right: `expected` (text or any JSON value), or `messages` whose last turn is the
assistant's: its text, or the tool calls it makes. A prediction line has `id` and `output`. Every mistake is named with
file, line and how to mend it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from advisor.base.errors import InvalidDataError
from advisor.base.files import dump_json, read_jsonl
from trainers.data.tools import definitions, plain_calls
from trainers.evaluation.metrics._text import trimmed

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Item:
    """One test item. `messages` is the conversation before the answer; empty when the file holds answers only."""

    id: str
    expected: Any
    messages: tuple[dict[str, Any], ...] = ()
    row: dict[str, Any] = field(default_factory=dict)
    """The line as it stands in the file, for groups and slices."""

    @property
    def tools(self) -> tuple[dict[str, Any], ...]:
        """What may be called, in OpenAI's form."""
        return definitions(self.row.get("tools"))

    @property
    def answer(self) -> dict[str, Any]:
        """The right answer as a message; tool calls as they stand in the file."""
        messages = self.row.get("messages")
        last = messages[-1] if isinstance(messages, list) and messages else None
        if isinstance(last, dict) and last.get("role") == "assistant" and plain_calls(last.get("tool_calls")):
            return dict(last)
        return {"role": "assistant", "content": trimmed(self.expected)}

    @property
    def calls(self) -> bool:
        """Whether the right answer is a tool call."""
        return bool(self.answer.get("tool_calls"))


def read_test(path: Path) -> list[Item]:
    """The items of a test file, in order. Raises `InvalidDataError`."""
    items: list[Item] = []
    lines: dict[str, int] = {}
    for line, row in read_jsonl(path):
        where = f"{path}:{line}"
        item = _item(row, where)
        if item.id in lines:
            raise _twice(item.id, lines[item.id], where)
        lines[item.id] = line
        items.append(item)
    if not items:
        raise InvalidDataError("the test file has no items", where=str(path), fix="give at least one item a line")
    return items


def _item(row: dict[str, Any], where: str) -> Item:
    identity = _identity(row, where)
    if "expected" in row:
        if row["expected"] is None:
            raise InvalidDataError("'expected' is null", where=where, fix="say what is right, or drop the line")
        return Item(identity, row["expected"], _prompt(row), row)
    messages = row.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages) or not messages:
        raise InvalidDataError(
            "neither 'expected' nor 'messages'", where=where, fix='write {"id": ..., "expected": ...}'
        )
    last = messages[-1]
    calls = plain_calls(last.get("tool_calls"))
    if last.get("role") != "assistant" or not (calls or isinstance(last.get("content"), str)):
        raise InvalidDataError("the last message is not the assistant's text: nothing says what is right", where=where)
    return Item(identity, calls or last["content"], tuple(messages[:-1]), row)


def _prompt(row: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The conversation of a line that has `expected` and `messages`; the answer is cut off if it is there."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return ()
    answered = messages and messages[-1].get("role") == "assistant"
    return tuple(messages[:-1] if answered else messages)


def _identity(row: dict[str, Any], where: str) -> str:
    identity = row.get("id")
    if isinstance(identity, bool) or not isinstance(identity, str | int) or identity == "":
        what = "no 'id'" if "id" not in row else f"the id {identity!r} is neither text nor a whole number"
        raise InvalidDataError(what, where=where, fix='give each line an id of its own: {"id": "17", ...}')
    return str(identity)


def _twice(identity: str, line: int, where: str) -> InvalidDataError:
    return InvalidDataError(
        f"the id {identity!r} is there twice (first in line {line})", where=where, fix="keep one line an id"
    )


def read_predictions(path: Path, items: Sequence[Item], *, missing_is_wrong: bool = False) -> list[str]:
    """The output for every item, in the order of the items. Raises `InvalidDataError`.

    An item without a prediction is an error, or with `missing_is_wrong` the empty answer; a prediction for an id that
    the test file does not have is always an error.
    """
    outputs: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, row in read_jsonl(path):
        where = f"{path}:{line}"
        identity = _identity(row, where)
        if identity in lines:
            raise _twice(identity, lines[identity], where)
        lines[identity] = line
        outputs[identity] = _output(row, where)
    known = {item.id for item in items}
    if unknown := [identity for identity in outputs if identity not in known]:
        raise InvalidDataError(
            f"{_count(unknown, 'prediction')} for no item of the test file: {_some(unknown)}",
            where=f"{path}:{lines[unknown[0]]}",
            fix="predict the items of this test file, and only those",
        )
    missing = [item.id for item in items if item.id not in outputs]
    if missing and not missing_is_wrong:
        raise InvalidDataError(
            f"{_count(missing, 'item')} without a prediction: {_some(missing)}",
            where=str(path),
            fix="add the missing lines, or count them as wrong with --missing wrong",
        )
    return [outputs.get(item.id, "") for item in items]


def _output(row: dict[str, Any], where: str) -> str:
    output = row.get("output")
    if output is None:
        what = "'output' is null" if "output" in row else "no 'output'"
        raise InvalidDataError(what, where=where, fix='write {"id": ..., "output": "..."}; "" is an empty answer')
    return output if isinstance(output, str) else dump_json(output)


def _count(things: Sequence[str], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def _some(things: Iterable[str]) -> str:
    listed = list(things)
    return ", ".join(map(repr, listed[:_SHOWN])) + (", ..." if len(listed) > _SHOWN else "")
