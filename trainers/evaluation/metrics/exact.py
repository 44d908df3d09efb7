"""The whole answer is right: the same text but for white space around it; for a JSON value, the same value."""

from typing import Any

from trainers.evaluation.metrics._text import NotJsonError, as_json, same, trimmed

TITLE = "exact match"
BINARY = True
ARGUMENT = None
EXAMPLES = [
    ("Paris", "Paris", None, 1.0),
    ("Paris", "  Paris\n", None, 1.0),
    ("Paris", "paris", None, 0.0),
    ("Paris", "", None, 0.0),
    ("caf\u00e9", "cafe\u0301", None, 1.0),
    ({"a": 1, "b": "x"}, '{"b": "x", "a": 1}', None, 1.0),
    ({"a": 1}, '{"a": 1, "b": 2}', None, 0.0),
    ({"a": 1}, "not JSON", None, 0.0),
    ({"a": True}, '{"a": 1}', None, 0.0),
    (3, "3", None, 1.0),
]


def score(expected: Any, output: str, argument: str | None) -> float:
    """1 when the answer is exactly the expected one, else 0."""
    if isinstance(expected, str):
        return float(trimmed(expected) == trimmed(output))
    try:
        return float(same(expected, as_json(output)))
    except NotJsonError:
        return 0.0
