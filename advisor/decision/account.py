"""The account of an option: what it costs, line by line, as samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Amount = Array | float

AMOUNTS = ("once", "per_request", "per_request_tokens", "per_month", "at_end")


@dataclass(frozen=True, slots=True)
class Line:
    """One cost line. Amounts are US dollars, scalars or arrays over samples; per-request amounts are of month 1's
    volume."""

    line: str
    label: str
    basis: Callable[[], str]
    """How the figure was made, in words; called only for the options that are explained."""
    origin: str
    once: Amount = 0.0
    per_request: Amount = 0.0
    per_request_tokens: Amount = 0.0
    """The part of the per-request cost that follows the price trend of hosted tokens."""
    per_month: Amount = 0.0
    at_end: Amount = 0.0
    """Paid in the last month of the horizon, where the option has come to run."""
    sources: tuple[str, ...] = ()
    from_month: float = 0.0
    """The line is paid from so many months after the start on (an announced price); such a line is not in the sums."""


@dataclass(frozen=True)
class Part:
    """Lines that several options share, with their sums, so that they are added once."""

    lines: tuple[Line, ...]
    shared: bool = False
    """Whether many options have it."""

    @cached_property
    def later(self) -> tuple[Line, ...]:
        """The lines that begin after the start."""
        return tuple(line for line in self.lines if line.from_month > 0.0)

    @cached_property
    def sums(self) -> dict[str, Amount]:
        """Each of `AMOUNTS` over the lines paid from the start; what is zero is left out."""
        sums: dict[str, Amount] = {}
        for line in self.lines:
            if line.from_month > 0.0:
                continue
            for name in AMOUNTS:
                amount = getattr(line, name)
                if isinstance(amount, np.ndarray) or amount != 0.0:
                    sums[name] = sums[name] + amount if name in sums else amount
        return sums


@dataclass(frozen=True)
class Account:
    """All lines of one option, and what does not follow from them: when it runs and how fast it answers."""

    parts: tuple[Part, ...]
    weeks: Amount = 0.0
    latency_p95_ms: Amount = 0.0
    replicas: Amount = 0.0
    missing_replicas: Amount = 0.0
    """Replicas needed beyond what the owned hardware holds."""

    @property
    def lines(self) -> list[Line]:
        return [line for part in self.parts for line in part.lines]

    @property
    def later(self) -> list[Line]:
        """Lines that begin later on; each holds an amount per request that follows the price of tokens."""
        return [line for part in self.parts for line in part.later]

    def total(self, name: str) -> Amount:
        """The sum of one of `AMOUNTS` over the lines paid from the start; the float 0.0 where there is nothing."""
        result: Amount | None = None
        for part in self.parts:
            amount = part.sums.get(name)
            if amount is not None:
                result = amount if result is None else result + amount
        return 0.0 if result is None else result


def total(amounts: Iterable[Amount]) -> Amount:
    """The sum of scalars and arrays; exact zeros cost nothing."""
    result: Amount = 0.0
    for amount in amounts:
        if isinstance(amount, np.ndarray) or amount != 0.0:
            result = result + amount
    return result
