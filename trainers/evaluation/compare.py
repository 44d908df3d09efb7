"""Compare candidates on the same items: scores with intervals, paired differences, verdicts.

A verdict speaks of the second of a pair against the first. It is about what could be detected: after Holm's
adjustment for the number of pairs, at the 5 % level. `mixed` means that some part (a field, a slice) got detectably
better and another detectably worse, whatever the total says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING, Any

from advisor.base.errors import UsageError
from trainers.evaluation.items import Item
from trainers.evaluation.metrics import Metric
from trainers.evaluation.metrics.json_fields import field_scores
from trainers.evaluation.metrics.json_valid import score as json_valid
from trainers.evaluation.statistics import CONFIDENCE, Difference, Estimate, difference, estimate, holm

if TYPE_CHECKING:
    import numpy as np


class Verdict(StrEnum):
    """What a paired comparison says of the second against the first."""

    HELPED = "helped"
    NO_DETECTABLE_CHANGE = "no detectable change"
    HARMED = "harmed"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Part:
    """How one part of the answer (a field) or of the items (a slice) differs between the two of a pair."""

    name: str
    n: int
    difference: Difference
    p_adjusted: float

    @property
    def verdict(self) -> Verdict:
        return _direction(self.difference.difference, self.p_adjusted)


@dataclass(frozen=True, slots=True)
class Pair:
    """`b` against `a`; `p_adjusted` by Holm over all pairs but the primary one."""

    a: str
    b: str
    difference: Difference
    p_adjusted: float
    verdict: Verdict
    parts: tuple[Part, ...] = ()
    margin: float | None = None

    @property
    def non_inferior(self) -> bool | None:
        """Whether `b` is shown to be at most `margin` worse than `a`; None without a margin."""
        return None if self.margin is None else self.difference.low > -self.margin


@dataclass(frozen=True, slots=True)
class Candidate:
    """One system's scores on all items."""

    name: str
    score: Estimate
    json_valid: Estimate | None = None
    """Only when the expected answers are JSON objects."""
    fields: Mapping[str, Estimate] = field(default_factory=dict)
    slices: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that the files say."""

    metric: str
    n: int
    groups: int | None
    """Number of groups of dependent items; None when every item stands for itself."""
    candidates: tuple[Candidate, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which keys of a test line name dependent items (`group`) and parts to look at apart (`slices`)."""

    group: str | None = None
    slices: tuple[str, ...] = ()


def compare(
    items: Sequence[Item],
    outputs: Mapping[str, Sequence[str]],
    metric: Metric,
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    grouping: Grouping | None = None,
    margin: float | None = None,
    primary: Callable[[Mapping[str, float]], tuple[str, str] | None] | None = None,
) -> Comparison:
    """Score every candidate and compare the given pairs (by default each with each, the earlier one first).

    `primary` picks, from the scores, the one pair that the evaluation is about; its p-value is not adjusted for the
    others. "Better than the best of several" needs none: it must be better than each of them, and that is the
    hardest (intersection-union test, Berger 1982, Technometrics 24:295).
    """
    import numpy as np

    grouping = grouping or Grouping()
    for key in (*grouping.slices, *([grouping.group] if grouping.group else [])):
        _refuse_unknown_key(items, key)
    groups = group_labels(items, grouping.group)
    scores = {
        name: np.array([metric.score(item.expected, text) for item, text in zip(items, given, strict=True)])
        for name, given in outputs.items()
    }
    parts = _Parts(items, outputs, scores, grouping.slices)
    wanted = list(combinations(outputs, 2)) if pairs is None else list(pairs)
    found = [difference(scores[a], scores[b], groups) for a, b in wanted]
    first = primary({name: float(values.mean()) for name, values in scores.items()}) if primary else None
    adjusted = _adjusted(wanted, [each.p_value for each in found], first)
    return Comparison(
        metric=metric.name,
        n=len(items),
        groups=None if groups is None else len(np.unique(groups)),
        candidates=tuple(_candidate(name, scores[name], parts, groups) for name in outputs),
        pairs=tuple(
            _pair(a, b, each, p, parts.differences(a, b, groups), margin)
            for (a, b), each, p in zip(wanted, found, adjusted, strict=True)
        ),
    )


def _adjusted(
    pairs: Sequence[tuple[str, str]], p_values: Sequence[float], primary: tuple[str, str] | None
) -> list[float]:
    """Holm's adjustment within the pairs that are not the primary one."""
    rest = [i for i, pair in enumerate(pairs) if pair != primary]
    found = list(p_values)
    for i, p in zip(rest, holm([p_values[i] for i in rest]), strict=True):
        found[i] = p
    return found


def _refuse_unknown_key(items: Sequence[Item], key: str) -> None:
    if not any(key in item.row for item in items):
        there = ", ".join(sorted({str(name) for item in items for name in item.row} - {"messages", "expected", "id"}))
        raise UsageError(f"no test line has the key {key!r}", fix=f"keys there are: {there or 'none'}")


def group_labels(items: Sequence[Item], key: str | None) -> np.ndarray | None:
    """The group of every item; None when there is no such key or every item is a group of its own."""
    import numpy as np

    if key is None:
        return None
    # An item without the key stands for itself.
    labels = np.array([f"={item.row[key]}" if key in item.row else f"#{i}" for i, item in enumerate(items)])
    return labels if len(np.unique(labels)) < len(items) else None


