"""The money in decisions and reports, recomputed by independent means."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy_financial as npf
import pytest
import pyxirr
from report_calls import NAMES, Made, invoke

from advisor.decision.result import CostLine, Decision, OptionResult, Spread
from advisor.reports.sections.claims import DAYS_PER_MONTH, payback_steps
from pricing import cashflow

RATE = 0.10
"""The discount rate that the answers below give for certain."""


@pytest.fixture(scope="module", params=NAMES)
def decision(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Decision:
    """An example with a discount rate and a horizon that are not uncertain."""
    from report_calls import EXAMPLES, TODAY

    text = (EXAMPLES / f"{request.param}.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "finance." not in line]
    lines += [f"  finance.discount_rate_per_year: {RATE}", "  finance.horizon_months: 24"]
    path = tmp_path_factory.mktemp("money") / "answers.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    ran = invoke("decide", str(path), "--json", "--today", TODAY)
    assert ran.exit_code == 0, ran.stderr
    return Decision.model_validate_json(ran.stdout)


def drawn(decision: Decision) -> list[OptionResult]:
    return [option for option in decision.ranked if option.cash is not None]


def expected_flows(option: OptionResult) -> list[float]:
    assert option.cash is not None
    cash = option.cash
    return [
        today + benefit - cost
        for cost, today, benefit in zip(cash.cost_usd, cash.status_quo_cost_usd, cash.benefit_usd, strict=True)
    ]


def test_npv_of_the_expected_flows_is_the_expected_npv(decision: Decision) -> None:
    monthly = (1 + RATE) ** (1 / 12) - 1
    options = drawn(decision)
    assert len(options) >= 3
    for option in options:
        flows = expected_flows(option)
        assert len(flows) == 25
        for value in (npf.npv(monthly, flows), pyxirr.npv(monthly, flows)):
            assert value == pytest.approx(option.expected_npv_usd, rel=1e-6, abs=1.0)


def test_present_values_of_the_lines_add_up(decision: Decision) -> None:
    for option in drawn(decision):
        lines = sum(line.present_value_usd or 0.0 for line in option.cost_lines)
        total = (option.status_quo_present_value_usd or 0.0) + (option.benefit_present_value_usd or 0.0) - lines
        assert total == pytest.approx(option.expected_npv_usd, rel=1e-6, abs=1.0)


def test_irr_agrees_with_both_libraries_where_it_exists(decision: Decision) -> None:
    for option in drawn(decision):
        if option.approach == "keep_current":
            continue
        flows = expected_flows(option)
        signs = np.sign([flow for flow in flows if flow])
        if option.irr_per_year is None:
            assert option.irr_reason
            continue
        assert int((signs[1:] != signs[:-1]).sum()) == 1
        for rate in (npf.irr(flows), pyxirr.irr(flows)):
            assert option.irr_per_year == pytest.approx((1 + rate) ** 12 - 1, rel=1e-4)


def test_payback_chances_and_quantiles_agree(decision: Decision) -> None:
    for option in drawn(decision):
        if option.approach == "keep_current":
            continue
        chance = option.break_even_probability
        assert chance is not None
        assert (option.payback_within_12_months_probability or 0.0) <= chance
        assert (option.break_even_month is None) == (chance < 0.5)
        if option.break_even_month is not None:
            late = option.break_even_month
            assert 0 <= late.p10 <= late.p50 <= late.p90 <= 24
            assert (late.p90 < 24) <= (chance >= 0.9)
            discounted = option.discounted_break_even_month
            assert discounted is None or discounted.p50 >= late.p50 - 1e-9


def test_middle_cash_crosses_zero_at_the_middle_payback(decision: Decision) -> None:
    """Where curves only rise once live, the median curve crosses where the median sample does."""
    for option in drawn(decision):
        month = option.break_even_month
        if month is None or option.cash is None or month.p50 < 1:
            continue
        curve = [point.p50 for point in option.cash.cumulative_usd]
        assert curve[max(int(month.p50) - 1, 0)] <= abs(curve[0]) * 0.1
        assert curve[min(int(month.p50) + 2, 24)] >= -abs(curve[0]) * 0.1


def test_regret_is_least_for_the_best_expected_value(decision: Decision) -> None:
    options = [option for option in drawn(decision) if option.expected_regret_usd is not None]
    assert all((option.expected_regret_usd or 0.0) >= 0 for option in options)
    by_regret = sorted(options, key=lambda option: option.expected_regret_usd or 0.0)
    by_value = sorted(options, key=lambda option: -(option.expected_npv_usd or 0.0))
    assert by_regret[0].option_id == by_value[0].option_id
    for one, other in pairwise(by_value):
        gap = (one.expected_npv_usd or 0.0) - (other.expected_npv_usd or 0.0)
        regret = (other.expected_regret_usd or 0.0) - (one.expected_regret_usd or 0.0)
        assert regret == pytest.approx(gap, rel=1e-6, abs=1.0)


def _line(kind: str, once: float = 0.0, monthly: float = 0.0) -> CostLine:
    def exact(value: float) -> Spread:
        return Spread(p10=value, p50=value, p90=value)

    return CostLine(
        line=kind,
        label=kind,
        upfront_usd=exact(once),
        monthly_usd=exact(monthly),
        basis="by hand",
        origin="answered",
    )


ONE_H100 = 3.50 * 730


@pytest.mark.parametrize(("gpus", "whole"), [(1, 36_000 / (5_000 - ONE_H100)), (2, None)])
def test_the_articles_sum_step_by_step(gpus: int, whole: float | None) -> None:
    """$5,000 a month against $2,000: 12 days as the article counts; labour and serving change it."""
    lines = [_line("training", 2_000), _line("engineering", 34_000), _line("serving", 0, gpus * ONE_H100)]
    steps = list(payback_steps([*lines, _line("current", 0, 5_000)], 5_000))
    assert steps[0].months is not None
    assert round(steps[0].months * DAYS_PER_MONTH) == 12
    assert steps[1].months == pytest.approx(36_000 / 5_000)
    assert steps[2].months == pytest.approx(whole)
    if whole is not None:
        flows = [-36_000.0, *[5_000 - ONE_H100] * 24]
        assert float(cashflow.payback_month(cashflow.cumulative(flows))) == pytest.approx(whole)


def test_the_articles_sum_stands_in_the_report(decided: dict[str, Path], report: Callable[..., Made]) -> None:
    made = report(decided["clinic"])
    decision: Any = json.loads(decided["clinic"].read_text(encoding="utf-8"))
    rows = made.table("articles_sum")["rows"]
    today = decision["status_quo"]["monthly_cost_usd"]["p50"]
    assert len(rows) == 4
    for once, monthly, saved, months in ((row[1], row[2], row[3], row[5]) for row in rows):
        assert saved == pytest.approx(today - monthly)
        assert months == (pytest.approx(once / saved) if saved > 0 else None)
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
