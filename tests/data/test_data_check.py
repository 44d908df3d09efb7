"""`advisor data check`: each fault is found, where it is, and clean rows are left in peace."""

import json
from pathlib import Path
from typing import Any

import pytest
from calling import Advisor
from rows import chat, good_rows, sentence, write
from tools_shown import WEATHER, calling_row

from advisor.answers import Origin
from advisor.project import Project


def findings(advisor: Advisor, *arguments: object) -> dict[str, Any]:
    """code -> finding."""
    return {finding["code"]: finding for finding in advisor("data", "check", *arguments, "--json").json["findings"]}


def test_clean_rows_have_no_errors_or_warnings(advisor: Advisor, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", good_rows(600))
    ended = advisor("data", "check", path, "--json")
    assert ended.code == 0
    assert ended.json["rows"] == ended.json["usable"] == ended.json["unique"] == 600
    assert ended.json["format_consistent"] is True
    assert {f["severity"] for f in ended.json["findings"]} == {"info"}
    assert set(ended.json["labels"][""]) == {"yes", "no", "maybe"}


def test_findings_have_the_promised_form(advisor: Advisor, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*good_rows(30), chat("hello there", "")])
    ended = advisor("data", "check", path, "--json")
    assert ended.code == 1
    found = next(f for f in ended.json["findings"] if f["code"] == "empty_answer")
    assert found["severity"] == "error"
    assert found["count"] == 1
    assert found["lines"] == [31]
    assert found["message"]
    assert found["fix"]


BROKEN = {
    "truncated_line": b'{"messages": [{"role": "user", "con',
    "bad_utf8": b'{"messages": [{"role": "user", "content": "caf\xe9"}]}\n',
    "bad_json": b"{not json}\n",
    "not_an_object": b"[1, 2]\n",
    "no_messages": b'{"messages": "hello"}\n',
    "wrong_type": b'{"messages": [{"role": "user", "content": 7}]}\n',
    "bad_role": b'{"messages": [{"role": "boss", "content": "x"}]}\n',
}


