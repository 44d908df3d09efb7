"""Encoders: several questions at once, one label, and tags; from rows to answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from advisor.base.errors import InvalidDataError
from trainers.methods import encoder as method
from trainers.methods.shared.job import Job
from trainers.methods.shared.labels import label_set, read_labelled
from trainers.models.encoder import load_encoder
from trainers.models.tiny import write_tiny_causal, write_tiny_encoder
from trainers.runs.plan import data_file
from trainers.runs.spec import RunSpec


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("encoder") / "model")


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def chat(text: str, answer: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": json.dumps(answer)}]}


def job_of(project: Path, model: Path, **settings: Any) -> Job:
    folder = project / "runs" / "r"
    folder.mkdir(parents=True)
    chosen = method.Settings(**{"dtype": "fp32", "early_stopping_patience": None, **settings}).model_dump()
    data = data_file(project, project / "data" / "train.jsonl")
    spec = RunSpec(id="r", method="encoder", model=str(model), data=data, settings=chosen, created="2026-11-24")
    return Job(spec, folder, lambda kind, **fields: None, lambda: False)


def test_several_questions_are_learnt_at_once(tmp_path: Path, tiny_encoder: Path) -> None:
    rows = [
        chat(f"{'the cat' if i % 2 else 'a dog'} {'ran' if i % 3 else 'slept'}", {"pet": i % 2 == 1, "did": i % 3 > 0})
        for i in range(120)
    ]
    write(tmp_path / "data" / "train.jsonl", rows)
    job = job_of(tmp_path, tiny_encoder, epochs=12.0, learning_rate=0.003)
    look = method.look(job.spec, tmp_path)
    assert look.labels == {"pet": {"false": 60, "true": 60}, "did": {"true": 80, "false": 40}}
    assert look.refusals == []
    outcome = method.train(job)
    assert outcome.finished
    assert outcome.artefact is not None
    trained = load_encoder(job.folder / outcome.artefact)
    answers = [json.loads(answer) for answer in trained.answer(["the cat slept", "a dog ran", "the cat ran"])]
    assert answers == [{"pet": True, "did": False}, {"pet": False, "did": True}, {"pet": True, "did": True}]
    assert (job.folder / "model" / "advisor.json").is_file()


@pytest.mark.slow
def test_plain_labels(tmp_path: Path, tiny_encoder: Path) -> None:
    rows = [{"text": f"{'good' if i % 2 else 'bad'} number {i}", "label": "pos" if i % 2 else "neg"} for i in range(80)]
    write(tmp_path / "data" / "train.jsonl", rows)
    job = job_of(tmp_path, tiny_encoder, epochs=12.0, learning_rate=0.003)
    outcome = method.train(job)
    assert load_encoder(job.folder / str(outcome.artefact)).answer(["good number 3", "bad number 2"]) == ["pos", "neg"]


@pytest.mark.slow
def test_tags(tmp_path: Path, tiny_encoder: Path) -> None:
    rows = []
    for i in range(80):
        name = ["anna", "bert", "carl"][i % 3]
        rows.append({"tokens": ["call", name, "at", str(i)], "tags": ["O", "B-NAME", "O", "B-TIME"]})
    write(tmp_path / "data" / "train.jsonl", rows)
    job = job_of(tmp_path, tiny_encoder, epochs=15.0, learning_rate=0.003)
    outcome = method.train(job)
    trained = load_encoder(job.folder / str(outcome.artefact))
    assert trained.tag([["call", "bert", "at", "7"]]) == [["O", "B-NAME", "O", "B-TIME"]]
    assert (outcome.measured.held_out_loss or 9) < (outcome.measured.held_out_loss_before or 0)


@pytest.mark.slow
def test_a_stopped_encoder_leaves_a_checkpoint_and_goes_on(tmp_path: Path, tiny_encoder: Path) -> None:
    rows = [{"text": f"word {i % 7}", "label": str(i % 7)} for i in range(100)]
    write(tmp_path / "data" / "train.jsonl", rows)
    job = job_of(tmp_path, tiny_encoder, epochs=3.0)
    steps: list[int] = []

    def report(kind: str, **fields: Any) -> None:
        if kind == "step":
            steps.append(fields["step"])

    first = Job(job.spec, job.folder, report, lambda: len(steps) >= 5)
    assert not method.train(first).finished
    second = Job(job.spec, job.folder, report, lambda: False)
    assert method.train(second).finished
    assert steps == sorted(set(steps))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"text": "a", "label": ""}], "the answer is empty"),
        ([{"text": " ", "label": "x"}], "the text is empty"),
        ([{"tokens": ["a", "b"], "tags": ["O"]}], "same length"),
        ([{"words": 1}], "no 'text' and 'label'"),
        ([chat("a", {"x": 1}), chat("b", {"y": 1})], "the same questions"),
        ([chat("a", {"x": {"deep": 1}})], "flat JSON objects"),
    ],
)
def test_rows_that_are_none(tmp_path: Path, rows: list[dict[str, Any]], said: str) -> None:
    path = write(tmp_path / "rows.jsonl", rows)
    with pytest.raises(InvalidDataError, match=said) as caught:
        read_labelled(path)
    assert str(caught.value.where).startswith(str(path))


def test_free_answers_are_no_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [{"text": f"t{i}", "label": f"answer number {i}"} for i in range(30)])
    with pytest.raises(InvalidDataError, match="no set of labels"):
        label_set(read_labelled(path))


def test_one_label_is_refused(tmp_path: Path, tiny_encoder: Path) -> None:
    write(tmp_path / "data" / "train.jsonl", [{"text": f"t{i}", "label": "same"} for i in range(30)])
    look = method.look(job_of(tmp_path, tiny_encoder).spec, tmp_path)
    assert [refusal["code"] for refusal in look.refusals] == ["one_label"]


def test_a_text_generator_is_no_encoder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    generator = write_tiny_causal(tmp_path_factory.mktemp("causal") / "model")
    write(tmp_path / "data" / "train.jsonl", [{"text": f"t{i}", "label": str(i % 2)} for i in range(30)])
    with pytest.raises(InvalidDataError, match="no encoder"):
        method.train(job_of(tmp_path, generator))
