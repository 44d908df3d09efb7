"""What the report says, in each form, about real decisions."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_text import PageText
from report_calls import NAMES, Made

from advisor.decision.result import Spread
from advisor.reports.blocks import Kind
from advisor.reports.numbers import number, show

ORIGINS = {"measured", "answered", "imported", "assumed", "estimated"}


@pytest.fixture(scope="module", params=NAMES)
def case(request: pytest.FixtureRequest, decided: dict[str, Path], report: Callable[..., Made]) -> tuple[Any, Made]:
    path = decided[request.param]
    return json.loads(path.read_text(encoding="utf-8")), report(path)


def test_the_first_section_is_decision_money_reasons_changes_plan(case: tuple[Any, Made]) -> None:
    decision, made = case
    first = made.data["sections"][0]
    assert first["id"] == "decision"
    kinds = [block["block"] for block in first["blocks"]]
    assert kinds[0] == "callout"
    assert decision["headline"] in first["blocks"][0]["title"]
    if decision["verdict"] == "recommend":
        unsure = decision["recommended"]["feasible_probability"] < 0.9
        assert ("All limits at once are kept in" in first["blocks"][0]["text"]) == unsure
    assert "figures" in kinds
    reasons = [b for b in first["blocks"] if b["block"] == "items" and b["title"] == "Why"]
    own = [r["text"] for r in decision["reasons"] if r["about"] == "winner"]
    assert reasons[0]["items"] == own[:3]
    plan = first["blocks"][-1]
    assert plan["name"] == "plan"
    assert [row[3] for row in plan["rows"]] == [stage["gate"] for stage in decision["plan"]]


def test_money_is_the_decisions_money_in_every_form(case: tuple[Any, Made]) -> None:
    decision, made = case
    winner = decision["recommended"]
    page = PageText(made.html).text
    spread = Spread(**winner["monthly_cost_usd"])
    assert number(spread.p50, Kind.USD) in page
    assert show(spread, Kind.USD) in made.markdown
    figures = {f["key"]: f for block in made.blocks("figures") for f in block["figures"]}
    assert figures["npv_usd"]["value"] == winner["npv_usd"]
    assert figures["quality"]["kind"] == "share"


def test_every_figure_says_where_it_comes_from(case: tuple[Any, Made]) -> None:
    _, made = case
    figures = [figure for block in made.blocks("figures") for figure in block["figures"]]
    assert len(figures) >= 5
    assert {figure["origin"] for figure in figures} <= ORIGINS
    for table in made.blocks("table"):
        keys = [column["key"] for column in table["columns"]]
        if "origin" in keys:
            assert {row[keys.index("origin")] for row in table["rows"]} <= ORIGINS


def test_the_account_adds_up_to_the_dollar(case: tuple[Any, Made]) -> None:
    decision, made = case
    winner = decision["recommended"]
    rows = made.table("account")["rows"]
    for column in (1, 2):
        assert sum(row[column] for row in rows[:-1]) == pytest.approx(rows[-1][column], abs=0.01)
    assert rows[-1][2] == pytest.approx(winner["expected_npv_usd"], rel=1e-6, abs=0.5)
    cash = winner["cash"]
    net = sum(cash["status_quo_cost_usd"]) + sum(cash["benefit_usd"]) - sum(cash["cost_usd"])
    assert rows[-1][1] == pytest.approx(net, rel=1e-6, abs=0.5)
    assert not [block for block in made.blocks("callout") if "add up" in block["title"]]


def test_an_account_that_does_not_add_up_is_said(
    decided: dict[str, Path], report: Callable[..., Made], tmp_path: Path
) -> None:
    decision = json.loads(decided["clinic"].read_text(encoding="utf-8"))
    decision["recommended"]["expected_npv_usd"] += 5000.0
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(decision), encoding="utf-8")
    made = report(path)
    assert "The present values do not add up" in PageText(made.html).text
    assert "The present values do not add up" in made.markdown


def test_every_assumption_is_there_with_origin_source_and_date(case: tuple[Any, Made]) -> None:
    decision, made = case
    rows = {row[5]: row for row in made.table("assumptions")["rows"]}
    unknown = {row[1] for row in made.table("not_known")["rows"]}
    for item in decision["assumptions"]:
        assert item["id"] in rows or item["id"] in unknown
        if item["id"] in rows:
            assert rows[item["id"]][2] == item["origin"]
            assert rows[item["id"]][3] == item["source"]
    page = PageText(made.html).text
    assert all(row[3] in page for row in rows.values())


def test_counted_and_not_counted_lines_are_listed(case: tuple[Any, Made]) -> None:
    _, made = case
    titles = [block["title"] for block in made.blocks("items")]
    assert "Counted" in titles
    assert "Not counted" in titles


def test_the_command_that_reproduces_it_is_there(case: tuple[Any, Made]) -> None:
    _, made = case
    code = made.blocks("code")[0]["text"]
    assert code.startswith("advisor report --decision ")
    assert code in PageText(made.html).text
    assert code in made.markdown


def test_options_side_by_side_have_the_status_quo_and_the_best_of_each_kind(case: tuple[Any, Made]) -> None:
    decision, made = case
    table = made.table("comparison")
    kinds = [row[2] for row in table["rows"]]
    assert len(kinds) == len({option["approach"] for option in decision["ranked"]})
    assert len(set(kinds)) == len(kinds)
    everything = made.table("options")
    assert len(everything["rows"]) == len(decision["ranked"])


def test_prices_behind_the_options_have_source_and_date(decided: dict[str, Path], report: Callable[..., Made]) -> None:
    made = report(decided["support-desk"])
    rows = made.table("prices")["rows"]
    assert rows
    for row in rows:
        assert row[4] <= "2026-11-24"
        assert len(row[6]) > 10


def test_break_even_mark_lies_where_the_middle_line_crosses_zero(full_report: Made) -> None:
    chart = full_report.blocks("fan_chart")[0]
    winner = next(series for series in chart["series"] if series["role"] == "winner")
    month = winner["break_even_month"]
    assert month is not None
    before, after = int(month), min(int(month) + 2, len(winner["p50"]) - 1)
    assert winner["p50"][max(before - 1, 0)] <= 0 <= winner["p50"][after]


def test_a_full_decision_shows_every_chart_and_table(full_report: Made) -> None:
    charts = {
        block["name"]
        for kind in ("fan_chart", "point_chart", "bar_chart", "stacked_bars", "tornado_chart", "map_chart")
        for block in full_report.blocks(kind)
    }
    assert charts == {
        "cumulative_cash",
        "cost_quality_latency",
        "probability_best",
        "total_order",
        "cost_lines",
        "tornado",
        "break_even_map_1",
    }
    tables = {table["name"] for table in full_report.blocks("table")}
    assert {"flips", "break_evens", "constraint_prices", "next_questions", "claims", "ruled_out", "why_not"} <= tables
    text = PageText(full_report.html).text
    assert "these change nothing in the range searched: Utilisation of the GPU (1 % to 100 %)" in text
    assert "$12,300" in text


def test_what_a_decision_lacks_is_left_out(
    decided: dict[str, Path], report: Callable[..., Made], tmp_path: Path
) -> None:
    decision = json.loads(decided["clinic"].read_text(encoding="utf-8"))
    for key in ("flips", "sensitivities", "break_evens", "break_even_maps", "constraint_prices", "next_questions"):
        decision[key] = []
    decision["pilot_worth_usd"] = None
    decision["readiness"] = decision["risks"] = decision["unchecked"] = []
    for option in [decision["recommended"], decision["status_quo"], *decision["ranked"]]:
        option["cash"] = None
        option["cost_lines"] = []
    path = tmp_path / "bare.json"
    path.write_text(json.dumps(decision), encoding="utf-8")
    ids = [section["id"] for section in report(path).data["sections"]]
    assert "decision" in ids
    assert "options" in ids
    assert not {"sensitivity", "risks", "cash_flow", "costs", "basis"} & set(ids)


@pytest.mark.parametrize("verdict", ["not_enough_information", "nothing_feasible"])
def test_without_recommendation_none_is_claimed(
    verdict: str, decided: dict[str, Path], report: Callable[..., Made], tmp_path: Path
) -> None:
    decision = json.loads(decided["clinic"].read_text(encoding="utf-8"))
    decision |= {"verdict": verdict, "recommended": None, "headline": "No.", "settled": False, "plan": []}
    if verdict == "nothing_feasible":
        decision["conflict"] = {
            "limits": ["limits.latency_p95_ms"],
            "text": "Too fast a limit.",
            "relaxations": ["Latency limit 10 -> 400: an encoder"],
        }
    path = tmp_path / "none.json"
    path.write_text(json.dumps(decision), encoding="utf-8")
    made = report(path)
    text = PageText(made.html).text
    assert "not a recommendation" in text
    assert "Recommendation:" not in text
    assert ": recommended" not in text
    assert ("Too fast a limit." in text) == (verdict == "nothing_feasible")