@pytest.mark.parametrize("code", BROKEN)
def test_a_broken_line_is_named_and_the_others_are_read(advisor: Advisor, tmp_path: Path, code: str) -> None:
    path = write(tmp_path / "rows.jsonl", good_rows(25))
    path.write_bytes(path.read_bytes() + BROKEN[code])
    ended = advisor("data", "check", path, "--json")
    found = {f["code"]: f for f in ended.json["findings"]}
    assert ended.code == 1
    assert ended.json["usable"] == 25
    assert found[code]["lines"] == [26]
    assert found[code]["severity"] == "error"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"messages": [{"role": "user", "content": "x"}], "v": NaN}', "NaN"),
        ('{"a": 1, "a": 2}', "there twice"),
    ],
)
def test_json_that_only_some_readers_take_is_refused(advisor: Advisor, tmp_path: Path, line: str, words: str) -> None:
    path = write(tmp_path / "rows.jsonl", good_rows(25))
    path.write_text(path.read_text() + line + "\n")
    found = findings(advisor, path)["bad_json"]
    assert found["lines"] == [26]
    assert words in found["examples"][0]["text"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.jsonl", b"", "no rows"),
        ("utf16.jsonl", "hello".encode("utf-16"), "UTF-16"),
        ("rows.foo", b"x", "kind of this file"),
        ("rows.parquet", b"x", "Parquet"),
        ("one.csv", b"text\nhello\n", "one column"),
        ("twice.csv", b"text,text\na,b\n", "twice"),
        ("cut.json", b'[{"text": "a", "label": "b"}', "comma"),
        ("other.jsonl", b'{"foo": 1}\n', "--map"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_message(
    advisor: Advisor, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    ended = advisor("data", "check", tmp_path / name)
    assert ended.code == 3
    assert name in ended.err
    assert words in ended.err


def test_exact_duplicates_differ_only_in_case_and_blanks(advisor: Advisor, tmp_path: Path) -> None:
    rows = good_rows(40)
    twin = chat(sentence(3).upper().replace(" ", "  "), "yes")
    found = findings(advisor, write(tmp_path / "rows.jsonl", [*rows, twin]))["exact_duplicates"]
    assert found["count"] == 1
    assert found["examples"] == [{"line": 41, "same_as": 4}]


@pytest.mark.parametrize(("answers", "severity"), [(("yes", "no"), "error"), (None, "warning")])
def test_two_answers_to_one_question(
    advisor: Advisor, tmp_path: Path, answers: tuple[str, str] | None, severity: str
) -> None:
    """For labels one of them must be wrong; two free texts may both be right."""
    if answers:
        rows = [*good_rows(40), chat(sentence(0), "no")]
    else:
        rows = [chat(sentence(n), sentence(1000 + n)) for n in range(40)] + [chat(sentence(0), sentence(2000))]
    found = findings(advisor, write(tmp_path / "rows.jsonl", rows))["conflicting_answers"]
    assert found["severity"] == severity
    assert found["count"] == 2
    assert found["lines"] == [1, 41]


def test_near_duplicates_are_found_although_all_share_a_frame(advisor: Advisor, tmp_path: Path) -> None:
    """A long fixed instruction around short texts must not make all rows look alike."""
    frame = "Please read the following message of a customer with care and name its topic: {} Answer with one word."
    rows = [chat(frame.format(sentence(n, 15)), "yes") for n in range(60)]
    rows.append(chat(frame.format(sentence(5, 15) + " extra"), "no"))
    found = findings(advisor, write(tmp_path / "rows.jsonl", rows))["near_duplicates"]
    assert found["count"] == 1
    assert found["examples"][0]["same_as"] == 6


def test_texts_without_blanks_between_words_are_compared_too(advisor: Advisor, tmp_path: Path) -> None:
    base = "".join(chr(0x4E00 + n * 7) for n in range(60))
    rows = [*good_rows(30), chat(base, "yes"), chat(base[:-2] + "好了", "no")]
    assert findings(advisor, write(tmp_path / "rows.jsonl", rows))["near_duplicates"]["lines"] == [32]


def leak_files(tmp_path: Path, leaking: dict[str, Any]) -> tuple[Path, Path]:
    train = [chat(sentence(n), "yes", group=f"g{n}") for n in range(50)]
    test = [chat(sentence(100 + n, 40), "no", group=f"t{n}") for n in range(50)]
    return write(tmp_path / "train.jsonl", [*train, leaking]), write(tmp_path / "test.jsonl", test)


def test_train_and_test_apart_is_no_leak(advisor: Advisor, tmp_path: Path) -> None:
    train, test = leak_files(tmp_path, chat(sentence(999), "yes"))
    assert not [code for code in findings(advisor, train, "--test", test) if code.startswith("leak")]


@pytest.mark.parametrize(
    ("code", "leaking"),
    [
        ("leak_exact", chat(sentence(107, 40).title(), "yes")),
        ("leak_near", chat(sentence(107, 40) + " and more", "yes")),
        ("leak_ngram", chat(sentence(1) + " " + sentence(107, 40) + " " + sentence(2), "yes")),
        ("leak_group", chat(sentence(999), "yes", group="t7")),
    ],
)
def test_each_kind_of_leak_is_found(advisor: Advisor, tmp_path: Path, code: str, leaking: dict[str, Any]) -> None:
    train, test = leak_files(tmp_path, leaking)
    found = findings(advisor, train, "--test", test)
    assert {c for c in found if c.startswith("leak")} == {code}
    assert found[code]["count"] == 1
    assert found[code]["lines"] == [51]
    if code != "leak_group":
        assert found[code]["examples"][0]["test_line"] == 8


STRUCTURE: dict[str, list[dict[str, Any]]] = {
    "no_answer": [{"role": "user", "content": "hello"}],
    "system_not_first": [
        {"role": "user", "content": "a"},
        {"role": "system", "content": "b"},
        {"role": "assistant", "content": "c"},
    ],
    "role_repeated": [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "c"},
    ],
    "assistant_first": [
        {"role": "assistant", "content": "hi"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "c"},
    ],
    "bad_tool_call": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": "{oops"}}]},
    ],
    "orphan_tool_result": [
        {"role": "user", "content": "a"},
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": "c"},
    ],
    "untidy_answer": [{"role": "user", "content": "a"}, {"role": "assistant", "content": " c\n"}],
    "control_characters": [{"role": "user", "content": "a\x07"}, {"role": "assistant", "content": "c"}],
    "broken_characters": [{"role": "user", "content": "cafÃ© au lait"}, {"role": "assistant", "content": "c"}],
}


@pytest.mark.parametrize("code", STRUCTURE)
def test_form_of_conversations(advisor: Advisor, tmp_path: Path, code: str) -> None:
    path = write(tmp_path / "rows.jsonl", [*good_rows(30), {"messages": STRUCTURE[code]}])
    assert findings(advisor, path)[code]["lines"] == [31]


def test_a_correct_tool_call_is_no_fault(advisor: Advisor, tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    turns = [
        {"role": "user", "content": "add one"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
        {"role": "assistant", "content": "two"},
    ]
    path = write(tmp_path / "rows.jsonl", [*good_rows(600), {"messages": turns}])
    assert advisor("data", "check", path, "--json").code == 0


SCHEMA = {
    "type": "object",
    "properties": {"label": {"enum": ["a", "b"]}},
    "required": ["label"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "answer", ['{"label": "c"}', '{"label": "a", "x": 1}', "a", '```json\n{"label": "a"}\n```', '{"label": "a"'],
)  # fmt: skip
def test_answers_against_a_schema(advisor: Advisor, tmp_path: Path, answer: str) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    rows = [chat(sentence(n), json.dumps({"label": "ab"[n % 2]})) for n in range(40)]
    path = write(tmp_path / "rows.jsonl", [*rows, chat("another question", answer)])
    found = findings(advisor, path, "--schema", tmp_path / "schema.json")["invalid_output"]
    assert (found["count"], found["lines"], found["severity"]) == (1, [41], "error")


def test_answers_against_labels_and_expressions(advisor: Advisor, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*good_rows(30), chat("q", "perhaps")])
    assert findings(advisor, path, "--labels", "yes,no,maybe")["invalid_output"]["lines"] == [31]
    assert findings(advisor, path, "--regex", "yes|no|maybe")["invalid_output"]["lines"] == [31]
    assert advisor("data", "check", path, "--regex", "(").code == 2


def test_a_schema_that_is_none_is_refused(advisor: Advisor, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"type": "no such type"}')
    path = write(tmp_path / "rows.jsonl", good_rows(30))
    ended = advisor("data", "check", path, "--schema", tmp_path / "schema.json")
    assert ended.code == 3
    assert "schema.json" in ended.err


def test_json_answers_are_held_to_the_form_of_most(advisor: Advisor, tmp_path: Path) -> None:
    rows = [chat(sentence(n), json.dumps({"label": "ab"[n % 2], "n": n})) for n in range(40)]
    rows[7] = chat(sentence(7), "I think it is a")
    rows[9] = chat(sentence(9), '{"n": 1, "label": "a"}')
    rows[11] = chat(sentence(11), '{"label": "a", "number": 1}')
    found = findings(advisor, write(tmp_path / "rows.jsonl", rows))
    assert found["invalid_json"]["lines"] == [8]
    assert found["inconsistent_keys"]["lines"] == [10, 12]


def test_labels_that_differ_by_accident_and_rare_ones(advisor: Advisor, tmp_path: Path) -> None:
    rows = good_rows(120, ("billing", "shipping"))
    rows += [chat(sentence(500 + n), "Billing ") for n in range(6)] + [chat(sentence(600), "returns")]
    found = findings(advisor, write(tmp_path / "rows.jsonl", rows))
    assert "'Billing' and 'billing'" in found["label_variants"]["message"]
    assert "'returns' (1)" in found["rare_labels"]["message"]


def test_a_dominant_label_is_named(advisor: Advisor, tmp_path: Path) -> None:
    rows = [chat(sentence(n), "no" if n % 10 else "yes") for n in range(200)]
    assert findings(advisor, write(tmp_path / "rows.jsonl", rows))["unbalanced_labels"]["count"] == 180


def test_wrong_labels_are_suspected_and_right_ones_are_not(advisor: Advisor, tmp_path: Path) -> None:
    def row(n: int, label: str) -> dict[str, Any]:
        told = {"fruit": "apple pear plum cherry quince", "tool": "hammer saw drill wrench chisel"}[label]
        return chat(f"{sentence(n, 6)} {' '.join(told.split()[n % 3 : n % 3 + 3])}", label)

    rows = [row(n, "fruit" if n % 2 else "tool") for n in range(300)]
    clean = findings(advisor, write(tmp_path / "clean.jsonl", rows))
    assert "suspected_label_errors" not in clean
    for wrong in (20, 141, 222):
        rows[wrong]["messages"][1]["content"] = "fruit" if wrong % 2 == 0 else "tool"
    found = findings(advisor, write(tmp_path / "wrong.jsonl", rows))["suspected_label_errors"]
    assert found["lines"] == [21, 142, 223]


def test_personal_data_and_secrets_are_found_and_not_repeated(advisor: Advisor, tmp_path: Path) -> None:
    secret = "sk-proj-" + "a1B2c3D4" * 4
    rows = [
        *good_rows(30),
        chat("write to ann.lee@corp-mail.com please", "yes"),
        chat("my card is 4111 1111 1111 1111", "yes"),
        chat("call +49 30 901820 today", "yes"),
        chat("account DE89 3704 0044 0532 0130 00", "yes"),
        chat(f"the key is {secret}", "yes"),
        chat("version 1.2.3.4 of 2024-10-11 12:30:00, order 123456789, someone@example.com", "yes"),
    ]
    ended = advisor("data", "check", write(tmp_path / "rows.jsonl", rows), "--json")
    found = {finding["code"]: finding for finding in ended.json["findings"]}
    assert found["personal_data"]["lines"] == [31, 32, 33, 34]
    assert found["secrets"]["lines"] == [35]
    assert found["secrets"]["severity"] == "error"
    assert secret not in ended.out
    assert "ann.lee" not in ended.out


def test_tools_without_a_name_and_calls_of_what_is_not_defined(advisor: Advisor, tmp_path: Path) -> None:
    nameless = chat("what is the weather", "sunny", tools=[{"type": "function"}])
    other = {**WEATHER["function"], "name": "get_time"}
    as_text = {**calling_row(27), "tools": json.dumps([other])}  # as data sets that know one type a column have it
    rows = [*good_rows(25), nameless, as_text, calling_row(28), chat("the tool", "hammer", tools="hammer, saw")]
    found = findings(advisor, write(tmp_path / "rows.jsonl", rows))
    assert (found["bad_tool"]["lines"], found["undefined_tool"]["lines"]) == ([26], [27])
    assert "bad_tool_call" not in found


PERSONAL = (
    "Dear Ms Okafor, where is my parcel?",
    "the parcel is late.\n\nKind regards,\nJohn P. Smith",
    "my name is Ann Lee and I wait",
    "Herr Müller hat nicht geantwortet",
    "send it to 225 East 42nd Street, please",
    "Lieferung in die Musterstraße 12 bitte",
    "je suis au 12 rue de la Paix",
    "vivo en la Calle de Alcalá 45",
)
NOT_PERSONAL = (
    "Dear Customer, your parcel is late.",
    "Hello World, version 12 Road to nowhere",
    "runs on 2 Core CPUs with Java 17 drive letters",
    "Kind regards,\nSupport Team",
    "the street has 12 lamps and a St. Bernard",
)


def test_announced_names_and_street_addresses_are_found(advisor: Advisor, tmp_path: Path) -> None:
    rows = [chat(text, "yes") for text in (*PERSONAL, *NOT_PERSONAL)] + good_rows(20)
    found = findings(advisor, write(tmp_path / "rows.jsonl", rows))
    assert found["personal_data"]["lines"] == list(range(1, len(PERSONAL) + 1))
    assert "Okafor" not in json.dumps(found)
    assert "names_in_running_text" in found


@pytest.mark.parametrize(
    ("rows", "method", "code"),
    [(12, "lora", "too_few_rows"), (150, "lora", "few_rows_for_method"), (300, "lora", "fewer_than_500_rows"),
     (700, "full", "few_rows_for_method"), (60, "encoder", None), (700, "lora", None)],
)  # fmt: skip
def test_too_little_data_for_the_method(
    advisor: Advisor, tmp_path: Path, rows: int, method: str, code: str | None
) -> None:
    found = findings(advisor, write(tmp_path / "rows.jsonl", good_rows(rows)), "--method", method)
    amounts = {"too_few_rows", "few_rows_for_method", "fewer_than_500_rows"}
    assert (amounts & set(found)) == ({code} if code else set())


def test_in_a_project_the_measurements_become_facts(advisor: Advisor, tmp_path: Path, project: Path) -> None:
    rows = [*good_rows(98), chat(sentence(0), "yes"), chat(sentence(1) + " more", "no")]
    path = write(tmp_path / "rows.jsonl", rows)
    ended = advisor("data", "check", path, "--project", project, "--json")
    answers = Project.open(project).answers()
    assert answers["data.labelled_examples"].value == 98
    assert answers["data.duplicate_rate"].value == pytest.approx(0.02)
    assert answers["data.format_consistent"].value is True
    assert answers["data.labelled_examples"].origin == Origin.MEASURED
    assert answers["data.labelled_examples"].evidence_n == 100
    assert "data.duplicate_rate" in ended.json["recorded"]
    again = advisor("data", "check", path, "--project", project, "--json")
    assert again.json["recorded"] == []


def test_a_file_that_the_project_does_not_train_on_changes_no_fact(
    advisor: Advisor, tmp_path: Path, project: Path
) -> None:
    broken = write(tmp_path / "broken.jsonl", [*good_rows(98), chat("q", "")])
    ended = advisor("data", "check", broken, "--project", project, "--json")
    assert (ended.code, ended.json["recorded"]) == (1, [])
    assert "the file has errors" in ended.err
    (project / "data").mkdir(exist_ok=True)
    train = write(project / "data" / "train.jsonl", good_rows(80))
    other = write(tmp_path / "other.jsonl", good_rows(60))
    ended = advisor("data", "check", other, "--project", project, "--json")
    assert (ended.code, ended.json["recorded"]) == (0, [])
    assert "trains on data/train.jsonl" in ended.err
    assert "data.labelled_examples" not in Project.open(project).answers()
    advisor("data", "check", train, "--project", project)
    assert Project.open(project).answers()["data.labelled_examples"].value == 80


def test_people_see_words_and_not_only_colours(advisor: Advisor, tmp_path: Path) -> None:
    ended = advisor("data", "check", write(tmp_path / "rows.jsonl", [*good_rows(30), chat("q", "")]))
    assert "x error   empty_answer" in ended.out
    assert "line 31" in ended.out
    assert "1 error, " in ended.out
