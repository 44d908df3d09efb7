"""Which comparison is adjusted for which."""

from collections.abc import Sequence

import pytest

from trainers.evaluation.compare import Comparison, compare
from trainers.evaluation.items import Item
from trainers.evaluation.metrics import get_metric
from trainers.evaluation.results import best_prompt, primary_pair
from trainers.evaluation.spec import CandidateSpec, EvaluationSpec
from trainers.runs.spec import DataFile

ITEMS = [Item(str(i), "y") for i in range(60)]
RIGHT = {"base": 0, "base_few_shot": 10, "base_retrieved": 24, "nearest_example": 30, "tuned": 34}
FILE = DataFile(path="test.jsonl", sha256="0", rows=60)


def spec_of(*names: str) -> EvaluationSpec:
    made = [
        CandidateSpec(
            name=name, model=None if name == "nearest_example" else "m", artefact="a" * (name == "tuned") or None
        )
        for name in names
    ]
    return EvaluationSpec(
        run="r", artefact_sha256=None, test=FILE, examples=None, metric="exact", candidates=tuple(made)
    )


def compared(names: Sequence[str]) -> Comparison:
    """Each candidate has its first so many items right, so that a better one has all that a worse one has."""
    spec = spec_of(*names)
    outputs = {name: ["y"] * RIGHT[name] + ["n"] * (60 - RIGHT[name]) for name in names}
    pairs = [(name, "tuned") for name in names if name != "tuned"]
    return compare(ITEMS, outputs, get_metric("exact"), pairs=pairs, primary=lambda scores: primary_pair(spec, scores))


def test_the_pair_with_the_best_prompt_is_not_adjusted_and_the_others_are_for_each_other() -> None:
    found = {pair.a: pair for pair in compared(list(RIGHT)).pairs}
    retrieved = found["base_retrieved"]
    assert retrieved.p_adjusted == retrieved.difference.p_value == pytest.approx(2 / 2**10)
    nearest = found["nearest_example"]  # the largest of the other three: once
    assert nearest.p_adjusted == nearest.difference.p_value == pytest.approx(2 / 2**4)
    few = found["base_few_shot"]
    assert few.p_adjusted == pytest.approx(2 * few.difference.p_value)


def test_without_a_prompted_base_the_nearest_example_is_what_counts() -> None:
    assert primary_pair(spec_of("nearest_example", "tuned"), RIGHT) == ("nearest_example", "tuned")
    assert best_prompt(spec_of("nearest_example", "tuned"), RIGHT) is None
    assert primary_pair(spec_of("tuned"), RIGHT) is None
    assert primary_pair(spec_of("base", "base_few_shot"), RIGHT) is None
