"""The right tools are called with the right arguments, in any order; where text is right, that text is said."""

from typing import Any

from advisor.base.errors import UsageError
from trainers.data.tools import plain_calls
from trainers.evaluation.metrics._text import NotJsonError, as_json, expected_json, same, trimmed

TITLE = "tool calls right"
BINARY = True
ARGUMENT = "names: which tools are called counts, not with what"
_ONE = {"name": "f", "arguments": {"a": 1}}
_TWO = {"name": "g", "arguments": {}}
EXAMPLES = [
    ([_ONE], '[{"arguments": {"a": 1}, "name": "f"}]', None, 1.0),
    ([_ONE], '[{"type": "function", "function": {"name": "f", "arguments": "{\\"a\\": 1}"}}]', None, 1.0),
    ([_ONE], '{"name": "f", "arguments": {"a": 1}}', None, 1.0),
    ([_ONE], '[{"name": "f", "arguments": {"a": 2}}]', None, 0.0),
    ([_ONE], '[{"name": "f", "arguments": {"a": 2}}]', "names", 1.0),
    ([_ONE, _TWO], '[{"name": "g"}, {"name": "f", "arguments": {"a": 1}}]', None, 1.0),
    ([_ONE, _TWO], '[{"name": "f", "arguments": {"a": 1}}]', None, 0.0),
    ([_ONE], "I cannot do that", None, 0.0),
    ("It is sunny.", "It is sunny.", None, 1.0),
    ("It is sunny.", '[{"name": "f", "arguments": {"a": 1}}]', None, 0.0),
]


def check_argument(argument: str | None) -> None:
    """Raises `UsageError` for anything but `names`."""
    if argument not in (None, "names"):
        raise UsageError(f"tool_calls={argument!r}: the only argument is names", fix="--metric tool_calls=names")


def score(expected: Any, output: str, argument: str | None) -> float:
    """1 when the same tools are called with the same arguments (with `names`: the same tools), else 0."""
    wanted, given = _calls(expected), _calls(output)
    if not wanted or not given:
        return float(not wanted and not given and trimmed(expected) == trimmed(output))
    if argument == "names":
        return float(sorted(call["name"] for call in wanted) == sorted(call["name"] for call in given))
    return float(len(wanted) == len(given) and _all_there(wanted, given))


def _all_there(wanted: list[dict[str, Any]], given: list[dict[str, Any]]) -> bool:
    """Whether each call that is wanted is made, each once."""
    left = list(given)
    for call in wanted:
        match = next((other for other in left if same(call, other)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _calls(value: Any) -> list[dict[str, Any]]:
    """The calls in an answer; none when it is text."""
    try:
        found = as_json(value) if isinstance(value, str) else expected_json(value)
    except NotJsonError:
        return []
    listed = found if isinstance(found, list) else [found]
    calls = plain_calls(listed)
    return calls if len(calls) == len(listed) else []
