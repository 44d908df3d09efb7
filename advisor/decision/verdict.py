"""Whether the answers are enough to recommend, and whether more of them could change the recommendation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.decision.questions import MUST_KNOW, unasked
from advisor.decision.result import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.decision.questions import Worth
    from advisor.decision.ranking import Ranking
    from advisor.decision.study import Study

SETTLED_BELOW = 0.08
"""A fact whose answer would change the approach less often than this does not keep the decision open."""
TOO_OPEN_FROM = 0.6
"""With one open fact that would change the approach this often, any recommendation is a guess."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What can be said, and why."""

    verdict: Verdict
    settled: bool
    because: str


def stand(study: Study, place: int | None, ranking: Ranking, worths: Sequence[Worth]) -> Standing:
    """The verdict on a study whose chosen option stands at `place` (None: nothing is feasible)."""
    missing = [fact for fact in MUST_KNOW if fact not in study.answers]
    if missing:
        labels = ", ".join(study.rules.facts[fact].label.lower() for fact in missing)
        return Standing(Verdict.NOT_ENOUGH_INFORMATION, False, f"not known yet: {labels}")
    if place is None:
        return Standing(Verdict.NOTHING_FEASIBLE, False, "no option meets every limit that was named")
    open_ = sorted((w for w in worths if w.changes_winner >= SETTLED_BELOW), key=lambda w: -w.changes_winner)
    chance = _chance(study, open_)
    if open_ and open_[0].changes_winner >= TOO_OPEN_FROM:
        return Standing(Verdict.NOT_ENOUGH_INFORMATION, False, chance)
    if ranking.guess:
        because = f"the kind of plan worth most is the best one in only {ranking.sure:.0%} of the cases still open"
        return Standing(Verdict.NOT_ENOUGH_INFORMATION, False, f"{because}; {chance}")
    if open_:
        return Standing(Verdict.RECOMMEND, False, chance)
    if missing := unasked(study):
        labels = ", ".join(study.rules.facts[fact].label.lower() for fact in missing)
        return Standing(Verdict.RECOMMEND, False, f"not asked yet: {labels}")
    return Standing(Verdict.RECOMMEND, True, chance)


def _chance(study: Study, open_: Sequence[Worth]) -> str:
    """What another answer could do. `open_` are the facts that keep the decision open, the most likely first."""
    if not open_:
        return "no open question is likely to change the recommendation"
    label = study.rules.facts[open_[0].fact].label.lower()
    return f"an answer on {label} would change it with a probability of {open_[0].changes_winner:.0%}"
