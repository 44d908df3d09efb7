"""From the answers of an evaluation to its result: scores, pairs, format, time, tokens, money, general ability."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trainers.evaluation import general
from trainers.evaluation.compare import Comparison, Grouping, Pair, Verdict, compare, comparison_json
from trainers.evaluation.folder import EvaluationFolder
from trainers.evaluation.items import Item
from trainers.evaluation.latency import latency_of
from trainers.evaluation.metrics import get_metric
from trainers.evaluation.metrics._text import NotJsonError, as_json
from trainers.evaluation.plan import BASE, TUNED, chosen_items
from trainers.evaluation.schema import schema_problem
from trainers.evaluation.spec import MODEL_FREE, Answer, CandidateSpec, EvaluationSpec, Latency
from trainers.evaluation.words import pair_sentence

_HOUR_S = 3600.0
_MTOK = 1e6


def assemble(
    folder: EvaluationFolder, project: Path, *, slices: Sequence[str] = (), margin: float | None = None
) -> dict[str, Any]:
    """The result as it goes into `result.json` and to `--json`. Every answer must be there."""
    spec = folder.spec
    items = chosen_items(spec, project)
    answers = {c.name: folder.answers(c.name) for c in spec.candidates}
    outputs = {name: [found[item.id].output for item in items] for name, found in answers.items()}
    comparison = compare(
        items,
        outputs,
        get_metric(spec.metric),
        pairs=planned_pairs(spec),
        grouping=Grouping(_group_key(items), tuple(slices)),
        margin=margin,
        primary=lambda scores: primary_pair(spec, scores),
    )
    result = comparison_json(comparison)
    latencies = folder.latencies()
    for candidate in spec.candidates:
        found = [answers[candidate.name][item.id] for item in items]
        result["candidates"][candidate.name] |= _measured(candidate, found, latencies.get(candidate.name), spec)
    best = best_prompt(spec, {each.name: each.score.score for each in comparison.candidates})
    result |= {"evaluation": folder.id, "run": spec.run, "best_prompt": best}
    result |= _headline(comparison, best)
    if spec.general and len(folder.general()) == 2:
        result["general"] = _general(folder.general())
    return result


def planned_pairs(spec: EvaluationSpec) -> list[tuple[str, str]]:
    """Every other candidate against the tuned one; without a tuned one, each against the first."""
    names = [candidate.name for candidate in spec.candidates]
    if TUNED in names:
        return [(name, TUNED) for name in names if name != TUNED]
    return [(names[0], name) for name in names[1:]]


def best_prompt(spec: EvaluationSpec, scores: Mapping[str, float]) -> str | None:
    """The prompted candidate of the tuned model's base with the highest score; None when there is none."""
    prompted = [c.name for c in spec.candidates if c.model is not None and c.artefact is None]
    return max(prompted, key=lambda name: scores[name], default=None)


def primary_pair(spec: EvaluationSpec, scores: Mapping[str, float]) -> tuple[str, str] | None:
    """What the evaluation is about: the tuned model against the best prompted base, or else the nearest example."""
    names = [candidate.name for candidate in spec.candidates]
    best = best_prompt(spec, scores) or (MODEL_FREE if MODEL_FREE in names else None)
    return (best, TUNED) if TUNED in names and best is not None else None


def _group_key(items: Sequence[Item]) -> str | None:
    return "group" if any("group" in item.row for item in items) else None


def _headline(comparison: Comparison, best: str | None) -> dict[str, Any]:
    """The verdict on the tuned model: against its base prompted as well as we can, or (encoder) the nearest example."""
    against = best or MODEL_FREE
    pair = next((p for p in comparison.pairs if p.b == TUNED and p.a == against), None)
    if pair is None:
        return {}
    return {"verdict": str(pair.verdict), "verdict_text": pair_sentence(pair)}


def _measured(
    candidate: CandidateSpec, answers: Sequence[Answer], latency: Latency | None, spec: EvaluationSpec
) -> dict[str, Any]:
    """Format, tokens, time and money of one candidate."""
    found: dict[str, Any] = {"json_valid_share": _share(answers, _is_json)}
    if spec.json_schema is not None:
        schema = spec.json_schema
        found["schema_share"] = _share(answers, lambda text: _follows(schema, text))
    found["ended_share"] = _mean([float(each.ended) for each in answers if each.ended is not None])
    found["prompt_tokens"] = _mean([each.prompt_tokens for each in answers if each.prompt_tokens is not None])
    found["output_tokens"] = _mean([each.output_tokens for each in answers if each.output_tokens is not None])
    seconds = [each.seconds for each in answers if each.seconds is not None]
    found["answers_per_s"] = round(len(seconds) / sum(seconds), 3) if seconds and candidate.endpoint is None else None
    if candidate.endpoint is not None and len(seconds) == len(answers):
        latency = latency_of(answers)
    found |= {
        "latency_p50_ms": latency.p50_ms if latency else None,
        "latency_p95_ms": latency.p95_ms if latency else None,
        "latency_n": latency.n if latency else 0,
        "cost_usd_per_answer": _cost_usd(candidate, answers, seconds),
    }
    return found


def _is_json(text: str) -> bool:
    try:
        as_json(text)
    except NotJsonError:
        return False
    return True


def _follows(schema: dict[str, Any], text: str) -> bool:
    try:
        return schema_problem(schema, as_json(text)) is None
    except NotJsonError:
        return False


def _share(answers: Sequence[Answer], good: Callable[[str], bool]) -> float:
    return sum(good(each.output) for each in answers) / len(answers)


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 3) if values else None


def _cost_usd(candidate: CandidateSpec, answers: Sequence[Answer], seconds: Sequence[float]) -> float | None:
    """What an answer costs: tokens at the given prices, or the machine's time in full batches; None when not priced."""
    if candidate.usd_per_hour is not None and seconds and candidate.endpoint is None:
        return candidate.usd_per_hour * sum(seconds) / len(seconds) / _HOUR_S
    if candidate.input_usd_per_mtok is None or candidate.output_usd_per_mtok is None:
        return None
    if any(each.prompt_tokens is None or each.output_tokens is None for each in answers):
        return None
    paid = sum(
        (each.prompt_tokens or 0) * candidate.input_usd_per_mtok
        + (each.output_tokens or 0) * candidate.output_usd_per_mtok
        for each in answers
    )
    return paid / _MTOK / len(answers)


def _general(answers: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The everyday questions: the tuned model against its base, with non-inferiority."""
    items = general.items()
    outputs = {side: [answers[side].get(item.id, "") for item in items] for side in (BASE, TUNED)}
    compared = compare(items, outputs, get_metric("any_of"), margin=general.MARGIN)
    found = comparison_json(compared)
    (pair,) = compared.pairs
    return {
        "questions": len(items),
        "base": found["candidates"][BASE]["score"],
        "tuned": found["candidates"][TUNED]["score"],
        **{key: found["pairs"][0][key] for key in ("difference", "low", "high", "p_value", "verdict", "margin")},
        "non_inferior": pair.non_inferior,
        "text": _general_sentence(pair),
    }


def _general_sentence(pair: Pair) -> str:
    if pair.verdict is Verdict.HARMED:
        return (
            f"everyday questions: {pair_sentence(pair)}. An adapter can be left off for other tasks; "
            "mixing a few general rows into the training data limits the loss"
        )
    return f"everyday questions: {pair_sentence(pair)}"
