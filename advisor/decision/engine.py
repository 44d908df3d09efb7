"""Answers in, decision out: values every option, chooses within the limits, and explains the choice."""

from __future__ import annotations

import gc
import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

import advisor
from advisor.answers import plain_value
from advisor.contradictions import refuse_contradictions
from advisor.decision import explain, questions
from advisor.decision.break_even import break_even_maps, break_even_points
from advisor.decision.changes import changes_between
from advisor.decision.constraints import constraint_prices
from advisor.decision.flips import find_flips
from advisor.decision.limits import show_limit
from advisor.decision.optimize import (
    Relaxation,
    choose,
    impossible,
    joint_relaxations,
    pareto,
    relaxations,
    smallest_conflict,
)
from advisor.decision.plan import staged_plan
from advisor.decision.points import SEED
from advisor.decision.ranking import rank, within_share
from advisor.decision.result import (
    Assumption,
    Conflict,
    Decision,
    Finding,
    OptionResult,
    Reason,
    SolverReport,
    Stage,
    Verdict,
)
from advisor.decision.sensitivity import sensitivities
from advisor.decision.study import Study, build_study
from advisor.decision.summary import briefs, full
from advisor.decision.unused import unused
from advisor.decision.variants import representatives
from advisor.decision.verdict import Standing, stand

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from advisor.answers import Answers
    from advisor.decision.optimize import Choice
    from pricing.catalogue import Catalogue
    from rules.load import RuleBook

    Array = NDArray[np.float64]

NEAR_BEST = 0.01
"""Plans within this share of the best one's objective are named as equally good."""
PILOT_NOISE = 0.15
"""Standard deviation of the log-odds that 300 test items show: 1 / sqrt(300 x 0.8 x 0.2)."""
DRAWN = 3
"""Ranked options that carry their account and cash flow besides the best of each approach."""


def decide(
    answers: Answers,
    rules: RuleBook,
    catalogue: Catalogue,
    *,
    today: date,
    previous: Decision | None = None,
    samples: int = 1024,
    quick: bool = False,
) -> Decision:
    """The decision on `answers` with what can be bought and run on `today`.

    `samples` is a power of two. `quick` leaves out what the live panel does not show (plan, flips, prices of
    constraints, sensitivities, break-evens) and chooses by enumeration instead of calling the solver. Raises
    `InvalidDataError` for answers that contradict each other.
    """
    refuse_contradictions(answers, rules.facts)
    start = answers.value("finance.start")
    on = max(today, start) if start is not None else today
    with _no_collection():
        study = build_study(answers, rules, catalogue, on, samples=samples)
        return _Assembly(study, today, quick).decision(previous)


