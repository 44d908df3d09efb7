"""One-line conditions over dotted names: `task.kind in ['extraction'] and data.labelled_examples >= 200`.

A whitelist over Python's `ast`: names, constants, lists of constants, comparisons (also chained), `and`, `or`, `not`,
`in`, `not in` and `+ - * /`. Calls, subscripts, powers and everything else are refused when the text is read.

Logic is three-valued (Kleene 1952, Introduction to Metamathematics, section 64): an unknown name makes a comparison
unknown, and `False and unknown` is False, `True or unknown` is True, anything else with an unknown is unknown.
A missing answer is never "no".
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from advisor.base.errors import InvalidDataError
from rules.interval import Interval

Constant = bool | int | float | str
Lookup = Callable[[str], Any]

MAX_CHARACTERS = 1000
MAX_DEPTH = 40
_LARGEST = 1e15
"""Constants beyond this are a slip; no fact or price is larger."""

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_WORDS: dict[str, bool] = {"true": True, "false": False}


class ExpressionError(InvalidDataError, ValueError):
    """The text is not an expression that rules may use. A `ValueError` too, so that pydantic adds file and line."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: Constant


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted name, looked up when the expression is evaluated."""

    name: str
    column: int


@dataclass(frozen=True, slots=True)
class Group:
    """A list of constants, the right side of `in`."""

    items: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Logical negation."""

    part: Node


@dataclass(frozen=True, slots=True)
class Logic:
    """`and` (`every`) or `or` over two or more parts."""

    every: bool
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison; a chain becomes a `Logic` of these."""

    operator: str
    left: Node
    right: Node
    column: int


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left operator right` on numbers; a leading minus is `0 - x`."""

    operator: str
    left: Node
    right: Node
    column: int


Node = Literal | Name | Group | Not | Logic | Comparison | Arithmetic


