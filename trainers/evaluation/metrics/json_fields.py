"""The share of the expected fields that the answer has right; with an argument, that field only."""

from typing import Any

from trainers.evaluation.metrics._text import NotJsonError, as_json, expected_json, same

TITLE = "fields right"
BINARY = False
ARGUMENT = "a field's name: only that field counts"
EXAMPLES = [
    ({"a": 1, "b": "x"}, '{"a": 1, "b": "y"}', None, 0.5),
    ({"a": 1, "b": "x"}, '{"a": 1, "b": "x", "c": 3}', None, 1.0),
    ({"a": 1, "b": "x"}, '{"a": 1, "b": "y"}', "a", 1.0),
    ('{"a": null}', "{}", None, 0.0),
    ({"a": 1}, "no JSON", None, 0.0),
    ({"a": 1}, "[1]", None, 0.0),
]


def field_scores(expected: Any, output: str) -> dict[str, float]:
    """1 or 0 for each field that the expected object has; empty when what is expected is no object."""
    try:
        wanted = expected_json(expected)
    except NotJsonError:
        return {}
    if not isinstance(wanted, dict):
        return {}
    try:
        given = as_json(output, forgive_fence=True)
    except NotJsonError:
        given = None
    found = given if isinstance(given, dict) else {}
    return {key: float(key in found and same(value, found[key])) for key, value in wanted.items()}


def score(expected: Any, output: str, argument: str | None) -> float:
    """Mean over the expected fields, 0..1; 0 when the answer is no JSON object."""
    scores = field_scores(expected, output)
    if argument is not None:
        return scores.get(argument, 0.0)
    return sum(scores.values()) / len(scores) if scores else 0.0
