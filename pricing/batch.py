"""The batch door: one JSON line in, one out, in order; a bad line gets an `error` of its own and the others go on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Literal

from advisor.base.errors import AdvisorError, InvalidDataError
from pricing.estimates import serving_line, training_line

if TYPE_CHECKING:
    from datetime import date

    from pricing.catalogue import Catalogue

Kind = Literal["training", "serving"]


def estimate_lines(lines: Iterable[str], kind: Kind, catalogue: Catalogue, on: date) -> Iterator[dict[str, Any]]:
    """An estimate for each line that is not blank."""
    estimate = training_line if kind == "training" else serving_line
    for number, text in enumerate(lines, 1):
        if text.strip():
            yield _line(text, number, partial(estimate, catalogue=catalogue, on=on))


def _line(text: str, number: int, estimate: Any) -> dict[str, Any]:
    raw: Any = None
    try:
        raw = _parsed(text)
        return {"id": raw.get("id"), **_sound(estimate(raw))}
    except (AdvisorError, ValueError, OverflowError) as error:
        what = error.what if isinstance(error, AdvisorError) else str(error)
        fix = getattr(error, "fix", None)
        known = raw.get("id") if isinstance(raw, dict) else None
        return {"id": known, "line": number, "error": what} | ({"fix": fix} if fix else {})


def _sound(line: dict[str, Any]) -> dict[str, Any]:
    """The line, if its figures are positive numbers in order; a row so extreme that they are not is refused."""
    for name, value in line.items():
        if isinstance(value, dict) and not (0 < value["p10"] <= value["p50"] <= value["p90"] < inf):
            raise InvalidDataError(f"{name} is out of all proportion for this row", fix="check its sizes and lengths")
    return line


def _parsed(text: str) -> dict[str, Any]:
    try:
        raw = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise InvalidDataError(f"not JSON: {error.msg} at column {error.colno}") from None
    if not isinstance(raw, dict):
        raise InvalidDataError("a line must be a JSON object")
    return raw


def _refuse(text: str) -> float:
    raise InvalidDataError(f"{text} is not a number")
