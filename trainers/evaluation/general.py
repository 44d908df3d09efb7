"""Everyday questions, to see whether tuning made a model forget how to answer them (`general.json` beside this file).

Each has a short answer that the model's own words must contain. Written for this product and small on purpose: it
notices a model that lost its general ability, not a change of a few points.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from advisor.base.files import parse_json, read_text
from trainers.evaluation.items import Item
from trainers.runs.spec import Record

MARGIN = 0.05
"""How much worse (share of questions) would still count as unharmed."""
MAX_NEW_TOKENS = 16


class Question(Record):
    """One question; an answer is right when it contains one of `accept`."""

    id: str
    kind: str
    ask: str
    accept: tuple[str, ...]


@cache
def questions() -> tuple[Question, ...]:
    """All of them."""
    path = Path(__file__).with_name("general.json")
    return tuple(Question.model_validate(row) for row in parse_json(read_text(path), where=str(path))["questions"])


def prompts() -> list[list[dict[str, str]]]:
    """The conversations to put to a model."""
    return [[{"role": "user", "content": question.ask}] for question in questions()]


def items() -> list[Item]:
    """As test items, to be scored by `accepted`."""
    return [Item(question.id, list(question.accept), (), {"kind": question.kind}) for question in questions()]
