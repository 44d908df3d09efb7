"""`advisor decide` as a user calls it: verdict, keys, exit codes, bad input."""

import json
from pathlib import Path
from typing import Any

import pytest
from calling import Advisor

from advisor.decision.questions import CORE, MUST_KNOW

EXAMPLES = Path(__file__).parents[2] / "examples"
TODAY = ("--today", "2026-11-24")
KEYS = {
    "v",
    "verdict",
    "recommended",
    "ranked",
    "ruled_out",
    "reasons",
    "flips",
    "constraint_prices",
    "next_questions",
    "settled",
    "inputs_hash",
    "prices_date",
}
OPTION_KEYS = {
    "option_id",
    "approach",
    "approach_class",
    "training",
    "model",
    "hosting",
    "quality",
    "monthly_cost_usd",
    "upfront_cost_usd",
    "latency_p95_ms",
    "npv_usd",
    "break_even_month",
}


def write(folder: Path, facts: dict[str, Any]) -> Path:
    file = folder / "answers.json"
    file.write_text(json.dumps({"v": 1, "facts": facts}), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("name", "classes", "self_hosted"),
    [
        ("support-desk", {"rag"}, False),
        ("bulk-classification", {"fine_tuning"}, None),
        ("clinic", {"fine_tuning"}, True),
    ],
)
def test_the_examples_get_what_a_practitioner_would_accept(
    advisor: Advisor, name: str, classes: set[str], self_hosted: bool | None
) -> None:
    ended = advisor("decide", EXAMPLES / f"{name}.yaml", "--json", *TODAY)
    assert ended.code == 0, ended.err
    found = ended.json
    assert found.keys() >= KEYS
    assert found["verdict"] == "recommend"
    best = found["recommended"]
    assert best.keys() >= OPTION_KEYS
    assert best["approach_class"] in classes
    assert best["option_id"] == found["ranked"][0]["option_id"]
    assert self_hosted is None or (best["hosting"] in ("rented_gpu", "owned_gpu", "cpu")) is self_hosted
    for figure in ("quality", "monthly_cost_usd", "upfront_cost_usd", "latency_p95_ms", "npv_usd"):
        assert best[figure]["p10"] <= best[figure]["p50"] <= best[figure]["p90"]
    approaches = {option["approach"] for option in found["ranked"]}
    assert {"keep_current", "swap_model"} <= approaches
    assert found["reasons"]
    assert any(reason["evidence"] for reason in found["reasons"])
    assert found["plan"][0]["name"] == "Evaluation set"
    assert all(entry["rule"] and entry["text"] for entry in found["ruled_out"])


def test_the_best_options_are_told_to_people_with_reasons_and_a_plan(advisor: Advisor) -> None:
    ended = advisor("decide", EXAMPLES / "support-desk.yaml", *TODAY)
    assert ended.code == 0
    for part in ("Recommended: RAG on", "Options, best first", "Why", "Ruled out", "Plan", "What each limit costs"):
        assert part in ended.out


def test_a_plan_for_more_examples_than_there_are_begins_with_labelling(advisor: Advisor) -> None:
    found = advisor("decide", EXAMPLES / "clinic.yaml", "--json", *TODAY).json
    missing = found["recommended"]["labels"] - found["facts"]["data.labelled_examples"]
    assert missing > 0
    step = next(stage for stage in found["plan"] if stage["name"] == found["recommended"]["label"])
    assert step["do"].startswith(f"Label {missing:,} more examples")


