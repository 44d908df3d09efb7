"""Every form and every kind of file gives the same conversations; the mapping is detected, shown and can be set."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from calling import Advisor
from rows import chat, good_rows, read, sentence, write

ROWS = [(sentence(n), f"answer {n} of them") for n in range(30)]
FORMS: dict[str, Any] = {
    "messages": lambda q, a: chat(q, a),
    "sharegpt": lambda q, a: {"conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}]},
    "prompt_completion": lambda q, a: {"prompt": q, "completion": a},
    "instruction": lambda q, a: {"instruction": q, "input": "", "output": a},
    "question_answer": lambda q, a: {"question": q, "answer": a},
    "text_label": lambda q, a: {"text": q, "label": a},
    "input_expected": lambda q, a: {"input": q, "expected": a},
}


def prepared(advisor: Advisor, source: object, tmp_path: Path, *more: object) -> list[dict[str, Any]]:
    out = tmp_path / "out.jsonl"
    ended = advisor("data", "prepare", source, "--out", out, *more)
    assert ended.code == 0, ended.err
    return read(out)


def pairs(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["messages"][-2]["content"], row["messages"][-1]["content"]) for row in rows]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_told_and_read(advisor: Advisor, tmp_path: Path, form: str) -> None:
    path = write(tmp_path / "rows.jsonl", [FORMS[form](q, a) for q, a in ROWS])
    assert advisor("data", "check", path, "--json").json["mapping"]["form"] == form
    assert pairs(prepared(advisor, path, tmp_path)) == ROWS


def test_prompt_and_completion_may_be_messages(advisor: Advisor, tmp_path: Path) -> None:
    rows = [
        {"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": q}],
         "completion": [{"role": "assistant", "content": a}]} for q, a in ROWS
    ]  # fmt: skip
    found = prepared(advisor, write(tmp_path / "rows.jsonl", rows), tmp_path)
    assert pairs(found) == ROWS
    assert found[0]["messages"][0] == {"role": "system", "content": "s"}


def test_instruction_and_its_material_are_joined(advisor: Advisor, tmp_path: Path) -> None:
    rows = [{"instruction": "Sum up.", "input": q, "output": a} for q, a in ROWS]
    found = prepared(advisor, write(tmp_path / "rows.jsonl", rows), tmp_path)
    assert pairs(found)[0] == ("Sum up.\n\n" + ROWS[0][0], ROWS[0][1])


def as_json(path: Path) -> Path:
    path.with_suffix(".json").write_text(json.dumps([{"prompt": q, "completion": a} for q, a in ROWS], indent=1))
    return path.with_suffix(".json")


def as_json_object(path: Path) -> Path:
    rows = [{"prompt": q, "completion": a} for q, a in ROWS]
    path.with_suffix(".json").write_text(json.dumps({"version": "1.0", "info": {"n": [1]}, "data": rows}))
    return path.with_suffix(".json")


def as_csv(path: Path) -> Path:
    with open(path.with_suffix(".csv"), "w", newline="", encoding="utf-8-sig") as stream:
        csv.writer(stream).writerows([("prompt", "completion"), *ROWS])
    return path.with_suffix(".csv")


def as_semicolons(path: Path) -> Path:
    with open(path.with_suffix(".csv"), "w", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows([("prompt", "completion"), *ROWS])
    return path.with_suffix(".csv")


def as_tsv(path: Path) -> Path:
    with open(path.with_suffix(".tsv"), "w", newline="") as stream:
        csv.writer(stream, delimiter="\t").writerows([("prompt", "completion"), *ROWS])
    return path.with_suffix(".tsv")


def as_gzip(path: Path) -> Path:
    write(path.with_suffix(".jsonl"), [{"prompt": q, "completion": a} for q, a in ROWS])
    data = path.with_suffix(".jsonl").read_bytes()
    path.with_suffix(".jsonl.gz").write_bytes(gzip.compress(data))
    return path.with_suffix(".jsonl.gz")


def as_parquet(path: Path) -> Path:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"prompt": [q for q, _ in ROWS], "completion": [a for _, a in ROWS]})
    pyarrow.parquet.write_table(table, path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


def as_dataset(path: Path) -> Path:
    import datasets

    rows = datasets.Dataset.from_list([{"prompt": q, "completion": a} for q, a in ROWS])
    datasets.DatasetDict({"train": rows, "test": rows.select(range(3))}).save_to_disk(str(path / "set"))
    return path / "set"


@pytest.mark.parametrize(
    "make", [as_json, as_json_object, as_csv, as_semicolons, as_tsv, as_gzip, as_parquet, as_dataset]
)
def test_every_kind_of_file_gives_the_same_rows(advisor: Advisor, tmp_path: Path, make: Any) -> None:
    assert pairs(prepared(advisor, make(tmp_path / "rows"), tmp_path)) == ROWS


def test_a_split_of_a_dataset_and_names_of_classes(advisor: Advisor, tmp_path: Path) -> None:
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["ham", "spam"])}
    )
    rows = datasets.Dataset.from_list([{"text": sentence(n), "label": n % 2} for n in range(12)], features=features)
    datasets.DatasetDict({"small": rows}).save_to_disk(str(tmp_path / "set"))
    found = prepared(advisor, tmp_path / "set", tmp_path, "--dataset-split", "small")
    assert {answer for _, answer in pairs(found)} == {"ham", "spam"}
    assert advisor("data", "check", tmp_path / "set", "--dataset-split", "big").code == 2


def test_a_csv_row_over_several_lines_keeps_its_place(advisor: Advisor, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(
        'text,label\n"two\nlines",yes\n' + "".join(f"{sentence(n)},no\n" for n in range(25)) + "short\nlast one,no\n"
    )
    found = {f["code"]: f for f in advisor("data", "check", tmp_path / "rows.csv", "--json").json["findings"]}
    assert found["uneven_row"]["lines"] == [29]


def test_columns_can_be_named(advisor: Advisor, tmp_path: Path) -> None:
    rows = [{"ticket": {"body": q}, "queue": a, "kunde": f"k{n % 4}", "when": "today"} for n, (q, a) in enumerate(ROWS)]
    path = write(tmp_path / "rows.jsonl", rows)
    ended = advisor("data", "check", path)
    assert ended.code == 3
    assert "kunde, queue, ticket, when" in ended.err
    maps = ("--map", "prompt=ticket.body", "--map", "answer=queue", "--map", "group=kunde", "--system", "Be brief.")
    found = prepared(advisor, path, tmp_path, *maps)
    assert pairs(found) == ROWS
    assert found[1]["group"] == "k1"
    assert found[0]["messages"][0] == {"role": "system", "content": "Be brief."}
    assert found[0]["metadata"]["when"] == "today"


@pytest.mark.parametrize("setting", ["prompt", "nonsense=text", "prompt=", "prompt=missing"])
def test_a_wrong_mapping_is_wrong_use(advisor: Advisor, tmp_path: Path, setting: str) -> None:
    path = write(tmp_path / "rows.jsonl", good_rows(20))
    assert advisor("data", "check", path, "--map", setting).code == 2


def test_a_hub_name_without_a_hub_says_so(advisor: Advisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    ended = advisor("data", "check", "somebody/some-data-set")
    assert ended.code == 4
    assert "somebody/some-data-set" in ended.err


def test_a_large_json_list_is_read_across_its_blocks(advisor: Advisor, tmp_path: Path) -> None:
    """Elements that straddle a block of the reader are put together, and lines are still counted."""
    rows = [{"prompt": sentence(n, 400), "completion": f"answer {n}"} for n in range(900)]
    rows[800]["completion"] = ""
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows, indent=1))
    assert path.stat().st_size > 2 << 20
    found = advisor("data", "check", path, "--json").json
    assert found["rows"] == 900
    assert next(f for f in found["findings"] if f["code"] == "empty_answer")["lines"] == [1 + 800 * 4 + 1]
