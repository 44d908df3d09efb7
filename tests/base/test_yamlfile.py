"""Strict YAML: what is refused, with file, line and remedy, and what is read as it stands."""

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from advisor.base.errors import InvalidDataError
from advisor.base.yamlfile import load_model, parse_yaml, read_yaml

REFUSED = {
    "yes": ("a: yes", 1, "ambiguous"),
    "no": ("a: 1\nb: no", 2, "ambiguous"),
    "on": ("a: On", 1, "ambiguous"),
    "off": ("a: OFF", 1, "ambiguous"),
    "y": ("a: [1, y]", 1, "ambiguous"),
    "base 60": ("a: 1:30", 1, "base-60"),
    "base 60 with fraction": ("a: 1:30:00.5", 1, "base-60"),
    "octal": ("a: 010", 1, "starts with a zero"),
    "nan": ("a: .nan", 1, "not a usable number"),
    "infinity": ("a: 1\nb: -.inf", 2, "not a usable number"),
    "overflow": ("a: 1e999", 1, "too large"),
    "thousands of digits": ("a: " + "9" * 5000, 1, "too large"),
    "duplicate key": ("a: 1\nb: 2\na: 3", 3, "there twice (first in line 1)"),
    "nested duplicate": ("a:\n  b: 1\n  b: 2", 3, "there twice (first in line 2)"),
    "anchor": ("a: &x 1", 1, "anchors"),
    "alias": ("a: &x 1\nb: *x", 1, "anchors"),
    "merge key": ("a:\n  <<: {b: 1}", 2, "merge keys"),
    "list as key": ("? [1, 2]\n: 3", 1, "plain text"),
    "no such date": ("a: 2026-02-30", 1, "is not a date"),
    "tab": ("a:\n\t- b", 2, "not valid YAML"),
    "unclosed": ("a: [1, 2\n", 2, "not valid YAML"),
    "two documents": ("a: 1\n---\nb: 2", 2, "second document"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_with_the_line(name: str) -> None:
    text, line, words = REFUSED[name]
    with pytest.raises(InvalidDataError) as caught:
        parse_yaml(text, file="f.yaml")
    assert words in caught.value.what
    assert caught.value.where == f"f.yaml:{line}"


def test_reads_what_is_not_surprising() -> None:
    text = """
a: true
b: null
c: 12
d: -1.5e3
e: 2026-11-24
f: 'no'
g: "1:30"
h: plain text
i: 0x1f
j: 1_000
k: [1, {l: ~}]
m: Norway
"""
    value, place = parse_yaml(text, file="f.yaml")
    assert value["a"] is True
    assert value["b"] is None
    assert value["c"] == 12
    assert value["d"] == -1500.0
    assert value["e"] == date(2026, 11, 24)
    assert (value["f"], value["g"], value["h"], value["m"]) == ("no", "1:30", "plain text", "Norway")
    assert (value["i"], value["j"]) == ("0x1f", "1_000"), "what YAML 1.2 does not call a number stays text"
    assert value["k"] == [1, {"l": None}]
    assert place.of(("k", 1, "l")) == "f.yaml:12"
    assert place.of(("k", 1, "missing", "deeper")) == "f.yaml:12"


@pytest.mark.parametrize("text", ["a: !!python/object:os.system x", "a: !custom 1", "a: !!int '3'"])
def test_refuses_tags(text: str) -> None:
    with pytest.raises(InvalidDataError, match="tag"):
        parse_yaml(text, file="f.yaml")


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    for text in ("[" * 200_000, "[" * 200_000 + "]" * 200_000, "- " * 5_000 + "x", "? " * 5_000 + "x"):
        with pytest.raises(InvalidDataError):
            parse_yaml(text, file="f.yaml")
    with pytest.raises(InvalidDataError, match="nested too deeply"):
        parse_yaml("[" * 200 + "]" * 200, file="f.yaml")


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(-1e15, 1e15) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_reads_json_as_json_readers_do(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    found, _ = parse_yaml(text, file="f.json")
    assert found == json.loads(text)


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    colour: str = "blue"


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    size: int
    parts: tuple[Inner, ...] = ()


def load(folder: Path, text: str) -> Thing:
    path = folder / "thing.yaml"
    path.write_text(text, encoding="utf-8")
    return load_model(path, Thing)


@pytest.mark.parametrize(
    ("text", "where", "what", "fix"),
    [
        ("name: x\nsze: 1", "thing.yaml:2", "unknown key 'sze'", "did you mean 'size'?"),
        ("name: x\nsize: 1\nparts:\n  - colour: red\n  - color: red", "thing.yaml:5", "parts.1.color", "'colour'"),
        ("name: x", "thing.yaml:1", "the key 'size' is missing", "add it"),
        ("name: x\nsize: big", "thing.yaml:2", "size:", None),
        ("- 1", "thing.yaml", "must hold a mapping", None),
        ("", "thing.yaml", "must hold a mapping", None),
    ],
)
def test_a_model_names_line_and_remedy(tmp_path: Path, text: str, where: str, what: str, fix: str | None) -> None:
    with pytest.raises(InvalidDataError) as caught:
        load(tmp_path, text)
    assert str(caught.value.where).endswith(where)
    assert what in caught.value.what
    if fix is not None:
        assert fix in str(caught.value.fix)


def test_counts_the_other_problems(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match=r"and 2 more"):
        load(tmp_path, "nme: 1")


def test_names_the_line_of_a_byte_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(InvalidDataError) as caught:
        read_yaml(path)
    assert caught.value.where == f"{path}:2"
    assert "not valid UTF-8" in caught.value.what


def test_a_byte_order_mark_is_not_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(path)[0] == {"a": 1}
