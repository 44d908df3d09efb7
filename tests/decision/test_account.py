"""The account of an option adds up, and every figure in it can be traced to a source."""

from pathlib import Path

import numpy as np
import pytest
from calling import Advisor
from cases import CLINIC, SUPPORT, decided, studied

from advisor.decision.summary import briefs, full
from advisor.decision.trace import trace
from pricing.catalogue import load_catalogue

EXAMPLES = Path(__file__).parents[2] / "examples"


OPEN_END = {**CLINIC, "finance.horizon_months": {"low": 12, "high": 36}}


@pytest.mark.parametrize("facts", [SUPPORT, CLINIC, OPEN_END])
def test_lines_and_benefit_add_up_to_the_value(facts: dict[str, object]) -> None:
    decision = decided(facts, quick=False)
    drawn = [option for option in decision.ranked if option.cash is not None]
    assert decision.recommended in drawn
    for option in drawn:
        assert option.expected_npv_usd is not None
        assert option.status_quo_present_value_usd is not None
        assert option.benefit_present_value_usd is not None
        costs = sum(line.present_value_usd or 0.0 for line in option.cost_lines)
        total = option.status_quo_present_value_usd + option.benefit_present_value_usd - costs
        assert total == pytest.approx(option.expected_npv_usd, rel=1e-6, abs=1.0)
        assert option.cash is not None
        undiscounted = sum(line.expected_usd or 0.0 for line in option.cost_lines)
        assert sum(option.cash.cost_usd) == pytest.approx(undiscounted, rel=1e-6, abs=1.0)


def test_moving_away_is_paid_once_in_the_last_month_of_each_future() -> None:
    study = studied({**CLINIC, "finance.horizon_months": 18}, samples=64)
    outcome = next(o for o in study.outcomes if o.option.approach == "lora")
    option = full(briefs([outcome], [0.0], [1.0], [True])[0], outcome, study.valuation, outcome.npv_usd)
    (leaving,) = [line for line in option.cost_lines if line.line == "exit"]
    assert option.cash is not None
    assert leaving.expected_usd is not None
    assert leaving.expected_usd > 100
    assert leaving.present_value_usd is not None
    assert leaving.present_value_usd < leaving.expected_usd
    *_, before, last = option.cash.cost_usd
    assert last - before == pytest.approx(leaving.expected_usd, rel=0.05)
    (data,) = [line for line in option.cost_lines if line.line == "data"]
    (building,) = [line for line in option.cost_lines if line.line == "engineering"]
    assert 0 < data.upfront_usd.p10 < building.upfront_usd.p90


def test_every_option_of_a_study_is_traced_to_its_sources() -> None:
    study = studied(CLINIC, samples=64)
    for outcome in study.outcomes:
        figures = trace(study, outcome)
        assert figures
        for figure in figures:
            assert figure.sources, f"{outcome.option.id}: {figure.figure}"
            assert all(source.source for source in figure.sources)


def test_missing_prices_are_shown_as_not_priceable_and_never_as_zero() -> None:
    decision = decided(SUPPORT)
    missing = [entry for entry in decision.ruled_out if entry.rule == "not-priceable"]
    assert missing
    assert all("unknown" in entry.text for entry in missing)
    for option in decision.ranked:
        if option.approach != "keep_current":
            assert option.monthly_cost_usd.p10 > 0.0
            assert option.upfront_cost_usd.p10 > 0.0


def test_why_tells_of_the_winner_a_loser_and_what_was_ruled_out(advisor: Advisor) -> None:
    file = EXAMPLES / "support-desk.yaml"
    winner = advisor("why", "--answers", file, "--json", "--trace", "--today", "2026-11-24").json
    assert winner["recommended"] is True
    assert winner["place"] == 1
    assert {figure["figure"] for figure in winner["trace"]} >= {"answered well", "p95 latency", "weeks to production"}
    assert all(source["source"] for figure in winner["trace"] for source in figure["sources"])
    loser = advisor("why", "rag_plus_ft", "--answers", file, "--json", "--today", "2026-11-24").json
    assert loser["recommended"] is False
    assert "less on average over the horizon" in loser["reasons"][0]["text"]
    gone = advisor("why", "lora", "--answers", file, "--json", "--today", "2026-11-24").json
    assert gone["place"] is None
    assert gone["ruled_out"][0]["rule"] in ("changing-facts-not-by-tuning", "citations-need-documents")
    wrong = advisor("why", "loar", "--answers", file)
    assert wrong.code == 2
    assert "lora" in wrong.err


DEARER = """id: gpt-6-sol
sources:
  own: {title: announced by the vendor, where: a letter, date: 2026-11-20}
offers:
  - {provider: openai, hosting: api, source: own, input_usd_per_mtok: [{value: 2}, {value: 8, from: 2027-11-24}],
     output_usd_per_mtok: [{value: 10}, {value: 40, from: 2027-11-24}],
     cached_input_usd_per_mtok: [{value: 1}, {value: 4, from: 2027-11-24}]}
"""


def test_an_announced_price_is_paid_from_its_day_on_in_a_line_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "gpt-6-sol.yaml").write_text(DEARER, encoding="utf-8")
    steady = {
        "finance.horizon_months": 24,
        "traffic.growth_per_month_rate": 0,
        "finance.token_price_change_per_year_rate": 0,
    }
    study = studied(
        {**SUPPORT, **steady, "traffic.batch": False},
        samples=64,
        prices=load_catalogue(tmp_path),
    )
    outcome = next(o for o in study.outcomes if o.option.id == "rag/gpt-6-sol@openai")
    option = briefs([outcome], [0.0], [1.0], [True])[0]
    option = full(option, outcome, study.valuation, outcome.npv_usd)
    assert option.cash is not None
    months = option.cash.cost_usd
    (announced,) = outcome.account.later
    serving = next(line for line in outcome.account.lines if line.label == "GPT-6 Sol by the token")
    dearer = announced.per_request_tokens / serving.per_request_tokens
    assert dearer == pytest.approx(3.0)
    assert "2027-11-24" in announced.label
    before, after = months[11], months[14]
    allowed = np.ones(64) if outcome.forbidden is None else ~outcome.forbidden
    assert after - before == pytest.approx(12_000 * float(np.mean(announced.per_request_tokens * allowed)), rel=1e-6)
    assert before == pytest.approx(months[10])
    assert before <= months[12] < months[13] == pytest.approx(after)
    costs = sum(line.present_value_usd or 0.0 for line in option.cost_lines)
    total = (option.status_quo_present_value_usd or 0.0) + (option.benefit_present_value_usd or 0.0) - costs
    assert total == pytest.approx(option.expected_npv_usd, rel=1e-6, abs=1.0)


def test_a_model_that_gets_dearer_does_not_push_out_one_that_stays_cheap() -> None:
    """Gemini 4 Argon costs no more than its elder on the day, and twice as much a week later."""
    left_out = dict(studied(SUPPORT, samples=64).market.left_out)
    assert "Gemini 4 Argon" not in left_out.get("Gemini 3.1 Pro at google", "")
