"""The whole error hierarchy. Each error says what was wrong, where, and what to do about it.

Catch `AdvisorError` at a face (CLI, TUI) and show `str(error)`; never show a traceback for one.
Anything else that escapes is our own bug and ends with exit code 70 and a report file.
"""

from typing import ClassVar

_LONGEST = 1000


class AdvisorError(Exception):
    """Base of everything the user can mend. `exit_code` is what the process ends with."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"\n  fix: {self.fix}" if self.fix else ""
        return f"{place}{_shown(self.what)}{remedy}"


def _shown(what: str) -> str:
    """The text cut where it would fill the screen, and without what could steer the terminal."""
    plain = "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in what)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]} ..."


class CouldNotError(AdvisorError):
    """The request was right and the outcome is a no: infeasible, a failed run, a regression (exit 1)."""

    exit_code = 1


class UsageError(AdvisorError):
    """Wrong use or missing answers (exit 2)."""

    exit_code = 2


class InvalidDataError(AdvisorError):
    """A data, answers, rule or price file is wrong (exit 3)."""

    exit_code = 3


class MissingPartError(AdvisorError):
    """A package or piece of hardware that the request needs is not there (exit 4)."""

    exit_code = 4


def require(module: str, extra: str) -> None:
    """Raise `MissingPartError` unless `module` can be found; does not import it."""
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise MissingPartError(
            f"the package {module!r} is not installed",
            fix=f"pip install -c constraints.txt -e '.[{extra}]'   (or: make {extra})",
        )
