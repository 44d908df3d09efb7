"""Expressions: the whitelist, three-valued logic, and both evaluators against each other and against Python."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.base.errors import InvalidDataError
from rules.expression import MAX_CHARACTERS, Expression, ExpressionError
from rules.interval import Interval

UNKNOWN = None
TRUTHS = (True, False, UNKNOWN)
AND = {(a, b): False if False in (a, b) else None if None in (a, b) else True for a in TRUTHS for b in TRUTHS}
OR = {(a, b): True if True in (a, b) else None if None in (a, b) else False for a in TRUTHS for b in TRUTHS}


def once(text: str, **values: Any) -> Any:
    return Expression(text).evaluate(lambda name: values[name])


def over_samples(text: str, **values: Any) -> Any:
    """The same values as arrays of one sample."""
    arrays = {name: _array([value], name) for name, value in values.items()}
    return np.asarray(Expression(text).evaluate_arrays(lambda name: arrays[name])).reshape(-1)[0]


def _array(values: list[Any], name: str) -> np.ndarray:
    """An array as the decision has it: floats with NaN for unknown numbers, objects with None for the rest."""
    if name.startswith("n"):
        return np.array([math.nan if value is None else float(value) for value in values])
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


@pytest.mark.parametrize(("a", "b"), list(itertools.product(TRUTHS, TRUTHS)))
def test_kleene_tables(a: bool | None, b: bool | None) -> None:
    assert once("a and b", a=a, b=b) is AND[a, b]
    assert once("a or b", a=a, b=b) is OR[a, b]
    assert once("not a", a=a) is (None if a is None else not a)
    assert once("not (a and b)", a=a, b=b) is once("not a or not b", a=a, b=b)
    assert bool(over_samples("a and b", a=a, b=b)) is (AND[a, b] is True)
    assert bool(over_samples("a or b", a=a, b=b)) is (OR[a, b] is True)
    assert bool(over_samples("not a", a=a)) is (a is False)
    assert bool(over_samples("not (a or b)", a=a, b=b)) is (OR[a, b] is False)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('x')",
        "f(1)",
        "a.b()",
        "a[0]",
        "a['b']",
        "lambda: 1",
        "[x for x in y]",
        "{x: 1}",
        "{1, 2}",
        "(x for x in y)",
        "a if b else c",
        "a ** 2",
        "a // 2",
        "a % 2",
        "a | b",
        "a & b",
        "a ^ b",
        "~a",
        "+a",
        "a @ b",
        "a << 1",
        "a is b",
        "a is not None",
        "a := 1",
        "(a := 1)",
        "f'{a}'",
        "b'x'",
        "1j",
        "None",
        "...",
        "a == None",
        "*a",
        "await a",
        "yield a",
        "a in b",
        "a in []",
        "a in [b]",
        "a in {1}",
        "a in 'text'",
        "a == [1]",
        "[1] == a",
        "a._b == 1",
        "_a",
        "a.__class__",
        "(1).real",
        "1e16",
        "1e999",
        "99999999999999999999",
        "a; b",
        "a = 1",
        "import os",
        "a ==",
        "",
        "   ",
        "a\nand b",
        "a" + " and a" * MAX_CHARACTERS,
        "(" * 100 + "a" + ")" * 100 + " ==",
        "not " * 60 + "a",
        "-" * 60 + "a == 1",
        "a\x00b",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression(text)
    assert isinstance(caught.value, InvalidDataError)
    assert caught.value.exit_code == 3


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_but_never_crashes(text: str) -> None:
    try:
        found = Expression(text)
    except ExpressionError:
        return
    assert found.names == {name for name in found.names if not name.startswith("_")}


def test_an_error_shows_the_place() -> None:
    with pytest.raises(ExpressionError, match=r"column 12 of"):
        Expression("a == 1 and f(2)")


def test_a_wrong_name_gets_the_closest_right_one() -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression("task.knd == 'code'").check_names(["task.kind", "task.format"])
    assert caught.value.fix == "did you mean 'task.kind'?"


def test_names_are_the_dotted_ones() -> None:
    assert Expression("a.b == 1 and not c.d or e.f in [1, 2]").names == {"a.b", "c.d", "e.f"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n >= 5", None),
        ("n >= 2", True),
        ("n > 10", False),
        ("n < 2", False),
        ("n == 2", None),
        ("n == 11", False),
        ("n != 11", True),
        ("n in [1, 11]", False),
        ("n in [1, 5]", None),
        ("n not in [1, 11]", True),
        ("n + 1 <= 11", True),
        ("n * n > 100", False),
        ("n - n == 0", None),
        ("1 / n >= 0.1", True),
        ("1 / (n - 5) > 0", None),
        ("0 <= n <= 10", True),
        ("0 <= n <= 5", None),
    ],
)
def test_a_range_is_known_only_where_all_of_it_agrees(text: str, value: bool | None) -> None:
    assert once(text, n=Interval(2, 10)) is value


def test_a_formula_over_a_range_is_not_one_number() -> None:
    assert once("n + 1", n=Interval(2, 10)) is None
    assert once("n + 1", n=2) == 3.0


@pytest.mark.parametrize("text", ["1 / n > 0", "1e15 * 1e15 * 1e15 * n * 1e15 > 0", "1 / n"])
def test_what_overflows_is_unknown(text: str) -> None:
    values = {"n": 0.0} if "/" in text else {"n": 1e300}
    assert once(text, **values) is None
    found = over_samples(text, **values)
    assert not found or math.isnan(found)


@pytest.mark.parametrize("text", ["a and b", "not a", "a == 1", "a > 'x'", "a < true", "a + 'x' > 1", "a in [1]"])
def test_senseless_comparisons_are_errors_and_not_answers(text: str) -> None:
    with pytest.raises(ExpressionError):
        once(text, a="text", b=True)
    with pytest.raises(ExpressionError):
        Expression(text).evaluate_arrays(lambda name: {"a": "text", "b": True}[name])


def test_samples_broadcast_and_unknown_names_are_errors() -> None:
    values = {"n": np.array([1.0, 3.0, math.nan]), "k": "b", "t": np.array(["a", "b", "b"])}
    found = Expression("n > 2 and t == 'b' or k == 'a'").evaluate_arrays(lambda name: values[name])
    assert found.tolist() == [False, True, False]
    with pytest.raises(KeyError):
        Expression("missing > 1").evaluate_arrays(lambda name: values[name])


NUMBERS = ("n1", "n2")
FLAGS = ("b1", "b2")
TEXTS = ("t1", "t2")
number_values = st.one_of(st.none(), st.integers(-3, 3).map(float), st.floats(-10, 10, allow_nan=False))
flag_values = st.sampled_from(TRUTHS)
text_values = st.sampled_from(["x", "y", None])


@st.composite
def formulas(draw: st.DrawFn, depth: int = 2) -> str:
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from([*NUMBERS, "0", "1", "2.5", "-1"]))
    sign = draw(st.sampled_from(["+", "-", "*", "/"]))
    return f"({draw(formulas(depth - 1))} {sign} {draw(formulas(depth - 1))})"


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3) -> str:
    kind = draw(st.integers(0, 3 if depth == 0 else 6))
    match kind:
        case 0:
            return draw(st.sampled_from([*FLAGS, "true", "false"]))
        case 1:
            sign = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
            return f"{draw(formulas())} {sign} {draw(formulas())}"
        case 2:
            sign = draw(st.sampled_from(["==", "!=", "in", "not in"]))
            right = draw(st.sampled_from(["['x']", "['x', 'z']"] if "in" in sign else ["'x'", "t2"]))
            return f"t1 {sign} {right}"
        case 3:
            return f"n1 {draw(st.sampled_from(['in', 'not in']))} [0, 1, -2]"
        case 4:
            return f"not ({draw(conditions(depth - 1))})"
        case _:
            word = draw(st.sampled_from(["and", "or"]))
            parts = [f"({part})" for part in draw(st.lists(conditions(depth - 1), min_size=2, max_size=3))]
            return f" {word} ".join(parts)


@st.composite
def cases(draw: st.DrawFn) -> list[dict[str, Any]]:
    one = st.fixed_dictionaries(
        dict.fromkeys(NUMBERS, number_values) | dict.fromkeys(FLAGS, flag_values) | dict.fromkeys(TEXTS, text_values)
    )
    return draw(st.lists(one, min_size=1, max_size=6))


@given(conditions(), cases())
def test_single_values_and_samples_agree(text: str, rows: list[dict[str, Any]]) -> None:
    expression = Expression(text)
    columns = {name: _array([row[name] for row in rows], name) for name in (*NUMBERS, *FLAGS, *TEXTS)}
    found = np.broadcast_to(expression.evaluate_arrays(columns.__getitem__), len(rows))
    one_by_one = [expression.evaluate(row.__getitem__) is True for row in rows]
    assert found.tolist() == one_by_one


@given(formulas(), cases())
def test_formulas_agree(text: str, rows: list[dict[str, Any]]) -> None:
    expression = Expression(text)
    columns = {name: _array([row[name] for row in rows], name) for name in NUMBERS}
    found = np.broadcast_to(np.asarray(expression.evaluate_arrays(columns.__getitem__), float), len(rows))
    for row, value in zip(rows, found, strict=True):
        single = expression.evaluate(row.__getitem__)
        assert (single is None and math.isnan(value)) or single == pytest.approx(value, rel=1e-12, abs=1e-12)


FILLS: dict[str, tuple[Any, ...]] = {"n": (-2.0, 0.0, 1.0, 2.5), "b": (True, False), "t": ("x", "y")}


@given(conditions(), cases())
def test_what_is_known_stays_true_whatever_the_unknown_turn_out_to_be(text: str, rows: list[dict[str, Any]]) -> None:
    expression = Expression(text)
    for row in rows[:2]:
        known = expression.evaluate(row.__getitem__)
        if known is None:
            continue
        for filled in _completions({name: row[name] for name in expression.names}):
            assert _python(text, filled) in (known, None)


def _completions(row: dict[str, Any]) -> list[dict[str, Any]]:
    choices = [(value,) if value is not None else FILLS[name[0]] for name, value in row.items()]
    return [dict(zip(row, values, strict=True)) for values in itertools.product(*choices)]


def _python(text: str, values: dict[str, Any]) -> bool | None:
    """What Python makes of it; None where it divides by zero."""
    try:
        return bool(eval(text, {"__builtins__": {}, "true": True, "false": False}, values))
    except ZeroDivisionError:
        return None


@given(conditions(), cases(), st.floats(0, 1), st.floats(0, 3))
def test_a_known_answer_over_a_range_holds_at_each_point_of_it(
    text: str, rows: list[dict[str, Any]], part: float, width: float
) -> None:
    expression, row = Expression(text), dict(rows[0])
    if row["n1"] is None:
        return
    ranged = row | {"n1": Interval(row["n1"], row["n1"] + width)}
    point = row | {"n1": row["n1"] + part * width}
    known = expression.evaluate(ranged.__getitem__)
    at = expression.evaluate(point.__getitem__)
    if known is not None and at is not None:
        assert at is known