def test_an_empty_file_gets_the_questions_that_matter_most(advisor: Advisor, tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("", encoding="utf-8")
    ended = advisor("decide", file, "--json", *TODAY)
    assert ended.code == 2
    found = ended.json
    assert found["verdict"] == "not_enough_information"
    assert found["recommended"] is None
    assert found["settled"] is False
    assert found["ranked"]
    asked = [question["fact"] for question in found["next_questions"]]
    assert asked[0] == "task.kind"
    assert set(CORE) & set(asked) == set(asked[1 : 1 + len(set(CORE) & set(asked))])
    rest = [q["value_of_information_usd"] for q in found["next_questions"] if q["fact"] not in (*MUST_KNOW, *CORE)]
    assert rest == sorted(rest, reverse=True)
    assert found["ranked"][0]["approach"] == "prompting"
    assert found["ranked"][0]["training"] is None
    assert "begin with an evaluation set" in found["headline"]
    assert found["plan"][0]["name"] == "Evaluation set"
    for entry in found["ruled_out"]:
        assert "You answered" not in entry["text"]
        if entry["rule"] == "nothing-to-retrieve":
            assert entry["text"].startswith("Likely, but not known yet (knowledge of your own)")


@pytest.mark.slow
def test_the_kind_of_task_alone_is_no_reason_to_train(advisor: Advisor, tmp_path: Path) -> None:
    for kind in ("classification", "generation", "summarisation", "structured_output"):
        found = advisor("decide", write(tmp_path, {"task.kind": kind}), "--json", "--samples", "512", *TODAY).json
        assert found["ranked"][0]["approach"] == "prompting"
        guess = "begin with an evaluation set" in found["headline"]
        assert not guess or found["verdict"] == "not_enough_information"
        assert guess or kind != "classification"
    asked = advisor("decide", write(tmp_path, {"task.kind": "question_answering"}), "--json", *TODAY).json
    assert asked["ranked"][0]["approach"] == "rag"


def test_what_may_stop_the_plan_and_is_not_known_is_said(advisor: Advisor, tmp_path: Path) -> None:
    known = {"task.kind": "style_imitation", "knowledge.source": "none", "data.labelled_examples": 3000}
    found = advisor("decide", write(tmp_path, known), "--json", *TODAY).json
    assert found["ranked"][0]["training"] is not None
    open_ = {entry["rule"]: entry for entry in found["unchecked"]}
    assert open_["personal-data-in-examples"]["open_facts"] == ["data.contains_personal_data"]
    assert all(entry["open_facts"] and entry["severity"] != "info" for entry in open_.values())
    assert not open_.keys() & {entry["rule"] for entry in found["readiness"] + found["risks"]}
    told = {**known, "data.contains_personal_data": True}
    answered = advisor("decide", write(tmp_path, told), "--json", *TODAY).json
    assert "personal-data-in-examples" in {entry["rule"] for entry in answered["readiness"]}
    assert "personal-data-in-examples" not in {entry["rule"] for entry in answered["unchecked"]}


def test_contradictory_answers_are_named_with_both_facts(advisor: Advisor, tmp_path: Path) -> None:
    facts = {"task.kind": "question_answering", "knowledge.source": "none", "knowledge.citations_required": True}
    ended = advisor("decide", write(tmp_path, facts), "--json")
    assert ended.code == 3
    assert "knowledge.source" in ended.err
    assert "knowledge.citations_required" in ended.err
    assert ended.out == ""


def test_an_infeasible_wish_gets_the_conflict_and_the_cheapest_way_out(advisor: Advisor, tmp_path: Path) -> None:
    facts = {
        "task.kind": "question_answering",
        "knowledge.source": "static_corpus",
        "knowledge.corpus_tokens": 5_000_000,
        "traffic.requests_per_month": 20_000,
        "traffic.output_tokens": 300,
        "limits.latency_p95_ms": 50,
        "limits.monthly_budget_usd": 1_000_000,
        "current.approach": "human",
        "current.quality_rate": 0.9,
        "current.latency_p95_ms": 60_000,
    }
    ended = advisor("decide", write(tmp_path, facts), "--json", *TODAY)
    assert ended.code == 1, ended.err
    found = ended.json
    assert found["verdict"] == "nothing_feasible"
    assert found["recommended"] is None
    assert found["conflict"]["limits"] == ["limits.latency_p95_ms"]
    assert "latency limit from 50 ms to" in found["conflict"]["relaxations"][0]
    assert found["ranked"]


def test_limits_that_are_each_out_of_reach_are_all_named_and_moved_together(advisor: Advisor, tmp_path: Path) -> None:
    facts = {
        "task.kind": "question_answering",
        "knowledge.source": "static_corpus",
        "limits.quality_floor": 0.999,
        "limits.latency_p95_ms": 20,
    }
    ended = advisor("decide", write(tmp_path, facts), "--json", "--samples", "256", *TODAY)
    assert ended.code == 1
    conflict = ended.json["conflict"]
    assert set(conflict["limits"]) == {"limits.quality_floor", "limits.latency_p95_ms"}
    assert "99.9%" in conflict["text"]
    assert "20 ms" in conflict["text"]
    for way in conflict["relaxations"]:
        assert "quality floor from 99.9% to" in way
        assert "latency limit from 20 ms to" in way


def test_no_answer_is_ignored_in_silence(advisor: Advisor, tmp_path: Path) -> None:
    entry = {"approach": "lora", "model": "nope", "training": "lora", "quality": 0.9, "n": 100}
    facts = {
        "task.kind": "summarisation",
        "task.classes": 12,
        "current.approach": "prompting",
        "current.model": "gpt-99-mega",
        "finance.start": "2020-01-01",
        "measured.options": [{**entry, "latency_p95_ms": None, "source": "a test"}],
    }
    ended = advisor("decide", write(tmp_path, facts), "--json", "--samples", "256", *TODAY)
    said = {one["fact"]: one["text"] for one in ended.json["unused"]}
    assert said.keys() == {"task.classes", "current.model", "finance.start", "measured.options"}
    assert "task.kind = summarisation" in said["task.classes"]
    assert "gpt-99-mega" in said["current.model"]
    known = {**facts, "current.model": "gpt-6-sol", "finance.start": "2027-01-01"}
    fewer = advisor("decide", write(tmp_path, known), "--json", "--samples", "256", *TODAY).json
    assert {one["fact"] for one in fewer["unused"]} == {"task.classes", "measured.options"}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"task.knd": "code"}, "task.kind"),
        ({"task.kind": "code", "traffic.requests_per_month": -1}, "traffic.requests_per_month"),
        ({"task.kind": "poetry"}, "poetry"),
        ({"task.kind": "code", "data.labelled_examples": 1.5}, "whole number"),
        ({"task.kind": "code", "hardware.gpus": [{"gpu": "h1oo", "count": 1}]}, "h1oo"),
        ({"task.kind": "code", "current.quality_rate": 95}, "0.95"),
    ],
)
def test_wrong_answers_end_with_3_and_say_what_is_wrong(
    advisor: Advisor, tmp_path: Path, facts: dict[str, Any], said: str
) -> None:
    ended = advisor("decide", write(tmp_path, facts), "--json")
    assert ended.code == 3
    assert said in ended.err
    assert ended.out == ""


