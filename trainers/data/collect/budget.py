"""A budget that cannot be overrun: the dearest outcome of a request is set aside before it is sent."""

from __future__ import annotations

import threading
from dataclasses import dataclass

_CHARS_PER_TOKEN = 2.5
"""Fewer than the usual four, so that a prompt's cost is over- rather than underestimated."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a million tokens."""

    input_usd_per_mtok: float
    output_usd_per_mtok: float

    def usd(self, input_tokens: float, output_tokens: float) -> float:
        return (input_tokens * self.input_usd_per_mtok + output_tokens * self.output_usd_per_mtok) / 1e6

    def dearest(self, prompt: str, max_tokens: int) -> float:
        """The most that a request can cost."""
        return self.usd(len(prompt.encode()) / _CHARS_PER_TOKEN + 50, max_tokens)


class Budget:
    """Money for requests that may run side by side."""

    def __init__(self, limit_usd: float, spent_usd: float = 0.0) -> None:
        self.limit_usd = limit_usd
        self._spent = spent_usd
        self._held = 0.0
        self._lock = threading.Lock()

    @property
    def spent_usd(self) -> float:
        with self._lock:
            return self._spent

    def hold(self, usd: float) -> bool:
        """Set money aside for a request; False when it might overrun the limit."""
        with self._lock:
            if self._spent + self._held + usd > self.limit_usd + 1e-12:
                return False
            self._held += usd
            return True

    def settle(self, held_usd: float, spent_usd: float) -> None:
        """Replace what was set aside by what was spent."""
        with self._lock:
            self._held -= held_usd
            self._spent += spent_usd
