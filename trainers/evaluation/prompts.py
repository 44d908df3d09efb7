"""From a test item to the conversation that a candidate sees.

Examples are training rows shown as turns of the conversation: question, right answer, ..., and then the real question.
The fixed ones are chosen to cover the answers that occur; the retrieved ones are the nearest, the nearest last.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from trainers.evaluation.items import Item
from trainers.evaluation.metrics._text import NotJsonError, expected_json, trimmed
from trainers.evaluation.retrieve import Retriever
from trainers.evaluation.spec import Prompt

Messages = list[dict[str, Any]]

_WHOLE = ""


def question(item: Item) -> str:
    """The last thing the user says."""
    texts = [message.get("content") for message in item.messages if message.get("role") == "user"]
    return texts[-1] if texts and isinstance(texts[-1], str) else ""


def conversations(items: Sequence[Item], examples: Sequence[Item], prompt: Prompt, shots: int) -> list[Messages]:
    """What the model is asked for each item. `examples` may be empty for zero-shot prompts."""
    if prompt is Prompt.ZERO_SHOT or shots == 0:
        return [list(item.messages) for item in items]
    if prompt is Prompt.FEW_SHOT:
        shown = covering(examples, shots)
        return [with_examples(item, shown) for item in items]
    places = Retriever([question(example) for example in examples]).nearest([question(item) for item in items], shots)
    return [with_examples(item, [examples[i] for i in reversed(row)]) for item, row in zip(items, places, strict=True)]


def with_examples(item: Item, examples: Sequence[Item]) -> Messages:
    """The item's conversation with the examples after its system message."""
    head = [message for message in item.messages[:1] if message.get("role") in ("system", "developer")]
    turns: Messages = []
    for example in examples:
        asked = [message for message in example.messages if message.get("role") not in ("system", "developer")]
        turns += [*asked, example.answer]
    return [*head, *turns, *item.messages[len(head) :]]


def covering(examples: Sequence[Item], count: int, *, seed: int = 0) -> list[Item]:
    """Examples whose answers together show as many of the usual answers (or field values) as possible.

    Greedy: each time the example that adds the most frequent parts not shown yet; among equals the shortest question.
    """
    parts = [_parts(example.expected) for example in examples]
    weight = Counter(part for found in parts for part in found)
    order = list(range(len(examples)))
    random.Random(f"covering/{seed}").shuffle(order)
    order.sort(key=lambda i: len(question(examples[i])))
    seen: set[Any] = set()
    chosen: list[int] = []
    for _ in range(min(count, len(examples))):
        left = [i for i in order if i not in chosen]
        best = max(left, key=lambda i: sum(weight[part] for part in parts[i] - seen))
        chosen.append(best)
        seen |= parts[best]
    return [examples[i] for i in chosen]


def _parts(expected: Any) -> frozenset[tuple[str, str]]:
    """The fields of an answer that is a JSON object, else the answer as a whole."""
    try:
        value = expected_json(expected)
    except NotJsonError:
        value = None
    if isinstance(value, dict):
        return frozenset((key, trimmed(part)) for key, part in value.items())
    return frozenset({(_WHOLE, trimmed(expected))})
