"""Which columns hold the conversation: the form of a file is detected, shown, and can be set.

Forms: chat messages (`messages`), ShareGPT turns (`conversations` of `from` and `value`), and pairs of columns under
whatever names: prompt/completion, instruction/input/output, question/answer, text/label, input/expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from advisor.base.errors import InvalidDataError, UsageError
from trainers.data.conversation import ROLES, Conversation, Message
from trainers.data.findings import Problem
from trainers.data.lines import Parsed, kind_of
from trainers.data.tools import definitions

_ENOUGH_SHARE = 0.6
"""A form is taken when this share of the first rows has its columns: some rows may be broken."""


class Form(StrEnum):
    """How the rows hold their conversation."""

    MESSAGES = "messages"
    SHAREGPT = "sharegpt"
    PROMPT_COMPLETION = "prompt_completion"
    INSTRUCTION = "instruction"
    QUESTION_ANSWER = "question_answer"
    TEXT_LABEL = "text_label"
    INPUT_EXPECTED = "input_expected"
    PAIR = "pair"


_TURN_COLUMNS = ("messages", "conversations", "conversation", "chat", "turns", "dialogue")
_PAIRS: Sequence[tuple[Form, Sequence[str], Sequence[str], Sequence[str]]] = (
    # form, columns of the prompt, columns of the answer, columns that go before the prompt when they are there
    (Form.PROMPT_COMPLETION, ("prompt",), ("completion", "response", "answer", "output"), ()),
    (Form.INSTRUCTION, ("instruction",), ("output", "response", "completion", "answer"), ("input", "context")),
    (Form.QUESTION_ANSWER, ("question", "query"), ("answer", "response"), ("context",)),
    (Form.TEXT_LABEL, ("text", "sentence", "document"), ("label", "category", "class", "labels"), ()),
    (Form.INPUT_EXPECTED, ("input", "source"), ("expected", "output", "target", "label"), ()),
)
_SYSTEM = ("system", "system_prompt")
_IDS = ("id", "_id", "uuid", "row_id", "custom_id")
_GROUPS = (
    "group", "group_id", "customer", "customer_id", "user_id", "document", "document_id", "doc_id", "source_id",
    "thread_id", "session_id", "conversation_id", "ticket_id",
)  # fmt: skip
_SPEAKERS = {
    "human": "user", "user": "user", "prompter": "user", "gpt": "assistant", "assistant": "assistant",
    "chatgpt": "assistant", "bot": "assistant", "model": "assistant", "system": "system", "tool": "tool",
    "function_response": "tool", "observation": "tool", "developer": "developer",
}  # fmt: skip
PARTS = ("messages", "prompt", "answer", "context", "system", "id", "group", "tools", "metadata")
"""What a column can be mapped to."""


@dataclass(frozen=True, slots=True)
class RowMapping:
    """The form and the column of each part. A dotted name reaches into nested objects."""

    form: Form
    columns: Mapping[str, str] = field(default_factory=dict)
    system: str | None = None
    """Fixed instructions put before rows that have none."""

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"form": self.form.value, "columns": dict(self.columns)}
        return found | {"system": self.system} if self.system else found

    def describe(self) -> str:
        """ "prompt_completion: prompt <- question, answer <- reply"."""
        return f"{self.form}: " + ", ".join(f"{part} <- {column}" for part, column in self.columns.items())

    def convert(self, line: int, value: Parsed) -> Conversation | Problem:
        """The row as a conversation, or why it cannot be one. Columns without a part are kept as metadata."""
        if isinstance(value, Problem):
            return value
        made = self._turns(value) if "messages" in self.columns else self._pair(value)
        if isinstance(made, Problem):
            return made
        if self.system and made[0]["role"] not in ("system", "developer"):
            made = [{"role": "system", "content": self.system}, *made]
        tools = self._get(value, "tools")
        mapped = {column.split(".")[0] for column in self.columns.values()}
        extra = {key: item for key, item in value.items() if key not in mapped}
        metadata = self._get(value, "metadata")
        defined = definitions(tools)
        if tools and not defined:
            extra["tools"] = tools  # no definitions: whatever it is, it is kept
        return Conversation(
            line=line,
            messages=made,
            id=_label(self._get(value, "id")),
            group=_label(self._get(value, "group")),
            tools=defined or None,
            metadata=extra | metadata if isinstance(metadata, dict) else extra,
        )

    def _get(self, value: dict[str, Any], part: str) -> Any:
        column = self.columns.get(part)
        return None if column is None else reach(value, column)

    def _pair(self, value: dict[str, Any]) -> list[Message] | Problem:
        prompt, answer = self._get(value, "prompt"), self._get(value, "answer")
        for part, found in (("prompt", prompt), ("answer", answer)):
            if found is None:
                return Problem("missing_column", f"no value in {self.columns[part]!r}")
        before = _as_turns(prompt, "user", self.columns["prompt"])
        after = _as_turns(answer, "assistant", self.columns["answer"])
        if isinstance(before, Problem):
            return before
        if isinstance(after, Problem):
            return after
        context = self._get(value, "context")
        if isinstance(context, str) and context.strip():
            # Alpaca's order: the instruction, then the material it is about.
            before[-1] = {**before[-1], "content": f"{before[-1]['content']}\n\n{context}"}
        system = self._get(value, "system")
        if isinstance(system, str) and system.strip():
            before = [{"role": "system", "content": system}, *before]
        return before + after

    def _turns(self, value: dict[str, Any]) -> list[Message] | Problem:
        column = self.columns["messages"]
        turns = reach(value, column)
        if not isinstance(turns, list) or not turns:
            what = "no value" if turns is None else "an empty list" if turns == [] else kind_of(turns)
            return Problem("no_messages", f"{column!r} must be a list of messages, this is {what}")
        messages: list[Message] = []
        for number, turn in enumerate(turns, start=1):
            message = _message(turn, number)
            if isinstance(message, Problem):
                return message
            messages.append(message)
        system = self._get(value, "system")
        if isinstance(system, str) and system.strip() and messages[0]["role"] != "system":
            messages.insert(0, {"role": "system", "content": system})
        return messages


def reach(value: Any, column: str) -> Any:
    """The value of a column; `metadata.customer` reaches into an object. None when it is not there."""
    if isinstance(value, dict) and column in value:
        return value[column]
    for part in column.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _label(value: Any) -> str | None:
    if value is None or isinstance(value, (dict, list)) or value == "":
        return None
    return str(value)


def _as_turns(value: Any, role: str, column: str) -> list[Message] | Problem:
    """A cell as messages: text, a number or truth value (a label), or a list of messages."""
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    if isinstance(value, bool):
        return [{"role": role, "content": str(value).lower()}]
    if isinstance(value, (int, float)):
        return [{"role": role, "content": str(value)}]
    if isinstance(value, list) and value and all(isinstance(turn, dict) and "role" in turn for turn in value):
        turns = [_message(turn, number) for number, turn in enumerate(value, start=1)]
        return next((turn for turn in turns if isinstance(turn, Problem)), turns)  # type: ignore[return-value]
    if isinstance(value, (dict, list)) and role == "assistant":
        import json

        return [{"role": role, "content": json.dumps(value, ensure_ascii=False)}]
    return Problem("wrong_type", f"{column!r} must be text, this is {kind_of(value)}")


def _message(turn: Any, number: int) -> Message | Problem:
    """One turn in our form; keeps tool calls and the ids that belong to them."""
    if not isinstance(turn, dict):
        return Problem("wrong_type", f"message {number} must be an object, this is {kind_of(turn)}")
    role = turn.get("role", turn.get("from"))
    if not isinstance(role, str):
        return Problem("bad_role", f"message {number} has no role")
    known = role if role in ROLES else _SPEAKERS.get(role.lower())
    if known is None:
        return Problem("bad_role", f"message {number} has the role {role!r}")
    content = turn.get("content", turn.get("value"))
    text = _joined(content)
    if text is None and not (content is None and turn.get("tool_calls")):
        return Problem("wrong_type", f"the content of message {number} must be text, this is {kind_of(content)}")
    message: Message = {"role": known, "content": text or ""}
    for key in ("tool_calls", "tool_call_id", "name"):
        if turn.get(key):
            message[key] = turn[key]
    return message


def _joined(content: Any) -> str | None:
    """The text of a content that is text or a list of text parts; None for anything else."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content:
        parts = [
            part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in content
        ]
        return "".join(parts) if all(isinstance(part, str) for part in parts) else None  # type: ignore[arg-type]
    return None


