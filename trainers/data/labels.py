"""Labels: how they are spread, spellings that differ by accident, and rows whose label looks wrong.

Suspects by confident learning (Northcutt, Jiang, Chuang 2021, arXiv 1911.00068) in a small form: each row's label is
predicted from all other rows, and a row is suspect when its own label gets at most 3 % and another at least 90 %.

    X         tf-idf of words and word pairs, rows of length 1;  K = X X^T;  H = (K + 3 I)^-1
    scores    ridge regression on one-hot labels Y around their means, each row left out in turn, in closed form:
              s_i = y_i - (H (Y - m))_i / H_ii   (leave-one-out of kernel ridge regression, Cawley and Talbot 2003)
    chances   softmax(s / T), with the temperature T that minimises the log loss of these held-out predictions

With 1 % of the labels of the package descriptions in examples/debian changed at random (six draws) it finds a third of
them; 37 % of what it names was changed, and some of the rest is wrong in the source. Where words say little about the
label, nothing reaches 90 % and nothing is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainers.data.findings import EXAMPLES_SHOWN, LINES_SHOWN, Finding, Severity, rows_text
from trainers.data.outputs import Shape, labels_of, variants
from trainers.data.sketch import Words, mix32, word_hashes

if TYPE_CHECKING:
    import numpy as np

DOMINANT = 0.8
FEWEST = 10
_UNLIKELY, _LIKELY = 0.03, 0.90
_RIDGE = 3.0
_MOST_ROWS = 4000
_FEWEST_OF_A_LABEL = 5
_FEATURES = 1 << 16
_FEWEST_ROWS = 100
_MOST_FIELDS = 12


def balance_findings(shape: Shape) -> Iterator[Finding]:
    """How labels are spread over each field that holds labels."""
    fields = shape.label_fields()
    rare: list[str] = []
    for name, counts in fields.items():
        total, (top, most) = sum(counts.values()), counts.most_common(1)[0]
        if most > DOMINANT * total:
            yield Finding(
                "unbalanced_labels",
                Severity.WARNING,
                most,
                (),
                f"{_of(name)}{top!r} is the answer in {most / total:.0%} of the rows: always saying so scores as much",
                "collect more of the others, and look at scores by label",
                ({"field": name, "labels": dict(counts.most_common(20))},),
            )
        rare += [f"{_of(name)}{value!r} ({n})" for value, n in counts.items() if n < FEWEST]
    if rare:
        yield Finding(
            "rare_labels",
            Severity.WARNING,
            len(rare),
            (),
            f"{len(rare)} labels have fewer than {FEWEST} rows: {', '.join(rare[:5])}{', ...' * (len(rare) > 5)}",
            "collect more of them, merge them, or do not count on them",
            ({"labels": rare[:50]},),
        )
    for name, counts in fields.items():
        pairs = [f"{a!r} and {b!r}" for a, b in variants(counts)]
        if pairs:
            yield Finding(
                "label_variants",
                Severity.WARNING,
                len(pairs),
                (),
                f"{_of(name)}labels that differ only in case, blanks or hyphens: {', '.join(pairs[:3])}",
                "write each label one way",
            )


def _of(name: str) -> str:
    return f"{name}: " if name else ""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row whose label looks wrong; `probability` is that of the likelier label."""

    line: int
    field: str
    given: str
    likely: str
    probability: float


def suspect_finding(sample: Sequence[tuple[int, str, str]], shape: Shape) -> Finding | None:
    """Suspected label errors among the sampled rows (line, question, answer)."""
    suspects = find_suspects(sample, shape)
    if not suspects:
        return None
    lines = list(dict.fromkeys(suspect.line for suspect in suspects))
    looked = min(len(sample), _MOST_ROWS)
    of = f" among {looked:,} looked at" if shape.rows > looked else ""
    return Finding(
        "suspected_label_errors",
        Severity.WARNING,
        len(lines),
        tuple(sorted(lines)[:LINES_SHOWN]),
        f"{rows_text(len(lines))}{of} have a label that the wording of similar rows speaks against",
        "have these looked at first: advisor data review",
        tuple(_example(suspect) for suspect in suspects[:EXAMPLES_SHOWN]),
    )


