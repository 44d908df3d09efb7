"""Break-even in quality, token prices and the use of a machine: at the place told, both sides are worth the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cases import BULK, SUPPORT, catalogue, decided, studied

from advisor.decision.margins import QUALITY, TOKEN_PRICES, UTILISATION, margins
from advisor.decision.ranking import rank
from advisor.decision.result import BreakEvenPoint
from advisor.decision.study import Study
from advisor.decision.summary import flows
from pricing.cashflow import npv
from pricing.catalogue import load_catalogue

RAG = "rag/grok-4.7@x-ai"
EXACT = {
    "finance.horizon_months": 24,
    "finance.discount_rate_per_year": 0.1,
    "traffic.batch": False,
    "limits.frontier_allowed": True,
    "limits.must_self_host": False,
}


def found(study: Study, option_id: str, other_id: str) -> dict[str, BreakEvenPoint]:
    order = rank(study).order
    points = margins(study, study.places[option_id], [study.places[other_id]], order)
    return {point.id: point for point in points}


@pytest.mark.parametrize("other", ["keep_current", "rag_plus_ft/gemini-3.5-flash/api_tuning@google"])
def test_at_the_break_even_quality_both_are_worth_the_same(other: str) -> None:
    study = studied({**SUPPORT, **EXACT}, samples=64)
    point = found(study, RAG, other)[QUALITY]
    outcome, rival = study.outcomes[study.places[RAG]], study.outcomes[study.places[other]]
    assert point.at is not None
    assert point.current is not None
    assert point.current == pytest.approx(float(outcome.quality.mean()))
    worse = replace(outcome, quality=outcome.quality + (point.at - point.current))
    value = npv(flows(worse, study.valuation)[0], EXACT["finance.discount_rate_per_year"])
    assert float(np.mean(value)) == pytest.approx(float(rival.npv_usd.mean()), abs=0.01)


def test_at_the_break_even_token_price_both_are_worth_the_same(tmp_path: Path) -> None:
    facts = {**SUPPORT, **EXACT, "task.value_per_success_usd": 1.2, "task.cost_per_error_usd": 1}
    study = studied(facts, samples=64)
    point = found(study, RAG, "keep_current")[TOKEN_PRICES]
    assert point.at is not None
    assert point.at > 1
    factor = round(point.at, 6)
    offer = (
        f"{{provider: x-ai, hosting: api, source: own, input_usd_per_mtok: {2 * factor}, output_usd_per_mtok: "
        f"{6 * factor}, cached_input_usd_per_mtok: {0.5 * factor}}}"
    )
    own = "sources: {own: {title: dearer, where: a test, date: 2026-11-20}}"
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "grok-4.7.yaml").write_text(f"id: grok-4.7\n{own}\noffers: [{offer}]\n", encoding="utf-8")
    dearer = studied(facts, samples=64, prices=load_catalogue(tmp_path))
    value = float(dearer.outcomes[dearer.places[RAG]].npv_usd.mean())
    before = float(study.outcomes[study.places[RAG]].npv_usd.mean())
    assert before > 1_000
    assert value == pytest.approx(0.0, abs=before / 1_000)


def test_at_the_break_even_use_a_request_costs_the_same_on_a_machine_and_by_the_token() -> None:
    study = studied({**BULK, **EXACT}, samples=64)
    order = rank(study).order
    point = found(study, study.candidates[order[0]].option_id, "keep_current")[UTILISATION]
    assert point.at is not None
    assert point.current is not None
    machines = [o for o in (study.outcomes[i] for i in order) if np.any(o.account.replicas)]
    tokens = next(o for o in study.outcomes if o.option.label == point.against)
    own = next(o for o in machines if o.option.label in point.text)
    paid = sum(float(np.mean(line.per_month)) for line in own.account.lines if line.line == "serving")
    requests = 2_000_000 * point.at / point.current
    assert paid / requests == pytest.approx(float(np.mean(tokens.account.total("per_request_tokens"))), rel=1e-6)


def test_a_decision_tells_every_direction_against_today_and_the_runner_up() -> None:
    decision = decided({**SUPPORT, **EXACT}, quick=False, prices=catalogue())
    ids = {point.id for point in decision.break_evens}
    assert {QUALITY, TOKEN_PRICES, UTILISATION, "traffic.requests_per_month", "team.engineer_usd_per_hour"} <= ids
    assert len({point.against for point in decision.break_evens if point.id == QUALITY}) == 2
    assert len(decision.break_even_maps) == 2
    one, other = decision.break_even_maps
    assert (one.x_label, one.y_label) != (other.x_label, other.y_label)
