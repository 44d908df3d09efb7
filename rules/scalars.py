"""Expressions over single values and ranges, in three-valued logic."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

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
    corners,
    finite,
)
from rules.interval import Interval


def evaluate(expression: Expression, lookup: Lookup) -> bool | float | str | None:
    """See `Expression.evaluate`."""
    value = _Scalars(expression, lookup).value(expression.node)
    if isinstance(value, Interval):
        return None
    return value  # type: ignore[no-any-return]


class _Scalars:
    def __init__(self, expression: Expression, lookup: Lookup) -> None:
        self.expression = expression
        self.lookup = lookup

    def value(self, node: Node) -> Any:
        match node:
            case Literal(value):
                return value
            case Name(name):
                return self.lookup(name)
            case Not(part):
                inner = self.truth(part)
                return None if inner is None else not inner
            case Logic(every, parts):
                return self.logic(every, parts)
            case Comparison():
                return self.comparison(node)
            case Arithmetic():
                return self.arithmetic(node)
            case Group():
                raise AssertionError("a list is only read by `in`")

    def truth(self, node: Node) -> bool | None:
        value = self.value(node)
        if value is None or isinstance(value, bool):
            return value
        column = getattr(node, "column", 0)
        raise self.expression.error(f"{value!r} is neither true nor false", column, "compare it with something")

    def logic(self, every: bool, parts: tuple[Node, ...]) -> bool | None:
        """Kleene's `and` (every) or `or`; stops at the first part that decides."""
        known = True
        for part in parts:
            truth = self.truth(part)
            if truth is None:
                known = False
            elif truth is not every:
                return truth
        return every if known else None

    def comparison(self, node: Comparison) -> bool | None:
        left = self.value(node.left)
        if left is None:
            return None
        if isinstance(node.right, Group):
            found: list[bool | None] = [self.compare(node, "==", left, item.value) for item in node.right.items]
            inside = True if True in found else None if None in found else False
            return inside if node.operator == "in" or inside is None else not inside
        right = self.value(node.right)
        return None if right is None else self.compare(node, node.operator, left, right)

    def compare(self, node: Comparison, sign: str, left: Any, right: Any) -> bool | None:
        if _number(left) and _number(right):
            return _ordered(sign, _range(left), _range(right))
        same = type(left) is type(right) and isinstance(left, str | bool | date)
        if not same:
            raise self.expression.error(
                f"cannot compare {left!r} with {right!r}", node.column, "compare like with like"
            )
        if sign in ("==", "!="):
            return bool((left == right) is (sign == "=="))
        if isinstance(left, date):
            return _ordered(sign, _range(left.toordinal()), _range(right.toordinal()))
        raise self.expression.error(f"{left!r} and {right!r} have no order", node.column, "use == or !=")

    def arithmetic(self, node: Arithmetic) -> float | Interval | None:
        left, right = self.value(node.left), self.value(node.right)
        for side in (left, right):
            if side is not None and not _number(side):
                raise self.expression.error(f"cannot calculate with {side!r}", node.column, "use numbers")
        if left is None or right is None:
            return None
        result = corners(node.operator, _range(left), _range(right))
        if result is None or isinstance(left, Interval) or isinstance(right, Interval):
            return result
        return finite(result.low)


def _number(value: Any) -> bool:
    return isinstance(value, int | float | Interval) and not isinstance(value, bool)


def _range(value: float | Interval) -> Interval:
    return value if isinstance(value, Interval) else Interval(value, value)


def _ordered(sign: str, left: Interval, right: Interval) -> bool | None:
    """Compare two ranges: known only when every pair of their points agrees. NaN is unknown."""
    if any(math.isnan(end) for end in (left.low, left.high, right.low, right.high)):
        return None
    match sign:
        case "<":
            return True if left.high < right.low else False if left.low >= right.high else None
        case "<=":
            return True if left.high <= right.low else False if left.low > right.high else None
        case ">" | ">=":
            return _ordered("<" if sign == ">" else "<=", right, left)
    if left.high < right.low or right.high < left.low:
        return sign == "!="
    if left.low == left.high == right.low == right.high:
        return sign == "=="
    return None
