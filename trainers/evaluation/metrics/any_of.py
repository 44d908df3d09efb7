"""One of several accepted answers appears in the answer."""

from typing import Any

from trainers.evaluation.metrics.contains import score as contains

TITLE = "contains one of the answers"
BINARY = True
ARGUMENT = None
EXAMPLES = [
    (["Paris", "city of light"], "I think Paris.", None, 1.0),
    (["12", "twelve"], "It makes twelve!", None, 1.0),
    (["12", "twelve"], "It makes 112.", None, 0.0),
    ("Paris", "Paris it is", None, 1.0),
]


def score(expected: Any, output: str, argument: str | None) -> float:
    """1 when any of the expected texts (a list, or one text) is contained as whole words, else 0."""
    accepted = expected if isinstance(expected, list) else [expected]
    return max((contains(text, output, None) for text in accepted), default=0.0)
