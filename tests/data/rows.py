"""Rows for the tests of the data room."""

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ENDINGS = ("ano", "elu", "iri", "ota", "uve", "amo", "ike")
WORDS = [f"{'bdfgklmnprstvwz'[n % 15]}{ENDINGS[n % 7]}{n}" for n in range(600)]


def sentence(seed: int, words: int = 20) -> str:
    """A text of its own for each seed."""
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def chat(question: str, answer: str, **more: Any) -> dict[str, Any]:
    """One row of messages."""
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {**more, "messages": turns}


def good_rows(count: int, labels: Sequence[str] = ("yes", "no", "maybe")) -> list[dict[str, Any]]:
    """Rows without any fault."""
    return [chat(sentence(n), labels[n % len(labels)], id=f"r{n}") for n in range(count)]


def write(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write JSONL."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    """Read JSONL."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
