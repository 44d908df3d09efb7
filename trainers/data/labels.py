"""Labels: how they are spread, spellings that differ by accident, and rows whose label looks wrong.

Suspects by confident learning (Northcutt, Jiang, Chuang 2021, arXiv 1911.00068) in its simplest form: a naive Bayes
model over words and word pairs predicts each row from the other folds (five); its probabilities are calibrated by one
temperature that minimises the loss of these predictions; a row is suspect when its own label gets at most 5 % and
another at least 90 %. Where the words say little about the label, nothing reaches 90 % and nothing is suspected.
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
_UNLIKELY, _LIKELY = 0.05, 0.90
_FOLDS = 5
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
    of = f" among {len(sample):,} looked at" if sum(shape.keys.values()) > len(sample) else ""
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
    labels = [labels_of(answer, fields) for _, _, answer in sample]
    features = _features([question for _, question, _ in sample])
    found: list[Suspect] = []
    for name in fields:
        rows = [index for index, each in enumerate(labels) if name in each]
        given = [labels[index][name] for index in rows]
        common = [value for value, count in Counter(given).most_common() if count >= _FOLDS]
        rows = [index for index, value in zip(rows, given, strict=True) if value in common]
        if len(rows) >= _FEWEST_ROWS and len(common) > 1:
            codes = [common.index(labels[index][name]) for index in rows]
            probability = _predicted(features[rows], codes, len(common))
            found += _suspects(probability, codes, common, [sample[index][0] for index in rows], name)
    return sorted(found, key=lambda suspect: -suspect.probability)


def _suspects(
    probability: np.ndarray, codes: Sequence[int], names: Sequence[str], lines: Sequence[int], field: str
) -> Iterator[Suspect]:
    best = probability.argmax(axis=1)
    for row, (code, other) in enumerate(zip(codes, best, strict=True)):
        sure = float(probability[row, other])
        if other != code and sure >= _LIKELY and probability[row, code] <= _UNLIKELY:
            yield Suspect(lines[row], field, names[code], names[int(other)], sure)


def _features(texts: Sequence[str]) -> Any:
    """Sparse (texts, features): 1 where a text has a word or a pair of consecutive words."""
    import numpy as np
    from scipy.sparse import csr_matrix

    words = Words.of([word_hashes(text) for text in texts])
    owner = np.repeat(np.arange(len(texts)), np.diff(words.starts))
    inside = np.ones(len(words.hashes), dtype=bool)
    inside[words.starts[:-1]] = False
    columns = np.concatenate((mix32(words.hashes[inside]), mix32(words.shingles()[inside]))) % np.uint32(_FEATURES)
    rows = np.concatenate((owner[inside], owner[inside]))
    matrix = csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(len(texts), _FEATURES))
    matrix.data[:] = 1.0
    return matrix


def _predicted(features: Any, codes: Sequence[int], classes: int) -> np.ndarray:
    """Calibrated probabilities (rows, classes), each row predicted from the other folds."""
    import numpy as np

    labels = np.array(codes)
    scores = np.empty((len(labels), classes))
    fold = np.arange(len(labels)) % _FOLDS
    for number in range(_FOLDS):
        train, test = fold != number, fold == number
        scores[test] = _naive_bayes(features[train], labels[train], features[test], classes)
    best: np.ndarray | None = None
    lowest = np.inf
    for temperature in np.geomspace(1, 100, 25):
        probability = _softmax(scores / temperature)
        loss = -np.log(np.maximum(probability[np.arange(len(labels)), labels], 1e-12)).mean()
        if loss < lowest:
            best, lowest = probability, loss
    assert best is not None
    return best


def _naive_bayes(train: Any, labels: np.ndarray, test: Any, classes: int) -> np.ndarray:
    """Log scores of the test rows (up to a constant); add-0.1 smoothing."""
    import numpy as np
    from scipy.sparse import csr_matrix

    member = csr_matrix((np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(classes, len(labels)))
    counts = np.asarray((member @ train).todense()) + 0.1
    likelihood = np.log(counts / counts.sum(axis=1, keepdims=True))
    prior = np.log((np.bincount(labels, minlength=classes) + 1) / (len(labels) + classes))
    scores: np.ndarray = test @ likelihood.T + prior
    return scores


def _softmax(scores: np.ndarray) -> np.ndarray:
    import numpy as np

    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares
