"""Labels: how they are spread, spellings that differ by accident, and rows whose label looks wrong.

Suspects by confident learning (Northcutt, Jiang, Chuang 2021, arXiv 1911.00068) in a small form: each row's label is
predicted from all other rows, and a row is suspect when its own label gets at most 4 %, another at least 88 %, and
hardly any of the ten rows most like it has its label either; or when another gets 99 %.

    K         likeness of the rows by words and letters (`likeness.kernel`);  H = (K + 0.7 I)^-1
    scores    ridge regression on one-hot labels Y around their means, each row left out in turn, in closed form:
              s_i = y_i - (H (Y - m))_i / H_ii   (leave-one-out of kernel ridge regression, Cawley and Talbot 2003)
    chances   softmax(s / T), with the temperature T that minimises the log loss of these held-out predictions
    vote      share of a row's own label among the ten rows most like it, weighted by likeness: suspect only up to
              half the share that the label has of all rows (or a tenth)

With 1 % of the labels changed at random (four draws each of seven sets of 1,000 to 2,000 short texts: four fields of
Debian packages, sections of packages, the registry a package is in, the library a docstring is from) it finds 36 % of
them (20 to 53 %, by set), and 38 % of what it names was changed (11 to 55 %; some of the rest is wrong in the source).
Where the texts say little about the label, nothing is sure enough and nothing is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainers.data.findings import EXAMPLES_SHOWN, LINES_SHOWN, Finding, Severity, rows_text
from trainers.data.likeness import kernel
from trainers.data.outputs import Shape, labels_of, variants

if TYPE_CHECKING:
    import numpy as np

DOMINANT = 0.8
FEWEST = 10
_UNLIKELY, _LIKELY = 0.04, 0.88
_SURELY = 0.99
_RIDGE = 0.7
_NEIGHBOURS = 10
_FEWEST_VOTES = 0.1
_MOST_ROWS = 4000
_FEWEST_OF_A_LABEL = 5
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
    alike = kernel([question for _, question, _ in sample])
    near, inverse = _nearest(alike), _ridge_inverse(alike)
    found: list[Suspect] = []
    for name in fields:
        given = [each.get(name) for each in labels]
        common = [value for value, n in Counter(given).most_common() if value is not None and n >= _FEWEST_OF_A_LABEL]
        codes = [common.index(value) if value in common else -1 for value in given]
        if len(common) > 1 and len(codes) - codes.count(-1) >= _FEWEST_ROWS:
            probability = _left_out(inverse, codes, len(common))
            alone = _outvoted(near, codes, len(common))
            found += _suspects(probability, alone, codes, common, [line for line, _, _ in sample], name)
    return sorted(found, key=lambda suspect: -suspect.probability)


def _suspects(
    probability: np.ndarray,
    alone: np.ndarray,
    codes: Sequence[int],
    names: Sequence[str],
    lines: Sequence[int],
    field: str,
) -> Iterator[Suspect]:
    best = probability.argmax(axis=1)
    for row, (code, other) in enumerate(zip(codes, best, strict=True)):
        sure, own = float(probability[row, other]), float(probability[row, code])
        wrong = sure >= _SURELY or (sure >= _LIKELY and own <= _UNLIKELY and alone[row])
        if code >= 0 and other != code and wrong:
            yield Suspect(lines[row], field, names[code], names[int(other)], sure)


def _ridge_inverse(alike: np.ndarray) -> np.ndarray:
    """(K + 0.7 I)^-1, float32 (texts, texts), in the place of K."""
    import numpy as np
    from scipy.linalg import lapack

    np.fill_diagonal(alike, 1 + _RIDGE)
    # Half the time and a third of the memory of a general inverse: K is symmetric and positive.
    factor, failed = lapack.spotrf(alike.T, lower=1, overwrite_a=1)
    triangle, failed_too = lapack.spotri(factor, lower=1, overwrite_c=1)
    assert not failed
    assert not failed_too
    inverse: np.ndarray = np.tril(triangle)
    inverse += np.tril(triangle, -1).T
    return inverse


def _nearest(alike: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(which ten other rows are most like each row, how much)."""
    import numpy as np

    np.fill_diagonal(alike, -1)
    rows = np.argpartition(alike, -_NEIGHBOURS, axis=1)[:, -_NEIGHBOURS:]
    return rows, np.take_along_axis(alike, rows, axis=1)


def _outvoted(near: tuple[np.ndarray, np.ndarray], codes: Sequence[int], classes: int) -> np.ndarray:
    """Whether hardly any of the rows most like a row has its label."""
    import numpy as np

    labels = np.array(codes)
    rows, weights = near
    votes = ((labels[rows] == labels[:, None]) * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    shares = np.bincount(labels[labels >= 0], minlength=classes) / max(int((labels >= 0).sum()), 1)
    outvoted: np.ndarray = votes <= np.maximum(_FEWEST_VOTES, shares[labels] / 2)
    return outvoted


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
