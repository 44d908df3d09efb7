"""What a person types, read as the plain value that `Fact.parse` validates.

Numbers may be written `1,000`, `2.5k`, `3M`, `$200`, `85%` (for shares), `2 s` (where the unit is ms) and as a range
`100-200`, `100..200` or `100 to 200`; yes and no as `y`, `n`, `yes`, `no`, `true`, `false`; a choice by its number,
its id or the beginning of either its id or its label; GPUs as `2 x h100, 1 x l4`; dates as YYYY-MM-DD.
"""

import re
from difflib import get_close_matches
from typing import Any

from advisor.base.errors import InvalidDataError
from rules.facts import Fact

_NUMBER = r"[-+]?(?:\d[\d,_ ]*\d|\d)?(?:\.\d+)?(?:e[-+]?\d+)?"
_AMOUNT = re.compile(rf"\$?\s*(?P<number>{_NUMBER})\s*(?P<suffix>[a-z%µ]*(?:[ /].*)?)$", re.IGNORECASE)
_RANGE = re.compile(r"^(?P<low>.*?[\w%])\s*(?:-|–|\.\.|\bto\b)\s*(?P<high>\$?\s*[-.]?\d.*)$", re.IGNORECASE)
_PERCENT = 0.01
_SCALES = {"k": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9, "thousand": 1e3}
_SECONDS_IN_MS = {"s": 1e3, "sec": 1e3, "second": 1e3, "seconds": 1e3, "min": 6e4}
_YES, _NO = ("y", "yes", "true", "t"), ("n", "no", "false", "f")
_GPU = re.compile(r"^\s*(?:(?P<count>\d+)\s*(?:x|\*|×)?\s+|(?P<tight>\d+)[x×*])?(?P<gpu>[A-Za-z][\w .+-]*?\w)\s*$")


def parse_typed(fact: Fact, raw: Any) -> Any:
    """`raw` (typed text, or already a plain value) as a value of `fact`. Raises `InvalidDataError`."""
    plain = _plain(fact, raw.strip()) if isinstance(raw, str) else raw
    return fact.parse(plain)


def _plain(fact: Fact, text: str) -> Any:
    if not text:
        raise _bad(fact, "nothing was entered", "type a value")
    match str(fact.type):
        case "bool":
            return _bool(fact, text)
        case "choice":
            return _choice(fact, text)
        case "int" | "number" | "share":
            return _number_or_range(fact, text)
        case "gpus":
            return _gpus(fact, text)
        case _:
            return text


def whole_number(digits: str) -> int:
    """Decimal digits as a number; more digits than any count has are the largest one, for `int` refuses thousands."""
    return int(digits) if len(digits) <= 15 else 10**15


def _bad(fact: Fact, what: str, fix: str) -> InvalidDataError:
    return InvalidDataError(what if len(what) <= 160 else f"{what[:157]}...", where=fact.id, fix=fix)


def _bool(fact: Fact, text: str) -> bool:
    if text.lower() in _YES or text == "1":
        return True
    if text.lower() in _NO or text == "2":
        return False
    raise _bad(fact, f"{text!r} is neither yes nor no", "write yes or no")


def _choice(fact: Fact, text: str) -> str:
    values = [str(choice.value) for choice in fact.choices]
    if text.isdecimal():
        number = whole_number(text)
        if not 1 <= number <= len(values):
            shown = text if len(text) <= 20 else f"{text[:17]}..."
            raise _bad(fact, f"there is no choice {shown}", f"there are 1 to {len(values)}")
        return values[number - 1]
    wanted = text.lower().replace(" ", "_")
    if wanted in values:
        return wanted
    begins = [
        str(choice.value)
        for choice in fact.choices
        if str(choice.value).startswith(wanted) or choice.label.lower().startswith(text.lower())
    ]
    if len(begins) == 1:
        return begins[0]
    close = get_close_matches(wanted, values, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"one of {', '.join(values)}"
    fix = f"it could be {' or '.join(begins)}" if begins else hint
    raise _bad(fact, f"{text!r} is not one of the choices", fix)


def _number_or_range(fact: Fact, text: str) -> Any:
    """One number, or else a range; a unit after the upper end (`80-90%`, `1-2k`) holds for both."""
    try:
        return _number(fact, text)
    except InvalidDataError:
        found = _RANGE.match(text)
        if found is None:
            raise
    low, high = _number(fact, found["low"]), _number(fact, found["high"])
    suffix = _suffix(found["high"])
    if suffix and not _suffix(found["low"]) and (shared := _number(fact, found["low"] + suffix)) <= high:
        low = shared
    return {"low": low, "high": high}


def _suffix(text: str) -> str:
    found = _AMOUNT.match(text.strip())
    return found["suffix"] if found else ""


def _number(fact: Fact, text: str) -> int | float:
    found = _AMOUNT.match(text.strip())
    if found is None or not any(character.isdigit() for character in found["number"]):
        raise _bad(fact, f"{text!r} is not a number", "type digits, for example 2500, 2.5k or 100-200")
    value = float(re.sub(r"[,_ ]", "", found["number"]))
    scale = _scale(fact, found["suffix"].strip(), text)
    # Dividing keeps 95% at 0.95, where multiplying by 0.01 gives 0.9500000000000001.
    value = value / 100 if scale == _PERCENT else value * scale
    if value in (float("inf"), float("-inf")):
        raise _bad(fact, f"{text!r} is too large a number", "type a smaller one")
    return int(value) if value == int(value) and str(fact.type) == "int" else value


def _scale(fact: Fact, suffix: str, text: str) -> float:
    """What the letters after the digits multiply by."""
    unit = (fact.unit or "").lower()
    low = suffix.lower()
    if low == "%" and (fact.type == "share" or unit.startswith("share")):
        return _PERCENT
    if unit.startswith("ms") and low in _SECONDS_IN_MS:
        return _SECONDS_IN_MS[low]
    word, _, rest = low.partition(" ")
    if word in _SCALES and word != unit and _is_unit(rest.strip(), unit):
        return _SCALES[word]
    if _is_unit(low, unit):
        return 1.0
    unit_hint = f"the unit is {fact.unit}" if fact.unit else "type digits only"
    raise _bad(fact, f"{text!r}: {suffix!r} is not understood", f"{unit_hint}; k, M and a range (100-200) may be used")


def _is_unit(word: str, unit: str) -> bool:
    """Whether the word is nothing, money, or the unit or its beginning."""
    return word in ("", "usd", "dollars") or (bool(unit) and unit.startswith(word))


def _gpus(fact: Fact, text: str) -> list[dict[str, Any]]:
    if text.lower() in ("none", "no", "0"):
        return []
    found = []
    for part in text.split(","):
        match = _GPU.match(part)
        if match is None:
            raise _bad(fact, f"{part.strip()!r} is not a GPU", "write for example 2 x h100, 1 x l4, or none")
        found.append({"gpu": match["gpu"].strip(), "count": whole_number(match["count"] or match["tight"] or "1")})
    return found
