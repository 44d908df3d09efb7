"""Words shared with the expected answer: harmonic mean of precision and recall.

    precision = shared / words of the answer,  recall = shared / words expected,  F1 = 2 p r / (p + r)

As in the SQuAD evaluation (Rajpurkar et al., arXiv 1606.05250, section 6.1).
"""

from collections import Counter
from typing import Any

from trainers.evaluation.metrics._text import words

TITLE = "word F1"
BINARY = False
ARGUMENT = None
EXAMPLES = [
    ("the quick brown fox", "quick brown dog", None, 2 / 3),
    ("Paris", "Paris", None, 1.0),
    ("Paris", "Rome", None, 0.0),
    ("", "", None, 1.0),
    ("a b b", "b b b", None, 0.8),
]


def score(expected: Any, output: str, argument: str | None) -> float:
    """F1 over the words of the normal forms; 1 when both are empty."""
    wanted, given = words(expected), words(output)
    if not wanted or not given:
        return float(wanted == given)
    shared = sum((Counter(wanted) & Counter(given)).values())
    return 2 * shared / (len(wanted) + len(given))
