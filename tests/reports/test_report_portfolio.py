"""A report over several use cases: what it sums, what it says of each."""

import json
from pathlib import Path

import jsonschema
import pytest
from page_text import PageText
from report_calls import EXAMPLES, NAMES, TODAY, Made, invoke

from pricing import cashflow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("portfolio")
    files = [str(EXAMPLES / f"{name}.yaml") for name in NAMES]
    ran = invoke("report", *files, "--out", str(folder), "--today", TODAY, "--title", "All desks")
    assert ran.exit_code == 0, ran.stderr
    return Made(folder)


def changes(made: Made) -> list[dict]:
    decisions = [case["decision"] for case in made.data["use_cases"]]
    return [d["recommended"] for d in decisions if d["recommended"]["approach"] != "keep_current"]


def test_every_use_case_has_a_row_with_its_recommendation(made: Made) -> None:
    rows = made.table("use_cases")["rows"]
    assert len(rows) == len(NAMES)
    for row, case in zip(rows, made.data["use_cases"], strict=True):
        assert row[0] == case["name"]
        assert row[2] == case["decision"]["recommended"]["label"]
    text = PageText(made.html).text
    assert all(row[2] in text for row in rows)


def test_expected_values_and_upfront_money_add_up(made: Made) -> None:
    figures = {figure["key"]: figure["value"] for figure in made.blocks("figures")[0]["figures"]}
    chosen = changes(made)
    assert figures["npv_usd"] == pytest.approx(sum(option["expected_npv_usd"] for option in chosen))
    assert figures["upfront_usd"] == pytest.approx(sum(option["cash"]["cost_usd"][0] for option in chosen))
    assert figures["peak_usd"] >= figures["upfront_usd"] - 1e-6


def test_the_curve_of_the_sum_is_the_sum_of_the_curves(made: Made) -> None:
    chart = made.blocks("fan_chart")[0]
    together, *parts = chart["series"]
    assert together["role"] == "winner"
    assert len(parts) == len(changes(made))
    for month in (0, 5, len(together["p50"]) - 1):
        total = sum(part["p50"][min(month, len(part["p50"]) - 1)] for part in parts)
        assert together["p50"][month] == pytest.approx(total)
    crossing = float(cashflow.payback_month(together["p50"]))
    assert together["break_even_month"] == pytest.approx(crossing)


def test_a_portfolio_follows_the_schema_and_names_its_command(made: Made) -> None:
    schema = json.loads(invoke("report", "--schema").stdout)
    jsonschema.Draft202012Validator(schema).validate(made.data)
    assert made.data["decision"] is None
    assert made.data["command"].startswith("advisor report ")
    assert all(f"{name}.yaml" in made.data["command"] for name in NAMES)


def test_stale_prices_refuse_a_portfolio_too(tmp_path: Path) -> None:
    files = [str(EXAMPLES / f"{name}.yaml") for name in NAMES[:2]]
    ran = invoke("report", *files, "--out", str(tmp_path / "out"), "--today", "2027-12-01")
    assert ran.exit_code == 1
    assert "days old" in ran.stderr
    assert not (tmp_path / "out").exists()


def test_compare_is_for_one_use_case(tmp_path: Path) -> None:
    files = [str(EXAMPLES / f"{name}.yaml") for name in NAMES[:2]]
    assert invoke("report", *files, "--compare", "old.json", "--out", str(tmp_path / "out")).exit_code == 2
