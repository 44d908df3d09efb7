"""The answer is JSON and nothing else."""

from typing import Any

from trainers.evaluation.metrics._text import NotJsonError, as_json

TITLE = "valid JSON"
BINARY = True
ARGUMENT = None
EXAMPLES = [
    ({}, '{"a": 1}', None, 1.0),
    ({}, 'Here it is: {"a": 1}', None, 0.0),
    ({}, '{"a": 1', None, 0.0),
    ({}, '{"a": NaN}', None, 0.0),
    ("x", '"text"', None, 1.0),
    ({}, "", None, 0.0),
]


def score(expected: Any, output: str, argument: str | None) -> float:
    """1 when the answer parses as strict JSON, else 0."""
    try:
        as_json(output)
    except NotJsonError:
        return 0.0
    return 1.0
