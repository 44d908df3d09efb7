"""The last number in the answer is the expected one, within a relative tolerance."""

import math
import re
from typing import Any

from advisor.base.errors import UsageError
from trainers.evaluation.metrics._text import trimmed

TITLE = "number right"
BINARY = True
ARGUMENT = "the relative tolerance (default: exactly equal)"
EXAMPLES = [
    ("42", "The answer is 42.", None, 1.0),
    (42, "6 x 7 = 42", None, 1.0),
    ("1,250.50", "about $1250.5", None, 1.0),
    ("100", "101", "0.02", 1.0),
    ("100", "103", "0.02", 0.0),
    ("42", "no idea", None, 0.0),
    ("-3", "x = -3", None, 1.0),
]

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?|-?\.\d+")


def check_argument(argument: str | None) -> None:
    """Raises `UsageError` unless the tolerance is a number of 0 or more."""
    try:
        good = argument is None or (math.isfinite(float(argument)) and float(argument) >= 0)
    except ValueError:
        good = False
    if not good:
        raise UsageError(f"{argument!r} is not a tolerance", fix="write for example --metric numeric=0.01")


def last_number(text: str) -> float | None:
    """The last number in a text; commas group thousands."""
    found = _NUMBER.findall(text)
    return float(found[-1].replace(",", "")) if found else None


def score(expected: Any, output: str, argument: str | None) -> float:
    """1 when |answer - expected| <= tolerance x |expected|, else 0."""
    wanted, given = last_number(trimmed(expected)), last_number(output)
    if wanted is None or given is None:
        return 0.0
    return float(abs(given - wanted) <= float(argument or 0) * abs(wanted) + 1e-12)
