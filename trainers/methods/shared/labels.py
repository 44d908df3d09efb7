"""Rows for encoders: a text with one label, a text with several named labels, or words with a tag each.

- `{"text": ..., "label": ...}` or `{"messages": [..., user, assistant]}` whose answer is a label
- the same with an answer that is a flat JSON object: each key is a question of its own, answered by its own head
- `{"tokens": [...], "tags": [...]}`: one tag a word (BIO or anything else)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from advisor.base.errors import InvalidDataError
from advisor.base.files import read_jsonl

SINGLE = "label"
"""Name of the only question when the answer is no JSON object."""
TAGS = "tags"
_MOST_LABELS = 2000


@dataclass(frozen=True, slots=True)
class Labelled:
    """One row. `words` is None unless each word has a tag; `answers` maps a question to its answer(s)."""

    line: int
    text: str
    words: tuple[str, ...] | None
    answers: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The questions, the answers that each can have, and the kind of rows."""

    kind: Literal["classification", "tagging"]
    labels: dict[str, tuple[str, ...]]
    as_json: bool
    """Whether the answer is a JSON object of the questions."""

    def index(self, question: str, answer: str) -> int | None:
        """Place of the answer among those that the question can have; None for one that was not trained."""
        known = self.labels[question]
        return known.index(answer) if answer in known else None


def read_labelled(path: Path) -> list[Labelled]:
    """The rows of a file. Raises `InvalidDataError` naming the line."""
    rows = [_row(line, value, f"{path}:{line}") for line, value in read_jsonl(path)]
    if not rows:
        raise InvalidDataError("the file has no rows", where=str(path), fix="give at least one row a line")
    questions = set(rows[0].answers)
    for row in rows:
        if set(row.answers) != questions:
            odd = ", ".join(sorted(set(row.answers) ^ questions))
            raise InvalidDataError(
                f"rows must answer the same questions; this one and the first differ in {odd}",
                where=f"{path}:{row.line}",
                fix="give every answer the same keys (null where there is nothing to say)",
            )
    return rows


def _row(line: int, value: dict[str, Any], where: str) -> Labelled:
    if "tokens" in value and "tags" in value:
        words, tags = value["tokens"], value["tags"]
        if not isinstance(words, list) or not isinstance(tags, list) or len(words) != len(tags) or not words:
            raise InvalidDataError("'tokens' and 'tags' must be lists of the same length", where=where)
        spoken = tuple(str(word) for word in words)
        return Labelled(line, " ".join(spoken), spoken, {TAGS: tuple(str(tag) for tag in tags)})
    text, answer = _text_and_answer(value, where)
    if not text.strip():
        raise InvalidDataError("the text is empty", where=where, fix="remove the row")
    return Labelled(line, text, None, _answers(answer, where))


def _text_and_answer(value: dict[str, Any], where: str) -> tuple[str, str]:
    if isinstance(value.get("text"), str) and "label" in value:
        label = value["label"]
        return value["text"], label if isinstance(label, str) else json.dumps(label)
    if "prompt" in value and "completion" in value:
        return str(value["prompt"]), str(value["completion"])
    messages = value.get("messages")
    if isinstance(messages, list) and len(messages) >= 2:
        last, before = messages[-1], messages[-2]
        if isinstance(last, dict) and isinstance(before, dict) and last.get("role") == "assistant":
            return str(before.get("content") or ""), str(last.get("content") or "")
    raise InvalidDataError(
        "no 'text' and 'label', no 'tokens' and 'tags', no conversation that ends with an answer",
        where=where,
        fix="run: advisor data prepare",
    )


def _answers(answer: str, where: str) -> dict[str, Any]:
    """A flat JSON object becomes one answer a key; anything else is one label."""
    try:
        value = json.loads(answer)
    except json.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        if not answer.strip():
            raise InvalidDataError("the answer is empty", where=where, fix="remove the row or give it a label")
        return {SINGLE: answer.strip()}
    if not value or any(isinstance(part, (dict, list)) for part in value.values()):
        raise InvalidDataError(
            "an encoder answers flat JSON objects only", where=where, fix="use lora for nested or free answers"
        )
    return {key: json.dumps(part, ensure_ascii=False) for key, part in value.items()}


def label_set(rows: Sequence[Labelled]) -> LabelSet:
    """Every answer that occurs, by question. Raises `InvalidDataError` when they are no labels but free text."""
    tagging = rows[0].words is not None
    labels: dict[str, tuple[str, ...]] = {}
    for question, counts in count_labels(rows).items():
        if len(counts) > _MOST_LABELS or (not tagging and len(rows) >= 20 and len(counts) > 0.5 * len(rows)):
            raise InvalidDataError(
                f"{question!r} has {len(counts)} different answers in {len(rows)} rows: this is no set of labels",
                fix="use lora for free answers",
            )
        labels[question] = tuple(sorted(counts))
    as_json = not tagging and set(labels) != {SINGLE}
    return LabelSet("tagging" if tagging else "classification", labels, as_json)


def count_labels(rows: Sequence[Labelled]) -> dict[str, Counter[str]]:
    """How often each answer occurs, by question."""
    counts: dict[str, Counter[str]] = {question: Counter() for question in rows[0].answers}
    for row in rows:
        for question, answer in row.answers.items():
            counts[question].update(answer if isinstance(answer, tuple) else [answer])
    return counts