@dataclass(frozen=True, slots=True, init=False)
class Expression:
    """A condition or a formula, read once, evaluated often. Raises `ExpressionError` for text that is not allowed."""

    text: str
    node: Node
    names: frozenset[str]

    def __init__(self, text: str) -> None:
        node = _Reader(text).read()
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "node", node)
        object.__setattr__(self, "names", frozenset(part.name for part in walk(node) if isinstance(part, Name)))

    def evaluate(self, lookup: Lookup) -> bool | float | str | None:
        """The value under `lookup` (name -> bool, number, text, `Interval` or None); None when it is not known yet.

        A range that crosses the compared value is not known either.
        """
        from rules.scalars import evaluate

        return evaluate(self, lookup)

    def evaluate_arrays(self, lookup: Lookup) -> Any:
        """The value over samples: names give scalars or arrays of one shape (or shapes that broadcast).

        A condition gives bool or an array of bool, True where it is known to hold: None, NaN and None inside an object
        array are unknown. A formula gives a float or an array of floats, NaN where unknown. `lookup` raises KeyError
        for names it lacks.
        """
        from rules.arrays import evaluate

        return evaluate(self, lookup)

    def check_names(self, known: Collection[str]) -> None:
        """Raise `ExpressionError` for the first name that is not in `known`, with a "did you mean"."""
        for part in walk(self.node):
            if isinstance(part, Name) and part.name not in known:
                raise self.error(f"unknown name {part.name!r}", part.column, _did_you_mean(part.name, known))

    def error(self, what: str, column: int, fix: str | None = None) -> ExpressionError:
        """An error that shows the text with the position in it."""
        return _error(self.text, what, column, fix)

    def __str__(self) -> str:
        return self.text


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, from left to right."""
    yield node
    match node:
        case Not(part):
            yield from walk(part)
        case Logic(_, parts):
            for part in parts:
                yield from walk(part)
        case Comparison(_, left, right) | Arithmetic(_, left, right):
            yield from walk(left)
            yield from walk(right)
        case Group(items):
            yield from items


def is_condition(node: Node) -> bool:
    """Whether the node can only be true, false or unknown."""
    return isinstance(node, Not | Logic | Comparison) or (isinstance(node, Literal) and isinstance(node.value, bool))


def _did_you_mean(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else "see `advisor rules list --kind facts` for the names"


def _error(text: str, what: str, column: int, fix: str | None) -> ExpressionError:
    return ExpressionError(f"{what} (column {column + 1} of {text!r})", fix=fix)


class _Reader:
    """Turns text into nodes, refusing whatever is not on the whitelist."""

    def __init__(self, text: str) -> None:
        self.text = text

    def fail(self, what: str, column: int = 0, fix: str | None = None) -> ExpressionError:
        return _error(self.text if len(self.text) <= 200 else self.text[:197] + "...", what, column, fix)

    def read(self) -> Node:
        if not isinstance(self.text, str) or not self.text.strip():
            raise ExpressionError("an expression must be text that is not empty", fix="leave the key out instead")
        if len(self.text) > MAX_CHARACTERS:
            raise self.fail(f"longer than {MAX_CHARACTERS} characters", fix="split it into several rules")
        if "\n" in self.text.strip():
            raise self.fail("must be one line", fix="in YAML, fold it with `>-`")
        try:
            tree = ast.parse(self.text.strip(), mode="eval")
        except SyntaxError as error:
            raise self.fail(f"not an expression: {error.msg}", (error.offset or 1) - 1) from None
        except (ValueError, RecursionError, MemoryError):
            raise self.fail("not an expression") from None
        return self.node(tree.body, 0)

    def node(self, tree: ast.expr, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.fail(f"nested deeper than {MAX_DEPTH}", tree.col_offset)
        match tree:
            case ast.Constant():
                return self.constant(tree)
            case ast.Name() | ast.Attribute():
                return self.name(tree)
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return Not(self.node(part, depth + 1))
            case ast.UnaryOp(op=ast.USub(), operand=part):
                return self.minus(tree, part, depth)
            case ast.BoolOp(op=operator, values=parts):
                return Logic(isinstance(operator, ast.And), tuple(self.node(part, depth + 1) for part in parts))
            case ast.Compare():
                return self.comparison(tree, depth)
            case ast.BinOp(op=operator, left=left, right=right) if type(operator) in _ARITHMETIC:
                sign = _ARITHMETIC[type(operator)]
                return Arithmetic(sign, self.node(left, depth + 1), self.node(right, depth + 1), tree.col_offset)
            case ast.List():
                raise self.fail("a list may only stand right of `in`", tree.col_offset)
            case _:
                raise self.fail(
                    f"{_kind(tree)} is not allowed in a rule",
                    tree.col_offset,
                    "use names, constants, comparisons, and/or/not/in and + - * /",
                )

    def constant(self, tree: ast.Constant) -> Literal:
        value = tree.value
        if isinstance(value, str | bool):
            return Literal(value)
        if isinstance(value, int | float) and abs(value) <= _LARGEST:
            return Literal(value)
        raise self.fail(
            "this constant is not allowed", tree.col_offset, "use true, false, a number or a text in quotes"
        )

    def name(self, tree: ast.Name | ast.Attribute) -> Node:
        parts: list[str] = []
        part: ast.expr = tree
        while isinstance(part, ast.Attribute):
            parts.append(part.attr)
            part = part.value
        if not isinstance(part, ast.Name):
            raise self.fail("an attribute of something that is not a name", tree.col_offset)
        parts.append(part.id)
        if not parts[1:] and part.id in _WORDS:
            return Literal(_WORDS[part.id])
        if any(word.startswith("_") for word in parts):
            raise self.fail("names do not start with an underscore", tree.col_offset)
        return Name(".".join(reversed(parts)), tree.col_offset)

    def minus(self, tree: ast.UnaryOp, part: ast.expr, depth: int) -> Node:
        inner = self.node(part, depth + 1)
        if isinstance(inner, Literal) and isinstance(inner.value, int | float) and not isinstance(inner.value, bool):
            return Literal(-inner.value)
        return Arithmetic("-", Literal(0), inner, tree.col_offset)

    def comparison(self, tree: ast.Compare, depth: int) -> Node:
        links: list[Node] = []
        left = tree.left
        for operator, right in zip(tree.ops, tree.comparators, strict=True):
            links.append(self.link(operator, left, right, depth))
            left = right
        return links[0] if len(links) == 1 else Logic(True, tuple(links))

    def link(self, operator: ast.cmpop, left: ast.expr, right: ast.expr, depth: int) -> Comparison:
        sign = _COMPARISONS.get(type(operator))
        if sign is None:
            raise self.fail("`is` is not allowed", left.col_offset, "write == or !=")
        if sign in ("in", "not in"):
            return Comparison(sign, self.node(left, depth + 1), self.group(right), left.col_offset)
        return Comparison(sign, self.node(left, depth + 1), self.node(right, depth + 1), left.col_offset)

    def group(self, tree: ast.expr) -> Group:
        if not isinstance(tree, ast.List | ast.Tuple):
            raise self.fail("`in` needs a list of constants", tree.col_offset, "write: name in ['one', 'two']")
        items: list[Literal] = []
        for item in tree.elts:
            node = self.node(item, 0)
            if not isinstance(node, Literal):
                raise self.fail("a list may hold only constants", item.col_offset)
            items.append(node)
        if not items:
            raise self.fail("the list is empty", tree.col_offset)
        return Group(tuple(items))


def _kind(tree: ast.expr) -> str:
    """The plain word for a piece of syntax that is refused."""
    words = {
        "Call": "a call",
        "Lambda": "a lambda",
        "Subscript": "an index",
        "BinOp": "this operator",
        "IfExp": "if/else",
    }
    return words.get(type(tree).__name__, f"{type(tree).__name__!r}")


def finite(value: float) -> float | None:
    """The number, or None when it overflowed."""
    return value if math.isfinite(value) else None


def corners(operator: str, left: Interval, right: Interval) -> Interval | None:
    """Interval arithmetic: the range of `left operator right` (Moore 1966); None when it divides by a range with 0."""
    if operator == "/" and right.low <= 0 <= right.high:
        return None
    apply: dict[str, Callable[[float, float], float]] = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
    }
    ends = [apply[operator](a, b) for a in (left.low, left.high) for b in (right.low, right.high)]
    return Interval(min(ends), max(ends)) if all(map(math.isfinite, ends)) else None
