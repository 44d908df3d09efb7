"""`advisor evaluate --test --predictions` through its public door."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advisor.cli.main import run

Write = Callable[[str, list[Any]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_lines(name: str, lines: list[Any]) -> Path:
        path = tmp_path / name
        path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
        return path

    return write_lines


def evaluated(capsys: pytest.CaptureFixture[str], *argv: object) -> dict[str, Any]:
    assert run(["evaluate", *map(str, argv), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def answers(right: set[int], n: int = 40) -> list[dict[str, Any]]:
    return [{"id": i, "output": f"answer {i}" if i in right else "wrong"} for i in range(n)]


@pytest.fixture
def test_file(write: Write) -> Path:
    return write("test.jsonl", [{"id": i, "expected": f"answer {i}"} for i in range(40)])


def test_the_contract(capsys: pytest.CaptureFixture[str], write: Write, test_file: Path) -> None:
    base, tuned = write("base.jsonl", answers(set(range(10)))), write("tuned.jsonl", answers(set(range(2, 30))))
    found = evaluated(capsys, "--test", test_file, "--predictions", f"base={base}", "--predictions", f"tuned={tuned}")
    assert found["v"] == 1
    assert found["candidates"]["base"]["score"] == 0.25
    assert found["candidates"]["tuned"]["score"] == 0.7
    assert found["candidates"]["base"]["n"] == 40
    (pair,) = found["pairs"]
    assert (pair["a"], pair["b"], pair["verdict"]) == ("base", "tuned", "helped")
    assert pair["difference"] == pytest.approx(0.45)
    # 2 items only the base has right, 20 only the tuned one: 2 (1 + 22 + 231) / 2^22
    assert pair["p_value"] == pytest.approx(2 * (1 + 22 + 231) / 2**22)
    assert 0 < pair["low"] < 0.45 < pair["high"] < 1
    assert 0 < pair["smallest_detectable"] < 1


def test_the_other_way_round_it_harmed(capsys: pytest.CaptureFixture[str], write: Write, test_file: Path) -> None:
    base, tuned = write("base.jsonl", answers(set(range(10)))), write("tuned.jsonl", answers(set(range(2, 30))))
    found = evaluated(capsys, "--test", test_file, "--predictions", f"a={tuned}", "--predictions", f"b={base}")
    assert found["pairs"][0]["verdict"] == "harmed"
    assert found["pairs"][0]["difference"] == pytest.approx(-0.45)


def test_a_small_difference_is_not_detectable(
    capsys: pytest.CaptureFixture[str], write: Write, test_file: Path
) -> None:
    base, tuned = write("base.jsonl", answers(set(range(10)))), write("tuned.jsonl", answers(set(range(13))))
    found = evaluated(capsys, "--test", test_file, "--predictions", f"a={base}", "--predictions", f"b={tuned}")
    assert found["pairs"][0]["verdict"] == "no detectable change"
    assert found["pairs"][0]["p_value"] == 0.25


def test_fields_can_make_a_mixed_verdict(capsys: pytest.CaptureFixture[str], write: Write) -> None:
    test = write("test.jsonl", [{"id": i, "expected": {"a": i, "b": i}} for i in range(60)])
    left = write("l.jsonl", [{"id": i, "output": {"a": i, "b": -1}} for i in range(60)])
    right = write("r.jsonl", [{"id": i, "output": {"a": -1, "b": i}} for i in range(60)])
    found = evaluated(capsys, "--test", test, "--predictions", f"a={left}", "--predictions", f"b={right}")
    (pair,) = found["pairs"]
    assert pair["verdict"] == "mixed"
    assert {part["name"]: part["verdict"] for part in pair["parts"]} == {"field a": "harmed", "field b": "helped"}
    assert found["candidates"]["a"]["fields"]["a"]["score"] == 1
    assert found["candidates"]["a"]["json_valid_share"] == 1


def test_messages_rows_are_a_test_file(capsys: pytest.CaptureFixture[str], write: Write) -> None:
    turns = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]
    test = write("test.jsonl", [{"id": "x", "messages": turns}])
    found = evaluated(capsys, "--test", test, "--predictions", f"a={write('a.jsonl', [{'id': 'x', 'output': '4'}])}")
    assert found["candidates"]["a"]["score"] == 1
    assert found["pairs"] == []


def test_several_pairs_are_adjusted(capsys: pytest.CaptureFixture[str], write: Write, test_file: Path) -> None:
    files = [write(f"{n}.jsonl", answers(set(range(n)))) for n in (10, 17, 30)]
    named = [part for path in files for part in ("--predictions", f"n{path.stem}={path}")]
    pairs = evaluated(capsys, "--test", test_file, *named)["pairs"]
    assert [(pair["a"], pair["b"]) for pair in pairs] == [("n10", "n17"), ("n10", "n30"), ("n17", "n30")]
    assert all(pair["p_adjusted"] >= pair["p_value"] for pair in pairs)
    assert pairs[0]["p_adjusted"] == pytest.approx(pairs[0]["p_value"])  # the largest of the three
    assert pairs[1]["p_adjusted"] == pytest.approx(3 * pairs[1]["p_value"])


def test_non_inferiority(capsys: pytest.CaptureFixture[str], write: Write, test_file: Path) -> None:
    base, same = write("a.jsonl", answers(set(range(38)))), write("b.jsonl", answers(set(range(37))))
    argv = ["--test", test_file, "--predictions", f"a={base}", "--predictions", f"b={same}", "--margin"]
    assert evaluated(capsys, *argv, "0.2")["pairs"][0]["non_inferior"] is True
    assert evaluated(capsys, *argv, "0.01")["pairs"][0]["non_inferior"] is False


def test_slices_and_groups(capsys: pytest.CaptureFixture[str], write: Write) -> None:
    test = write("t.jsonl", [{"id": i, "expected": "y", "region": "ab"[i % 2], "doc": i // 4} for i in range(40)])
    base = write("a.jsonl", [{"id": i, "output": "y" if i % 2 else "n"} for i in range(40)])
    tuned = write("b.jsonl", [{"id": i, "output": "n" if i % 2 else "y"} for i in range(40)])
    argv = ["--test", test, "--predictions", f"a={base}", "--predictions", f"b={tuned}"]
    found = evaluated(capsys, *argv, "--slice", "region", "--group", "doc")
    assert found["groups"] == 10
    assert found["pairs"][0]["verdict"] == "mixed"
    assert found["candidates"]["b"]["slices"]["region=a"]["score"] == 1
    assert found["candidates"]["b"]["slices"]["region=b"] | {"low": 0} == {
        "score": 0,
        "low": 0,
        "high": pytest.approx(0.278, abs=0.002),
        "n": 20,
    }


def test_the_plain_text_says_it_in_words(capsys: pytest.CaptureFixture[str], write: Write, test_file: Path) -> None:
    base, tuned = write("base.jsonl", answers(set(range(10)))), write("tuned.jsonl", answers(set(range(2, 30))))
    argv = ["evaluate", "--test", str(test_file), "--predictions", f"base={base}", "--predictions", f"tuned={tuned}"]
    assert run(argv) == 0
    text = capsys.readouterr().out
    assert "tuned against base: helped; +45.0 points (95 % interval" in text
    assert "p < 0.001" in text


GOOD = '{"id": 0, "output": "x"}\n'


@pytest.mark.parametrize(
    ("predictions", "code", "says"),
    [
        ([GOOD], 3, "39 items without a prediction: '1', '2'"),
        ([GOOD, GOOD], 3, "p.jsonl:2: the id '0' is there twice (first in line 1)"),
        ([{"id": 77, "output": "x"}], 3, "1 prediction for no item of the test file: '77'"),
        ([GOOD, '{"id": 1, "out'], 3, "p.jsonl:2: not valid JSON"),
        (['{"id": 0, "output": null}\n'], 3, "'output' is null"),
        (['{"output": "x"}\n'], 3, "p.jsonl:1: no 'id'"),
        (['{"id": true, "output": "x"}\n'], 3, "neither text nor a whole number"),
        (["[1]\n"], 3, "each line must be a JSON object"),
        ([], 3, "40 items without a prediction"),
    ],
)
def test_bad_predictions(
    capsys: pytest.CaptureFixture[str], write: Write, test_file: Path, predictions: list[Any], code: int, says: str
) -> None:
    path = write("p.jsonl", predictions)
    assert run(["evaluate", "--test", str(test_file), "--predictions", f"a={path}", "--json"]) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_bad_bytes_are_named_with_their_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, test_file: Path
) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(GOOD.encode() + b'{"id": 1, "output": "\xff"}\n')
    assert run(["evaluate", "--test", str(test_file), "--predictions", f"a={path}"]) == 3
    assert "p.jsonl:2: not valid UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "the test file has no items"),
        ([{"id": 1}], "neither 'expected' nor 'messages'"),
        ([{"id": 1, "expected": None}], "'expected' is null"),
        ([{"id": 1, "expected": "x"}, {"id": "1", "expected": "y"}], "the id '1' is there twice"),
        ([{"id": 1, "messages": [{"role": "user", "content": "x"}]}], "the last message is not the assistant's"),
    ],
)
def test_bad_test_files(capsys: pytest.CaptureFixture[str], write: Write, lines: list[Any], says: str) -> None:
    path = write("t.jsonl", lines)
    assert run(["evaluate", "--test", str(path), "--predictions", f"a={path}"]) == 3
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "nothing to compare"),
        (["--test", "t.jsonl"], "nothing to compare"),
        (["--test", "t.jsonl", "--predictions", "file.jsonl"], "not NAME=FILE"),
        (["--test", "t.jsonl", "--predictions", "a=x", "--predictions", "a=y"], "two candidates are called 'a'"),
    ],
)
def test_wrong_use(capsys: pytest.CaptureFixture[str], argv: list[str], says: str) -> None:
    assert run(["evaluate", *argv]) == 2
    assert says in capsys.readouterr().err


def test_missing_can_count_as_wrong(capsys: pytest.CaptureFixture[str], write: Write, test_file: Path) -> None:
    path = write("p.jsonl", answers(set(range(40)), n=10))
    found = evaluated(capsys, "--test", test_file, "--predictions", f"a={path}", "--missing", "wrong")
    assert found["candidates"]["a"] == {
        "score": 0.25,
        "low": pytest.approx(0.1419, abs=1e-3),
        "high": pytest.approx(0.4019, abs=1e-3),
        "n": 40,
    }
