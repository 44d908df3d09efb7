"""The expected words appear in the answer, next to each other."""

from typing import Any

from trainers.evaluation.metrics._text import normalised

TITLE = "contains the answer"
BINARY = True
ARGUMENT = None
EXAMPLES = [
    ("Paris", "It is Paris, of course.", None, 1.0),
    ("Paris", "It is parisian.", None, 0.0),
    ("7", "17 apples", None, 0.0),
    ("blue whale", "a whale that is blue", None, 0.0),
]


def score(expected: Any, output: str, argument: str | None) -> float:
    """1 when the normal form of `expected` stands in that of the answer at word boundaries, else 0."""
    return float(f" {normalised(expected)} " in f" {normalised(output)} ")