def test_samples_must_be_a_power_of_two(advisor: Advisor) -> None:
    ended = advisor("decide", EXAMPLES / "clinic.yaml", "--samples", "1000")
    assert ended.code == 2
    assert "use 512 or 1024" in ended.err


def test_a_model_that_is_no_longer_sold_is_not_offered(advisor: Advisor, tmp_path: Path) -> None:
    file = write(tmp_path, {"task.kind": "summarisation", "knowledge.source": "none"})
    now = advisor("decide", file, "--json", "--today", "2026-11-24").json
    assert all(option["model"] != "gemini-2.5-flash" for option in now["ranked"])
    left_out = [entry for entry in now["ruled_out"] if entry["option_id"] == "Gemini 2.5 Flash"]
    assert left_out[0]["rule"] == "not-available"
    assert "2026-10-20" in left_out[0]["text"]


def test_a_project_keeps_its_decisions_and_tells_what_changed(advisor: Advisor, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    file = write(tmp_path, {"task.kind": "extraction", "knowledge.source": "none", "current.approach": "none"})
    assert advisor("init", folder, "--answers", file).code == 0
    first = advisor("decide", "--project", folder, "--json", *TODAY)
    assert first.json["changes"] == []
    assert json.loads((folder / "decisions" / "0001.json").read_text())["inputs_hash"] == first.json["inputs_hash"]
    advisor("answers", "set", "limits.must_self_host", "yes", "--project", folder)
    second = advisor("decide", "--project", folder, "--json", *TODAY)
    changes = {change["kind"]: change for change in second.json["changes"]}
    assert changes["answer"]["what"] == "limits.must_self_host"
    assert changes["winner"]["before"] == first.json["ranked"][0]["label"]
    assert (folder / "decisions" / "0002.json").is_file()
