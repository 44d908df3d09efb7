"""Measured and answered quality as observations that narrow the model (`QualityModel.observe`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from advisor.answers import Origin
from advisor.decision.status_quo import ANSWERED_ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from advisor.answers import Answers
    from advisor.decision.options import Option
    from advisor.decision.quality import QualityModel
    from advisor.decision.world import World

MEASURED = "measured.options"
LEAST, MOST = 0.005, 0.995


def observe_all(
    quality: QualityModel, answers: Answers, world: World, options: Iterable[Option], standing_in: Option | None
) -> None:
    """Condition the quality model on every measurement, the status quo first."""
    answer = answers.get("current.quality_rate")
    if answer is not None and standing_in is not None:
        items = float(answer.evidence_n or ANSWERED_ITEMS)
        given = np.broadcast_to(np.asarray(world.facts["current.quality_rate"], dtype=float), (world.points.count,))
        by_copy = np.median(given.reshape(world.points.copies, -1), axis=1)
        quality.observe(standing_in, np.clip(by_copy, LEAST, MOST), items)
    for entry in measurements(answers):
        option = matching(entry, options)
        if option is not None:
            share = np.clip(np.full(world.points.copies, float(entry["quality"])), LEAST, MOST)
            quality.observe(option, share, float(entry["n"]))


def measurements(answers: Answers) -> list[Mapping[str, Any]]:
    """What evaluations have measured, in order."""
    answer = answers.get(MEASURED)
    return [] if answer is None or (answer.origin is not Origin.MEASURED and not answer.value) else list(answer.value)


def matching(entry: Mapping[str, Any], options: Iterable[Option]) -> Option | None:
    """The option that the measurement speaks of: same approach, model and training; labels at hand before bought
    ones."""
    training = entry.get("training") or "none"
    found = [
        o for o in options if (o.approach, o.model_name, o.training) == (entry["approach"], entry["model"], training)
    ]
    return min(found, key=lambda o: (o.distilled, o.labels or 0), default=None)
