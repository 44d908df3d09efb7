"""Longest common subsequence of words, as F1 (ROUGE-L, Lin 2004, https://aclanthology.org/W04-1013, section 3)."""

from typing import Any

from trainers.evaluation.metrics._text import words

TITLE = "ROUGE-L"
BINARY = False
ARGUMENT = None
EXAMPLES = [
    ("police killed gunman", "police kill gunman", None, 2 / 3),
    ("police killed gunman", "gunman kill police", None, 1 / 3),
    ("x", "x", None, 1.0),
    ("", "x", None, 0.0),
]


def score(expected: Any, output: str, argument: str | None) -> float:
    """2 L / (words expected + words of the answer), L the length of the longest common subsequence."""
    wanted, given = words(expected), words(output)
    if not wanted or not given:
        return float(wanted == given)
    return 2 * _common(wanted, given) / (len(wanted) + len(given))


def _common(left: list[str], right: list[str]) -> int:
    row = [0] * (len(right) + 1)
    for word in left:
        diagonal = 0
        for column, other in enumerate(right, start=1):
            above = row[column]
            row[column] = diagonal + 1 if word == other else max(above, row[column - 1])
            diagonal = above
    return row[-1]