def _example(suspect: Suspect) -> dict[str, Any]:
    found = {"line": suspect.line, "given": suspect.given, "likely": suspect.likely}
    return found | {"probability": round(suspect.probability, 3)} | ({"field": suspect.field} if suspect.field else {})


def find_suspects(sample: Sequence[tuple[int, str, str]], shape: Shape) -> list[Suspect]:
    """The suspects, surest first; none when there are too few rows."""
    fields = list(shape.label_fields())[:_MOST_FIELDS]
    if len(sample) < _FEWEST_ROWS or not fields:
        return []
    sample = sample[:_MOST_ROWS]
    labels = [labels_of(answer, fields) for _, _, answer in sample]
    inverse = _ridge_inverse([question for _, question, _ in sample])
    found: list[Suspect] = []
    for name in fields:
        given = [each.get(name) for each in labels]
        common = [value for value, n in Counter(given).most_common() if value is not None and n >= _FEWEST_OF_A_LABEL]
        codes = [common.index(value) if value in common else -1 for value in given]
        if len(common) > 1 and len(codes) - codes.count(-1) >= _FEWEST_ROWS:
            probability = _left_out(inverse, codes, len(common))
            found += _suspects(probability, codes, common, [line for line, _, _ in sample], name)
    return sorted(found, key=lambda suspect: -suspect.probability)


def _suspects(
    probability: np.ndarray, codes: Sequence[int], names: Sequence[str], lines: Sequence[int], field: str
) -> Iterator[Suspect]:
    best = probability.argmax(axis=1)
    for row, (code, other) in enumerate(zip(codes, best, strict=True)):
        sure = float(probability[row, other])
        if code >= 0 and other != code and sure >= _LIKELY and probability[row, code] <= _UNLIKELY:
            yield Suspect(lines[row], field, names[code], names[int(other)], sure)


def _ridge_inverse(texts: Sequence[str]) -> np.ndarray:
    """(K + 3 I)^-1 of the texts, float32 (texts, texts)."""
    import numpy as np

    features = _tf_idf(texts)
    kernel = np.asarray((features @ features.T).todense(), dtype=np.float32)
    kernel[np.diag_indices_from(kernel)] += _RIDGE
    inverse: np.ndarray = np.linalg.inv(kernel)
    return inverse


def _tf_idf(texts: Sequence[str]) -> Any:
    """Sparse (texts, features): words and pairs of consecutive words that two texts or more have, weighted."""
    import numpy as np
    from scipy.sparse import csr_matrix, diags

    words = Words.of([word_hashes(text) for text in texts])
    owner = np.repeat(np.arange(len(texts)), np.diff(words.starts))
    inside = np.ones(len(words.hashes), dtype=bool)
    inside[words.starts[:-1]] = False
    columns = np.concatenate((mix32(words.hashes[inside]), mix32(words.shingles()[inside]))) % np.uint32(_FEATURES)
    rows = np.concatenate((owner[inside], owner[inside]))
    matrix = csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(len(texts), _FEATURES))
    matrix.data[:] = 1.0
    texts_with = np.asarray(matrix.sum(axis=0)).ravel()
    shared = np.flatnonzero(texts_with >= 2)
    weighted = matrix[:, shared] @ diags(np.log((1 + len(texts)) / (1 + texts_with[shared])) + 1)
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return diags(1 / np.maximum(length, 1e-9)) @ weighted


def _left_out(inverse: np.ndarray, codes: Sequence[int], classes: int) -> np.ndarray:
    """Calibrated probabilities (rows, classes) of each row's label, from the other rows. Code -1: no label."""
    import numpy as np

    labels = np.array(codes)
    known = labels >= 0
    target = np.zeros((len(labels), classes))
    target[known, labels[known]] = 1
    mean = target[known].mean(axis=0)
    target[known] -= mean
    scores = mean + target - (inverse @ target) / np.diag(inverse)[:, None]
    best: np.ndarray | None = None
    lowest = np.inf
    for temperature in np.geomspace(0.01, 1, 30):
        probability = _softmax(scores / temperature)
        loss = -np.log(np.maximum(probability[known, labels[known]], 1e-12)).mean()
        if loss < lowest:
            best, lowest = probability, loss
    assert best is not None
    return best


def _softmax(scores: np.ndarray) -> np.ndarray:
    import numpy as np

    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares
