"""What to find out next: the value of knowing each open fact before deciding.

Expected value of partial perfect information by binning (Strong, Oakley and Brennan 2014 discuss the estimator and its
bias):
the samples are sorted into bins of the fact, the best option of each bin is taken, and the mean of those is compared
with the best
option over all samples. Samples are shared by all options, so one pass over the value matrix answers for every fact.

Facts about which nothing is assumed have other columns: what a good answer is worth is the sampled stake; a limit is
tried at the
values it might have (`might_be` in its file); what runs today is tried as each of its choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.answers import Answer
from advisor.decision.limits import SPOKEN_OF, Limit
from advisor.decision.result import NextQuestion
from advisor.decision.study import build_study
from advisor.decision.variants import CLEAR_USD, representatives, value_variants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from advisor.answers import Answers
    from advisor.decision.optimize import Candidate
    from advisor.decision.ranking import Ranking
    from advisor.decision.study import Study
    from rules.facts import Fact

    Array = NDArray[np.float64]

MUST_KNOW = ("task.kind",)
"""Without these there is nothing to recommend for."""
CORE = (
    "knowledge.source",
    "current.approach",
    "current.quality_rate",
    "task.convention",
    "traffic.requests_per_month",
    "data.labelled_examples",
    "limits.must_self_host",
)
"""What the choice between prompting, retrieval and training turns on. Their answers work together, so that each alone
may seem to change nothing: they are asked first, and nothing is settled before."""
BINS = 8
WORTH_ASKING_USD = 1.0
MATERIAL_SHARE = 0.05
"""Of the value of the better option: what it must gain before an answer counts as changing the recommendation."""
LEAST_BIN = 12
"""Samples in a bin below which its mean says nothing."""
SURE = 2.5
"""Standard errors by which an option must be ahead in a bin: many options and bins are compared at once."""
USUAL_GPU = "l40s"
OWNS_GPUS = 0.3
"""How often a team that keeps its data in the house has GPUs for it (judgement)."""
VARIANT_SAMPLES = 64


@dataclass(frozen=True, slots=True)
class Worth:
    """What knowing one fact is worth."""

    fact: str
    usd: float
    changes_winner: float
    """Share of the samples in whose bin another kind of option is better by a material amount."""


def worths_of(study: Study, ranking: Ranking, facts: Sequence[str]) -> list[Worth]:
    """Worth of each fact in `facts`: what nothing can be recommended without comes first, then the most valuable."""
    places = ranking.contenders()
    if not places:
        return []
    values = np.stack([study.outcomes[i].npv_usd for i in places])
    kinds = [study.outcomes[i].option.approach for i in places]
    scorer = _Scorer(values, kinds)
    order = [study.candidates[i] for i in ranking.by_kind(study)]
    found = []
    for fact in (fact for fact in facts if fact in study.world.facts.read):
        column = _column(study, fact)
        if column is not None:
            found.append(scorer.worth(fact, bins_of(column)))
        elif (limit := _might_limit(study, fact)) is not None:
            found.append(_limit_worth(order, fact, limit, scorer.material))
        elif fact == "current.approach":
            found.append(_today_worth(study, ranking, scorer.material))
        elif fact == "hardware.gpus":
            found.append(_fleet_worth(study, ranking, scorer.material))
    valued = {worth.fact for worth in found}
    found += [Worth(fact, 0.0, 0.0) for fact in facts if fact in CORE and fact not in valued]
    return sorted(found, key=lambda w: (_turn(w.fact), -w.usd, study.rules.facts[w.fact].order))


def _turn(fact: str) -> int:
    return 0 if fact in MUST_KNOW else 1 if fact in CORE else 2


def unasked(study: Study) -> list[str]:
    """Facts of `CORE` whose question applies and that nobody has answered or declined."""
    answers, known = study.answers, study.answers.known()
    return [
        fact
        for fact in CORE
        if fact not in answers
        and fact not in answers.declined
        and ((when := study.rules.facts[fact].ask_when) is None or when.evaluate(known.get) is not False)
    ]


def _column(study: Study, fact: str) -> NDArray[np.generic] | None:
    """The samples of a fact that is not known, or of what stands in for it."""
    value = study.world.facts.get(fact)
    stakes, today = study.valuation.stakes, study.valuation.today
    stand_in: dict[str, Callable[[], object]] = {
        "task.value_per_success_usd": lambda: stakes.value_usd,
        "task.cost_per_error_usd": lambda: stakes.error_usd,
        "current.monthly_spend_usd": lambda: today.usd_per_month,
        "current.quality_rate": lambda: today.quality,
    }
    if value is None and fact in stand_in:
        value = stand_in[fact]()
    return value if isinstance(value, np.ndarray) else None


def bins_of(column: NDArray[np.generic]) -> NDArray[np.int64]:
    """The bin of each sample: one per value for few values, else quantile bins."""
    distinct, index = np.unique(column, return_inverse=True)
    if distinct.size <= 2 * BINS:
        return np.asarray(index, dtype=np.int64)
    order = np.argsort(column, kind="stable")
    result = np.empty(column.size, dtype=np.int64)
    result[order] = np.arange(column.size) * BINS // column.size
    return result


class _Scorer:
    """Compares the best option of each bin with the best one of all; the error of a bin's mean is not taken for a
    gain."""

    def __init__(self, values: Array, kinds: Sequence[str]) -> None:
        self._values = values
        self._means = values.mean(axis=1)
        self._winner = int(np.argmax(self._means))
        self._others = np.array([kind != kinds[self._winner] for kind in kinds])
        self.material = max(MATERIAL_SHARE * abs(float(self._means[self._winner])), CLEAR_USD)

    def worth(self, fact: str, bins: NDArray[np.int64]) -> Worth:
        """Bins in which another option is ahead by less than the error of the mean count as no difference."""
        gain, changes = 0.0, 0.0
        inside = (bins[:, None] == np.arange(int(bins.max()) + 1)).astype(float)
        sizes = inside.sum(axis=0)
        means = self._values @ inside / np.maximum(sizes, 1.0)
        others = np.where(self._others[:, None], means, -np.inf)
        for one in np.flatnonzero(sizes >= LEAST_BIN):
            size, within = float(sizes[one]), inside[:, one]
            gain += size * self._sure_gain(int(means[:, one].argmax()), within, size)
            other = int(others[:, one].argmax())
            clear = max(MATERIAL_SHARE * abs(float(means[other, one])), CLEAR_USD)
            if self._others[other] and self._sure_gain(other, within, size) > clear:
                changes += size
        return Worth(fact, gain / bins.size, changes / bins.size)

    def _sure_gain(self, place: int, within: Array, size: float) -> float:
        """How far an option is ahead of the winner where `within` is 1, less the error of that difference."""
        if place == self._winner:
            return 0.0
        difference = self._values[place] - self._values[self._winner]
        mean = float(difference @ within) / size
        error = max(float(np.square(difference) @ within) / size - mean * mean, 0.0) ** 0.5 / size**0.5
        return max(0.0, mean - float(SURE * error))


def _might_limit(study: Study, fact: str) -> tuple[Limit, float, tuple[float, ...]] | None:
    """(limit with an open bound, how often there is one, its values)."""
    assume = study.rules.facts[fact].assume
    spoken = next((row for row in SPOKEN_OF if row[0] == fact), None)
    if assume is None or assume.might_be is None or spoken is None:
        return None
    name, label, metric, floor = spoken
    return Limit(name, label, metric, 0.0, floor), assume.might_be.share, assume.might_be.values


def _limit_worth(
    order: Sequence[Candidate], fact: str, might: tuple[Limit, float, tuple[float, ...]], material: float
) -> Worth:
    """A limit that is found out too late costs the plan; known in time, the best plan within it is taken."""
    limit, share, bounds = might
    if not order:
        return Worth(fact, 0.0, 0.0)
    winner, gain, changes = order[0], 0.0, 0.0
    for bound in bounds:
        tried = Limit(limit.fact, limit.label, limit.metric, bound, limit.floor)
        if winner.meets([tried]):
            continue
        best = max((c.objective_usd for c in order if c.meets([tried])), default=0.0)
        lost = -abs(winner.metrics["upfront_usd"])
        gain += max(best, 0.0) - lost
        changes += 1.0 if max(best, 0.0) - lost > material else 0.0
    return Worth(fact, share * gain / len(bounds), share * changes / len(bounds))


def _today_worth(study: Study, ranking: Ranking, material: float) -> Worth:
    """What runs today, tried as each of its choices with the weights of its assumption."""
    assume = study.rules.facts["current.approach"].assume
    weights = {k: w for k, w in (assume.weights or {}).items() if k != "none"} if assume is not None else {}
    options = representatives(study, ranking.order)
    if not weights or not ranking.feasible:
        return Worth("current.approach", 0.0, 0.0)
    tries = [study.answers.with_("current.approach", Answer(kind)) for kind in weights]
    variants = value_variants(study, options, tries, VARIANT_SAMPLES)
    winner = next(i for i, o in enumerate(options) if study.places.get(o.id) == ranking.feasible[0])
    whole = sum((assume.weights or {}).values()) if assume is not None else 1.0
    gain, changes = 0.0, 0.0
    for row, weight in enumerate(weights.values()):
        best = variants.best(row)
        if best is None:
            continue
        better = float(variants.objective_usd[row, best] - variants.objective_usd[row, winner])
        gain += weight / whole * max(better, 0.0)
        changes += weight / whole if better > material and options[best].approach != options[winner].approach else 0.0
    return Worth("current.approach", gain, changes)


def _fleet_worth(study: Study, ranking: Ranking, material: float) -> Worth:
    """GPUs that nobody has named yet: what a usual pair of them would add, where requests must stay in the house."""
    house = study.world.facts.get("limits.must_self_host")
    if not ranking.feasible or house is None or float(np.mean(np.asarray(house, dtype=float))) < 0.5:
        return Worth("hardware.gpus", 0.0, 0.0)
    gpus = [{"gpu": USUAL_GPU, "count": 2}]
    tried = build_study(
        study.answers.with_("hardware.gpus", Answer(gpus)),
        study.rules,
        study.catalogue,
        study.on,
        samples=VARIANT_SAMPLES,
    )
    again = build_study(study.answers, study.rules, study.catalogue, study.on, samples=VARIANT_SAMPLES)
    owned, rented = (_best_of(s) for s in (tried, again))
    if owned is None or rented is None:
        return Worth("hardware.gpus", 0.0, 0.0)
    gain = max(owned.objective_usd - rented.objective_usd, 0.0)
    changes = OWNS_GPUS if gain > material and owned.level != rented.level else 0.0
    return Worth("hardware.gpus", OWNS_GPUS * gain, changes)


def _best_of(study: Study) -> Candidate | None:
    inside = [c for c in study.candidates if c.option_id in study.possible]
    return max(inside, key=lambda c: c.objective_usd, default=None)


def next_questions(worths: Sequence[Worth], facts: Mapping[str, Fact], answers: Answers) -> list[NextQuestion]:
    """Open questions that are worth asking, the most valuable first; before one that waits for others stand those."""
    found: dict[str, NextQuestion] = {}
    for worth in worths:
        if worth.usd < WORTH_ASKING_USD and worth.fact not in (*MUST_KNOW, *CORE):
            continue
        for fact in (*_waited_for(facts[worth.fact], facts, answers), facts[worth.fact]):
            found.setdefault(fact.id, _question(fact, worth))
    return list(found.values())


def _waited_for(fact: Fact, facts: Mapping[str, Fact], answers: Answers) -> list[Fact]:
    """Open questions that settle whether this one applies."""
    known = answers.known()
    if fact.ask_when is None or fact.ask_when.evaluate(known.get) is not None:
        return []
    names = sorted(n for n in fact.ask_when.names if n in facts and n not in known and n not in answers.declined)
    return [facts[name] for name in names]


def _question(fact: Fact, worth: Worth) -> NextQuestion:
    return NextQuestion(
        fact=fact.id,
        question=fact.question,
        why=fact.why,
        value_of_information_usd=worth.usd,
        changes_winner_probability=worth.changes_winner,
    )


def pilot_worth_usd(study: Study, ranking: Ranking, place: int, noise_logit: float) -> float:
    """What it is worth to measure the quality of the option at `place` before deciding (with the error of the test
    set)."""
    values = np.stack([study.outcomes[i].npv_usd for i in ranking.contenders()])
    kinds = [study.outcomes[i].option.approach for i in ranking.contenders()]
    quality = np.clip(study.outcomes[place].quality, 1e-6, 1 - 1e-6)
    seen = np.log(quality / (1.0 - quality)) + noise_logit * study.world.points.normal("observation:0")
    return _Scorer(values, kinds).worth("pilot", bins_of(seen)).usd
