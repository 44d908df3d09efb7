"""Evaluate a run of a project: plan, answers in a child process, result, measured facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.answers import Origin
from advisor.base.errors import CouldNotError, InvalidDataError, UsageError
from advisor.base.files import parse_json, read_text
from advisor.cli.common import talk
from trainers.evaluation.folder import EvaluationFolder, open_or_create
from trainers.evaluation.items import read_test
from trainers.evaluation.metrics import get_metric
from trainers.evaluation.plan import (
    FEW_SHOTS,
    RETRIEVED_SHOTS,
    TUNED,
    data_file,
    refuse_unnamed,
    standard_candidates,
)
from trainers.evaluation.schema import derive_schema
from trainers.evaluation.spec import CandidateSpec, EvaluationSpec

if TYPE_CHECKING:
    from advisor.project import Project
    from trainers.runs.client import RunView

MEASURED_OPTIONS = "measured.options"
_MARKER = "COMPLETE"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for."""

    run: str | None
    metric: str | None = None
    schema: Path | None = None
    rows: int | None = None
    shots: int | None = None
    max_new_tokens: int | None = None
    latency_requests: int = 10
    general: bool = True
    again: bool = False
    slices: tuple[str, ...] = ()
    margin: float | None = None
    only: tuple[str, ...] = ()
    endpoints: tuple[CandidateSpec, ...] = ()
    status_quo: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished evaluation."""

    result: dict[str, Any]
    folder: Path
    recorded: list[str] = field(default_factory=list)
    """The facts that now hold what was measured."""


def evaluate_run(project: Project, wish: Wish) -> Outcome:
    """Make or continue the evaluation, write its result and record what it measured."""
    from trainers.evaluation.child import answer_all
    from trainers.evaluation.results import assemble

    spec = make_spec(project, wish)
    folder = open_or_create(project.evaluations_folder, spec, again=wish.again)
    if folder.finished:
        talk(f"evaluation {folder.id} has measured exactly this already (--again measures it anew)")
        return Outcome(folder.result(), folder.path)
    talk(f"evaluation {folder.id}: {_names(spec)} on {spec.rows or spec.test.rows} test rows")
    answer_all(folder, project.folder, _Progress())
    result = assemble(folder, project.folder, slices=wish.slices, margin=wish.margin)
    folder.finish(result)
    return Outcome(result, folder.path, record(project, spec, result, folder, wish.status_quo))


def make_spec(project: Project, wish: Wish) -> EvaluationSpec:
    """The plan. Raises `UsageError` or `CouldNotError` when the run or the test rows are not there."""
    from trainers.runs.client import find

    if wish.metric is not None:
        get_metric(wish.metric)
    run = find(project.folder, wish.run)
    artefact = trained_weights(run)
    test = _test_file(project)
    examples = project.folder / run.spec.data.path
    if not examples.is_file():
        raise InvalidDataError("the rows that the run was trained on are gone", where=str(examples))
    shown = read_test(examples)
    answers = [item.expected for item in shown]
    schema = _given_schema(wish.schema) or derive_schema(answers)
    candidates = standard_candidates(
        run.spec.model,
        str(artefact.relative_to(project.folder.resolve())),
        method=run.spec.method,
        catalogue_model=_catalogue_model(project, run.spec.model),
        examples=len(answers),
        constrained=schema is not None and _can_constrain(),
        usd_per_hour=run.spec.usd_per_hour,
        few_shots=FEW_SHOTS if wish.shots is None else wish.shots,
        retrieved_shots=RETRIEVED_SHOTS if wish.shots is None else wish.shots,
    )
    chosen = (*_only(candidates, wish.only), *wish.endpoints)
    refuse_unnamed(chosen)
    return EvaluationSpec(
        run=run.id,
        artefact_sha256=_digest(artefact),
        test=data_file(test, project.folder),
        examples=data_file(examples, project.folder),
        metric=wish.metric or _metric(schema, calls=any(item.calls for item in shown)),
        json_schema=schema,
        rows=wish.rows,
        max_new_tokens=wish.max_new_tokens,
        latency_requests=wish.latency_requests,
        general=wish.general,
        candidates=chosen,
    )


def _metric(schema: dict[str, Any] | None, *, calls: bool) -> str:
    """What answers of this kind are usually compared by."""
    if calls:
        return "tool_calls"
    return "exact" if schema is None else "json_exact"


def trained_weights(run: RunView) -> Path:
    """The folder of trained weights of a finished run."""
    from trainers.runs.checkpoints import problem_with

    if run.state.alive or run.result is None:
        raise CouldNotError(
            f"the run {run.id} is {run.state}: there is nothing to evaluate yet",
            where=str(run.folder),
            fix=f"advisor runs watch {run.id}",
        )
    if run.result.artefact is None:
        raise CouldNotError(
            f"the run {run.id} ended as {run.state} and left no trained weights",
            where=str(run.folder),
            fix=f"advisor runs resume {run.id}",
        )
    folder = (run.folder / run.result.artefact).resolve()
    if (folder / _MARKER).exists() and (problem := problem_with(folder)):
        raise InvalidDataError(f"the trained weights cannot be trusted: {problem}", where=str(folder))
    if not folder.is_dir():
        raise InvalidDataError("the trained weights are gone", where=str(folder))
    return folder


def _digest(artefact: Path) -> str:
    from trainers.runs.checkpoints import sha256_of

    files = sorted(artefact.glob("*.safetensors"))
    if not files:
        raise InvalidDataError("there are no weights (*.safetensors)", where=str(artefact))
    return sha256_of(files[0])


def _test_file(project: Project) -> Path:
    from trainers.data.frozen import frozen_test

    frozen = frozen_test(project.folder)
    path = frozen or project.data_folder / "test.jsonl"
    if not path.is_file():
        raise UsageError("the project has no test set", where=str(path), fix="make one: advisor data split ROWS.jsonl")
    return path


def _given_schema(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    schema = parse_json(read_text(path), where=str(path))
    if not isinstance(schema, dict):
        raise InvalidDataError("a JSON Schema is an object", where=str(path))
    return schema


def _can_constrain() -> bool:
    from importlib.util import find_spec

    if find_spec("llguidance") is not None:
        return True
    talk("llguidance is not installed: the base is prompted without constrained decoding (make train installs it)")
    return False


def _catalogue_model(project: Project, model: str) -> str | None:
    """The catalogue's id of a model reference; None when it is not in the catalogue."""
    if model in project.catalogue.models:
        return model
    named = (id for id, entry in project.catalogue.models.items() if getattr(entry, "hub_id", None) == model)
    return next(named, None)


