"""Personal data and secrets in examples: what a tuned model may later repeat to anyone.

Each kind is a cheap pattern; numbers are confirmed by check digits (python-stdnum) or numbering plans (phonenumbers).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from trainers.data.names import address_spans, name_spans


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found in a text. `secret`: a key or password rather than personal data."""

    kind: str
    start: int
    end: int
    secret: bool = False


_EMAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}(?![\w-])")
_EXAMPLE_HOSTS = ("example.com", "example.org", "example.net", ".example", ".test", ".invalid", "localhost")
_MANY_DIGITS = re.compile(r"\d(?:[ ().\-/]{0,2}\d){6}")
_PHONE = re.compile(r"(?<![\w.])\+\d[\d ().\-/]{6,20}\d(?!\w)|(?<![\w.])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])")
_CARD = re.compile(
    r"(?<![\w.-])[3-6]\d{3}[ -]?(?:\d{4}[ -]?){2}\d{1,7}(?![\w-])|(?<![\w.-])3[47]\d{2}[ -]?\d{6}[ -]?\d{5}(?!\w)"
)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_SSN = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
_SECRET = re.compile(
    r"""sk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}            # OpenAI, Anthropic
    | hf_[A-Za-z0-9]{20,} | gh[pousr]_[A-Za-z0-9]{30,} | github_pat_\w{40,} | glpat-[\w-]{20}
    | A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Z0-9]) | AIza[\w-]{35} | ya29\.[\w-]{20,} | xox[abeoprs]-[\w-]{10,}
    | [rs]k_live_[A-Za-z0-9]{20,} | SG\.[\w-]{20,}\.[\w-]{20,} | npm_[A-Za-z0-9]{36} | pypi-AgEIcHlwaS[\w-]{50,}
    | eyJ[\w-]{15,}\.eyJ[\w-]{10,}\.[\w-]{10,}
    | -----BEGIN[ ](?:[A-Z]+[ ])*PRIVATE[ ]KEY-----""",
    re.VERBOSE,
)
# A search for fixed text is twenty times as fast as these expressions, and nearly no row has any of it.
_SECRET_MARKS = (
    "sk-", "hf_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "AKIA", "ASIA", "AIza", "ya29.",
    "xox", "k_live_", "SG.", "npm_", "pypi-", "eyJ", "PRIVATE KEY",
)  # fmt: skip
_PASSWORD_MARKS = (
    "passw",
    "pwd",
    "secret",
    "api_key",
    "api-key",
    "apikey",
    "access_token",
    "access-token",
    "accesstoken",
)
_PASSWORD = re.compile(
    r"""(?i:password|passwd|pwd|secret|api[_-]?key|access[_-]?token)["']?\s*(?:=|:|\sis\s)\s*["']?([^\s"',;<>{}$]{8,})"""
)


def hits(text: str) -> Iterator[Hit]:
    """Everything personal or secret in the text, in no order; spans may overlap."""
    if "@" in text:
        yield from (Hit("email address", *m.span()) for m in _EMAIL.finditer(text) if not _made_up(m[0]))
    if _MANY_DIGITS.search(text):
        yield from _numbers(text)
    yield from (Hit("person name", *span) for span in name_spans(text))
    yield from (Hit("street address", *span) for span in address_spans(text))
    if any(mark in text for mark in _SECRET_MARKS):
        yield from (Hit("key or token", *m.span(), secret=True) for m in _SECRET.finditer(text))
    low = text.lower()
    if any(mark in low for mark in _PASSWORD_MARKS):
        yield from (Hit("password", *m.span(1), secret=True) for m in _PASSWORD.finditer(text) if _password(m[1]))


def _made_up(address: str) -> bool:
    return address.lower().endswith(_EXAMPLE_HOSTS)


def _password(word: str) -> bool:
    """A word with digits and letters, so that "password is required" is none."""
    return any(c.isdigit() for c in word) and any(c.isalpha() for c in word)


def _numbers(text: str) -> Iterator[Hit]:
    taken: list[tuple[int, int]] = []
    for kind, pattern, valid in (
        ("bank account (IBAN)", _IBAN, _iban),
        ("payment card", _CARD, _card),
        ("US social security number", _SSN, _ssn),
        ("phone number", _PHONE, _phone),
    ):
        for match in pattern.finditer(text):
            if valid(match[0]) and not any(low < match.end() and match.start() < high for low, high in taken):
                taken.append(match.span())
                yield Hit(kind, *match.span())


@cache
def missing_checks() -> tuple[str, ...]:
    """The packages whose absence leaves numbers unchecked (and therefore unreported)."""
    return tuple(name for name in ("stdnum", "phonenumbers") if find_spec(name) is None)


def _iban(text: str) -> bool:
    if "stdnum" in missing_checks():
        return False
    from stdnum import iban

    return bool(iban.is_valid(text))


def _card(text: str) -> bool:
    if "stdnum" in missing_checks():
        return False
    from stdnum import luhn

    digits = re.sub(r"\D", "", text)
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and bool(luhn.is_valid(digits))


def _ssn(text: str) -> bool:
    if "stdnum" in missing_checks():
        return False
    from stdnum.us import ssn

    return bool(ssn.is_valid(text))


def _phone(text: str) -> bool:
    if "phonenumbers" in missing_checks():
        return False
    import phonenumbers

    try:
        number = phonenumbers.parse(text, None if text.startswith("+") else "US")
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number(number))


def masked(text: str) -> str:
    """The text with every hit replaced by its kind in brackets."""
    found = sorted(hits(text), key=lambda hit: (hit.start, -hit.end))
    parts, at = [], 0
    for hit in found:
        if hit.start >= at:
            parts += [text[at : hit.start], f"[{hit.kind}]"]
            at = hit.end
    return "".join(parts) + text[at:]
