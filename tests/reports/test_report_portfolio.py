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


@pytest.mark.slow
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


@pytest.mark.slow
def test_stale_prices_refuse_a_portfolio_too(tmp_path: Path) -> None:
    files = [str(EXAMPLES / f"{name}.yaml") for name in NAMES[:2]]
    ran = invoke("report", *files, "--out", str(tmp_path / "out"), "--today", "2027-12-01")
    assert ran.exit_code == 1
    assert "days old" in ran.stderr
    assert not (tmp_path / "out").exists()


def test_compare_is_for_one_use_case(tmp_path: Path) -> None:
    files = [str(EXAMPLES / f"{name}.yaml") for name in NAMES[:2]]
    assert invoke("report", *files, "--compare", "old.json", "--out", str(tmp_path / "out")).exit_code == 2


@pytest.fixture(scope="module")
def joint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `advisor portfolio --json` prints for the three examples."""
    ran = invoke("portfolio", *(str(EXAMPLES / f"{name}.yaml") for name in NAMES), "--json", "--today", TODAY)
    assert ran.exit_code == 0, ran.stderr
    path = tmp_path_factory.mktemp("joint") / "joint.json"
    path.write_text(ran.stdout, encoding="utf-8")
    return path


@pytest.mark.slow
def test_plans_chosen_together_are_shown_as_the_solver_chose_them(joint: Path, tmp_path: Path) -> None:
    files = [str(EXAMPLES / f"{name}.yaml") for name in NAMES]
    ran = invoke("report", *files, "--joint", str(joint), "--out", str(tmp_path / "out"), "--today", TODAY)
    assert ran.exit_code == 0, ran.stderr
    chosen = json.loads(joint.read_text(encoding="utf-8"))
    made = Made(tmp_path / "out")
    assert [row[6] for row in made.table("joint_choices")["rows"]] == [c["option_id"] for c in chosen["choices"]]
    assert [row[3] for row in made.table("joint_machines")["rows"]] == [m["gpus"] for m in chosen["machines"]]
    used = {row[0]: row[3] for row in made.table("joint_limits")["rows"]}
    assert used["money up front"] == chosen["shared"]["upfront_usd"]["used"]


@pytest.mark.slow
def test_an_infeasible_portfolio_says_which_limits_conflict(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    conflict = {"without_plan": [], "limits": ["upfront_usd"], "needs": {"upfront_usd": 12000.0}, "factor": None}
    path.write_text(json.dumps({"v": 1, "verdict": "nothing_feasible", "conflict": conflict}), encoding="utf-8")
    files = [str(EXAMPLES / f"{name}.yaml") for name in NAMES[:2]]
    ran = invoke("report", *files, "--joint", str(path), "--out", str(tmp_path / "out"), "--today", TODAY)
    assert ran.exit_code == 0, ran.stderr
    text = PageText(Made(tmp_path / "out").html).text
    assert "No plan for all use cases within the shared limits" in text
    assert "money up front would have to be 12,000" in text


@pytest.mark.slow
def test_a_file_that_is_no_portfolio_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_text('{"v": 2, "verdict": "recommend"}', encoding="utf-8")
    files = [str(EXAMPLES / f"{name}.yaml") for name in NAMES[:2]]
    ran = invoke("report", *files, "--joint", str(path), "--out", str(tmp_path / "out"), "--today", TODAY)
    assert ran.exit_code == 3
    assert "advisor portfolio FILES --json" in ran.stderr
