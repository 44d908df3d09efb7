"""The names that expressions may use, and what may be compared with them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from rules.expression import Arithmetic, Comparison, Expression, Group, Literal, Logic, Name, Node, Not, walk
from rules.facts import NUMERIC, Fact
from rules.options import OptionName


class Vocabulary:
    """Facts and `option.*` names with their types."""

    def __init__(self, facts: Mapping[str, Fact], options: Mapping[str, OptionName]) -> None:
        self.facts = facts
        self.options = options

    def check(self, expression: Expression, *, options: bool) -> None:
        """Raise `ExpressionError` for a name that is unknown or may not stand here, and for a senseless comparison."""
        expression.check_names({*self.facts, *self.options})
        for node in walk(expression.node):
            match node:
                case Name(name, column) if name in self.options and not options:
                    raise expression.error(f"{name!r} may not stand here", column, "this condition is about facts only")
                case Name(name, column) if name in self.facts and not self.facts[name].decides:
                    raise expression.error(f"{name!r} never decides anything", column, "ask for a fact instead")
                case Comparison(_, left, right, _):
                    self._check_sides(expression, node, left, right)
                case Arithmetic(_, left, right, column):
                    for side in (left, right):
                        if self.kind(side) not in ("number", "any"):
                            raise expression.error("arithmetic needs numbers", column)
                case Not(part):
                    self._check_truth(expression, part)
                case Logic(_, parts):
                    for part in parts:
                        self._check_truth(expression, part)
        self._check_truth(expression, expression.node)

    def kind(self, node: Node) -> str:
        """truth, number, text, date or any."""
        match node:
            case Literal(value):
                return "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
            case Name(name) if name in self.options:
                return {"bool": "truth", "number": "number", "text": "text"}[self.options[name].type]
            case Name(name) if name in self.facts:
                kind = self.facts[name].type
                return {
                    "bool": "truth",
                    "choice": "text",
                    "text": "text",
                    "date": "date",
                    "gpus": "list",
                    "measurements": "list",
                }.get(kind, "number")
            case Arithmetic():
                return "number"
            case Not() | Logic() | Comparison():
                return "truth"
            case _:
                return "any"

    def _check_truth(self, expression: Expression, node: Node) -> None:
        kind = self.kind(node)
        if kind not in ("truth", "any"):
            fix = "compare it, for example with == or >="
            raise expression.error(f"a {kind} is neither true nor false", getattr(node, "column", 0), fix)

    def _check_sides(self, expression: Expression, node: Comparison, left: Node, right: Node) -> None:
        others = right.items if isinstance(right, Group) else (right,)
        for other in others:
            kinds = self.kind(left), self.kind(other)
            if kinds[0] != kinds[1] and "any" not in kinds:
                raise expression.error(
                    f"a {kinds[0]} is compared with a {kinds[1]}", node.column, "compare like with like"
                )
            if kinds[0] == "list":
                raise expression.error("a list cannot be compared", node.column)
            if kinds[0] in ("text", "truth") and node.operator in ("<", "<=", ">", ">="):
                raise expression.error(f"a {kinds[0]} has no order", node.column, "use == or !=")
            self._check_value(expression, left, other)
            self._check_value(expression, other, left)

    def _check_value(self, expression: Expression, name: Node, value: Node) -> None:
        """A text that is compared with a choice must be one of the choices; a number must be one the fact can take."""
        if not isinstance(name, Name) or not isinstance(value, Literal):
            return
        fact = self.facts.get(name.name)
        choices = fact.values() if fact is not None else self.options[name.name].choices
        if choices and value.value not in choices:
            close = get_close_matches(str(value.value), choices, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise expression.error(
                f"{name.name} is never {value.value!r}", name.column, f"{hint}Choices: {', '.join(choices)}"
            )
        out = isinstance(value.value, int | float) and fact is not None and fact.type in NUMERIC
        if out and fact is not None and not fact.lowest <= float(value.value) <= fact.highest:
            raise expression.error(
                f"{name.name} is never {value.value}", name.column, f"its range is {fact.range_words()}"
            )