def detect(rows: Iterable[Parsed], *, where: str, system: str | None = None) -> RowMapping:
    """The mapping that fits the first rows. Raises `InvalidDataError` when none does."""
    rows = list(rows)
    values = [row for row in rows if isinstance(row, dict)]
    if not values:
        reason = next((f"; the first: {row.text}" for row in rows if isinstance(row, Problem)), "")
        raise InvalidDataError(f"none of its rows can be read{reason}", where=where, fix="is it the right file?")
    present = {key for value in values for key in value}

    def common(column: str) -> bool:
        return sum(value.get(column) is not None for value in values) >= _ENOUGH_SHARE * len(values)

    found = _detect_turns(values, common) or _detect_pair(common)
    if found is None:
        raise InvalidDataError(
            f"cannot tell which columns hold the conversation (there are: {', '.join(sorted(map(str, present)))})",
            where=where,
            fix="say it: --map prompt=COLUMN --map answer=COLUMN   (or --map messages=COLUMN)",
        )
    form, columns = found
    for part, names in (("system", _SYSTEM), ("id", _IDS), ("group", _GROUPS)):
        column = next((name for name in names if common(name)), None)
        if column and column not in columns.values():
            columns[part] = column
    columns |= {part: part for part in ("tools", "metadata") if part in present}
    return RowMapping(form, columns, system)


