"""The same words: case, punctuation, articles and spacing do not matter."""

from typing import Any

from trainers.evaluation.metrics._text import normalised

TITLE = "exact match, normalised"
BINARY = True
ARGUMENT = None
EXAMPLES = [
    ("The Eiffel Tower.", "eiffel tower", None, 1.0),
    ("Paris", "Paris, France", None, 0.0),
    ("42", "42", None, 1.0),
]


def score(expected: Any, output: str, argument: str | None) -> float:
    """1 when both have the same normal form, else 0."""
    return float(normalised(expected) == normalised(output))
