"""What the metrics share: normal forms of text, and reading an answer as JSON."""

import json
import re
import string
import unicodedata
from typing import Any

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_FENCE = re.compile(r"^```[a-zA-Z]*\s*\n(.*?)\n?```$", re.DOTALL)


class NotJsonError(ValueError):
    """The answer is no JSON."""


def trimmed(value: Any) -> str:
    """Text in Unicode's composed form without white space around it; other values as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return unicodedata.normalize("NFC", text).strip()


def normalised(value: Any) -> str:
    """Lower case, no punctuation, no English articles, single spaces (the normal form of the SQuAD evaluation,
    Rajpurkar et al., arXiv 1606.05250)."""
    text = trimmed(value).lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


def words(value: Any) -> list[str]:
    """The words of the normal form."""
    return normalised(value).split()


def _refuse(text: str) -> float:
    raise NotJsonError(text)


def as_json(text: str, *, forgive_fence: bool = False) -> Any:
    """The answer as a JSON value; NaN and Infinity are not JSON. Raises `NotJsonError`.

    `forgive_fence` takes the content of a Markdown code fence that is the whole answer.
    """
    text = text.strip()
    if forgive_fence and (found := _FENCE.match(text)):
        text = found.group(1)
    try:
        return json.loads(text, parse_constant=_refuse)
    except (json.JSONDecodeError, RecursionError) as error:
        raise NotJsonError(str(error)) from None


def expected_json(expected: Any) -> Any:
    """What is expected, as a JSON value: itself, or the text read as JSON. Raises `NotJsonError`."""
    return as_json(expected) if isinstance(expected, str) else expected


def same(left: Any, right: Any) -> bool:
    """Equal as JSON values: the order of keys does not matter, true is not 1, text is compared trimmed."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return trimmed(left) == trimmed(right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return bool(left == right)
