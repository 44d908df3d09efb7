"""Every metric against the examples in its own file."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from advisor.base.errors import InvalidDataError, UsageError
from trainers.evaluation.metrics import get_metric, metric_names

CASES = [
    pytest.param(name, *example, id=f"{name}-{number}")
    for name in metric_names()
    for number, example in enumerate(import_module(f"trainers.evaluation.metrics.{name}").EXAMPLES)
]


@pytest.mark.parametrize(("name", "expected", "output", "argument", "score"), CASES)
def test_example(name: str, expected: Any, output: str, argument: str | None, score: float) -> None:
    metric = get_metric(name if argument is None else f"{name}={argument}")
    assert metric.score(expected, output) == pytest.approx(score)


@pytest.mark.parametrize("name", metric_names())
def test_scores_stay_between_0_and_1_and_binary_means_binary(name: str, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "required": ["a"]}', encoding="utf-8")
    metric = get_metric(f"{name}={schema}" if name == "json_schema" else name)
    answers = ["", "x", '{"a": 1}', '{"a": 1', "[1, 2]", "null", "3.5", "\u0000", "é" * 50, '"a"', "[" * 100_000]
    for expected in ["x", {"a": 1}, [1], 3, '{"a": 1}', "", True]:
        for answer in answers:
            score = metric.score(expected, answer)
            assert 0 <= score <= 1
            assert not metric.binary or score in (0, 1)


def test_schema_decides(tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]}')
    metric = get_metric(f"json_schema={schema}")
    assert metric.score({}, '{"a": "x"}') == 1
    assert metric.score({}, '{"a": "z"}') == 0
    assert metric.score({}, "{}") == 0


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("exakt", UsageError, "did you mean 'exact'"),
        ("exact=3", UsageError, "takes no argument"),
        ("numeric=a", UsageError, "not a tolerance"),
        ("numeric=-1", UsageError, "not a tolerance"),
        ("json_schema", UsageError, "needs a schema"),
        ("json_schema=/nowhere.json", InvalidDataError, "no such file"),
    ],
)
def test_a_wrong_metric_is_named(text: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as found:
        get_metric(text)
    assert says in str(found.value)


def test_a_schema_that_is_none(tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "objekt"}')
    with pytest.raises(InvalidDataError, match="not a JSON Schema"):
        get_metric(f"json_schema={schema}")
