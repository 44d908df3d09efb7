"""`advisor data split`: groups stay whole, labels keep their share, and the test set stays out of training."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from calling import Advisor
from rows import chat, good_rows, read, sentence, write

from advisor.base.errors import InvalidDataError
from advisor.project import Project
from trainers.data.frozen import frozen_test, refuse_test_rows
from trainers.evaluation.statistics import smallest_detectable


def parts(project: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return read(project / "data" / "train.jsonl"), read(project / "data" / "test.jsonl")


def split(advisor: Advisor, project: Path, path: Path, *more: object) -> dict[str, Any]:
    ended = advisor("data", "split", path, "--project", project, "--json", *more)
    assert ended.code == 0, ended.err
    found: dict[str, Any] = ended.json
    return found


def test_every_row_is_on_one_side_and_none_is_lost(advisor: Advisor, tmp_path: Path, project: Path) -> None:
    rows = good_rows(500)
    made = split(advisor, project, write(tmp_path / "rows.jsonl", rows))
    train, test = parts(project)
    assert sorted(row["id"] for row in train + test) == sorted(row["id"] for row in rows)
    assert (len(train), len(test)) == (made["train"]["rows"], made["test"]["rows"])
    assert 98 <= len(test) <= 102
    assert made["smallest_detectable"] == pytest.approx(smallest_detectable(len(test), 0.2), abs=1e-4)


@pytest.mark.parametrize("share", [0.15, 0.2])
def test_each_label_keeps_its_share(advisor: Advisor, tmp_path: Path, project: Path, share: float) -> None:
    labels = ["a"] * 300 + ["b"] * 80 + ["c"] * 20
    rows = [chat(sentence(n), label) for n, label in enumerate(labels)]
    made = split(advisor, project, write(tmp_path / "rows.jsonl", rows), "--share", share)
    test = Counter(row["messages"][-1]["content"] for row in parts(project)[1])
    for label, total in Counter(labels).items():
        assert abs(test[label] - share * total) <= 1
        assert sum(made["labels"][""][label]) == total


def test_every_field_of_a_json_answer_is_stratified(advisor: Advisor, tmp_path: Path, project: Path) -> None:
    rows = [
        chat(sentence(n), json.dumps({"kind": "abc"[n % 3], "size": "xy"[n % 20 == 0], "note": sentence(n, 3)}))
        for n in range(400)
    ]
    made = split(advisor, project, write(tmp_path / "rows.jsonl", rows))
    assert set(made["labels"]) == {"kind", "size"}
    assert made["labels"]["size"]["y"] == [16, 4]


def test_groups_and_lookalikes_stay_together(advisor: Advisor, tmp_path: Path, project: Path) -> None:
    rows = [chat(sentence(n), "yes" if n % 2 else "no", id=f"g{n}", group=f"customer {n % 40}") for n in range(200)]
    rows += [chat(sentence(1000 + n), "yes", id=f"a{n}") for n in range(50)]
    rows += [chat(sentence(1000 + n) + " thanks", "no", id=f"b{n}") for n in range(50)]
    rows += [chat(sentence(2000 + n).upper(), "no", id=f"c{n}") for n in range(50)]
    rows += [chat(sentence(2000 + n), "yes", id=f"d{n}") for n in range(50)]
    made = split(advisor, project, write(tmp_path / "rows.jsonl", rows))
    train, test = parts(project)
    ids = {row["id"] for row in test}
    assert not {row.get("group") for row in train} & {row.get("group") for row in test} - {None}
    for n in range(50):
        assert (f"a{n}" in ids) == (f"b{n}" in ids)
        assert (f"c{n}" in ids) == (f"d{n}" in ids)
    assert made["groups"] == 40 + 50 + 50
    assert 0.15 <= len(test) / 400 <= 0.25
    clean = advisor(
        "data", "check", project / "data" / "train.jsonl", "--test", project / "data" / "test.jsonl", "--json"
    )
    assert not [f for f in clean.json["findings"] if f["code"].startswith("leak")]


def test_one_group_only_cannot_be_split(advisor: Advisor, tmp_path: Path, project: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [chat(sentence(n), "yes", group="only one") for n in range(50)])
    ended = advisor("data", "split", path, "--project", project)
    assert ended.code == 1
    assert "group" in ended.err
    assert not (project / "data" / "split.json").exists()


def test_the_same_file_and_seed_give_the_same_split(advisor: Advisor, tmp_path: Path, project: Path) -> None:
    path = write(tmp_path / "rows.jsonl", good_rows(100))
    first = split(advisor, project, path)
    again = split(advisor, project, path)
    assert {k: again[k] for k in first if k != "recorded"} == {k: first[k] for k in first if k != "recorded"}
    other = split(advisor, project, path, "--again", "--seed", 1)
    assert other["test"]["sha256"] != first["test"]["sha256"]
    back = split(advisor, project, path, "--again")
    assert back["test"]["sha256"] == first["test"]["sha256"]


def test_a_frozen_test_set_is_not_replaced_by_accident(advisor: Advisor, tmp_path: Path, project: Path) -> None:
    path = write(tmp_path / "rows.jsonl", good_rows(100))
    split(advisor, project, path)
    before = (project / "data" / "test.jsonl").read_bytes()
    ended = advisor("data", "split", path, "--project", project, "--share", "0.15")
    assert ended.code == 2
    assert "--again" in ended.err
    ended = advisor("data", "split", write(path, good_rows(120)), "--project", project)
    assert ended.code == 2
    assert (project / "data" / "test.jsonl").read_bytes() == before


def test_broken_rows_stop_the_split_and_leave_what_was_there(advisor: Advisor, tmp_path: Path, project: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*good_rows(50), chat("q", "")])
    path.write_bytes(path.read_bytes() + b'{"messages": [')
    ended = advisor("data", "split", path, "--project", project)
    assert ended.code == 3
    assert "rows.jsonl:51" in ended.err
    assert "1 more" in ended.err
    assert not (project / "data").exists()
    assert advisor("data", "split", tmp_path / "missing.jsonl", "--project", project).code == 3
    assert advisor("data", "split", path, "--project", tmp_path).code == 2


def test_rows_that_share_an_id_stop_the_split(advisor: Advisor, tmp_path: Path, project: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*good_rows(50), chat("another", "yes", id="r3")])
    assert advisor("data", "split", path, "--project", project).code == 3
    found = {f["code"]: f for f in advisor("data", "check", path, "--json").json["findings"]}
    assert found["same_id"]["lines"] == [51]


@pytest.fixture
def frozen(advisor: Advisor, tmp_path: Path, project: Path) -> Path:
    """A project with a split."""
    split(advisor, project, write(tmp_path / "rows.jsonl", good_rows(100)))
    return project


def test_the_training_file_of_the_split_is_accepted(frozen: Path) -> None:
    refuse_test_rows(frozen / "data" / "train.jsonl", frozen)
    assert frozen_test(frozen) == frozen / "data" / "test.jsonl"


def test_other_training_data_without_test_rows_are_accepted(frozen: Path, tmp_path: Path) -> None:
    other = [*read(frozen / "data" / "train.jsonl")[:30], chat(sentence(5000), "yes")]
    refuse_test_rows(write(tmp_path / "other.jsonl", other), frozen)


@pytest.mark.parametrize("change", [str, str.upper, lambda text: text + " indeed"])
def test_a_test_row_is_refused_as_training_data(frozen: Path, tmp_path: Path, change: Any) -> None:
    train, test = parts(frozen)
    question = change(test[6]["messages"][0]["content"])
    path = write(tmp_path / "other.jsonl", [*train, chat(question, "whatever")])
    with pytest.raises(InvalidDataError) as caught:
        refuse_test_rows(path, frozen)
    assert str(caught.value).startswith(f"{path}:81: ")
    assert "line 7" in str(caught.value)


def test_a_test_row_is_refused_in_another_form(frozen: Path, tmp_path: Path) -> None:
    question = parts(frozen)[1][0]["messages"][0]["content"]
    rows = [{"prompt": sentence(7000 + n), "completion": "yes"} for n in range(20)]
    path = write(tmp_path / "other.jsonl", [*rows, {"prompt": question, "completion": "x"}])
    with pytest.raises(InvalidDataError):
        refuse_test_rows(path, frozen)


def test_a_changed_test_set_is_noticed(advisor: Advisor, frozen: Path) -> None:
    path = frozen / "data" / "test.jsonl"
    path.write_bytes(path.read_bytes().replace(b"yes", b"no"))
    with pytest.raises(InvalidDataError, match="changed after the split"):
        frozen_test(frozen)
    path.unlink()
    with pytest.raises(InvalidDataError, match="gone"):
        frozen_test(frozen)


@pytest.mark.slow
def test_training_refuses_it_before_anything_is_spent(advisor: Advisor, frozen: Path, tmp_path: Path) -> None:
    train, test = parts(frozen)
    path = write(frozen / "data" / "other.jsonl", [*train, test[0]])
    ended = advisor(
        "train", "--project", frozen, "--data", path, "--model", "smollm2-135m", "--method", "lora", "--plan-only"
    )
    assert ended.code != 0
    assert "frozen test set" in ended.err + ended.out


def test_what_was_measured_becomes_facts(advisor: Advisor, frozen: Path) -> None:
    answers = Project.open(frozen).answers()
    assert answers["data.test_examples"].value == 20
    assert answers["data.held_out_share"].value == pytest.approx(0.2)
    assert answers["data.test_rows_trained_on"].value is False
    assert answers["data.labelled_examples"].value == 100


def test_a_broken_record_is_one_message(frozen: Path) -> None:
    (frozen / "data" / "split.json").write_text('{"v": 1}')
    with pytest.raises(InvalidDataError, match=r"split\.json"):
        frozen_test(frozen)
