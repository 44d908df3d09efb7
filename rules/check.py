"""Checks a folder of rules: schema, names, and every example, all problems at once, each with file and line.

An example is a promise: under these facts and this option the rule fires, stays silent, or cannot know yet. A rule with
a condition shows at least one case in which it fires and one in which it stays silent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.base.errors import InvalidDataError
from advisor.base.yamlfile import Place, read_yaml
from rules.expression import Lookup
from rules.load import RuleBook, check_names, did_you_mean, folders, read_folder
from rules.models import Rule
from rules.options import OPTION_NAMES, OptionName
from rules.schema import Example


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found."""

    book: RuleBook
    problems: tuple[InvalidDataError, ...]
    files: int
    examples: int


def check_rules(*extra: Path) -> Checked:
    """The shipped rules and each folder of `extra` that exists; never raises for what is wrong inside a file."""
    book, problems, examples = RuleBook(), list[InvalidDataError](), 0
    read = folders(*extra)
    for folder in read:
        read_folder(folder, book, problems)
        problems.extend(check_names(book, folder))
        for _, rule in book.rules():
            if book.files[rule.id].parent.parent == folder:
                examples += len(rule.examples)
                problems.extend(check_examples(rule, book))
    return Checked(book, tuple(problems), sum(len(list(f.glob("*/*.yaml"))) for f in read), examples)


def check_examples(rule: Rule, book: RuleBook) -> list[InvalidDataError]:
    """What is wrong with the examples of one rule."""
    place = read_yaml(book.files[rule.id])[1]
    problems: list[InvalidDataError] = []
    for number, example in enumerate(rule.examples):
        try:
            outcome = run_example(rule, example, book)
        except InvalidDataError as error:
            problems.append(InvalidDataError(error.what, where=_line(error, place, number), fix=error.fix))
            continue
        if outcome != example.fires:
            problems.append(_broken(place.of(("examples", number)), example, outcome))
    if any(True for _ in rule.conditions()):
        problems.extend(_one_sided(rule, place))
    return problems


def run_example(rule: Rule, example: Example, book: RuleBook) -> bool | str:
    """True, False or "unknown": what the rule says in this case. Raises `InvalidDataError` for an impossible case."""
    truth = rule.fires(example_lookup(example, book))
    return "unknown" if truth is None else truth


def example_lookup(example: Example, book: RuleBook) -> Lookup:
    """Names to the values of the example; what it leaves out is unknown."""
    known: dict[str, Any] = {}
    for name, raw in example.facts.items():
        if name not in book.facts:
            raise InvalidDataError(f"unknown fact {name!r}", where=f"facts.{name}", fix=did_you_mean(name, book.facts))
        known[name] = book.facts[name].parse(raw)
    for name, raw in example.option.items():
        full = f"option.{name}"
        if full not in OPTION_NAMES:
            raise InvalidDataError(f"unknown {full!r}", where=f"option.{name}", fix=did_you_mean(full, OPTION_NAMES))
        known[full] = _option_value(full, raw, OPTION_NAMES[full])
    return known.get


def _option_value(name: str, raw: Any, kind: OptionName) -> Any:
    fits = {
        "bool": isinstance(raw, bool),
        "number": isinstance(raw, int | float) and not isinstance(raw, bool),
        "text": isinstance(raw, str) and (not kind.choices or raw in kind.choices),
    }[kind.type]
    if not fits:
        wanted = f"one of {', '.join(kind.choices)}" if kind.choices else f"a {kind.type}"
        raise InvalidDataError(f"{name} is never {raw!r}", where=name, fix=f"write {wanted}")
    return raw


def _line(error: InvalidDataError, place: Place, number: int) -> str:
    """The line of the named key of the example when the error names one, else of the example."""
    group, _, key = (error.where or "").partition(".")
    return place.of(("examples", number, group, key))


def _broken(where: str, example: Example, outcome: bool | str) -> InvalidDataError:
    words = {True: "fires", False: "stays silent", "unknown": "cannot know"}
    promised = {True: "fire", False: "stay silent", "unknown": "not know"}
    return InvalidDataError(
        f"example {_case(example)}: the rule should {promised[example.fires]} but it {words[outcome]}",
        where=where,
        fix="correct the condition, or the example",
    )


def _case(example: Example) -> str:
    parts = [f"{name} = {value}" for name, value in example.facts.items()]
    parts += [f"option.{name} = {value}" for name, value in example.option.items()]
    return f"({', '.join(parts)})"


def _one_sided(rule: Rule, place: Place) -> Iterator[InvalidDataError]:
    for wanted, words in ((True, "fires"), (False, "stays silent")):
        if not any(example.fires is wanted for example in rule.examples):
            yield InvalidDataError(f"no example in which it {words}", where=place.of(("examples",)), fix="add one")
