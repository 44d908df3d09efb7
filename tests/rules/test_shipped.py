"""Tests made from the YAML files: every example of every rule, and what each rule owes its reader."""

import re
from pathlib import Path

import pytest

from rules.check import Checked, run_example
from rules.facts import NUMERIC
from rules.load import KINDS, SHIPPED, load_rules
from rules.models import Claim, Guidance, Statement
from rules.options import OPTION_NAMES

BOOK = load_rules()
RULES = {rule.id: (kind, rule) for kind, rule in BOOK.rules()}
EXAMPLES = [(rule.id, number) for _, rule in BOOK.rules() for number in range(len(rule.examples))]
ARTICLE_TABLE = Path(__file__).parents[2] / "docs" / "rules.md"


@pytest.mark.parametrize(("identifier", "number"), EXAMPLES, ids=[f"{i}-{n}" for i, n in EXAMPLES])
def test_example(identifier: str, number: int) -> None:
    rule = RULES[identifier][1]
    example = rule.examples[number]
    assert run_example(rule, example, BOOK) == example.fires


def test_nothing_is_wrong(shipped: Checked) -> None:
    assert [str(problem) for problem in shipped.problems] == []
    assert shipped.examples == len(EXAMPLES)
    assert shipped.files == len(list(SHIPPED.glob("*/*.yaml"))) == len(RULES) + len(BOOK.facts)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_there(kind: str) -> None:
    assert len(BOOK.kinds()[kind]) > 5


CONTRACT = {
    "task.kind": "choice",
    "task.format": "choice",
    "task.convention": "choice",
    "task.reasoning": "choice",
    "task.tone_required": "bool",
    "task.classes": "int",
    "task.value_per_success_usd": "number",
    "task.cost_per_error_usd": "number",
    "knowledge.source": "choice",
    "knowledge.change_interval_days": "number",
    "knowledge.corpus_tokens": "int",
    "knowledge.citations_required": "bool",
    "data.labelled_examples": "int",
    "data.reviewed_quality_rate": "share",
    "data.label_cost_usd": "number",
    "data.test_examples": "int",
    "traffic.requests_per_month": "number",
    "traffic.input_tokens": "number",
    "traffic.output_tokens": "number",
    "traffic.growth_per_month_rate": "share",
    "traffic.peak_to_average": "number",
    "traffic.cached_input_share": "share",
    "traffic.batch": "bool",
    "limits.must_self_host": "bool",
    "limits.frontier_allowed": "bool",
    "limits.latency_p95_ms": "number",
    "limits.quality_floor": "share",
    "limits.upfront_budget_usd": "number",
    "limits.monthly_budget_usd": "number",
    "limits.deadline_weeks": "number",
    "current.approach": "choice",
    "current.model": "text",
    "current.monthly_spend_usd": "number",
    "current.quality_rate": "share",
    "current.latency_p95_ms": "number",
    "preferences.priority": "choice",
    "team.ml_engineers": "number",
    "team.engineer_usd_per_hour": "number",
    "hardware.gpus": "gpus",
    "portfolio.tasks_sharing_a_base_model": "int",
    "finance.horizon_months": "int",
    "finance.discount_rate_per_year": "share",
    "finance.start": "date",
}
CHOICES = {
    "task.kind": "classification extraction structured_output tool_calling question_answering summarisation generation "
    "style_imitation dialogue code reasoning",
    "task.format": "free json dsl sql",
    "task.convention": "generic house",
    "task.reasoning": "shallow deep",
    "knowledge.source": "none static_corpus changing_corpus",
    "current.approach": "none human prompting rag fine_tuning rag_plus_ft",
    "preferences.priority": "cost balanced quality",
}


@pytest.mark.parametrize("fact", CONTRACT)
def test_contract_facts_keep_id_type_and_choices(fact: str) -> None:
    assert BOOK.facts[fact].type == CONTRACT[fact]
    assert set(CHOICES.get(fact, "").split()) <= set(BOOK.facts[fact].values())


