"""The answer is the expected JSON value, whatever its spacing and the order of its keys."""

from typing import Any

from trainers.evaluation.metrics._text import NotJsonError, as_json, expected_json, same

TITLE = "exact JSON value"
BINARY = True
ARGUMENT = None
EXAMPLES = [
    ('{"a": 1, "b": [1, 2]}', '{"b":[1,2],"a":1}', None, 1.0),
    ({"a": 1}, '```json\n{"a": 1}\n```', None, 1.0),
    ({"a": [1, 2]}, '{"a": [2, 1]}', None, 0.0),
    ({"a": 1}, '{"a": 1} and more', None, 0.0),
]


def score(expected: Any, output: str, argument: str | None) -> float:
    """1 when both are the same JSON value, else 0. A code fence around the whole answer is forgiven."""
    try:
        return float(same(expected_json(expected), as_json(output, forgive_fence=True)))
    except NotJsonError:
        return 0.0
