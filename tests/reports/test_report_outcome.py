"""Outcome beside prediction: a project in which a run and an evaluation have happened."""

import json
from pathlib import Path
from typing import Any

import pytest
from report_calls import EXAMPLES, TODAY, Made, invoke

from advisor.answers import Origin
from advisor.decision.result import Spread
from advisor.project import Project
from advisor.reports.blocks import Kind
from advisor.reports.outcomes import Outcome
from trainers.evaluation.statistics import wilson
from trainers.runs.spec import DataFile, Measured, Predicted, Result, RunSpec, Status, write_record
from trainers.runs.spec import Spread as Predictable

ITEMS = 400


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Decided once, then a run, an evaluation and a measured fact."""
    folder = tmp_path / "p"
    assert invoke("init", str(folder), "--answers", str(EXAMPLES / "clinic.yaml"), "--name", "P").exit_code == 0
    assert invoke("report", "--project", str(folder), "--today", TODAY, "--name", "before").exit_code == 0
    return Project.open(folder)


def winner(project: Project) -> Any:
    found = project.latest_decision()
    assert found is not None
    return found.recommended or found.ranked[0]


def add_run(project: Project) -> None:
    spec = RunSpec(
        id="first",
        method="lora",
        model="smollm2-135m",
        data=DataFile(path="data/train.jsonl", sha256="0" * 64, rows=300),
        settings={},
        predicted=Predicted(
            hours=Predictable(p10=0.02, p50=0.04, p90=0.08),
            cost_usd=Predictable(p10=0.01, p50=0.02, p90=0.03),
            peak_memory_gib=Predictable(p10=1.0, p50=2.0, p90=2.5),
            basis="formula",
        ),
        created="2026-11-24T10:00:00+00:00",
    )
    folder = project.runs_folder / "first"
    folder.mkdir(parents=True)
    write_record(folder / "spec.json", spec)
    measured = Measured(seconds=170.0, wall_seconds=180.0, cost_usd=0.05, peak_memory_gib=2.1)
    write_record(
        folder / "result.json",
        Result(run="first", status=Status.FINISHED, attempt=1, measured=measured, ended="2026-11-24T10:05:00+00:00"),
    )


def add_evaluation(project: Project) -> None:
    folder = project.evaluations_folder / "0001"
    folder.mkdir(parents=True)
    scores = {"base": 0.41, "tuned": 0.83}
    document = {
        "v": 1,
        "metric": "exact",
        "n": ITEMS,
        "candidates": {n: {"score": s, "low": s - 0.05, "high": s + 0.04, "n": ITEMS} for n, s in scores.items()},
        "pairs": [
            {
                "a": "base",
                "b": "tuned",
                "difference": 0.42,
                "low": 0.36,
                "high": 0.48,
                "p_value": 1e-12,
                "verdict": "helped",
                "smallest_detectable": 0.06,
            }
        ],
    }
    (folder / "result.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "spec.json").write_text(json.dumps({"v": 1, "items": 3}), encoding="utf-8")


def after(project: Project) -> Made:
    ran = invoke("report", "--project", str(project.folder), "--today", TODAY, "--name", "after")
    assert ran.exit_code == 0, ran.stderr
    return Made(project.reports_folder / "after")


def test_nothing_is_said_before_anything_was_measured(project: Project) -> None:
    ids = [section["id"] for section in Made(project.reports_folder / "before").data["sections"]]
    assert "outcome" not in ids


def test_a_runs_forecast_stands_beside_what_it_took(project: Project) -> None:
    add_run(project)
    rows = {row[1]: row for row in after(project).table("outcomes")["rows"]}
    assert rows["time of the run, minutes"][6] == pytest.approx({"p10": 1.2, "p50": 2.4, "p90": 4.8})
    assert rows["time of the run, minutes"][7] == pytest.approx(3.0)
    assert rows["time of the run, minutes"][4] == "as predicted"
    assert rows["training cost"][4] == "higher than predicted"


@pytest.mark.slow
def test_a_measured_quality_stands_beside_its_prediction_and_is_marked_as_measured(project: Project) -> None:
    option = winner(project)
    row = {
        "approach": option.approach,
        "model": option.model,
        "training": option.training or "none",
        "quality": 0.5,
        "n": ITEMS,
        "latency_p95_ms": 120.0,
        "source": "evaluations/0001",
    }
    project.record("measured.options", [row], Origin.MEASURED, source="evaluations/0001", evidence_n=ITEMS)
    made = after(project)
    found = {row[1]: row for row in made.table("outcomes")["rows"]}
    assert found["answered well"][6] == option.quality.model_dump()
    assert found["answered well"][7] == 0.5
    assert found["answered well"][4] == "lower than predicted"
    assert "predicted on 2026-11-24" in found["answered well"][5]
    low, high = wilson(0.5 * ITEMS, ITEMS)
    assert f"{low:.0%}".replace("%", " %") in found["answered well"][3]
    table = made.table("options")
    keys = [column["key"] for column in table["columns"]]
    measured = [row for row in table["rows"] if row[keys.index("quality_origin")] == f"measured on {ITEMS} items"]
    # Only the one with the labels at hand was measured, not its siblings that would buy more.
    assert [row[keys.index("option_id")] for row in measured] == [option.option_id.partition("+")[0]]
    assert high > low


def test_evaluations_are_shown_with_intervals_and_verdict(project: Project) -> None:
    add_evaluation(project)
    made = after(project)
    scores = {row[0]: row[1] for row in made.table("evaluation_0001")["rows"]}
    assert scores == {"base": 0.41, "tuned": 0.83}
    pair = made.table("evaluation_0001_pairs")["rows"][0]
    assert pair[:3] == ["tuned against base", "helped", 0.42]
    assert "tuned against base" in made.markdown


@pytest.mark.parametrize(
    ("measured", "low", "high", "verdict"),
    [
        (0.8, None, None, "as predicted"),
        (0.66, 0.6, 0.72, "range met within the error of measuring"),
        (0.5, 0.45, 0.55, "lower than predicted"),
        (0.95, 0.93, 0.97, "higher than predicted"),
        (0.0, None, None, "lower than predicted"),
    ],
)
def test_verdicts(measured: float, low: float | None, high: float | None, verdict: str) -> None:
    predicted = Spread(p10=0.7, p50=0.8, p90=0.9)
    assert Outcome("o", "quality", Kind.SHARE, predicted, measured, "", low, high).verdict == verdict
