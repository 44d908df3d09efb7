"""The result of a run's evaluation as people read it."""

from __future__ import annotations

from typing import Any

from trainers.evaluation.words import percent, points, table

_DASH = "-"


def result_text(result: dict[str, Any]) -> str:
    """Candidates with scores, fields, format, time; every pair; the verdict; the everyday questions."""
    groups = f" ({result['groups']} groups)" if result.get("groups") else ""
    parts = [f"{result['metric']} on {result['n']} held-out rows{groups}", "", _candidates(result)]
    if fields := _fields(result):
        parts += ["", fields]
    parts += ["", *(_pair(pair) for pair in result["pairs"])]
    if len(result["pairs"]) > 1:
        parts.append("p-values are adjusted for their number (Holm), but for the one that the verdict rests on")
    if general := result.get("general"):
        parts += ["", general["text"]]
    if text := result.get("verdict_text"):
        parts += ["", f"verdict: {text}"]
    return "\n".join(parts)


def _candidates(result: dict[str, Any]) -> str:
    head = ["candidate", "score", "95 % interval", "valid JSON", "in schema", "tokens in", "out", "p50", "p95", "cost"]
    rows = []
    for name, each in result["candidates"].items():
        rows.append(
            [
                name,
                percent(each["score"]),
                f"{each['low'] * 100:.1f} to {each['high'] * 100:.1f}",
                percent(each["json_valid_share"]),
                percent(each["schema_share"]) if each.get("schema_share") is not None else _DASH,
                _number(each["prompt_tokens"]),
                _number(each["output_tokens"]),
                _ms(each["latency_p50_ms"]),
                _ms(each["latency_p95_ms"]),
                _usd(each["cost_usd_per_answer"]),
            ]
        )
    return table(rows, head)


def _fields(result: dict[str, Any]) -> str | None:
    names = list(next(iter(result["candidates"].values())).get("fields", {}))
    if not names:
        return None
    rows = [
        [name, *(percent(each["fields"][field]["score"]) for field in names)]
        for name, each in result["candidates"].items()
    ]
    return table(rows, ["field right", *names])


def _pair(pair: dict[str, Any]) -> str:
    p = "p < 0.001" if pair["p_adjusted"] < 0.001 else f"p = {pair['p_adjusted']:.3f}"
    return (
        f"{pair['b']} against {pair['a']}: {pair['verdict']}; {points(pair['difference'])}"
        f" ({pair['low'] * 100:+.1f} to {pair['high'] * 100:+.1f}), {p}"
    )


def _number(value: float | None) -> str:
    return _DASH if value is None else f"{value:.0f}"


def _ms(value: float | None) -> str:
    return _DASH if value is None else f"{value / 1000:.2f} s"


def _usd(value: float | None) -> str:
    return _DASH if value is None else f"${value:.6f}"