@contextmanager
def _no_collection() -> Iterator[None]:
    """A decision makes many small objects and no cycles: looking for cycles meanwhile takes a seventh of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class _Assembly:
    """Puts the decision together from a study."""

    def __init__(self, study: Study, today: date, quick: bool) -> None:
        self.study = study
        self.today = today
        self.quick = quick
        self.ranking = rank(study)
        self.known = study.answers.known()

    def decision(self, previous: Decision | None) -> Decision:
        study, ranking = self.study, self.ranking
        choice = None if self.quick else choose(study.choosable, study.limits)
        place = self._place(choice)
        worths = questions.worths_of(study, ranking, self._open_facts())
        standing = stand(study, place, ranking, worths)
        ranked = self._ranked(place)
        by_id = {r.option_id: r for r in ranked}
        leader = place if place is not None else ranking.order[0]
        recommended = by_id[study.candidates[leader].option_id] if standing.verdict is Verdict.RECOMMEND else None
        prices = study.market.prices_date or self.today
        decision = Decision(
            verdict=standing.verdict,
            headline=self._headline(standing, by_id[study.candidates[leader].option_id]),
            recommended=recommended,
            status_quo=by_id["keep_current"],
            ranked=ranked,
            ruled_out=explain.ruled_out(study.gated, study.market.left_out, study.rules.facts),
            reasons=self._reasons(leader, ranked),
            flips=[],
            constraint_prices=[],
            next_questions=questions.next_questions(worths, study.rules.facts, study.answers),
            settled=standing.settled,
            settled_because=standing.because,
            plan=[] if self.quick or place is None else self._plan(place),
            readiness=explain.findings(study.rules.readiness, study.outcomes[leader].option, self.known),
            risks=explain.findings(study.rules.risks, study.outcomes[leader].option, self.known),
            unchecked=[] if self.quick else self._unchecked(leader),
            unused=[] if self.quick else unused(study, self.today),
            assumptions=self._assumptions(leader, ranked),
            conflict=self._conflict() if place is None else None,
            pareto=[] if self.quick else pareto([study.candidates[i] for i in ranking.feasible or ranking.order]),
            near_best=self._near_best(place),
            solver=None if choice is None else _solver(choice),
            options_considered=study.considered,
            samples=study.world.points.count,
            seed=SEED,
            horizon_months=study.valuation.horizon.months,
            today=self.today,
            prices_date=prices,
            inputs_hash=inputs_hash(study.answers, study.rules),
            advisor_version=advisor.__version__,
            facts={fact: plain_value(value) for fact, value in self.known.items()},
            origins={fact: answer.origin.value for fact, answer in study.answers.items()},
        )
        if not self.quick:
            decision = decision.model_copy(update=self._explained(leader, place))
        if previous is None:
            return decision
        return decision.model_copy(update={"changes": changes_between(previous, decision, study.rules.facts)})

    def _place(self, choice: Choice | None) -> int | None:
        """Where the chosen option stands. The live panel takes the first of the ranking, which is the same one."""
        if choice is None or (self.ranking.guess and choice.option_id is not None):
            return self.ranking.feasible[0] if self.ranking.feasible else None
        return None if choice.option_id is None else self.study.places[choice.option_id]

    def _plan(self, place: int) -> list[Stage]:
        study = self.study
        floor = self.known.get("limits.quality_floor")
        feasible = [study.outcomes[i] for i in self.ranking.feasible]
        return staged_plan(
            study.outcomes[place], feasible, study.valuation, floor if isinstance(floor, float) else None
        )

    def _explained(self, leader: int, place: int | None) -> dict[str, object]:
        """What takes a second look at the case: flips, prices of limits, break-evens, sensitivities, the worth of a
        pilot."""
        study = self.study
        options = representatives(study, [leader, *(i for i in self.ranking.order if i != leader)])
        found: dict[str, object] = {
            "constraint_prices": constraint_prices(study, options, None if place is None else 0),
            "sensitivities": sensitivities(study, leader),
        }
        if place is None:
            return found
        found["flips"] = find_flips(study, options, 0)
        approach = options[0].approach
        reference = next((i for i, o in enumerate(options) if o.approach != approach and o.id in study.possible), None)
        points = break_even_points(study, options, reference, self.ranking.order)
        found |= {"break_evens": points, "break_even_maps": break_even_maps(study, options, points)}
        if self.ranking.feasible:
            found["pilot_worth_usd"] = questions.pilot_worth_usd(study, self.ranking, self._pilot(place), PILOT_NOISE)
        return found

    def _pilot(self, place: int) -> int:
        """The option a pilot would try: the best prompted or retrieving one, or the recommended one itself."""
        for i in self.ranking.feasible:
            option = self.study.outcomes[i].option
            if option.training == "none" and option.approach not in ("keep_current", "swap_model"):
                return i
        return place

    def _open_facts(self) -> list[str]:
        """Facts without an exact answer whose question applies."""
        found = []
        for fact in self.study.rules.facts.values():
            if not fact.decides or fact.id in self.study.answers:
                continue
            asks = fact.ask_when is None or fact.ask_when.evaluate(self.known.get) is not False
            if asks and fact.id not in self.study.answers.declined:
                found.append(fact.id)
        return found

    def _ranked(self, place: int | None) -> list[OptionResult]:
        study, ranking = self.study, self.ranking
        listed = ranking.listed(study)
        outcomes = [study.outcomes[i] for i in listed]
        chances = [float(ranking.chance[i]) for i in listed]
        meets = [study.keeps_limits(i) for i in listed]
        found = briefs(outcomes, chances, [within_share(o, study) for o in outcomes], meets)
        if self.quick:
            return found
        drawn = self._drawn(place)
        return [
            full(result, study.outcomes[i], study.valuation, ranking.best_npv) if i in drawn else result
            for i, result in zip(listed, found, strict=True)
        ]

    def _drawn(self, place: int | None) -> set[int]:
        chosen = set(self.ranking.order[:DRAWN])
        if place is not None:
            chosen.add(place)
        approaches: set[str] = set()
        for i in self.ranking.order:
            approach = self.study.outcomes[i].option.approach
            if approach not in approaches:
                approaches.add(approach)
                chosen.add(i)
        return chosen

    def _headline(self, standing: Standing, leader: OptionResult) -> str:
        if standing.verdict is Verdict.NOTHING_FEASIBLE:
            return "No option meets every limit."
        if standing.verdict is Verdict.NOT_ENOUGH_INFORMATION:
            start = "begin with an evaluation set and" if self.ranking.guess else "the leaning is"
            return f"Not enough is known yet; {start}: {leader.label}"
        return leader.label

    def _reasons(self, leader: int, ranked: list[OptionResult]) -> list[Reason]:
        study = self.study
        winner = study.outcomes[leader].option
        by_id = {r.option_id: r for r in ranked}
        mine = by_id[winner.id]
        found = explain.guidance_reasons(winner, "winner", study.rules, self.known)
        found += explain.effect_reasons(winner, "winner", study.quality, study.rules)
        seen = {winner.approach}
        for i in self.ranking.order:
            option = study.outcomes[i].option
            if option.approach in seen:
                continue
            seen.add(option.approach)
            found.append(explain.money_reason(mine, by_id[option.id]))
            found += explain.guidance_reasons(option, option.id, study.rules, self.known)
            found += explain.effect_reasons(option, option.id, study.quality, study.rules)[:2]
        return found

    def _assumptions(self, leader: int, ranked: list[OptionResult]) -> list[Assumption]:
        study = self.study
        return explain.assumptions(study.rules.facts, study.answers, ranked, study.rules, self._spoken(leader))

    def _unchecked(self, leader: int) -> list[Finding]:
        option, rules = self.study.outcomes[leader].option, self.study.rules
        return [
            *explain.unchecked(rules.readiness, option, self.known),
            *explain.unchecked(rules.risks, option, self.known),
        ]

    def _spoken(self, leader: int) -> set[str]:
        return {t.effect_id for t in self.study.quality.terms(self.study.outcomes[leader].option)}

    def _conflict(self) -> Conflict:
        study = self.study
        alone = impossible(study.choosable, study.limits)
        limits = alone or smallest_conflict(study.choosable, study.limits)
        ways = [[way] for way in relaxations(study.choosable, study.limits)]
        ways = ways or self._one_of_each(joint_relaxations(study.choosable, study.limits))
        kept = any(c.meets(study.limits) for c in study.candidates if c.option_id not in study.barred)
        what = "No option that is worth its cost meets" if kept else "No option meets"
        named = [f"the {limit.label} ({show_limit(limit.fact, limit.bound)})" for limit in limits]
        said = ", and none ".join(named) if alone else f"{' and '.join(named)} at once"
        return Conflict(
            limits=[limit.fact for limit in limits],
            text=f"{what} {said}.",
            relaxations=[self._way_out(way) for way in ways[:4]],
        )

    def _one_of_each(self, ways: Sequence[list[Relaxation]]) -> list[list[Relaxation]]:
        """The nearest way of every approach."""
        found: dict[str, list[Relaxation]] = {}
        for way in ways:
            found.setdefault(self.study.outcomes[self.study.places[way[0].option_id]].option.approach, way)
        return list(found.values())

    def _way_out(self, way: Sequence[Relaxation]) -> str:
        label = self.study.outcomes[self.study.places[way[0].option_id]].option.label
        moves = (
            f"{one.limit.label} from {show_limit(one.limit.fact, one.limit.bound)} "
            f"to {show_limit(one.limit.fact, one.bound)}"
            for one in way
        )
        return f"{' and '.join(moves)}: {label}"

    def _near_best(self, place: int | None) -> list[str]:
        if place is None:
            return []
        top = self.study.candidates[place].objective_usd
        near = [self.study.candidates[i] for i in self.ranking.feasible]
        return [c.option_id for c in near if c.objective_usd >= top - NEAR_BEST * abs(top)]


def _solver(choice: Choice) -> SolverReport:
    return SolverReport(
        solver=choice.solved.solver,
        status=choice.solved.status,
        gap=choice.solved.gap,
        seconds=choice.solved.seconds,
        variables=choice.solved.variables,
        constraints=choice.solved.constraints,
    )


def inputs_hash(answers: Answers, rules: RuleBook) -> str:
    """SHA-256 over the answers that may decide; free text is not among them."""
    plain = {
        fact: [plain_value(a.value), a.origin.value, a.evidence_n]
        for fact, a in sorted(answers.given.items())
        if fact not in rules.facts or rules.facts[fact].decides
    }
    return hashlib.sha256(json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