class _Parts:
    """Scores by field of the answer and by slice of the items."""

    def __init__(
        self,
        items: Sequence[Item],
        outputs: Mapping[str, Sequence[str]],
        scores: Mapping[str, np.ndarray],
        slices: Sequence[str],
    ) -> None:
        import numpy as np

        self.scores = scores
        self.valid: dict[str, np.ndarray] = {}
        self.fields: dict[str, dict[str, np.ndarray]] = {}
        self.slices: dict[str, np.ndarray] = _slices(items, slices)
        names = list(dict.fromkeys(name for item in items for name in field_scores(item.expected, "")))
        if not names or not all(field_scores(item.expected, "") for item in items):
            return
        for candidate, given in outputs.items():
            right = [field_scores(item.expected, text) for item, text in zip(items, given, strict=True)]
            # A field that an item does not expect counts as right there.
            self.fields[candidate] = {name: np.array([each.get(name, 1.0) for each in right]) for name in names}
            self.valid[candidate] = np.array([json_valid(None, text, None) for text in given])

    def differences(self, a: str, b: str, groups: np.ndarray | None) -> list[tuple[str, int, Difference]]:
        """(name, items, difference) for every field and every slice."""
        found = [
            (f"field {name}", len(values), difference(values, self.fields[b][name], groups))
            for name, values in self.fields.get(a, {}).items()
        ]
        for name, chosen in self.slices.items():
            own = None if groups is None else groups[chosen]
            each = difference(self.scores[a][chosen], self.scores[b][chosen], own)
            found.append((name, int(chosen.sum()), each))
        return found


def _slices(items: Sequence[Item], keys: Sequence[str]) -> dict[str, np.ndarray]:
    """`key=value` -> which items have it."""
    import numpy as np

    found: dict[str, np.ndarray] = {}
    for key in keys:
        labels = np.array([str(item.row.get(key)) for item in items])
        found |= {f"{key}={label}": labels == label for label in sorted(set(labels))}
    return found


def _candidate(name: str, scores: np.ndarray, parts: _Parts, groups: np.ndarray | None) -> Candidate:
    valid = parts.valid.get(name)
    return Candidate(
        name,
        estimate(scores, groups),
        None if valid is None else estimate(valid, groups),
        {field_name: estimate(values, groups) for field_name, values in parts.fields.get(name, {}).items()},
        {
            slice_name: estimate(scores[chosen], None if groups is None else groups[chosen])
            for slice_name, chosen in parts.slices.items()
        },
    )


def _pair(
    a: str, b: str, each: Difference, p_adjusted: float, found: list[tuple[str, int, Difference]], margin: float | None
) -> Pair:
    adjusted = holm([part.p_value for _, _, part in found])
    parts = tuple(Part(name, n, part, p) for (name, n, part), p in zip(found, adjusted, strict=True))
    directions = {part.verdict for part in parts} | {_direction(each.difference, p_adjusted)}
    mixed = {Verdict.HELPED, Verdict.HARMED} <= directions
    verdict = Verdict.MIXED if mixed else _direction(each.difference, p_adjusted)
    return Pair(a, b, each, p_adjusted, verdict, parts, margin)


def _direction(gain: float, p_adjusted: float) -> Verdict:
    if p_adjusted >= 1 - CONFIDENCE or gain == 0:
        return Verdict.NO_DETECTABLE_CHANGE
    return Verdict.HELPED if gain > 0 else Verdict.HARMED


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The contract's `candidates` and `pairs`, and what goes beyond them."""
    return {
        "v": 1,
        "metric": comparison.metric,
        "n": comparison.n,
        "groups": comparison.groups,
        "confidence": CONFIDENCE,
        "candidates": {each.name: _candidate_json(each) for each in comparison.candidates},
        "difference_is": "b minus a",
        "pairs": [_pair_json(pair) for pair in comparison.pairs],
    }


def _estimate_json(each: Estimate) -> dict[str, Any]:
    return {"score": each.score, "low": each.low, "high": each.high, "n": each.n}


def _candidate_json(each: Candidate) -> dict[str, Any]:
    found = _estimate_json(each.score)
    if each.json_valid is not None:
        found["json_valid_share"] = each.json_valid.score
    if each.fields:
        found["fields"] = {name: _estimate_json(value) for name, value in each.fields.items()}
    if each.slices:
        found["slices"] = {name: _estimate_json(value) for name, value in each.slices.items()}
    return found


def _pair_json(pair: Pair) -> dict[str, Any]:
    found: dict[str, Any] = {"a": pair.a, "b": pair.b, **_difference_json(pair.difference)}
    found |= {"p_adjusted": pair.p_adjusted, "verdict": str(pair.verdict), "method": pair.difference.method}
    if pair.margin is not None:
        found |= {"margin": pair.margin, "non_inferior": pair.non_inferior}
    if pair.parts:
        found["parts"] = [
            {"name": part.name, "n": part.n, **_difference_json(part.difference), "p_adjusted": part.p_adjusted}
            | {"verdict": str(part.verdict)}
            for part in pair.parts
        ]
    return found


def _difference_json(each: Difference) -> dict[str, Any]:
    return {
        "difference": each.difference,
        "low": each.low,
        "high": each.high,
        "p_value": each.p_value,
        "smallest_detectable": each.smallest_detectable,
    }
