"""Cases for the tests of the decision: answers in memory, the shipped rules and prices, one day."""

from datetime import date
from functools import cache
from typing import Any

from advisor.answers import Answer, Answers, Origin
from advisor.decision.engine import decide
from advisor.decision.ranking import rank
from advisor.decision.result import Decision
from advisor.decision.study import Study, build_study
from pricing.catalogue import Catalogue, load_catalogue
from rules.load import RuleBook, load_rules

DAY = date(2026, 11, 24)
SUPPORT = {
    "task.kind": "question_answering",
    "task.format": "free",
    "knowledge.source": "changing_corpus",
    "knowledge.change_interval_days": 7,
    "knowledge.corpus_tokens": 6_000_000,
    "knowledge.citations_required": True,
    "traffic.requests_per_month": 12_000,
    "current.approach": "none",
    "task.value_per_success_usd": 4,
    "task.cost_per_error_usd": 2,
}
BULK = {
    "task.kind": "classification",
    "task.convention": "house",
    "task.classes": 40,
    "task.reasoning": "shallow",
    "knowledge.source": "none",
    "data.labelled_examples": 8000,
    "data.reviewed_quality_rate": 0.97,
    "traffic.requests_per_month": 2_000_000,
    "traffic.input_tokens": 600,
    "traffic.output_tokens": 20,
    "traffic.batch": True,
    "current.approach": "none",
    "task.value_per_success_usd": 0.02,
    "task.cost_per_error_usd": 0.05,
}
CLINIC = {
    "task.kind": "extraction",
    "task.format": "json",
    "task.convention": "house",
    "knowledge.source": "none",
    "data.labelled_examples": 600,
    "traffic.requests_per_month": 9_000,
    "limits.must_self_host": True,
    "limits.rented_gpus_allowed": False,
    "hardware.gpus": [{"gpu": "l40s", "count": 2}],
    "current.approach": "none",
    "task.value_per_success_usd": 3,
    "task.cost_per_error_usd": 2,
}
HOSTED = ("api", "serverless")


@cache
def rules() -> RuleBook:
    return load_rules()


@cache
def catalogue() -> Catalogue:
    return load_catalogue()


def answers(facts: dict[str, Any]) -> Answers:
    return Answers.from_plain({"v": 1, "facts": facts}, rules().facts)


def decided(
    facts: dict[str, Any], *, prices: Catalogue | None = None, quick: bool = True, samples: int = 128
) -> Decision:
    given = answers(facts)
    return decide(given, rules(), prices or catalogue(), today=DAY, samples=samples, quick=quick)


def studied(facts: dict[str, Any] | Answers, *, samples: int = 128, prices: Catalogue | None = None) -> Study:
    given = facts if isinstance(facts, Answers) else answers(facts)
    return build_study(given, rules(), prices or catalogue(), DAY, samples=samples)


def measured(facts: dict[str, Any], entries: list[dict[str, Any]]) -> Answers:
    """The answers with what evaluations found."""
    given = answers(facts)
    value = rules().facts["measured.options"].parse(entries)
    return given.with_("measured.options", Answer(value, Origin.MEASURED, "a test"))


def prompted_api_chance(study: Study) -> float:
    """How often a hosted model that nobody trained is the best option."""
    chance = rank(study).chance
    chosen = [i for i, o in enumerate(study.outcomes) if o.option.hosting in HOSTED and o.option.training == "none"]
    return float(chance[chosen].sum())


def quality_of(study: Study, prefix: str) -> Any:
    """Quality samples of the first option whose id begins so."""
    return next(o.quality for o in study.outcomes if o.option.id.startswith(prefix))
