"""Files that survive: atomic replacement, appended lines, strict JSON, and readers that name the line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.base.errors import InvalidDataError
from advisor.base.files import append_line, dump_json, parse_json, read_jsonl, read_text, replace_file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": NaN}', "NaN"),
        ('{"a": [Infinity]}', "Infinity"),
        ('{"a": -Infinity}', "-Infinity"),
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ('{"a": 1', "not valid JSON"),
        ("", "not valid JSON"),
        ('{"a": 1e999}', "too large"),
        ('{"a": ' + "9" * 5000 + "}", "4300 digits"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
    ],
)
def test_json_is_strict(text: str, words: str) -> None:
    with pytest.raises(InvalidDataError) as caught:
        parse_json(text, where="f.json")
    assert words in caught.value.what
    assert caught.value.where == "f.json"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_never_writes_what_json_does_not_have(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        dump_json(value)


def test_a_line_that_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n{"a": \n', encoding="utf-8")
    with pytest.raises(InvalidDataError) as caught:
        list(read_jsonl(path))
    assert caught.value.where == f"{path}:3"
    path.write_text('{"a": 1}\n[1]\n', encoding="utf-8")
    with pytest.raises(InvalidDataError, match="must be a JSON object"):
        list(read_jsonl(path))


def test_only_a_last_line_that_was_cut_off_is_forgiven(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": 2}\n{"a": 3', encoding="utf-8")
    assert [row for _, row in read_jsonl(path, forgive_last=True)] == [{"a": 1}, {"a": 2}]
    with pytest.raises(InvalidDataError):
        list(read_jsonl(path))
    path.write_text('{"a": 1\n{"a": 2}\n', encoding="utf-8")
    with pytest.raises(InvalidDataError):
        list(read_jsonl(path, forgive_last=True))


ROWS = st.lists(st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.booleans() | st.none()), max_size=5)


@given(ROWS)
def test_what_is_appended_is_read_back(rows: list[dict[str, object]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "deep", "rows.jsonl")
        for row in rows:
            append_line(path, row)
        assert [row for _, row in read_jsonl(path)] == rows if rows else not path.exists()


def test_an_appended_line_does_not_run_into_a_half_written_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a"', encoding="utf-8")
    append_line(path, {"a": 2})
    assert path.read_text(encoding="utf-8").split("\n") == ['{"a": 1}', '{"a"', '{"a": 2}', ""]


def test_replacing_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    replace_file(path, "old")
    with pytest.raises(UnicodeEncodeError):
        replace_file(path, "new \ud800")
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["f.json"], "no temporary file is left behind"


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """One process replaces the file all the time, another reads it: every read is one of the whole texts."""
    path = tmp_path / "f.json"
    replace_file(path, json.dumps(["a"] * 5000))
    code = (
        "import sys, json; from pathlib import Path; from advisor.base.files import replace_file\n"
        "path = Path(sys.argv[1])\n"
        "for n in range(150): replace_file(path, json.dumps(['ab'[n % 2]] * 5000))\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path)])
    reads = 0
    while writer.poll() is None:
        row = json.loads(read_text(path))
        assert len(row) == 5000
        assert len(set(row)) == 1
        reads += 1
    assert writer.returncode == 0
    assert reads > 0


def test_says_why_a_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match="no such file"):
        read_text(tmp_path / "missing")
    with pytest.raises(InvalidDataError, match="a folder"):
        read_text(tmp_path)
    with pytest.raises(InvalidDataError, match=r"cannot be read|no such file"):
        read_text(tmp_path / "missing.txt" / "below")


def test_a_replaced_file_is_readable_by_others(tmp_path: Path) -> None:
    replace_file(tmp_path / "f", "x")
    assert os.stat(tmp_path / "f").st_mode & 0o777 == 0o644