def _only(candidates: Sequence[CandidateSpec], names: Sequence[str]) -> list[CandidateSpec]:
    known = [candidate.name for candidate in candidates]
    for name in names:
        if name not in known:
            raise UsageError(f"there is no candidate {name!r}", fix=f"choose from {', '.join(known)}")
    return [candidate for candidate in candidates if not names or candidate.name in names]


def _names(spec: EvaluationSpec) -> str:
    return ", ".join(candidate.name for candidate in spec.candidates)


class _Progress:
    """Events of the child as lines for people: every tenth of a candidate's rows, and every note."""

    def __init__(self) -> None:
        self._shown: dict[str, int] = {}

    def __call__(self, event: dict[str, Any]) -> None:
        if event.get("kind") == "note":
            talk(str(event["text"]))
        if event.get("kind") != "progress":
            return
        name, done, total = event["candidate"], int(event["done"]), int(event["total"])
        tenth = done * 10 // total
        if tenth > self._shown.get(name, 0) or done == total:
            self._shown[name] = tenth
            left = f", {event['seconds_left']:.0f} s left" if done < total else ""
            talk(f"{name}: {done} of {total}{left}")


def record(
    project: Project, spec: EvaluationSpec, result: dict[str, Any], folder: EvaluationFolder, status_quo: str | None
) -> list[str]:
    """Write what was measured into the project's facts; returns the facts that were written.

    An option that was measured before gets the new figures; of several candidates that are the same option to the
    decision (two prompts), the better one counts.
    """
    standing = project.answers().value(MEASURED_OPTIONS) or []
    fresh = measured_options(spec, result, folder)
    merged = {_key(entry): entry for entry in [*standing, *fresh]}
    source = f"evaluation {folder.id}"
    recorded: list[str] = []
    if fresh:
        n = int(result["n"])
        project.record(MEASURED_OPTIONS, list(merged.values()), Origin.MEASURED, source=source, evidence_n=n)
        recorded.append(MEASURED_OPTIONS)
    if status_quo is not None:
        recorded += _record_status_quo(project, result, status_quo, source)
    return recorded


def _key(entry: dict[str, Any]) -> tuple[str, str, str]:
    return entry["approach"], entry["model"], entry.get("training") or "none"


def measured_options(spec: EvaluationSpec, result: dict[str, Any], folder: EvaluationFolder) -> list[dict[str, Any]]:
    """One entry for each option of the decision that was evaluated."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for candidate in spec.candidates:
        model = candidate.catalogue_model
        if candidate.approach is None or model is None:
            continue
        scores = result["candidates"][candidate.name]
        entry = {
            "approach": candidate.approach,
            "model": model,
            "training": candidate.training or "none",
            "quality": scores["score"],
            "n": scores["n"],
            "latency_p95_ms": scores["latency_p95_ms"],
            "source": f"evaluation {folder.id}, candidate {candidate.name}",
        }
        before = found.get(_key(entry))
        if before is None or entry["quality"] > before["quality"]:
            found[_key(entry)] = entry
    return list(found.values())


def _record_status_quo(project: Project, result: dict[str, Any], name: str, source: str) -> list[str]:
    if name not in result["candidates"]:
        raise UsageError(f"there is no candidate {name!r} that could be the status quo")
    scores = result["candidates"][name]
    facts = {"current.quality_rate": scores["score"], "current.latency_p95_ms": scores["latency_p95_ms"]}
    known = {fact: value for fact, value in facts.items() if value is not None}
    for fact, value in known.items():
        project.record(fact, value, Origin.MEASURED, source=source, evidence_n=int(scores["n"]))
    return list(known)


def is_regression(result: dict[str, Any]) -> bool:
    """Whether the tuned model is detectably worse than its base, prompted as well as we can."""
    return result.get("verdict") == "harmed" and TUNED in result["candidates"]
