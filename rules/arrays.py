"""Expressions over samples, in numpy.

A condition is carried as two masks, known to hold and known not to hold; what is in neither is unknown. Kleene's logic
is then `and`: (t1 & t2, f1 | f2), `or`: (t1 | t2, f1 & f2), `not`: (f, t).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from rules.expression import (
    Arithmetic,
    Comparison,
    Expression,
    Group,
    Literal,
    Logic,
    Lookup,
    Name,
    Node,
    Not,
    is_condition,
)

Mask = Any
"""A bool or an array of bool."""

_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


class Truth(NamedTuple):
    """Where a condition is known to hold, and where it is known not to."""

    holds: Mask
    fails: Mask


_UNKNOWN = Truth(False, False)


def evaluate(expression: Expression, lookup: Lookup) -> Any:
    """See `Expression.evaluate_arrays`."""
    work = _Arrays(expression, lookup)
    if is_condition(expression.node):
        return work.truth(expression.node).holds
    value = work.value(expression.node)
    if value is None:
        return float("nan")
    if isinstance(value, bool) or (isinstance(value, np.ndarray) and value.dtype.kind in "bO"):
        return work.truth(expression.node).holds
    return value


class _Arrays:
    def __init__(self, expression: Expression, lookup: Lookup) -> None:
        self.expression = expression
        self.lookup = lookup

    def value(self, node: Node) -> Any:
        match node:
            case Literal(value):
                return value
            case Name(name):
                return self.lookup(name)
            case Arithmetic():
                return self.arithmetic(node)
            case _:
                raise self.expression.error(
                    "a condition cannot be used as a number or text", getattr(node, "column", 0)
                )

    def truth(self, node: Node) -> Truth:
        match node:
            case Not(part):
                holds, fails = self.truth(part)
                return Truth(fails, holds)
            case Logic(every, parts):
                return self.logic(every, parts)
            case Comparison():
                return self.comparison(node)
            case _:
                return self.as_truth(self.value(node), getattr(node, "column", 0))

    def as_truth(self, value: Any, column: int) -> Truth:
        if value is None:
            return _UNKNOWN
        if isinstance(value, str):
            raise self.expression.error(f"{value!r} is neither true nor false", column, "compare it with something")
        known = _known(value)
        holds = np.asarray(value, dtype=object) == True if _is_object(value) else np.not_equal(value, 0)  # noqa: E712
        return Truth(_and(holds, known), _and(_not(holds), known))

    def logic(self, every: bool, parts: tuple[Node, ...]) -> Truth:
        holds, fails = self.truth(parts[0])
        for part in parts[1:]:
            if (fails if every else holds) is True:
                break
            more = self.truth(part)
            if every:
                holds, fails = _and(holds, more.holds), _or(fails, more.fails)
            else:
                holds, fails = _or(holds, more.holds), _and(fails, more.fails)
        return Truth(holds, fails)

    def comparison(self, node: Comparison) -> Truth:
        left = self.value(node.left)
        if isinstance(node.right, Group):
            if left is None:
                return _UNKNOWN
            holds: Mask = False
            for item in node.right.items:
                holds = _or(holds, self.compare(node, "==", left, item.value))
            known = _known(left)
            inside = Truth(_and(holds, known), _and(_not(holds), known))
            return inside if node.operator == "in" else Truth(inside.fails, inside.holds)
        right = self.value(node.right)
        if left is None or right is None:
            return _UNKNOWN
        holds = self.compare(node, node.operator, left, right)
        known = _and(_known(left), _known(right))
        return Truth(_and(holds, known), _and(_not(holds), known))

    def compare(self, node: Comparison, sign: str, left: Any, right: Any) -> Mask:
        kinds = _kind(left), _kind(right)
        if kinds[0] != kinds[1] and "any" not in kinds:
            raise self.expression.error(
                f"cannot compare {kinds[0]} with {kinds[1]}", node.column, "compare like with like"
            )
        if kinds[0] in ("text", "truth") and sign not in ("==", "!="):
            raise self.expression.error(f"{kinds[0]} has no order", node.column, "use == or !=")
        if sign in ("<", "<=", ">", ">=") and (_is_object(left) or _is_object(right)):
            raise self.expression.error("mixed values have no order", node.column, "use == or !=")
        with np.errstate(invalid="ignore"):
            found = _SIGNS[sign](left, right)
        return found if isinstance(found, np.ndarray) else bool(found)

    def arithmetic(self, node: Arithmetic) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        for side in (left, right):
            if side is not None and _kind(side) != "number":
                raise self.expression.error("cannot calculate with this", node.column, "use numbers")
        if left is None or right is None:
            return None
        with np.errstate(all="ignore"):
            result = _SIGNS[node.operator](np.asarray(left, dtype=float), right)
        result = np.where(np.isfinite(result), result, np.nan)
        return float(result) if result.ndim == 0 else result


def _is_object(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "O"


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray | np.generic):
        return {"b": "truth", "U": "text", "M": "a date", "O": "any"}.get(value.dtype.kind, "number")
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, str):
        return "text"
    if isinstance(value, date):
        return "a date"
    if isinstance(value, int | float):
        return "number"
    raise TypeError(f"cannot evaluate over {type(value).__name__}")


def _known(value: Any) -> Mask:
    """Where the value is neither NaN nor None."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            unknown = np.isnan(value)
            return ~unknown if unknown.any() else True
        if value.dtype.kind != "O":
            return True
        return np.fromiter((part is not None for part in value.flat), bool, value.size).reshape(value.shape)
    return not (isinstance(value, float) and value != value)


def _and(a: Mask, b: Mask) -> Mask:
    if a is True:
        return b
    if b is True:
        return a
    return False if a is False or b is False else a & b


def _or(a: Mask, b: Mask) -> Mask:
    if a is False:
        return b
    if b is False:
        return a
    return True if a is True or b is True else a | b


def _not(a: Mask) -> Mask:
    return ~a if isinstance(a, np.ndarray) else not a
