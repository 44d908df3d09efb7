"""Everything there is to say about one option: `advisor why`."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from advisor.base.errors import UsageError
from advisor.decision import explain
from advisor.decision.optimize import choose
from advisor.decision.ranking import rank, within_share
from advisor.decision.result import RuledOut
from advisor.decision.study import build_study
from advisor.decision.summary import briefs
from advisor.decision.trace import trace

if TYPE_CHECKING:
    from datetime import date

    from advisor.answers import Answers
    from advisor.decision.options import Option
    from advisor.decision.result import OptionResult, Reason
    from advisor.decision.study import Study
    from advisor.decision.trace import Figure
    from pricing.catalogue import Catalogue
    from rules.load import RuleBook


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One option under the light. `figures` and `result` are absent where a gate excludes it."""

    option_id: str
    label: str
    place: int | None
    """1 is the best; None when it was ruled out."""
    of: int
    recommended: bool
    result: OptionResult | None
    reasons: list[Reason]
    ruled_out: list[RuledOut]
    misses: list[str]
    """Limits that it does not meet, in words."""
    figures: list[Figure]


def inquire(
    answers: Answers, rules: RuleBook, catalogue: Catalogue, *, today: date, wanted: str | None, samples: int = 1024
) -> Inquiry:
    """Look at the option whose id or approach is `wanted` (None: the recommended one). Raises `UsageError` for an
    unknown one."""
    start = answers.value("finance.start")
    on = max(today, start) if start is not None else today
    study = build_study(answers, rules, catalogue, on, samples=samples)
    ranking = rank(study)
    choice = choose(study.choosable, study.limits)
    best = study.places[choice.option_id] if choice.option_id is not None else ranking.order[0]
    option = study.outcomes[best].option if wanted is None else _find(wanted, study, ranking.order)
    if option.id not in study.places:
        return _excluded(option, study)
    return _valued(option, study, ranking.order, best, choice.option_id)


def _find(wanted: str, study: Study, order: list[int]) -> Option:
    """By id; by approach the best of it, or one that a gate excludes."""
    for place in order:
        option = study.outcomes[place].option
        if wanted in (option.id, option.approach):
            return option
    for option in study.generated:
        if wanted in (option.id, option.approach):
            return option
    ids = [option.id for option in study.generated]
    close = get_close_matches(wanted, [*ids, *sorted({o.approach for o in study.generated})], n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    raise UsageError(f"there is no option {wanted!r}", fix=f"{hint}`advisor decide --json` lists every option_id")


def _excluded(option: Option, study: Study) -> Inquiry:
    mine = [(o, gate) for o, gate in study.gated.excluded if o.id == option.id]
    return Inquiry(
        option_id=option.id,
        label=option.label,
        place=None,
        of=len(study.outcomes),
        recommended=False,
        result=None,
        reasons=explain.guidance_reasons(option, option.id, study.rules, study.answers.known()),
        ruled_out=[
            RuledOut(option_id=o.id, approach=o.approach, rule=g.id, text=g.text, evidence=explain.evidence_of(g))
            for o, g in mine
        ],
        misses=[],
        figures=[],
    )


def _valued(option: Option, study: Study, order: list[int], best: int, chosen: str | None) -> Inquiry:
    place, outcome = study.places[option.id], study.outcomes[study.places[option.id]]
    places = [place, best]
    both, chance = [study.outcomes[i] for i in places], rank(study).chance
    mine, winner = briefs(
        both,
        [float(chance[i]) for i in places],
        [within_share(o, study) for o in both],
        [study.keeps_limits(i) for i in places],
    )
    known, metrics = study.answers.known(), study.candidates[place].metrics
    about = "winner" if place == best else option.id
    reasons = [] if place == best else [explain.money_reason(winner, mine)]
    reasons += explain.guidance_reasons(option, about, study.rules, known)
    reasons += explain.effect_reasons(option, about, study.quality, study.rules)
    gates = [gate for o, gate in study.gated.excluded if o.id == option.id]
    return Inquiry(
        option_id=option.id,
        label=option.label,
        place=order.index(place) + 1,
        of=len(order),
        recommended=option.id == chosen,
        result=mine,
        reasons=reasons,
        ruled_out=[
            RuledOut(option_id=option.id, rule=g.id, text=g.text, evidence=explain.evidence_of(g)) for g in gates
        ],
        misses=[
            f"{limit.label}: {limit.show(metrics[limit.metric])} against {limit.show(limit.bound)}"
            for limit in study.limits
            if not limit.allows(metrics[limit.metric])
        ],
        figures=trace(study, outcome),
    )
