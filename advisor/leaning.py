"""The live leaning: the decision on the answers so far, computed by the same engine as `advisor decide`.

`Adviser` keeps the last decision, so that asking twice for the same answers costs nothing and the interview can rank
its questions by the value of information of that decision.
"""

import threading
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from advisor.answers import Answers
from advisor.base.errors import AdvisorError
from rules.facts import Fact

if TYPE_CHECKING:
    from advisor.decision.result import Decision, OptionResult, Spread
    from pricing.catalogue import Catalogue
    from rules.load import RuleBook


class Adviser:
    """Decides on answers with one rule book, one price catalogue and one date. Safe to call from several threads."""

    def __init__(self, rulebook: "RuleBook", catalogue: "Catalogue", today: date) -> None:
        self.rulebook = rulebook
        self.catalogue = catalogue
        self.today = today
        self.last: Decision | None = None
        self._answers: Answers | None = None
        self._complete = False
        self._lock = threading.Lock()

    def decide(self, answers: Answers, *, quick: bool = False, previous: "Decision | None" = None) -> "Decision":
        """The decision on `answers`. Raises `AdvisorError` when they cannot be decided on.

        `quick` leaves out what takes long (flips, prices of limits, sensitivities); changes are told against
        `previous`.
        """
        from advisor.decision.engine import decide

        with self._lock:
            if self.last is None or answers != self._answers or not (self._complete or quick):
                self.last = decide(
                    answers, self.rulebook, self.catalogue, today=self.today, previous=previous, quick=quick
                )
                self._answers, self._complete = answers, not quick
            return self.last

    def order_by(self, answers: Answers, facts: Sequence[Fact]) -> list[str]:
        """The open facts that the decision on `answers` would most like to know, the most valuable first.

        Empty while the answers cannot be decided on (they contradict each other): then any order is as good.
        """
        try:
            return ranked_facts(self.decide(answers, quick=True))
        except AdvisorError:
            return []

    def settled(self, answers: Answers) -> bool:
        """Whether no further answer could change the recommendation; False while there can be none."""
        try:
            return self.decide(answers, quick=True).settled
        except AdvisorError:
            return False

    def last_order(self, answers: Answers, facts: Sequence[Fact]) -> list[str]:
        """Like `order_by`, from the decision made last: never computes, so a screen can call it."""
        return ranked_facts(self.last) if self.last is not None else []

    def last_settled(self, answers: Answers) -> bool:
        """Like `settled`, from the decision made last."""
        return self.last is not None and self.last.settled


def ranked_facts(decision: "Decision") -> list[str]:
    """The open facts of a decision in the order of what it is worth to know them."""
    return [question.fact for question in decision.next_questions]


def what_it_changes(fact: str, decision: "Decision | None") -> str | None:
    """What an answer to `fact` would change, in a sentence; None when the decision says nothing about it."""
    if decision is None:
        return None
    for question in decision.next_questions:
        if question.fact == fact:
            chance = f"{question.changes_winner_probability:.0%}"
            return (
                f"An answer changes the recommendation with a probability of {chance}; "
                f"knowing it is worth about {money(question.value_of_information_usd)}."
            )
    for flip in decision.flips:
        if flip.fact == fact:
            return flip.text
    if fact in decision.facts:
        return "No nearby value of this answer changes the recommendation."
    return "As things stand, no answer to this changes the recommendation; it sharpens the figures."


def money(usd: float | None) -> str:
    """US dollars for people: `$1.2k`, `$35`, `$0.004`; `unknown` for None."""
    if usd is None:
        return "unknown"
    sign, size = ("-" if usd < 0 else ""), abs(usd)
    if size >= 999_500:
        return f"{sign}${size / 1e6:,.3g}M" if size < 1e9 else f"{sign}${size / 1e6:,.0f}M"
    if size >= 10_000:
        return f"{sign}${size / 1e3:,.0f}k"
    if size >= 1_000:
        return f"{sign}${size:,.0f}"
    if size >= 1 or size == 0:
        return f"{sign}${size:.0f}" if size >= 10 or size == 0 else f"{sign}${size:.2f}"
    return f"{sign}${size:.2g}"


def spread(value: "Spread | None", show: Any = money) -> str:
    """`middle (low to high)`, or just the middle when there is no spread."""
    if value is None:
        return "unknown"
    low, middle, high = show(value.p10), show(value.p50), show(value.p90)
    return middle if low == high else f"{middle} ({low} to {high})"


def share(value: float) -> str:
    """A share as a percentage."""
    return f"{value:.0%}" if abs(value) >= 0.1 else f"{value:.1%}"


def latency(ms: float) -> str:
    """Milliseconds for people."""
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms:.0f} ms"


def leader(decision: "Decision") -> "OptionResult | None":
    """What the decision recommends, or leans to while it does not know enough."""
    return decision.recommended or (decision.ranked[0] if decision.ranked else None)
