"""Reviews of a project that have not shown the wanted quality: before money is spent, they are named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from trainers.data.review.session import Review

_NUMBERED = re.compile(r"(.*)-\d\d")


def unproven(data: Path) -> Iterator[str]:
    """One sentence for each review under `data`/review that advises against training; replaced ones do not count."""
    for folder in sorted((data / "review").glob("*/")):
        numbered = _NUMBERED.fullmatch(folder.name)
        if numbered and folder.with_name(numbered[1]).is_dir():
            continue
        review = Review.open(folder, now=lambda: datetime.now(UTC))
        standing = review.standing() if review is not None else None
        if standing is None or standing.outcome == "proven":
            continue
        found = f", at least {standing.quality.low:.1%} of the rows right" if standing.quality else ""
        yield (
            f"training is advised against: the review of {folder.name} has not shown {standing.plan.quality:.0%}"
            f" ({standing.reviewed} of {standing.plan.sample} rows looked at, {standing.bad} bad{found})"
        )
