"""What an evaluation asks: which rows, which candidates, how long an answer may be."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from advisor.base.errors import InvalidDataError, UsageError
from trainers.evaluation.items import Item, read_test
from trainers.evaluation.metrics._text import trimmed
from trainers.evaluation.spec import MODEL_FREE, CandidateSpec, EvaluationSpec, Prompt
from trainers.runs.checkpoints import sha256_of
from trainers.runs.spec import DataFile

FEW_SHOTS = 8
RETRIEVED_SHOTS = 5
_ANSWER_ROOM = 1.25
_ANSWER_MARGIN = 8
_CHARACTERS_A_TOKEN = 3
_FEWEST_EXAMPLES = 2
_CALL_TOKENS = 32
"""Room for the marks that a template puts around a tool call."""
ENCODER = "encoder"
BASE, FEW_SHOT, RETRIEVED, TUNED = "base", "base_few_shot", "base_retrieved", "tuned"


def standard_candidates(
    model: str,
    artefact: str,
    *,
    method: str,
    catalogue_model: str | None,
    examples: int,
    constrained: bool,
    usd_per_hour: float | None = None,
    few_shots: int = FEW_SHOTS,
    retrieved_shots: int = RETRIEVED_SHOTS,
) -> tuple[CandidateSpec, ...]:
    """The base as it is, prompted as well as we can in two ways, the nearest example's answer, and the tuned model.

    The prompted ones are decoded under the schema when there is one (`constrained`); the base as it is and the tuned
    model write freely.
    """
    shared: dict[str, Any] = {"model": model, "catalogue_model": catalogue_model, "usd_per_hour": usd_per_hour}
    if method == ENCODER:  # an encoder cannot be prompted
        return (CandidateSpec(name=MODEL_FREE), _tuned(artefact, method, shared))
    found = [CandidateSpec(name=BASE, approach="prompting", training="none", **shared)]
    if examples >= _FEWEST_EXAMPLES:
        found += [
            CandidateSpec(
                name=FEW_SHOT,
                prompt=Prompt.FEW_SHOT,
                shots=min(few_shots, examples),
                constrained=constrained,
                approach="prompting",
                training="none",
                **shared,
            ),
            CandidateSpec(
                name=RETRIEVED,
                prompt=Prompt.RETRIEVED,
                shots=min(retrieved_shots, examples),
                constrained=constrained,
                approach="few_shot_retrieval",
                training="none",
                **shared,
            ),
            CandidateSpec(name=MODEL_FREE),
        ]
    return (*found, _tuned(artefact, method, shared))


def _tuned(artefact: str, method: str, shared: dict[str, Any]) -> CandidateSpec:
    return CandidateSpec(name=TUNED, artefact=artefact, approach=method, training=method, **shared)


def data_file(path: Path, project: Path) -> DataFile:
    """A file of rows with its hash; the path is relative when the file lies in the project."""
    resolved, root = path.resolve(), project.resolve()
    shown = resolved.relative_to(root) if resolved.is_relative_to(root) else resolved
    rows = read_test(path)
    return DataFile(path=str(shown), sha256=sha256_of(path), rows=len(rows))


def chosen_items(spec: EvaluationSpec, project: Path) -> list[Item]:
    """The test items of the plan, in file order. Raises `InvalidDataError` when the file changed since."""
    items = read_test(_unchanged(spec.test, project))
    if any(not item.messages for item in items):
        raise InvalidDataError("a test row has no question", where=spec.test.path, fix="give each row 'messages'")
    if spec.rows is None or spec.rows >= len(items):
        return items
    kept = set(random.Random(f"rows/{spec.seed}").sample(range(len(items)), spec.rows))
    return [item for place, item in enumerate(items) if place in kept]


def example_items(spec: EvaluationSpec, project: Path) -> list[Item]:
    """The rows that prompts may show, without any that the test set asks."""
    if spec.examples is None:
        return []
    tested = {item.id for item in read_test(_unchanged(spec.test, project))}
    return [item for item in read_test(_unchanged(spec.examples, project)) if item.id not in tested]


def _unchanged(data: DataFile, project: Path) -> Path:
    path = project / data.path
    if not path.is_file():
        raise InvalidDataError("the data of this evaluation is gone", where=str(path))
    if sha256_of(path) != data.sha256:
        raise InvalidDataError("the data changed while it was evaluated", where=str(path), fix="evaluate again")
    return path


def latency_sample(spec: EvaluationSpec, items: Sequence[Item]) -> list[Item]:
    """The items for single requests: a seeded sample, the same for every candidate."""
    count = min(spec.latency_requests, len(items))
    return random.Random(f"latency/{spec.seed}").sample(list(items), count)


def answer_limit(
    spec: EvaluationSpec, items: Sequence[Item], examples: Sequence[Item], count: Callable[[str], int] | None
) -> int:
    """How many tokens an answer may have: as given, else a quarter more than the longest right answer needs.

    Without a tokenizer (`count` is None) three characters count as a token, which is more than most need.
    """
    if spec.max_new_tokens is not None:
        return spec.max_new_tokens
    texts = {trimmed(item.expected) for item in (*items, *examples)}
    if count is None:
        longest = max(len(text) for text in texts) // _CHARACTERS_A_TOKEN + 1
    else:
        longest = max(count(text) for text in texts)
    calls = max(len(item.answer.get("tool_calls") or ()) for item in (*items, *examples))
    return int(longest * _ANSWER_ROOM) + _ANSWER_MARGIN + calls * _CALL_TOKENS


def refuse_unnamed(candidates: Sequence[CandidateSpec]) -> None:
    """Raise `UsageError` when two candidates share a name."""
    names = [candidate.name for candidate in candidates]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two candidates are called {name!r}", fix="give each a name of its own")
