"""`advisor data prepare`: nothing is dropped or changed silently."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from calling import Advisor
from rows import chat, good_rows, read, sentence, write


def prepare(advisor: Advisor, path: Path, *more: object) -> tuple[dict[str, Any], list[Any], list[Any]]:
    """(card, rows, changes)."""
    out = path.parent / "out.jsonl"
    ended = advisor("data", "prepare", path, "--out", out, "--json", *more)
    assert ended.code == 0, ended.err
    return ended.json, read(out), read(path.parent / "out.changes.jsonl")


def messy(path: Path) -> Path:
    rows: list[dict[str, Any]] = [
        *good_rows(30),
        chat(sentence(0).upper(), "yes"),
        chat("  spaced out ", " yes\n"),
        chat("line\r\nends\x07", "no"),
        chat("e\u0301te\u0301", "no"),
        {"messages": [{"role": "user", "content": "a"}, *chat("b", "no")["messages"]]},
        {"messages": [{"role": "system", "content": " "}, *chat("nothing in it", "no")["messages"]]},
        chat("empty", " "),
    ]
    write(path, rows)
    path.write_bytes(path.read_bytes() + b'{"messages": [{"ro')
    return path


def test_every_dropped_or_changed_row_is_listed(advisor: Advisor, tmp_path: Path) -> None:
    path = messy(tmp_path / "rows.jsonl")
    card, rows, changes = prepare(advisor, path)
    told = {entry["line"]: (entry["action"], entry["reason"]) for entry in changes}
    assert told == {
        31: ("dropped", "exact_duplicates"),
        32: ("changed", "outer blanks"),
        33: ("changed", "line ends, control characters"),
        34: ("changed", "unicode form"),
        35: ("changed", "messages joined"),
        36: ("changed", "outer blanks, empty instructions removed"),
        37: ("dropped", "empty_answer"),
        38: ("dropped", "truncated_line"),
    }
    assert card["source_rows"] == card["output_rows"] + sum(card["dropped"].values()) == 38
    assert len(rows) == card["output_rows"] == 35
    assert next(e for e in changes if e["line"] == 31)["text"] == "same as line 1"
    by_line = {row["id"]: row["messages"] for row in rows}
    assert [m["content"] for m in by_line["line-32"]] == ["spaced out", "yes"]
    assert by_line["line-33"][0]["content"] == "line\nends"
    assert by_line["line-34"][0]["content"] == "\u00e9t\u00e9"
    assert by_line["line-35"][0]["content"] == "a\n\nb"
    assert [m["role"] for m in by_line["line-36"]] == ["user", "assistant"]


def test_what_was_prepared_passes_the_check_and_is_left_alone_the_second_time(advisor: Advisor, tmp_path: Path) -> None:
    prepare(advisor, messy(tmp_path / "rows.jsonl"))
    assert advisor("data", "check", tmp_path / "out.jsonl", "--json").code == 0
    (tmp_path / "again").mkdir()
    again = write(tmp_path / "again" / "rows.jsonl", read(tmp_path / "out.jsonl"))
    card, rows, changes = prepare(advisor, again)
    assert changes == []
    assert rows == read(tmp_path / "out.jsonl")
    assert card["changed_rows"] == 0


def test_the_card_states_hashes_counts_and_origin(advisor: Advisor, tmp_path: Path) -> None:
    path = messy(tmp_path / "rows.jsonl")
    card, _, _ = prepare(advisor, path, "--licence", "CC BY 4.0", "--provenance", "tickets of 2026")
    assert card["source_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["output_sha256"] == hashlib.sha256((tmp_path / "out.jsonl").read_bytes()).hexdigest()
    assert card["changes_sha256"] == hashlib.sha256((tmp_path / "out.changes.jsonl").read_bytes()).hexdigest()
    assert json.loads((tmp_path / "out.card.json").read_text()) == card
    text = (tmp_path / "out.card.md").read_text()
    assert "CC BY 4.0" in text
    assert "tickets of 2026" in text
    assert card["output_sha256"] in text


def test_near_duplicates_go_only_when_asked(advisor: Advisor, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*good_rows(30), chat(sentence(4) + " indeed", "no")])
    assert prepare(advisor, path)[0]["dropped"] == {}
    card, _, changes = prepare(advisor, path, "--near", "drop")
    assert card["dropped"] == {"near_duplicates": 1}
    assert (changes[0]["line"], changes[0]["text"]) == (31, "nearly the same as line 5")


@pytest.mark.parametrize(("how", "dropped"), [("keep", []), ("drop", [1, 31, 32])])
def test_conflicting_answers(advisor: Advisor, tmp_path: Path, how: str, dropped: list[int]) -> None:
    rows = [*good_rows(30), chat(sentence(0), "no"), chat(sentence(0), "maybe")]
    _, found, changes = prepare(advisor, write(tmp_path / "rows.jsonl", rows), "--conflicts", how)
    assert [entry["line"] for entry in changes] == dropped
    assert {entry["reason"] for entry in changes} <= {"conflicting_answers"}
    assert len(found) == 32 - len(dropped)


def test_the_answer_of_the_majority_wins(advisor: Advisor, tmp_path: Path) -> None:
    """Three rows that say the same are one answer with three voices, although two of them are copies."""
    rows = [*good_rows(30), *(chat(sentence(0), "no") for _ in range(2))]
    _, _, changes = prepare(advisor, write(tmp_path / "rows.jsonl", rows), "--conflicts", "majority")
    assert {entry["line"]: entry["reason"] for entry in changes} == {1: "conflicting_answers", 32: "exact_duplicates"}


def test_a_tie_leaves_nothing(advisor: Advisor, tmp_path: Path) -> None:
    rows = [*good_rows(30), chat(sentence(0), "no")]
    _, _, changes = prepare(advisor, write(tmp_path / "rows.jsonl", rows), "--conflicts", "majority")
    assert [entry["line"] for entry in changes] == [1, 31]


def test_personal_data_are_masked_when_asked(advisor: Advisor, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*good_rows(30), chat("mail ann@corp-mail.com or +49 30 901820", "yes")])
    card, rows, changes = prepare(advisor, path, "--mask-personal")
    assert rows[-1]["messages"][0]["content"] == "mail [email address] or [phone number]"
    assert changes[0]["reason"] == "personal data masked"
    assert (card["personal_data_masked"], card["rows_with_personal_data"]) == (True, 1)


def test_json_answers_get_one_form(advisor: Advisor, tmp_path: Path) -> None:
    rows = [chat(sentence(n), json.dumps({"label": "ab"[n % 2], "n": n})) for n in range(30)]
    rows[3]["messages"][1]["content"] = '{ "n":3,"label":"b" }'
    _, found, changes = prepare(advisor, write(tmp_path / "rows.jsonl", rows))
    assert found[3]["messages"][1]["content"] == '{"label": "b", "n": 3}'
    assert [(entry["line"], entry["reason"]) for entry in changes] == [(4, "one JSON form")]


def test_answers_that_break_the_wanted_form_are_dropped(advisor: Advisor, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*good_rows(30), chat("q", "perhaps")])
    card, _, _ = prepare(advisor, path, "--labels", "yes,no,maybe")
    assert card["dropped"] == {"invalid_output": 1}


def test_rows_that_give_the_test_set_away_are_dropped(advisor: Advisor, tmp_path: Path) -> None:
    test = write(tmp_path / "test.jsonl", [chat(sentence(2), "no"), chat(sentence(900) + " end", "no")])
    path = write(tmp_path / "rows.jsonl", [*good_rows(30), chat(sentence(900), "yes")])
    _, _, changes = prepare(advisor, path, "--test", test)
    assert [(entry["line"], entry["reason"]) for entry in changes] == [(3, "leak"), (31, "leak")]
    assert changes[0]["text"] == "asks what the test set asks in its line 1"


def test_ids_are_made_unique(advisor: Advisor, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*good_rows(30), chat("one more", "yes", id="r3")])
    _, rows, changes = prepare(advisor, path)
    assert rows[-1]["id"] == "r3-31"
    assert [(entry["line"], entry["reason"]) for entry in changes] == [(31, "id made unique")]


def test_the_input_is_never_overwritten(advisor: Advisor, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", good_rows(30))
    before = path.read_bytes()
    assert advisor("data", "prepare", path, "--out", path).code == 2
    assert path.read_bytes() == before


@pytest.mark.slow
def test_a_large_file_shared_by_processes_gives_the_same_as_one(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from trainers.data.prepare import PrepareRequest, prepare

    rows = [chat(sentence(n % 4500, 30), "yes" if n % 3 else "no", id=f"r{n}") for n in range(5000)]
    path = write(tmp_path / "rows.jsonl", rows)
    found = []
    for workers in (1, 2):
        out = tmp_path / f"out{workers}.jsonl"
        request = PrepareRequest(str(path), out, near=True, workers=workers)
        card = prepare(request, now=datetime(2026, 11, 24, tzinfo=UTC))
        found.append((card.output_sha256, card.changes_sha256, card.dropped))
    assert found[0] == found[1]