def _detect_turns(values: Sequence[dict[str, Any]], common: Any) -> tuple[Form, dict[str, str]] | None:
    for column in _TURN_COLUMNS:
        if not common(column):
            continue
        turns = [turn for value in values if isinstance(value.get(column), list) for turn in value[column]]
        speakers = sum(isinstance(turn, dict) and "from" in turn for turn in turns)
        if turns and (speakers or any(isinstance(turn, dict) and "role" in turn for turn in turns)):
            return (Form.SHAREGPT if speakers > len(turns) / 2 else Form.MESSAGES), {"messages": column}
    return None


def _detect_pair(common: Any) -> tuple[Form, dict[str, str]] | None:
    for form, prompts, answers, contexts in _PAIRS:
        prompt = next((name for name in prompts if common(name)), None)
        answer = next((name for name in answers if common(name)), None)
        if prompt and answer:
            context = next((name for name in contexts if common(name)), None)
            return form, {"prompt": prompt, "answer": answer} | ({"context": context} if context else {})
    return None


def choose(head: Sequence[Parsed], settings: Sequence[str], *, where: str, system: str | None = None) -> RowMapping:
    """The detected mapping, changed by settings such as `answer=reply`. Raises `UsageError` for a wrong setting."""
    chosen: dict[str, str] = {}
    for setting in settings:
        part, equals, column = setting.partition("=")
        if part not in PARTS or not equals or not column:
            raise UsageError(f"--map {setting}: write PART=COLUMN", fix=f"the parts are {', '.join(PARTS)}")
        chosen[part] = column
    _refuse_unknown(chosen, head, where)
    if "messages" in chosen or ("prompt" in chosen and "answer" in chosen):
        form = Form.MESSAGES if "messages" in chosen else Form.PAIR
        rest = {
            name: name
            for name in ("id", "group", "tools", "metadata")
            if any(name in v for v in head if isinstance(v, dict))
        }
        return RowMapping(form, rest | chosen, system)
    found = detect(head, where=where, system=system)
    return RowMapping(found.form, {**found.columns, **chosen}, system)


def _refuse_unknown(chosen: Mapping[str, str], head: Sequence[Parsed], where: str) -> None:
    values = [value for value in head if isinstance(value, dict)]
    for column in chosen.values():
        if values and all(reach(value, column) is None for value in values):
            names = sorted({str(key) for value in values for key in value})
            raise UsageError(
                f"no row has the column {column!r}", where=where, fix=f"the columns are {', '.join(names)}"
            )
