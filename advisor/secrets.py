"""Secrets stay out of files: recognise what looks like a key, and mask it in what must be written."""

import os
import re

from advisor.base.errors import InvalidDataError

_KEY_LIKE = re.compile(
    r"(sk-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[A-Z0-9]{12,}|AIza[A-Za-z0-9_-]{20,}"
    r"|xox[abpr]-[A-Za-z0-9-]{10,}|eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,})"
)
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL)", re.IGNORECASE)
_MASK = "[masked]"


def looks_like_secret(text: str) -> bool:
    """Whether `text` holds something shaped like an API key or token."""
    return _KEY_LIKE.search(text) is not None


def refuse_secret(text: str, *, where: str) -> None:
    """Raise `InvalidDataError` when `text` looks like a key: project files never hold one."""
    if looks_like_secret(text):
        raise InvalidDataError(
            "this looks like a secret key, and a project folder never holds one",
            where=where,
            fix="write the name of the environment variable that holds it",
        )


def mask(text: str) -> str:
    """`text` without key-like words, without the values of secret-looking environment variables, and without the
    home folder's name."""
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and len(value) >= 8:
            text = text.replace(value, _MASK)
    home = os.path.expanduser("~")
    if len(home) > 3:
        text = text.replace(home, "~")
    return _KEY_LIKE.sub(_MASK, text)