@pytest.mark.parametrize("fact", BOOK.facts)
def test_a_fact_says_what_is_assumed_while_unknown(fact: str) -> None:
    entry = BOOK.facts[fact]
    assert entry.question.endswith("?")
    if entry.decides and entry.type != "measurements":
        assert entry.assume is not None, "say what is assumed, `kind: none` when nothing is"
        assert entry.assume.source
    if entry.type in NUMERIC and entry.type != "share":
        assert entry.unit, "a number needs a unit"
    assert entry.id.startswith(f"{entry.group}.") or entry.type == "measurements"


def test_no_two_questions_stand_at_the_same_place() -> None:
    places = [fact.order for fact in BOOK.facts.values()]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("identifier", RULES)
def test_a_rule_stands_on_evidence(identifier: str) -> None:
    _, rule = RULES[identifier]
    for evidence in rule.evidence:
        if evidence.kind in ("article", "judgement"):
            assert evidence.strength == "weak", "an article without figures or a judgement is weak evidence"
        assert 1900 <= int(str(evidence.date)[:4]) <= 2026
    if isinstance(rule, Statement) and rule.now and "Holds" not in rule.now.split(".")[0]:
        others = [evidence for evidence in rule.evidence if evidence.kind != "article"]
        assert others, "what holds now needs a source of its own"
    if isinstance(rule, Statement) and rule.article:
        assert any(evidence.kind == "article" for evidence in rule.evidence) or rule.now is None


@pytest.mark.parametrize("identifier", [i for i, (_, r) in RULES.items() if isinstance(r, Claim)])
def test_a_claim_is_dated_and_sourced(identifier: str) -> None:
    claim = RULES[identifier][1]
    assert isinstance(claim, Claim)
    assert claim.as_of.year >= 2026
    assert {evidence.kind for evidence in claim.evidence} - {"article"}


@pytest.mark.parametrize("identifier", [i for i, (_, r) in RULES.items() if isinstance(r, Guidance)])
def test_guidance_that_speaks_of_quality_names_its_numbers(identifier: str) -> None:
    guidance = RULES[identifier][1]
    assert isinstance(guidance, Guidance)
    assert set(guidance.effects) <= set(BOOK.effects)


def test_nothing_internal_is_cited() -> None:
    for path in SHIPPED.glob("*/*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"EVIDENCE|DESIGN|WHAT_WORKS|/work/", text), path


def test_free_text_decides_nothing() -> None:
    silent = {fact.id for fact in BOOK.facts.values() if not fact.decides}
    assert "task.description" in silent
    named = {name for _, rule in BOOK.rules() for _, condition in rule.conditions() for name in condition.names}
    assert not silent & named


def test_every_option_name_is_explained() -> None:
    for name, entry in OPTION_NAMES.items():
        assert name.startswith("option.")
        assert entry.meaning


def _article_table() -> list[tuple[str, list[str]]]:
    """(statement of the article, rule ids) for each row of the table in docs/rules.md."""
    text = ARTICLE_TABLE.read_text(encoding="utf-8").partition("## The article, sentence by sentence")[2]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [(row[0], re.findall(r"`([a-z0-9.-]+)`", row[-1])) for row in rows[1:] if not row[0].startswith("---")]


def test_the_article_table_names_rules_that_exist() -> None:
    rows = _article_table()
    assert len(rows) > 60
    for statement, identifiers in rows:
        assert identifiers, f"no rule for: {statement}"
        for identifier in identifiers:
            assert identifier in BOOK.files, f"{identifier} does not exist (row: {statement})"


def test_every_rule_that_quotes_the_article_stands_in_the_table() -> None:
    named = {identifier for _, identifiers in _article_table() for identifier in identifiers}
    quoting = {i for i, (_, r) in RULES.items() if getattr(r, "article", None)}
    assert quoting - named == set()
