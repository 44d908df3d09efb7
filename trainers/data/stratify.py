"""Deal groups of rows to training and test so that each label keeps its share.

Iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011, ECML PKDD): the rarest label first; each group that has it
goes to the side that still lacks most of it; ties by what the sides lack in rows. Here a group is dealt as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def deal(cluster: np.ndarray, labels: Sequence[np.ndarray], share: float, seed: int) -> np.ndarray:
    """True for the rows that go to the test set.

    `cluster`: for each row the number of its group; `labels`: for each label field an array of codes (-1 none);
    `share`: the wanted share of test rows. Groups are taken in an order that `seed` fixes, large ones first.
    """
    import numpy as np

    groups, member = np.unique(cluster, return_inverse=True)
    sizes = np.bincount(member)
    contents = _contents(member, labels, len(groups))
    order = np.random.default_rng(seed).permutation(len(groups))
    order = order[np.argsort(-sizes[order], kind="stable")]
    in_test = _dealt(order, sizes, contents, share)
    chosen: np.ndarray = in_test[member]
    return chosen


Content = Counter[tuple[int, int]]
"""How many rows of a group have each (field, label)."""


def _contents(member: np.ndarray, labels: Sequence[np.ndarray], groups: int) -> list[Content]:
    contents: list[Content] = [Counter() for _ in range(groups)]
    for field, codes in enumerate(labels):
        for group, code in zip(member.tolist(), codes.tolist(), strict=True):
            if code >= 0:
                contents[group][field, code] += 1
    return contents


def _dealt(order: np.ndarray, sizes: np.ndarray, contents: Sequence[Content], share: float) -> np.ndarray:
    import numpy as np

    totals: Content = Counter()
    holders: dict[tuple[int, int], list[int]] = {}
    for group in order.tolist():
        totals.update(contents[group])
        for label in contents[group]:
            holders.setdefault(label, []).append(group)
    lack = {label: [total * (1 - share), total * share] for label, total in totals.items()}
    rows = [float(sizes.sum()) * (1 - share), float(sizes.sum()) * share]
    side = np.full(len(sizes), -1)

    def give(group: int, to: int) -> None:
        side[group] = to
        rows[to] -= sizes[group]
        for label, count in contents[group].items():
            lack[label][to] -= count

    def fits(group: int) -> bool:
        return bool(sizes[group] <= rows[1] + 0.5)

    for label in sorted(totals, key=lambda each: (totals[each], each)):
        for group in holders[label]:
            if side[group] < 0:
                want = (lack[label][1] - lack[label][0], rows[1] - rows[0])
                give(group, int(want > (0, 0) and fits(group)))
    for group in order.tolist():
        if side[group] < 0:
            give(group, int(rows[1] > rows[0] and fits(group)))
    dealt: np.ndarray = side == 1
    return dealt
