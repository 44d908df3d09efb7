"""Whether the answers are enough to recommend, and whether more of them could change the recommendation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.decision.result import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.decision.questions import Worth
    from advisor.decision.study import Study

MUST_KNOW = ("task.kind",)
"""Without these there is nothing to recommend for."""
SETTLED_BELOW = 0.05
"""A fact whose answer changes the winner less often than this does not keep the decision open."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What can be said, and why."""

    verdict: Verdict
    settled: bool
    because: str


def stand(study: Study, place: int | None, worths: Sequence[Worth]) -> Standing:
    """The verdict on a study whose chosen option stands at `place` (None: nothing is feasible)."""
    if place is None:
        return Standing(Verdict.NOTHING_FEASIBLE, False, "no option meets every limit that was named")
    missing = [fact for fact in MUST_KNOW if fact not in study.answers]
    if missing:
        labels = ", ".join(study.rules.facts[fact].label for fact in missing)
        return Standing(Verdict.NOT_ENOUGH_INFORMATION, False, f"not known yet: {labels}")
    open_ = [w for w in worths if w.changes_winner >= SETTLED_BELOW]
    if not open_:
        return Standing(Verdict.RECOMMEND, True, "no open question could change the recommendation")
    label = study.rules.facts[open_[0].fact].label
    return Standing(Verdict.RECOMMEND, False, f"the answer worth most is: {label}")
